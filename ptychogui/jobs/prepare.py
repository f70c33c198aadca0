"""From a job to a problem that an engine can start on: frames, positions, first guesses."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import scipy.fft

from ptychogui.backends.base import Backend
from ptychogui.engines.base import Problem
from ptychogui.errors import DataError, ParameterError
from ptychogui.io.dataset import Dataset
from ptychogui.io.guesses import read_mask, read_object, read_positions, read_probe
from ptychogui.io.readers import open_dataset
from ptychogui.io.simulated import dataset_of
from ptychogui.jobs.budget import check_memory
from ptychogui.jobs.job import Job
from ptychogui.jobs.layers import NEEDED
from ptychogui.jobs.scale import check_pixel, energy_notes, scale_text
from ptychogui.params.model import Experiment, Parameters, by_path
from ptychogui.params.origins import Source
from ptychogui.physics.frames import Patterns, pattern_size, prepare_frames
from ptychogui.physics.optics import object_pixel_m
from ptychogui.physics.probe import add_modes, guess_probe, resample, usual_diameter_m
from ptychogui.physics.scan import ScanGeometry, place_windows, raster_m, spiral_m, to_pixels, transform_positions
from ptychogui.physics.simulation import intensities, recipe_of, simulate

_SCALED_ON = 16
"""Positions whose counts set the scale of a probe that is given with an object."""


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
        backend: the device whose memory the job must fit in; None does not ask.

    Raises:
        DataError: a file can't be read, or its parts contradict each other.
        ParameterError: a parameter is missing or does not fit the scan.
        MemoryBudgetError: the job does not fit in memory; nothing large has been read yet.
    """
    with _open(job) as dataset:
        parameters = _completed(job, dataset)
        n = pattern_size(dataset.frames.shape, parameters.preprocessing)
        pixel_m = _object_pixel_m(parameters.experiment, n)
        check_pixel(parameters.experiment, pixel_m)
        positions_m, rows = _positions(dataset, parameters, pixel_m)
        scale = scale_text(parameters.experiment, pixel_m, positions_m)
        geometry = _geometry(positions_m, pixel_m, n, scale)
        modes = parameters.experiment.probe_modes
        if backend is not None:
            sub_pixel = parameters.reconstruction.sub_pixel == "fourier"
            check_memory(len(rows), n, modes, geometry.object_shape, sub_pixel, backend, scale)
        patterns = prepare_frames(dataset.frames, rows, _bad_pixels(dataset, parameters), parameters.preprocessing)
        first, object_notes = _first_object(parameters, geometry)
        probe, probe_notes = _first_probe(dataset, parameters, patterns, pixel_m, positions_m)
        probe = _scaled(add_modes(probe, modes), patterns, first, geometry)
        return Prepared(
            problem=Problem(patterns.amplitudes, geometry, probe, first),
            parameters=parameters,
            object_pixel_m=pixel_m,
            positions_m=positions_m,
            frame_rows=rows,
            sources=job.sources,
            notes=(*energy_notes(parameters.experiment), *dataset.notes, *patterns.notes, *probe_notes, *object_notes),
        )


def _open(job: Job) -> Dataset:
    """Open the scan file, or simulate a scan."""
    if job.source is not None:
        return open_dataset(job.source, job.parameters.preprocessing.dataset_path)
    return dataset_of(simulate(recipe_of(job.parameters)))


def _completed(job: Job, dataset: Dataset) -> Parameters:
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


def _geometry(positions_m: np.ndarray, pixel_m: float, n: int, scale: str) -> ScanGeometry:
    try:
        return place_windows(to_pixels(positions_m, pixel_m), n)
    except DataError as error:
        raise DataError(f"{error} ({scale})") from error


