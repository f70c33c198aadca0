"""From a job to a problem that an engine can start on: frames, positions, first guesses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ptychogui.backends.base import Backend
from ptychogui.engines.base import Problem
from ptychogui.engines.memory import Extent
from ptychogui.errors import DataError, ParameterError
from ptychogui.io.dataset import Dataset
from ptychogui.io.guesses import holds_result, read_mask, read_positions
from ptychogui.io.readers import open_dataset
from ptychogui.io.simulated import dataset_of
from ptychogui.jobs.budget import check_memory
from ptychogui.jobs.guesses import first_object, first_probe, first_variation, scaled_probe
from ptychogui.jobs.job import Job
from ptychogui.jobs.layers import NEEDED
from ptychogui.jobs.scale import check_pixel, energy_notes, scale_text
from ptychogui.jobs.stages import check_crops, coarsest, planned_stages
from ptychogui.jobs.trial import Trial
from ptychogui.params.model import Experiment, Parameters, Reconstruction, by_path
from ptychogui.params.origins import Source
from ptychogui.physics.frames import pattern_bytes, pattern_size, prepare_frames
from ptychogui.physics.optics import object_pixel_m
from ptychogui.physics.probe import add_modes
from ptychogui.physics.scan import ScanGeometry, place_windows, raster_m, spiral_m, to_pixels, transform_positions
from ptychogui.physics.simulation import recipe_of, simulate

_STILL_PX, _MOVING_PX = 2, 10
"""Spare pixels around the outermost windows where positions stay as they are, and where they are refined."""


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
        notes: what was noticed on the way.
    """

    problem: Problem
    parameters: Parameters
    object_pixel_m: float
    positions_m: np.ndarray
    frame_rows: np.ndarray
    sources: tuple[Path, ...]
    notes: tuple[str, ...]


def prepare(job: Job, backend: Backend | None = None) -> Prepared:
    """Read, or simulate, what a job needs and make the first guesses.

    Args:
        job: what to do.
        backend: the device whose memory the job must fit in, and on which guesses are tried; None does neither.

    Raises:
        DataError: a file can't be read, or its parts contradict each other.
        ParameterError: a parameter is missing or does not fit the scan.
        MemoryBudgetError: the job does not fit in memory; nothing large has been read yet.
    """
    with open_scan(job) as dataset:
        parameters = completed(job, dataset)
        settings = parameters.reconstruction
        n = pattern_size(dataset.frames.shape, parameters.preprocessing)
        check_crops(planned_stages(settings), n)
        pixel_m = _object_pixel_m(parameters.experiment, n)
        check_pixel(parameters.experiment, pixel_m)
        positions_m, rows, position_notes = scan_positions(dataset, parameters, pixel_m)
        scale = scale_text(parameters.experiment, pixel_m, positions_m)
        geometry = lay_windows(positions_m, pixel_m, n, settings, scale)
        modes = parameters.experiment.probe_modes
        extent = extent_of(dataset, parameters, geometry)
        memory_notes = () if backend is None else check_memory(extent, settings, backend, scale)
        patterns = prepare_frames(dataset.frames, rows, bad_pixels(dataset, parameters), parameters.preprocessing)
        first, object_notes = first_object(settings.object_guess, geometry, pixel_m)
        trial = None if backend is None else Trial(patterns.patterns, geometry, first, modes, settings, backend)
        probe, probe_notes = first_probe(dataset, parameters, patterns, pixel_m, positions_m, trial)
        probe = add_modes(probe, modes)
        if settings.rescale_probe:
            probe = scaled_probe(probe, patterns, first, geometry)
        return Prepared(
            problem=Problem(
                patterns.patterns,
                geometry,
                probe,
                first,
                object_pixel_m=pixel_m,
                variation=first_variation(settings.probe_guess, probe, rows),
            ),
            parameters=parameters,
            object_pixel_m=pixel_m,
            positions_m=positions_m,
            frame_rows=rows,
            sources=job.sources,
            notes=(
                *energy_notes(parameters.experiment),
                *dataset.notes,
                *position_notes,
                *memory_notes,
                *patterns.notes,
                *probe_notes,
                *object_notes,
            ),
        )


