"""A scan in memory: arrays of a script in place of a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from ptychogui.errors import DataError
from ptychogui.io.dataset import Dataset, Value
from ptychogui.physics.frames import ArrayFrames
from ptychogui.physics.lost_positions import all_lost_text, lost_note, lost_positions

_NAME = Path("scan in memory")


def scan_of(
    patterns: ArrayLike,
    positions_m: ArrayLike | None = None,
    *,
    energy_eV: float | None = None,
    distance_m: float | None = None,
    detector_pixel_m: float | None = None,
    bad_pixels: ArrayLike | None = None,
) -> Dataset:
    """Make a scan of arrays; what is not given here can be given as a parameter of the reconstruction.

    Args:
        patterns: (positions, rows, columns) of any real type, counts at each detector pixel. Not copied.
        positions_m: (positions, 2), row and column of the probe on the object in m; None where they are computed from
            scan_dims and step_m. One that is lost, such as NaN, costs its own pattern.
        energy_eV: photon energy.
        distance_m: sample to detector.
        detector_pixel_m: size of a detector pixel.
        bad_pixels: (rows, columns), non-zero on pixels that must not be used.

    Raises:
        DataError: the arrays are no numbers, or don't fit each other.
    """
    frames = _numbers(patterns, "patterns")
    if frames.ndim != 3 or not frames.size:
        raise DataError(f"patterns have the axes (positions, rows, columns), but these are {_sizes(frames)}")
    listed = None if positions_m is None else _positions(positions_m, len(frames))
    lost = np.zeros(len(frames), np.bool_) if listed is None else lost_positions(listed)
    values = {"energy_eV": energy_eV, "distance_m": distance_m, "detector_pixel_m": detector_pixel_m}
    return Dataset(
        path=_NAME,
        format="memory",
        frames=ArrayFrames(frames),  # type: ignore[arg-type]
        frame_rows=np.flatnonzero(~lost),
        positions_m=None if listed is None else listed[~lost],
        values={f"experiment.{name}": Value(value, "script") for name, value in values.items() if value is not None},
        bad_pixels=None if bad_pixels is None else _mask(bad_pixels, frames.shape[1:]),
        notes=(lost_note(lost),) if lost.any() else (),
        in_memory=True,
    )


def _positions(positions_m: ArrayLike, count: int) -> np.ndarray:
    array = _numbers(positions_m, "positions").astype(np.float64)
    if array.shape != (count, 2):
        raise DataError(f"{count} patterns need positions of {count} x 2 numbers (row, column), not {_sizes(array)}")
    if not np.isfinite(array).all(axis=1).any():
        raise DataError(all_lost_text(array))
    return array


def _mask(bad_pixels: ArrayLike, shape: tuple[int, ...]) -> np.ndarray:
    mask = np.asarray(_numbers(bad_pixels, "bad pixels") != 0)
    if mask.shape != shape:
        raise DataError(f"bad pixels are {_sizes(mask)} but a pattern is {shape[0]} x {shape[1]}")
    return mask


def _numbers(array: ArrayLike, what: str) -> np.ndarray:
    try:
        numbers = np.asarray(array)
    except ValueError as error:  # rows of different lengths
        raise DataError(f"{what} are no array: {error}") from error
    if numbers.dtype.kind not in "biuf":
        raise DataError(f"{what} are real numbers, not {numbers.dtype}")
    return numbers


def _sizes(array: np.ndarray) -> str:
    return " x ".join(map(str, array.shape)) or "a single number"
