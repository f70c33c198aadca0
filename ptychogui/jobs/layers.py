"""From a scan file and the user's values to a job; what this version can't honor is refused here."""

from __future__ import annotations

import contextlib
import re
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ptychogui.errors import DataError, OutputError, ParameterError
from ptychogui.io.access import Access
from ptychogui.io.dataset import Dataset
from ptychogui.io.export import table_names
from ptychogui.io.mda.scans import FramesNotFoundError, MdaScan, read_mda_scan
from ptychogui.io.readers import open_dataset, takes_series
from ptychogui.io.result import check_replaceable
from ptychogui.jobs.job import Job
from ptychogui.jobs.stages import planned_stages, total_iterations
from ptychogui.params.chain import engines_of, titles
from ptychogui.params.commandline import format_text
from ptychogui.params.model import Parameters, by_path, describe
from ptychogui.params.origins import Layers, Source
from ptychogui.physics.simulation import recipe_of

NEEDED = ("experiment.energy_eV", "experiment.distance_m", "experiment.detector_pixel_m")
"""What no reconstruction can do without."""

_NOT_SIMULATED = (
    "experiment.beamline", "experiment.positions_file", "preprocessing.dataset_path",
    "preprocessing.file_pattern", "preprocessing.first_file",
    "preprocessing.patterns_per_file", "preprocessing.first_frame", "preprocessing.unfinished_files",
    "preprocessing.data_are", "preprocessing.direct_beam", "preprocessing.center_px", "preprocessing.find_center",
    "preprocessing.bin_px", "preprocessing.background_file",
)  # fmt: skip
"""What says how to read a file, and so means nothing where there is none."""


def dataset_layers(dataset: Dataset | MdaScan) -> Layers:
    """Return layers with what the scan file knows, each value from "file name: place in it"."""
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
    if source is None:
        layers = simulation_layers(values)
    elif isinstance(source, Dataset):
        layers = dataset_layers(source)
    else:
        layers = _file_layers(source, values)
    return layers.with_layer(Source.USER, values)


def _file_layers(source: Path, values: Mapping[str, tuple[Any, str]]) -> Layers:
    """Return layers with what a scan's file knows; without frames, or even nothing, where the user will wait for it."""
    asked = Layers().with_layer(Source.USER, values).resolve()[0]
    access = Access.of(asked)
    try:
        with open_dataset(source, access) as dataset:
            return dataset_layers(dataset)
    except DataError as problem:
        if asked.preprocessing.unfinished_files != "wait":
            raise
        return dataset_layers(read_mda_scan(source, access)) if isinstance(problem, FramesNotFoundError) else Layers()


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


def make_job(layers: Layers, source: Path | None, output: Path, command: str = "", in_memory: bool = False) -> Job:
    """Resolve layers into a job and check that this version can do it.

    Args:
        layers: all values.
        source: the scan file; None with experiment.simulate.
        output: path of the result file.
        command: the command line or action that asks for the job.
        in_memory: whether the runner will be given the scan; there is no source then.

    Raises:
        ParameterError: a value does not fit its declaration, or has no effect in this version.
        OutputError: the result would take the place of a file that is no result.
    """
    parameters, origins = layers.resolve()
    job = Job(uuid.uuid4().hex, source, parameters, output, origins, command, in_memory)
    check_job(job)
    return job


def check_job(job: Job) -> None:
    """Refuse what would be ignored, and what would take the place of a file that is no result.

    Raises:
        ParameterError: a parameter awaits a later version or has no effect in the engines that run, or there is nothing
            to reconstruct.
        OutputError: the result, or what is written beside it, would replace a file that the job reads or any other
            that is no result.
    """
    check_honored(job)
    for target in _targets(job):
        for source in job.sources:
            if _is_same(target, source):
                raise OutputError(f"{target} would overwrite {source}, which the job reads; choose another name")
    check_replaceable(job.output)


