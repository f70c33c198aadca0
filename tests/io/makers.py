"""Small scans and results for the tests of io."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ptychogui.io.result import Result

COUNTS = np.random.default_rng(0).poisson(3.0, (5, 8, 8)).astype(np.uint16)
POSITIONS_M = np.random.default_rng(1).uniform(-1e-6, 1e-6, (5, 2))
DETECTOR = "entry_1/instrument_1/detector_1"
ENERGY = "entry_1/instrument_1/source_1/energy"
TRANSLATION = "entry_1/sample_1/geometry_1/translation"


def translation_m(positions_m: np.ndarray) -> np.ndarray:
    """Return (x, y, z) of (row, column)."""
    return np.column_stack([positions_m[:, 1], positions_m[:, 0], np.zeros(len(positions_m))])


def make_cxi(path: Path, changes: Mapping[str, Any] | None = None) -> Path:
    """Write a small CXI scan; `changes` replaces, adds or (None) leaves out datasets by their path."""
    content: dict[str, Any] = {
        "cxi_version": 160,
        f"{DETECTOR}/data": COUNTS,
        f"{DETECTOR}/distance": 1.5,
        f"{DETECTOR}/x_pixel_size": 75e-6,
        f"{DETECTOR}/y_pixel_size": 75e-6,
        ENERGY: 8800 * 1.602176634e-19,
        TRANSLATION: translation_m(POSITIONS_M),
    }
    content.update(changes or {})
    with h5py.File(path, "w") as file:
        for place, value in content.items():
            if value is not None:
                file[place] = value
    return path


def make_rows(folder: Path, lines: Mapping[int, np.ndarray], **packing: Any) -> str:
    """Write raw files of frames (frames, rows, columns) by number; gives the pattern of the series."""
    for number, frames in lines.items():
        with h5py.File(folder / f"scan_{number:04d}.h5", "w") as file:
            chunks = {"chunks": (1, *frames.shape[1:])} if packing else {}
            file.create_dataset("entry/data/data", data=frames, **chunks, **packing)
    return str(folder / "scan_#04d.h5")


def make_frames(count: int, start: int = 0, size: int = 16) -> np.ndarray:
    """Return uint16 frames that are all different and tell their number, at [0, 0]."""
    frames = np.random.default_rng(start).poisson(2.0, (count, size, size)).astype(np.uint16)
    frames[:, 0, 0] = np.arange(start, start + count)
    return frames


def make_result(**changes: Any) -> Result:
    """Return a small result with a different number along every axis."""
    rng = np.random.default_rng(2)
    values: dict[str, Any] = {
        "object": _complex(rng, (20, 24)),
        "probe": _complex(rng, (3, 8, 8)),
        "object_pixel_m": 1e-8,
        "positions_m": rng.uniform(0, 8e-8, (6, 2)),
        "energy_eV": 8800.0,
        "distance_m": 1.5,
        "object_origin_m": (-3e-8, -2e-8),
        "detector_pixel_m": 75e-6,
    }
    return Result(**{**values, **changes})


def _complex(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(np.complex64)
