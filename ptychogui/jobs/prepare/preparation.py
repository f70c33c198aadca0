"""From a job to a problem that an engine can start on: frames, positions, first guesses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ptychogui.backends.base import Backend
from ptychogui.backends.sifting import compiled_maker
from ptychogui.engines.base import Problem
from ptychogui.engines.memory import Extent
from ptychogui.errors import DataError, ParameterError
from ptychogui.io.access import Access
from ptychogui.io.array_files import read_background
from ptychogui.io.dataset import MIRRORED, Dataset
from ptychogui.io.raw.scans import placed_notes
from ptychogui.io.readers import open_dataset
from ptychogui.io.simulated import dataset_of
from ptychogui.jobs.job import Control, Job
from ptychogui.jobs.job_values import NEEDED
from ptychogui.jobs.prepare.first_guesses import first_object, first_probe, first_variation, is_guessed, scaled_probe
from ptychogui.jobs.prepare.geometry_check import check_pixel, scale_text
from ptychogui.jobs.prepare.masks import bad_pixels
from ptychogui.jobs.prepare.memory_check import check_memory
from ptychogui.jobs.prepare.positions import are_placed, matched, scan_positions
from ptychogui.jobs.prepare.probe_trial import Trial
from ptychogui.jobs.prepare.waiting_for_files import CarefulFrames, open_settled
from ptychogui.jobs.stages import check_crops, coarsest, planned_stages
from ptychogui.params.model import Parameters, Reconstruction, by_path
from ptychogui.params.origins import Source
from ptychogui.physics.frames import Patterns, pattern_bytes, pattern_size, prepare_frames
from ptychogui.physics.optics import job_pixel_m
from ptychogui.physics.orientation import Orientation
from ptychogui.physics.probe import add_modes
from ptychogui.physics.scan import ScanGeometry, place_windows, to_pixels
from ptychogui.physics.settling import settle, settle_counts
from ptychogui.physics.simulation import recipe_of, simulate
from ptychogui.physics.survey import Survey

_STILL_PX, _MOVING_PX = 2, 10
"""Spare pixels around the outermost windows where positions stay as they are, and where they are refined."""


@dataclass(frozen=True)
class Given:
    """What a script has in memory for a job.

    Attributes:
        scan: in place of a file.
        probe: complex64 (modes, N, N), in place of a first probe in a file.
        object: complex64 (rows, columns), in place of a first object in a file.
        room_to_move: whether later stages may refine positions that the job's own keep.
    """

    scan: Dataset | None = None
    probe: np.ndarray | None = None
    object: np.ndarray | None = None
    room_to_move: bool = False


NOTHING_GIVEN = Given()


@dataclass(frozen=True)
class Prepared:
    """A problem and what belongs to it.

    Attributes:
        problem: what the engine gets.
        parameters: the job's, completed by what the scan knows.
        object_pixel_m: pixel of object and probe.
        positions_m: float64 (positions, 2), row and column of the probe on the object, transformed.
        frame_rows: int64 (positions,), the frame of each position.
        sources: files that were read.
        raw_files: those of the scan that hold its frames, where there can be several.
        orientation: what was done to frames and positions.
        survey: what the scan shows before any reconstruction.
        probe_is_guess: whether the first probe was made from the mean pattern, since nobody gives one.
        notes: what was noticed on the way.
    """

    problem: Problem
    parameters: Parameters
    object_pixel_m: float
    positions_m: np.ndarray
    frame_rows: np.ndarray
    sources: tuple[Path, ...]
    raw_files: tuple[Path, ...]
    orientation: Orientation
    survey: Survey
    probe_is_guess: bool
    notes: tuple[str, ...]


def prepare(
    job: Job,
    backend: Backend | None = None,
    control: Control | None = None,
    given: Given = NOTHING_GIVEN,
    on_open: Callable[[Dataset], None] = lambda _dataset: None,
) -> Prepared:
    """Read, or simulate, what a job needs and make the first guesses.

    Args:
        job: what to do.
        backend: the device whose memory the job must fit in, and on which guesses are tried; None does neither.
        control: asked, while files are waited for and read, whether to give up; told how far they are.
        given: what is in memory.
        on_open: called with the open scan, before anything large is read; what it raises ends the job.

    Raises:
        StoppedEarlyError: it was.
        DataError: a file can't be read, or its parts contradict each other.
        ParameterError: a parameter is missing or does not fit the scan.
        MemoryBudgetError: the job does not fit in memory; nothing large has been read yet.
    """
    control = control or Control()
    opened, waiting_notes = (given.scan, ()) if given.scan is not None else _open_settled(job, control)
    with opened as dataset:
        on_open(dataset)
        parameters = completed(job, dataset)
        settings = parameters.reconstruction
        frames = CarefulFrames(dataset.frames, control, dataset.files)
        settled = settle(frames, dataset.frame_rows, bad_pixels(dataset, parameters), parameters.preprocessing)
        n = pattern_size(dataset.frames.shape, settled.preprocessing)
        check_crops(planned_stages(settings), n)
        layout = _lay_out(dataset, parameters, n, given.room_to_move, backend)
        settled = settle_counts(frames, dataset.frame_rows, settled)
        orientation = _orientation(parameters)
        background = background_counts(dataset, parameters)
        patterns = prepare_frames(
            frames,
            layout.rows,
            settled.bad_pixels,
            settled.preprocessing,
            background,
            maker=compiled_maker,
            counting=settled.counting,
        )
        obj, object_notes = first_object(settings.object_guess, layout.geometry, layout.pixel_m, given.object)
        probe, probe_notes = _probe(dataset, parameters, patterns, layout, obj, given.probe, backend)
        variation = first_variation(settings.probe_guess, probe, layout.rows)
        return Prepared(
            problem=Problem(
                patterns.patterns, layout.geometry, probe, obj, object_pixel_m=layout.pixel_m, variation=variation
            ),
            parameters=parameters,
            object_pixel_m=layout.pixel_m,
            positions_m=layout.positions_m,
            frame_rows=layout.rows,
            sources=job.sources,
            raw_files=tuple(file.path for file in dataset.files if file.path not in job.sources),
            orientation=orientation,
            survey=patterns.survey,
            probe_is_guess=is_guessed(dataset, parameters),
            notes=(
                *placed_notes(dataset.notes),
                *waiting_notes,
                *(() if orientation.changes_nothing else (f"orientation: {orientation}",)),
                *(f"{MIRRORED}: {axes}" for axes in [dataset.facts.get(MIRRORED)] if axes),
                *layout.notes,
                *settled.notes,
                *frames.notes(),
                *patterns.notes,
                *probe_notes,
                *object_notes,
            ),
        )


@dataclass(frozen=True)
class _Layout:
    """Where the positions are on the object: in m and in pixels, with the frame of each, and what was noticed."""

    pixel_m: float
    positions_m: np.ndarray
    rows: np.ndarray
    geometry: ScanGeometry
    notes: tuple[str, ...]


def _lay_out(
    dataset: Dataset, parameters: Parameters, n: int, room_to_move: bool, backend: Backend | None
) -> _Layout:  # fmt: skip
    """Lay the scan out on an object for patterns of n x n, and see that the job fits in the device's memory."""
    settings, pixel_m = parameters.reconstruction, job_pixel_m(parameters, n)
    check_pixel(parameters.experiment, pixel_m)
    positions_m, rows, notes = scan_positions(dataset, parameters, pixel_m)
    scale = scale_text(parameters.experiment, pixel_m, positions_m)
    geometry = lay_windows(positions_m, pixel_m, n, settings, scale, room_to_move)
    if backend is not None:
        notes = (*notes, *check_memory(extent_of(dataset, parameters, geometry), settings, backend, scale))
    return _Layout(pixel_m, positions_m, rows, geometry, notes)