def open_scan(job: Job) -> Dataset:
    """Open the scan file, or simulate a scan."""
    if job.source is not None:
        return open_dataset(job.source, job.parameters.preprocessing.dataset_path)
    return dataset_of(simulate(recipe_of(job.parameters)))


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


def _object_pixel_m(experiment: Experiment, n: int) -> float:
    return object_pixel_m(experiment.energy_eV, experiment.distance_m, experiment.detector_pixel_m, n)


def lay_windows(positions_m: np.ndarray, pixel_m: float, n: int, settings: Reconstruction, scale: str) -> ScanGeometry:
    """Lay the object around the windows, with room for positions that move and for pixels that are joined."""
    stages = planned_stages(settings)
    correction = by_path()["reconstruction.position_correction"]
    moving = settings.position_correction != "never" and correction.heeded_by(stage.engine for stage in stages)
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


def scan_positions(
    dataset: Dataset, parameters: Parameters, pixel_m: float
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Return the positions (positions, 2) in m, transformed, the row in the stack of each one's frame, and notes.

    Those of a result are on the object's axes and stay as they are.
    """
    experiment = parameters.experiment
    if experiment.positions_file is not None and holds_result(experiment.positions_file):
        note = f"the positions are those of {experiment.positions_file}, as they are there"
        return *_given_positions(dataset, experiment), (note,)
    if experiment.simulate or (experiment.scan_pattern == "listed" and experiment.positions_file is None):
        listed, rows = dataset.positions_m, dataset.frame_rows
    else:
        listed, rows = _given_positions(dataset, experiment)
    if listed is None and dataset.positions_problem:
        raise DataError(f"{dataset.positions_problem}; give {_option('positions_file')} or repair the file")
    if listed is None:
        raise ParameterError(
            f"{dataset.path} has no scan positions; give {_option('positions_file')}, or "
            f"{_option('scan_pattern')} raster with {_option('scan_dims')} and {_option('step_m')}"
        )
    seed = parameters.reconstruction.seed
    return transform_positions(listed, experiment, pixel_m, seed), rows, ()


def _given_positions(dataset: Dataset, experiment: Experiment) -> tuple[np.ndarray, np.ndarray]:
    """Take positions from a list or compute them; they belong to the frames in the order of the file."""
    if experiment.scan_pattern == "listed":
        assert experiment.positions_file is not None
        positions_m, place = read_positions(experiment.positions_file), str(experiment.positions_file)
    else:
        positions_m, place = _computed_positions(experiment)
    frames = dataset.frames.shape[0]
    if len(positions_m) == frames:
        return positions_m, np.arange(frames)
    if len(positions_m) == len(dataset.frame_rows):
        return positions_m, dataset.frame_rows
    raise DataError(
        f"{place} gives {len(positions_m)} scan positions but {dataset.path} holds {frames} frames; "
        "each frame needs one"
    )


def _computed_positions(experiment: Experiment) -> tuple[np.ndarray, str]:
    pattern, dims, step_m = experiment.scan_pattern, experiment.scan_dims, experiment.step_m
    if dims is None or step_m is None:
        raise ParameterError(
            f"a {pattern} scan needs its dimensions and step; give {_option('scan_dims')} and {_option('step_m')}"
        )
    place = f"a {pattern} scan of {dims[0]} x {dims[1]}"
    if pattern == "raster":
        return raster_m(dims, step_m), place
    return spiral_m(dims[0] * dims[1], step_m), place


def bad_pixels(dataset: Dataset, parameters: Parameters) -> np.ndarray | None:
    """Join the file's own mask and the user's: bool (rows, columns) of the detector, or None."""
    path = parameters.preprocessing.mask_file
    if path is None:
        return dataset.bad_pixels
    mask = read_mask(path)
    detector = tuple(dataset.frames.shape[1:])
    if mask.shape != detector:
        raise DataError(f"{path}: the mask has shape {mask.shape} but the detector has {detector}")
    return mask if dataset.bad_pixels is None else mask | dataset.bad_pixels


def _option(name: str) -> str:
    return by_path()[f"experiment.{name}"].option
