"""The positions of a job: from the scan, a list, a result or computed; and which frame belongs to each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ptychogui.errors import AmbiguousPairingError, DataError, ParameterError
from ptychogui.io.array_files import holds_result, read_positions
from ptychogui.io.dataset import Dataset, RawFile
from ptychogui.io.pairing.facts import FileFacts, ScanPlan
from ptychogui.io.pairing.pair import Pairing, pair_as_read
from ptychogui.io.pairing.ways import DIMS, PER_FILE
from ptychogui.io.result import read_result
from ptychogui.io.result_header import SourceFile
from ptychogui.params.model import Experiment, Parameters, by_path
from ptychogui.params.preprocessing import numbers_in
from ptychogui.physics.lost_positions import lost_note
from ptychogui.physics.scan import raster_m, spiral_m, transform_positions


def scan_positions(
    dataset: Dataset, parameters: Parameters, pixel_m: float
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Return the positions (positions, 2) in m, transformed, the row in the stack of each one's frame, and notes.

    Those of a result are on the object's axes and stay as they are.
    """
    experiment = parameters.experiment
    rows, kept, listed, notes = matched(dataset, parameters)
    if listed is not None:
        rows, kept, said = _without_excluded(rows, kept, parameters)
        notes = (*notes, *said)
    if listed is not None and not len(kept):
        raise DataError(f"{dataset.path}: every position is lost, or its frame is; give other positions or frames")
    if listed is None and dataset.ambiguity is not None:
        raise dataset.ambiguity
    if listed is None and dataset.positions_problem:
        raise DataError(f"{dataset.positions_problem}; give {_option('positions_file')} or repair the file")
    if listed is None:
        raise ParameterError(
            f"{dataset.path} has no scan positions; give {_option('positions_file')}, or "
            f"{_option('scan_pattern')} raster with {_option('scan_dims')} and {_option('step_m')}"
        )
    if are_placed(experiment):
        note = f"the positions are those of {experiment.positions_file}, as they are there"
        return listed[kept], rows, (note, *notes)
    seed = parameters.reconstruction.seed
    return transform_positions(listed, experiment, pixel_m, seed)[kept], rows, notes