def check_honored(job: Job) -> None:
    """Refuse what would be ignored.

    Raises:
        ParameterError: a parameter awaits a later version or has no effect in the engines that run, or there is nothing
            to reconstruct.
    """
    _check_awaited(job.parameters)
    _check_heeded(job.parameters)
    planned_stages(job.parameters.reconstruction)
    simulate = job.parameters.experiment.simulate
    if job.source is None and not simulate and not job.in_memory:
        raise ParameterError("there is no scan to reconstruct: give a scan file, or --simulate")
    if job.source is not None and simulate:
        raise ParameterError(f"experiment.simulate takes no scan file: leave out {job.source}, or --simulate")
    if job.in_memory and simulate:
        raise ParameterError("experiment.simulate takes no scan: leave out the arrays, or simulate")
    _check_ignored(job.parameters)
    _check_series(job)


def _targets(job: Job) -> list[Path]:
    """Return all files that a job writes; of those that it numbers on the way the ones that are there already."""
    wanted = job.parameters.output
    ends = [end for end, is_wanted in (("csv", wanted.csv), ("bin", wanted.binary)) if is_wanted]
    names = [name for end in ends for name in table_names(job.output.stem, end)]
    return [job.output, *map(job.output.with_name, names), *_numbered(job, ends)]


def _numbered(job: Job, ends: list[str]) -> list[Path]:
    """Return the files in the output's folder that the job's checkpoints will replace."""
    every = job.parameters.output.save_every
    if every is None or not ends:
        return []
    last = (total_iterations(job.parameters.reconstruction) - 1) // every
    shape = re.compile(rf"{re.escape(job.output.stem)}_(?:object|probes)_([1-9]\d*)\.(?:{'|'.join(ends)})")
    with contextlib.suppress(OSError):
        files = list(job.output.parent.iterdir())
        return [file for file in files if (match := shape.fullmatch(file.name)) and int(match[1]) <= last]
    return []


def _is_same(one: Path, other: Path) -> bool:
    """Whether two paths lead to the same file, by whatever links."""
    with contextlib.suppress(OSError):
        return one.samefile(other)
    return False


def _check_ignored(parameters: Parameters) -> None:
    """Refuse values that others make meaningless."""
    experiment = parameters.experiment
    for param in map(by_path().__getitem__, _NOT_SIMULATED):
        if experiment.simulate and parameters.get(param.path) != param.default:
            raise ParameterError(f"{param.path} has no effect on a simulated scan; leave out {param.option}")
    if experiment.positions_file is not None and experiment.scan_pattern != "listed":
        raise ParameterError(
            "experiment.positions_file has no effect with a computed scan pattern; leave out --positions-file or "
            "--scan-pattern"
        )
    if parameters.preprocessing.subtract_threshold and not parameters.preprocessing.threshold_counts:
        raise ParameterError(
            "preprocessing.subtract_threshold has no effect without a threshold; give --threshold, or leave out "
            "--subtract-threshold"
        )


def _check_series(job: Job) -> None:
    """Refuse a first file where there is no series."""
    given = job.parameters.preprocessing
    if given.first_file and not given.file_pattern and job.source is not None and not takes_series(job.source):
        raise ParameterError(
            "preprocessing.first_file has no effect without a series of raw files; give --file-pattern, or leave out "
            "--first-file"
        )


def _check_heeded(parameters: Parameters) -> None:
    """Refuse values that none of the engines heeds."""
    engines = engines_of(parameters.reconstruction.engine)
    for param in describe():
        value = parameters.get(param.path)
        if value != param.default and not param.heeded_by(engines):
            heeding = " or ".join(param.engines)
            raise ParameterError(
                f"{param.path} = {format_text(param, value)} has no effect in {titles(engines, 'or')}, only in "
                f"{titles(param.engines)}; leave {param.option} out, or give --engine {heeding}"
            )


def _check_awaited(parameters: Parameters) -> None:
    for param in describe():
        value = parameters.get(param.path)
        if param.awaits and value != param.default:
            raise ParameterError(
                f"{param.path} = {value} has no effect in this version: needs {param.awaits}; leave {param.option} out"
            )
