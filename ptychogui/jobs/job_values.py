"""Values of a job: from its scan file, and above these the user's own."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ptychogui.errors import DataError
from ptychogui.io.dataset import Dataset
from ptychogui.io.mda.mda_scan import FramesNotFoundError, MdaScan, read_mda_scan
from ptychogui.io.read_options import ReadOptions
from ptychogui.io.readers import open_dataset
from ptychogui.jobs.job import Job
from ptychogui.jobs.job_checks import check_job
from ptychogui.params.chain import engines_of
from ptychogui.params.model import Parameters, by_path, marked
from ptychogui.params.origins import Layers, Source
from ptychogui.physics.simulation import recipe_of

_log = logging.getLogger(__name__)

NEEDED = marked("needed")
"""Values that no reconstruction can do without."""


def dataset_layers(dataset: Dataset | MdaScan | None) -> Layers:
    """Return layers with what the scan file knows, each value from "file name: place in it"; empty without one."""
    if dataset is None:
        return Layers()
    name = dataset.path.name
    known = {path: (found.value, f"{name}: {found.place}") for path, found in dataset.values.items()}
    return Layers().with_layer(Source.FILE, known)


def simulation_layers(values: Mapping[str, tuple[Any, str]]) -> Layers:
    """Return layers with what a simulated scan knows that is made from these values of the user.

    Raises:
        ParameterError: a value is wrong or can't be simulated.
    """
    asked, _ = Layers().with_layer(Source.USER, values).resolve()
    recipe = recipe_of(asked)
    known = {path: (getattr(recipe, by_path()[path].name), "simulated scan") for path in NEEDED}
    return Layers().with_layer(Source.FILE, known)


def missing_values(parameters: Parameters, scan: Dataset) -> tuple[str, ...]:
    """Return the "group.name" of each parameter without which an open scan can't be reconstructed; () if all is there.

    Of a scan whose files are waited for nothing is missing: they may say it.
    """
    if parameters.preprocessing.unfinished_files == "wait":
        return ()
    wanted = NEEDED
    experiment = parameters.experiment
    has_own = scan.positions_m is not None or scan.ambiguity is not None
    raster = ("experiment.scan_dims", "experiment.step_m")
    if experiment.scan_pattern != "listed":
        wanted = (*wanted, *raster)
    elif not has_own and (scan.positions_problem or any(parameters.get(path) is None for path in raster)):
        wanted = (*wanted, "experiment.positions_file")
    return tuple(path for path in wanted if parameters.get(path) is None)


def job_layers(source: Dataset | Path | None, values: Mapping[str, tuple[Any, str]] | None = None) -> Layers:
    """Return layers with what a scan knows, and above it the user's values.

    Args:
        source: the scan, or its file; None for a simulated one.
        values: parameter path -> (value, place), such as params.options.given_values returns.

    Raises:
        DataError: the scan can't be read.
        ParameterError: a value can't be used.
    """
    values = values or {}
    if source is None or isinstance(source, Path):
        return planned_layers(source, values)[0]
    return dataset_layers(source).with_layer(Source.USER, values)


def read_facts(source: Path, values: Mapping[str, tuple[Any, str]]) -> Dataset | MdaScan | None:
    """Open a scan once, and return what is known of it without its frames, which stay closed.

    Args:
        source: its file, or the pattern of its raw files.
        values: the user's, which say how it is to be read.

    Returns:
        The scan; without frames, or even nothing, where the user will wait for its files.

    Raises:
        DataError: the scan can't be read.
    """
    asked = Layers().with_layer(Source.USER, values).resolve()[0]
    options = ReadOptions.of(asked)
    try:
        with open_dataset(source, options) as dataset:
            return dataset.without_frames()
    except DataError as problem:
        if asked.preprocessing.unfinished_files != "wait":
            raise
        _log.info("the scan is waited for: %s", problem)
        return read_mda_scan(source, options) if isinstance(problem, FramesNotFoundError) else None


def scan_source(file: Path | None, values: Mapping[str, tuple[Any, str]]) -> Path | None:
    """Return the scan of a job: its file, or the pattern of raw files that are a scan by themselves, or None."""
    pattern = values.get("preprocessing.file_pattern", ("", ""))[0]
    return Path(pattern) if file is None and pattern else file


def heeded_layers(layers: Layers) -> Layers:
    """Return layers without the values that none of the engines heeds: a form keeps them, out of reach.

    Raises:
        ParameterError: a value does not fit its declaration.
    """
    engines = engines_of(layers.resolve()[0].reconstruction.engine)
    return Layers(
        {
            source: {path: kept for path, kept in values.items() if by_path()[path].heeded_by(engines)}
            for source, values in layers.values.items()
        }
    )


def heeded_values(values: Mapping[str, tuple[Any, str]], engines: tuple[str, ...]) -> dict[str, tuple[Any, str]]:
    """Return the values that any of the engines heeds."""
    return {path: value for path, value in values.items() if by_path()[path].heeded_by(engines)}


def planned_layers(source: Path | None, values: Mapping[str, tuple[Any, str]]) -> tuple[Layers, Dataset | None]:
    """Return what a job will have: all layers, and what is known of its scan, whose file is read once for both.

    Args:
        source: the scan file, or the pattern of its raw files; None with experiment.simulate.
        values: the user's: parameter path -> (value, place).

    Raises:
        PtychoError: as `job_layers` does.
    """
    known = None if source is None else read_facts(source, values)
    layers = simulation_layers(values) if source is None else dataset_layers(known)
    return layers.with_layer(Source.USER, values), known if isinstance(known, Dataset) else None


def plan_job(source: Path | None, values: Mapping[str, tuple[Any, str]], output: Path, command: str = "") -> Job:
    """Make the job of a scan file, or of a simulated scan; see `planned_layers` and `make_job`."""
    layers, scan = planned_layers(source, values)
    return make_job(layers, source, output, command, scan=scan)


def make_job(  # noqa: PLR0913 - what a job is
    layers: Layers,
    source: Path | None,
    output: Path,
    command: str = "",
    in_memory: bool = False,
    scan: Dataset | None = None,
) -> Job:
    """Resolve layers into a job and check that this version can do it.

    Args:
        layers: all values.
        source: the scan file; None with experiment.simulate.
        output: path of the result file.
        command: the command line or action that asks for the job.
        in_memory: whether the runner will be given the scan; there is no source then.
        scan: what is known of the scan, without frames.

    Raises:
        ParameterError: a value does not fit its declaration, or has no effect in this version.
        OutputError: the result would take the place of a file that is no result.
    """
    parameters, origins = layers.resolve()
    job = Job(uuid.uuid4().hex, source, parameters, output, origins, command, in_memory, scan)
    check_job(job)
    return job