def _without_excluded(
    rows: np.ndarray, kept: np.ndarray, parameters: Parameters
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Return rows and positions without those of the frames that the user does not want, and say how many these are.

    Raises:
        DataError: none is left.
    """
    excluded = np.zeros(len(rows), np.bool_)
    for numbers in numbers_in(parameters.preprocessing.excluded_frames):
        excluded |= (rows + 1 >= numbers.start) & (rows + 1 < numbers.stop)
    count = int(excluded.sum())
    if not count:
        return rows, kept, ()
    option = by_path()["preprocessing.excluded_frames"].option
    if excluded.all():
        raise DataError(f"every frame is left out by {option} {parameters.preprocessing.excluded_frames}")
    return rows[~excluded], kept[~excluded], (f"{count} positions are left out, as {option} says",)


def are_placed(experiment: Experiment) -> bool:
    """Whether positions are those of a result, and so on the object's axes already."""
    is_listed = experiment.scan_pattern == "listed" and experiment.positions_file is not None
    return is_listed and holds_result(str(experiment.positions_file))


def matched(
    dataset: Dataset, parameters: Parameters
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, tuple[str, ...]]:
    """Return rows of frames, the positions that they belong to, the list of all positions in m, and notes.

    Lost positions, which are NaN in a list, and those whose frame is not there have none.
    """
    rows, kept, listed, notes = _matched(dataset, parameters)
    if listed is None:
        return rows, kept, None, notes
    lost = ~np.isfinite(listed).all(axis=1)
    there = ~lost[kept]
    if dataset.lost_frames is not None:
        there &= ~dataset.lost_frames[rows]
    said = (lost_note(lost),) if lost.any() else ()
    return rows[there], kept[there], listed, (*notes, *said)


def ambiguity_of(dataset: Dataset, parameters: Parameters) -> AmbiguousPairingError | None:
    """Return the ways in which positions and frames can meet; None where there are not several.

    Raises:
        PtychoError: there is none.
    """
    try:
        _, _, listed, _ = matched(dataset, parameters)
    except AmbiguousPairingError as error:
        return error
    return dataset.ambiguity if listed is None else None


def _matched(
    dataset: Dataset, parameters: Parameters
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, tuple[str, ...]]:
    """Do what `matched` does, lost positions and frames that are not there included."""
    experiment, guessed = _with_raster(dataset, parameters.experiment)
    is_own = experiment.scan_pattern == "listed" and experiment.positions_file is None
    if experiment.simulate or is_own:
        _check_first_frame(dataset, parameters)
        rows = dataset.frame_rows
        return rows, np.arange(len(rows)), dataset.positions_m, ()
    listed = _given_positions(experiment)
    known = _rows_in_result(dataset, experiment)
    if known is not None:
        return known, np.arange(len(listed)), listed, ()
    if dataset.files:
        paired = _paired(dataset, parameters, len(listed))
        return paired.rows, paired.kept, listed, (*guessed, *paired.notes)
    if len(dataset.frame_rows) == len(listed) and parameters.preprocessing.first_frame is None:
        return dataset.frame_rows, np.arange(len(listed)), listed, guessed
    paired = _paired_in_order(dataset, parameters, len(listed))
    return paired.rows, paired.kept, listed, (*guessed, *paired.notes)


def _with_raster(dataset: Dataset, experiment: Experiment) -> tuple[Experiment, tuple[str, ...]]:
    """Take a scan without any positions, whose dimensions and step are known, for a raster, as ptychopy does."""
    has_list = experiment.scan_pattern != "listed" or experiment.positions_file is not None
    has_own = dataset.positions_m is not None or dataset.positions_problem or dataset.ambiguity is not None
    if has_list or has_own or experiment.simulate:
        return experiment, ()
    if experiment.scan_dims is None or experiment.step_m is None:
        return experiment, ()
    note = "no positions are given; they are taken to be a raster of the scan's dimensions and step"
    return experiment.model_copy(update={"scan_pattern": "raster"}), (note,)


def _given_positions(experiment: Experiment) -> np.ndarray:
    """Read positions from a list or compute them."""
    if experiment.scan_pattern == "listed":
        assert experiment.positions_file is not None
        return read_positions(experiment.positions_file)
    return _computed_positions(experiment)


def _rows_in_result(dataset: Dataset, experiment: Experiment) -> np.ndarray | None:
    """Return the frames that a result has for its positions, if they are of raw files that are still the same."""
    path = experiment.positions_file
    if not dataset.files or experiment.scan_pattern != "listed" or path is None or not holds_result(path):
        return None
    result = read_result(path)
    files = SourceFile.of_series([file.path for file in dataset.files])
    return result.frame_indices if set(files) <= set(result.sources) else None


def _paired(dataset: Dataset, parameters: Parameters, positions: int) -> Pairing:
    """Pair positions with frames in raw files by file and place in it."""
    experiment = parameters.experiment
    dims = experiment.scan_dims
    is_grid = dims is not None and experiment.scan_pattern != "spiral" and dims[0] * dims[1] == positions
    _check_result(dataset, experiment, positions)
    facts = replace(_file_facts(parameters), is_series=dataset.is_series)
    return _read_together(dataset.files, ScanPlan(positions, dims if is_grid else None), facts, experiment)


def _paired_in_order(dataset: Dataset, parameters: Parameters, positions: int) -> Pairing:
    """Pair positions with the frames of a single file that is no raw one, in their order."""
    file = RawFile(dataset.path, 0, 0, dataset.frames.shape[0], modified_s=0.0)
    return _read_together((file,), ScanPlan(positions), _file_facts(parameters), parameters.experiment)


def _read_together(files: Sequence[RawFile], plan: ScanPlan, facts: FileFacts, experiment: Experiment) -> Pairing:
    """Pair; where there are several ways, the error also says that computed positions may be what is wrong."""
    try:
        return pair_as_read(files, plan, facts)
    except AmbiguousPairingError as error:
        if experiment.scan_pattern == "listed" or error.alternatives[0].values.keys() <= {DIMS, PER_FILE}:
            raise
        hint = f"or correct {_option('scan_dims')}, if the scan has another size"
        raise AmbiguousPairingError(f"{error}; {hint}", error.alternatives) from None


def _file_facts(parameters: Parameters) -> FileFacts:
    given = parameters.preprocessing
    return FileFacts(given.first_file, given.patterns_per_file, given.first_frame, is_series=False)


def _check_result(dataset: Dataset, experiment: Experiment, positions: int) -> None:
    """Refuse positions of a result that was made of other files: which of them were its own nobody knows any more.

    Raises:
        DataError: they are not as many as there are frames.
    """
    path = experiment.positions_file
    if experiment.scan_pattern == "listed" and path is not None and holds_result(path):
        frames = dataset.frames.shape[0]
        if frames != positions:
            raise DataError(
                f"{path} has {positions} positions for frames of other files than the {frames} that are there now: "
                f"nothing tells which belong together; give a list of positions with {_option('positions_file')}"
            )


def _check_first_frame(dataset: Dataset, parameters: Parameters) -> None:
    """Refuse a first frame where the scan's file itself says which frame is which position's.

    Raises:
        ParameterError: it is given.
    """
    if parameters.preprocessing.first_frame is not None and not dataset.files:
        raise ParameterError(
            f"preprocessing.first_frame has no effect on {dataset.path}, which pairs positions and frames itself; "
            f"leave out {by_path()['preprocessing.first_frame'].option}"
        )


def _computed_positions(experiment: Experiment) -> np.ndarray:
    pattern, dims, step_m = experiment.scan_pattern, experiment.scan_dims, experiment.step_m
    if dims is None or step_m is None:
        raise ParameterError(
            f"a {pattern} scan needs its dimensions and step; give {_option('scan_dims')} and {_option('step_m')}"
        )
    return raster_m(dims, step_m) if pattern == "raster" else spiral_m(dims[0] * dims[1], step_m)


def _option(name: str) -> str:
    return by_path()[f"experiment.{name}"].option