def _positions(dataset: Dataset, parameters: Parameters, pixel_m: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions (positions, 2) in m, transformed, and the row in the stack of each one's frame."""
    experiment = parameters.experiment
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
    return transform_positions(listed, experiment, pixel_m, seed), rows


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


def _bad_pixels(dataset: Dataset, parameters: Parameters) -> np.ndarray | None:
    """Join the file's own mask and the user's: bool (rows, columns) of the detector, or None."""
    path = parameters.preprocessing.mask_file
    if path is None:
        return dataset.bad_pixels
    mask = read_mask(path)
    detector = tuple(dataset.frames.shape[1:])
    if mask.shape != detector:
        raise DataError(f"{path}: the mask has shape {mask.shape} but the detector has {detector}")
    return mask if dataset.bad_pixels is None else mask | dataset.bad_pixels


def _first_probe(
    dataset: Dataset, parameters: Parameters, patterns: Patterns, pixel_m: float, positions_m: np.ndarray
) -> tuple[np.ndarray, list[str]]:
    """Take the user's probe, or guess one of the user's size, or take the file's, or guess one."""
    path, diameter_m = parameters.reconstruction.probe_guess, parameters.experiment.probe_diameter_m
    n = len(patterns.dead)
    if path is not None:
        probe, notes = _fitted_probe(read_probe(path), str(path), parameters, n, pixel_m)
        given = [] if diameter_m is None else [f"the given probe size is not used, since {path} is the first probe"]
        return probe, [*notes, *given]
    if dataset.probe is not None and diameter_m is None:
        return _fitted_probe(dataset.probe, f"the illumination in {dataset.path.name}", parameters, n, pixel_m)
    notes = [] if dataset.probe is None else ["the file's illumination is not used, since a probe size is given"]
    diameter_m = diameter_m or usual_diameter_m(positions_m)
    return guess_probe(patterns.mean_pattern, patterns.dead, pixel_m, diameter_m), notes


def _fitted_probe(
    probe: np.ndarray, place: str, parameters: Parameters, n: int, pixel_m: float
) -> tuple[np.ndarray, list[str]]:
    """Give a probe of another array size, taken to be of the same detector, the pattern's size."""
    old, modes, wanted = probe.shape[-1], len(probe), parameters.experiment.probe_modes
    notes = []
    if modes > wanted:
        notes.append(f"{place} has {modes} probe modes, of which the strongest {wanted} are used; see --probe-modes")
    if old != n:
        probe = resample(probe, _object_pixel_m(parameters.experiment, old), n, pixel_m)
        notes.append(f"{place} has {old} x {old} pixels and is resampled to {n} x {n}")
    return probe, notes


def _scaled(probe: np.ndarray, patterns: Patterns, first: np.ndarray, geometry: ScanGeometry) -> np.ndarray:
    """Scale a probe so that, through the first object, it gives the counts of the known pixels."""
    if np.all(first == 1):
        far = scipy.fft.fft2(probe, norm="ortho")
        expected = (far.real**2 + far.imag**2).sum(axis=0, dtype=np.float64)[~patterns.dead].sum()
        return np.asarray(probe * np.sqrt(patterns.mean_pattern.sum() / expected), dtype=np.complex64)
    chosen = np.linspace(0, len(geometry.corners) - 1, min(_SCALED_ON, len(geometry.corners))).astype(int)
    places = replace(geometry, corners=geometry.corners[chosen], fractions=geometry.fractions[chosen])
    means, amplitudes = np.concatenate(list(intensities(first, probe, places))), patterns.amplitudes[chosen]
    expected = means[amplitudes >= 0].sum(dtype=np.float64)
    found = np.square(amplitudes[amplitudes >= 0], dtype=np.float64).sum()
    if not (expected > 0 and found > 0):
        return _scaled(probe, patterns, np.ones_like(first), geometry)
    return np.asarray(probe * np.sqrt(found / expected), dtype=np.complex64)


def _first_object(parameters: Parameters, geometry: ScanGeometry) -> tuple[np.ndarray, list[str]]:
    """Take the user's object, center on center, with empty space around it, or empty space alone."""
    first = np.ones(geometry.object_shape, np.complex64)
    path = parameters.reconstruction.object_guess
    if path is None:
        return first, []
    guess = read_object(path)
    spans = [_overlap(old, new) for old, new in zip(guess.shape, first.shape, strict=True)]
    first[spans[0][1], spans[1][1]] = guess[spans[0][0], spans[1][0]]
    if guess.shape == first.shape:
        return first, []
    sizes = " x ".join(map(str, guess.shape)), " x ".join(map(str, first.shape))
    return first, [f"{path} has {sizes[0]} pixels and is centered on {sizes[1]}"]


def _overlap(old: int, new: int) -> tuple[slice, slice]:
    """Return where two axes, center on center, overlap: in the old one, in the new one."""
    kept = min(old, new)
    source, target = (old - kept) // 2, (new - kept) // 2
    return slice(source, source + kept), slice(target, target + kept)


def _option(name: str) -> str:
    return by_path()[f"experiment.{name}"].option