def _probe(  # noqa: PLR0913 - all that a guess may go by
    dataset: Dataset, parameters: Parameters, patterns: Patterns, layout: _Layout, obj: np.ndarray,
    given: np.ndarray | None, backend: Backend | None,
) -> tuple[np.ndarray, list[str]]:  # fmt: skip
    """Make the first probe with all its modes, scaled to the patterns' counts where that is asked for."""
    settings, modes, geometry = parameters.reconstruction, parameters.experiment.probe_modes, layout.geometry
    trial = None if backend is None else Trial(patterns.patterns, geometry, obj, settings, backend)
    where = layout.pixel_m, layout.positions_m
    probe, notes = first_probe(dataset, parameters, patterns, *where, trial, given)
    probe = add_modes(probe, modes)
    return scaled_probe(probe, patterns, obj, geometry) if settings.rescale_probe else probe, notes


def open_scan(job: Job) -> Dataset:
    """Open the scan file, or simulate a scan."""
    if job.source is not None:
        return open_dataset(job.source, Access.of(job.parameters))
    return dataset_of(simulate(recipe_of(job.parameters)))


def _open_settled(job: Job, control: Control) -> tuple[Dataset, tuple[str, ...]]:
    """Open the scan, and wait for its raw files if that is asked for."""
    given = job.parameters.preprocessing
    if job.source is None or given.unfinished_files == "skip":
        return open_scan(job), ()
    return open_settled(
        lambda: open_scan(job), lambda dataset: _is_whole(dataset, job.parameters), given.wait_limit_s, control
    )


