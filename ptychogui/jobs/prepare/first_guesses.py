"""First probe and first object of a reconstruction, given or guessed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import scipy

from ptychogui.io.array_files import object_place_m, read_object, read_probe, read_variation
from ptychogui.io.dataset import Dataset
from ptychogui.jobs.prepare.probe_trial import ProbeTrial
from ptychogui.params.model import Parameters
from ptychogui.physics.coarser_pixel import matching_scale, resample_object
from ptychogui.physics.frames import Patterns
from ptychogui.physics.optics import job_pixel_m
from ptychogui.physics.probe import guess_probe, resample, usual_diameter_m
from ptychogui.physics.probe_variation import ProbeVariation
from ptychogui.physics.scan import ScanGeometry

_SAME_PIXEL = 0.01
"""Relative difference up to which two pixels are the same."""


def first_probe(
    dataset: Dataset,
    parameters: Parameters,
    patterns: Patterns,
    pixel_m: float,
    positions_m: np.ndarray,
    trial: ProbeTrial | None = None,
    given: np.ndarray | None = None,
) -> tuple[np.ndarray, list[str]]:
    """Return the user's probe; or one guessed of the user's size; or else the file's; or else one guessed.

    Args:
        dataset: the scan.
        parameters: with all that the scan knows.
        patterns: of the scan.
        pixel_m: object pixel.
        positions_m: float (positions, 2), which tell the size of the beam if nobody does.
        trial: tells on which side of its focus a guessed beam is, and whether another size is clearly better; without
            it the sample is downstream.
        given: complex64 (modes, N, N), the user's probe where it is in no file.

    Returns:
        complex64 (modes, N, N) with as many modes as are given, and what was noticed.
    """
    path, diameter_m = parameters.reconstruction.probe_guess, parameters.experiment.probe_diameter_m
    n, modes = len(patterns.dead), parameters.experiment.probe_modes
    if path is not None or given is not None:
        first, place = (read_probe(path), str(path)) if path is not None else (given, "the given probe")
        assert first is not None
        size = first.shape[-1]
        old_pixel_m = job_pixel_m(parameters, size) if path is None else _pixel_of(path, parameters, size)
        probe, notes = _fitted_probe(first, place, old_pixel_m, modes, n, pixel_m)
        unused = [] if diameter_m is None else [f"the given probe size is not used, since {place} is the first probe"]
        return probe, [*notes, *unused]
    if dataset.probe is not None and diameter_m is None:
        place = f"the illumination in {dataset.path.name}"
        old_pixel_m = job_pixel_m(parameters, dataset.probe.shape[-1]) * parameters.preprocessing.bin_px
        return _fitted_probe(dataset.probe, place, old_pixel_m, modes, n, pixel_m)
    notes = [] if dataset.probe is None else ["the file's illumination is not used, since a probe size is given"]
    usual_m = diameter_m or usual_diameter_m(positions_m)

    def guess(size: float, upstream: bool) -> np.ndarray:
        return guess_probe(patterns.mean_pattern, patterns.dead, pixel_m, size * usual_m, upstream)

    if trial is None:
        return guess(1.0, False), notes
    best = trial.best(guess)
    if best.upstream or best.size != 1:
        side = "upstream" if best.upstream else "downstream"
        notes.append(f"the sample is taken to be {side} of the focus, in a beam of {best.size * usual_m:.3g} m, where "
                     "the first patterns tried fit best")  # fmt: skip
    return best.probe, notes


def is_guessed(dataset: Dataset, parameters: Parameters) -> bool:
    """Whether `first_probe` makes the probe from the mean pattern, neither the user nor the file giving one."""
    unused = dataset.probe is None or parameters.experiment.probe_diameter_m is not None
    return parameters.reconstruction.probe_guess is None and unused


def first_variation(path: Path | None, probe: np.ndarray, frame_rows: np.ndarray) -> ProbeVariation | None:
    """Take how the user's probe varies, where it is that of a result of the same patterns.

    Args:
        path: the user's probe, or None.
        probe: complex64 (modes, N, N), what has become of it: what varies gets the scale of its first mode.
        frame_rows: int (positions,), the frame of each position.
    """
    variation = None if path is None else read_variation(path, frame_rows, probe.shape[-1])
    if path is None or variation is None:
        return None
    return variation.scaled(float(np.linalg.norm(probe[0]) / np.linalg.norm(read_probe(path)[0])))


def scaled_probe(probe: np.ndarray, patterns: Patterns, first: np.ndarray, geometry: ScanGeometry) -> np.ndarray:
    """Scale a probe so that, through the first object, it gives the counts of the known pixels.

    Args:
        probe: complex (modes, N, N).
        patterns: of the scan.
        first: complex64 (rows, columns), the first object.
        geometry: of the scan.
    """
    if np.any(first != 1):
        scale = matching_scale(probe, first, geometry, patterns.patterns)
        if scale is not None:
            return np.asarray(probe * scale, dtype=np.complex64)
    far = scipy.fft.fft2(probe, norm="ortho")
    expected = (far.real**2 + far.imag**2).sum(axis=0, dtype=np.float64)[~patterns.dead].sum()
    return np.asarray(probe * np.sqrt(patterns.mean_pattern.sum() / expected), dtype=np.complex64)


def first_object(
    path: Path | None, geometry: ScanGeometry, pixel_m: float, given: np.ndarray | None = None
) -> tuple[np.ndarray, list[str]]:
    """Take the user's object with empty space around it, or empty space alone.

    An object that knows its place lies there, and its pixel is brought to the job's; another lies center on center.

    Args:
        path: the user's object; None for empty space.
        geometry: of the scan.
        pixel_m: object pixel.
        given: complex64 (rows, columns), the user's object where it is in no file.

    Returns:
        complex64 (rows, columns), and what was noticed.
    """
    first = np.ones(geometry.object_shape, np.complex64)
    if path is not None:
        guess, place = read_object(path), object_place_m(path)
    elif given is not None:
        guess, place = given, None
    else:
        return first, []
    name, notes = str(path or "the given object"), []
    if place is not None:
        wanted = tuple(round(side * place[0] / pixel_m) for side in guess.shape)
        if wanted != guess.shape:
            notes.append(f"{name} has pixels of {place[0]:.4g} m and is resampled to {pixel_m:.4g} m")
            guess = resample_object(guess, (wanted[0], wanted[1]))
        starts = [round(old_m / pixel_m - new) for old_m, new in zip(place[1], geometry.origin_px, strict=True)]
        if _lay(guess, first, starts):
            return first, notes
    _lay(guess, first, [int((new - old) / 2) for old, new in zip(guess.shape, first.shape, strict=True)])
    if guess.shape == first.shape:
        return first, notes
    sizes = " x ".join(map(str, guess.shape)), " x ".join(map(str, first.shape))
    return first, [*notes, f"{name} has {sizes[0]} pixels and is centered on {sizes[1]}"]


def _lay(guess: np.ndarray, first: np.ndarray, starts: list[int]) -> bool:
    """Put an array into another, its element [0, 0] at `starts`, which may lie outside; say whether they overlap."""
    ends = [min(start + old, new) for start, old, new in zip(starts, guess.shape, first.shape, strict=True)]
    into = [slice(max(start, 0), end) for start, end in zip(starts, ends, strict=True)]
    if any(part.stop <= part.start for part in into):
        return False
    taken = [slice(part.start - start, part.stop - start) for part, start in zip(into, starts, strict=True)]
    first[into[0], into[1]] = guess[taken[0], taken[1]]
    return True


def _pixel_of(path: Path, parameters: Parameters, n: int) -> float:
    """Return the pixel of a user's probe of n x n pixels: a result's own, or as if it were of this job's detector."""
    place = object_place_m(path)
    return job_pixel_m(parameters, n) if place is None else place[0]


def _fitted_probe(
    probe: np.ndarray, place: str, old_pixel_m: float, wanted: int | None, n: int, pixel_m: float
) -> tuple[np.ndarray, list[str]]:
    """Give a probe of another array size or pixel the patterns' size and the job's pixel."""
    old, modes = probe.shape[-1], len(probe)
    notes = []
    if wanted is not None and modes > wanted:
        notes.append(f"{place} has {modes} probe modes, of which the strongest {wanted} are used; see --probe-modes")
    if old != n:
        notes.append(f"{place} has {old} x {old} pixels and is resampled to {n} x {n}")
    elif abs(old_pixel_m / pixel_m - 1) > _SAME_PIXEL:
        notes.append(f"{place} has pixels of {old_pixel_m:.4g} m and is resampled to {pixel_m:.4g} m")
    else:
        return probe, notes
    return resample(probe, old_pixel_m, n, pixel_m), notes
