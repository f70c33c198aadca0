"""A small scan with its truth: what a CXI file of it is made from, and how good a picture made from the file is."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import scipy.ndimage

from ptychogui.io.result import Result
from ptychogui.physics.metrics import align
from ptychogui.physics.simulation import Recipe, SimulatedScan, simulate

RECIPE = Recipe(n=64, scan_dims=(6, 10), probe_diameter_m=0.7e-6, overlap=0.75, detector_pixel_m=150e-6)
"""60 positions on a spiral of patterns of 64 x 64 with up to some 2300 counts a pixel."""

ELECTRON_VOLT_J = 1.602176634e-19
INSTRUMENT = "entry_1/instrument_1"
DETECTOR = f"{INSTRUMENT}/detector_1"
PLACES = {
    "frames": f"{DETECTOR}/data", "mask": f"{DETECTOR}/mask", "distance": f"{DETECTOR}/distance",
    "pixel rows": f"{DETECTOR}/y_pixel_size", "pixel columns": f"{DETECTOR}/x_pixel_size",
    "energy": f"{INSTRUMENT}/source_1/energy", "probe": f"{INSTRUMENT}/source_1/illumination",
    "positions": "entry_1/sample_1/geometry_1/translation",
}  # fmt: skip
"""Where a CXI file holds what."""

_LIT = 0.1
"""Part of the strongest illumination from which on a pixel of the object counts."""
_BLUR = 40
"""Of the true probe's spectrum, which makes the first probe that is in the file."""


@cache
def true_scan() -> SimulatedScan:
    """Return the scan that all files are made from."""
    return simulate(RECIPE)


@dataclass
class Ingredients:
    """What a CXI file is made from; spoilings change it.

    Attributes:
        frames: (positions, rows, columns) of whatever type, or (scan rows, scan columns, rows, columns).
        positions_m: float64 (positions, 2), row and column.
        values: all other datasets by their name in PLACES; None leaves one out.
        units: the attribute "units" of those that have one, by the same names.
        extras: further datasets by their path, and links.
        frames_writer: writes the frames in place of a plain dataset.
        name, folder: of the file, as bytes.
    """

    frames: np.ndarray
    positions_m: np.ndarray
    values: dict[str, Any]
    units: dict[str, Any] = field(default_factory=dict)
    extras: dict[str, Any] = field(default_factory=dict)
    frames_writer: Callable[[h5py.File, np.ndarray, Path], None] | None = None
    name: bytes = b"scan.cxi"
    folder: bytes = b""

    @property
    def detector(self) -> tuple[int, ...]:
        """Rows and columns of a frame."""
        return self.frames.shape[-2:]


def ingredients() -> Ingredients:
    """Return what the unspoiled file is made from, free to be changed."""
    return copy.deepcopy(_unspoiled())


@cache
def _unspoiled() -> Ingredients:
    scan = true_scan()
    frequency = np.fft.fftfreq(RECIPE.n)
    blur = np.exp(-_BLUR * (frequency[:, None] ** 2 + frequency**2))
    probe = np.fft.ifft2(np.fft.fft2(scan.probe[0]) * blur).astype(np.complex64)
    values = {
        "distance": RECIPE.distance_m, "pixel rows": RECIPE.detector_pixel_m,
        "pixel columns": RECIPE.detector_pixel_m, "energy": RECIPE.energy_eV * ELECTRON_VOLT_J, "probe": probe,
    }  # fmt: skip
    return Ingredients(scan.counts, scan.positions_m.copy(), values)


def write_cxi(folder: Path, made: Ingredients) -> Path:
    """Write a CXI file into a folder, or one below it; return its path."""
    inside = Path(os.fsdecode(os.path.join(os.fsencode(folder), made.folder)))
    inside.mkdir(parents=True, exist_ok=True)
    path = inside / os.fsdecode(made.name)
    xyz = np.concatenate([made.positions_m[..., ::-1], np.zeros_like(made.positions_m[..., :1])], axis=-1)
    with h5py.File(os.fsencode(path), "w") as file:
        file["cxi_version"] = 160
        if made.frames_writer is None:
            file[PLACES["frames"]] = made.frames
        else:
            made.frames_writer(file, made.frames, inside)
        for name, value in {"positions": xyz, **made.values}.items():
            if value is not None:
                file[PLACES[name]] = value
        for name, unit in made.units.items():
            file[PLACES[name]].attrs["units"] = unit
        for place, value in made.extras.items():
            if place in file:
                del file[place]
            file[place] = value
    return path


def object_error(result: Result) -> float:
    """Return the relative error of a result's object where the frames that it used lit the sample.

    Scale, ramp and shift don't count; an object of other pixels is laid over the truth by its size in meters.
    """
    scan = true_scan()
    lit = _light(np.arange(len(scan.positions_m)) if result.frame_indices is None else result.frame_indices)
    return align(_laid_over(scan, result), scan.object, lit).error


def _light(rows: np.ndarray) -> np.ndarray:
    """Return where some frames' windows are lit: bool of the true object's shape."""
    scan = true_scan()
    power, light = np.sum(np.abs(scan.probe) ** 2, axis=0), np.zeros(scan.object.shape)
    for row, column in scan.geometry.corners[rows]:
        light[row : row + RECIPE.n, column : column + RECIPE.n] += power
    return np.asarray(light > _LIT * light.max())


def _laid_over(scan: SimulatedScan, result: Result) -> np.ndarray:
    """Return the result's object at the pixels of the true one, by their places in m."""
    assert result.object_origin_m is not None
    scale = scan.object_pixel_m / result.object_pixel_m
    origin_px = np.asarray(scan.geometry.origin_px)
    if abs(scale - 1) < 0.01:  # what is left of it is what the error is to tell
        scale, start = 1.0, np.rint(origin_px - np.asarray(result.object_origin_m) / result.object_pixel_m)
    else:
        start = (origin_px * scan.object_pixel_m - result.object_origin_m) / result.object_pixel_m
    found = result.object if result.object.ndim == 2 else np.prod(result.object, axis=0)
    return sum(
        unit * scipy.ndimage.affine_transform(part, [scale, scale], start, scan.object.shape, order=1, mode="nearest")
        for unit, part in ((1, found.real), (1j, found.imag))
    )  # type: ignore[return-value]