def _is_whole(dataset: Dataset, parameters: Parameters) -> bool:
    """Whether every position has its frame; raw files that don't fit the positions at all may still come."""
    try:
        _, kept, listed, _ = matched(dataset, parameters)
    except DataError:
        return False
    return dataset.is_whole and listed is not None and len(kept) == np.count_nonzero(np.isfinite(listed).all(axis=1))


def completed(job: Job, dataset: Dataset) -> Parameters:
    """Fill in what a reconstruction can't do without from the scan; what the user took out stays out.

    Raises:
        ParameterError: the scan does not know it either; the message names the options.
    """
    missing = [path for path in NEEDED if job.parameters.get(path) is None]
    taken_out = [path for path in missing if path in job.origins and job.origins[path].source is Source.USER]
    unknown = [path for path in missing if path not in dataset.values and path not in taken_out]
    if unknown or taken_out:
        raise ParameterError(_missing_text(dataset, unknown, taken_out))
    return job.parameters.replace({path: dataset.values[path].value for path in missing})


def _missing_text(dataset: Dataset, unknown: list[str], taken_out: list[str]) -> str:
    """Say what is missing, why, and the options that give it."""
    whys = [f"{dataset.path} does not say {_titles(unknown, 'or')}"] if unknown else []
    whys += [f"{_titles(taken_out, 'and')} was set to none"] if taken_out else []
    params = [by_path()[path] for path in (*unknown, *taken_out)]
    options = " and ".join(f"{param.option} (in {param.unit})" for param in params)
    about = tuple(f"the {by_path()[path].title.lower()} " for path in unknown)
    notes = "; ".join(note for note in dataset.notes if about and note.startswith(about))
    return f"{' and '.join(whys)}: give {options}{f' ({notes})' if notes else ''}"


def _titles(paths: list[str], joint: str) -> str:
    return f" {joint} ".join(f"the {by_path()[path].title.lower()}" for path in paths)


def lay_windows(
    positions_m: np.ndarray, pixel_m: float, n: int, settings: Reconstruction, scale: str, room_to_move: bool = False
) -> ScanGeometry:
    """Lay the object around the windows, with room for positions that move and for pixels that are joined."""
    stages = planned_stages(settings)
    correction = by_path()["reconstruction.position_correction"]
    refined = room_to_move or correction.heeded_by(stage.engine for stage in stages)
    moving = settings.position_correction != "never" and refined
    margin_px = _MOVING_PX if moving else _STILL_PX
    try:
        return place_windows(to_pixels(positions_m, pixel_m), n, margin_px, coarsest(stages))
    except DataError as error:
        raise DataError(f"{error} ({scale})") from error


def extent_of(dataset: Dataset, parameters: Parameters, geometry: ScanGeometry) -> Extent:
    """Say how large a job is, before its frames are read."""
    return Extent(
        positions=len(geometry.corners),
        n=geometry.window_px,
        modes=parameters.experiment.probe_modes,
        object_shape=geometry.object_shape,
        sub_pixel=parameters.reconstruction.sub_pixel == "fourier",
        pattern_bytes=pattern_bytes(dataset.frames.dtype, parameters.preprocessing),
    )


def _orientation(parameters: Parameters) -> Orientation:
    """Return what is done to frames and positions of a job."""
    experiment = parameters.experiment
    return Orientation.of(parameters.preprocessing, None if are_placed(experiment) else experiment)


def background_counts(dataset: Dataset, parameters: Parameters) -> np.ndarray | None:
    """Read the user's background: float64 (rows, columns) of the detector, or None."""
    path = parameters.preprocessing.background_file
    if path is None:
        return None
    background, detector = read_background(path), tuple(dataset.frames.shape[1:])
    if background.shape != detector:
        raise DataError(f"{path}: the background has shape {background.shape} but the detector has {detector}")
    return background
