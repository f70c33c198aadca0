"""Position lists in HDF5 files: (x, y, z) one by one, the same on a grid, or an array of x and one of y."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import h5py
import numpy as np

from ptychogui.errors import DataError
from ptychogui.io.hdf5.files import all_units_of, first_dataset
from ptychogui.params.units import said_factor
from ptychogui.physics.lost_positions import all_lost_text, lost_positions

_NAMES = (("x", "y"), ("X", "Y"), ("x_translation", "y_translation"), ("translation_x", "translation_y"))
"""How files call the arrays of columns and of rows that they have in place of a translation."""


@dataclass(frozen=True)
class PositionList:
    """Positions of a file: float64 (positions, 2), row and column in m, NaN where one is lost; and notes."""

    positions_m: np.ndarray
    notes: tuple[str, ...] = ()


def read_position_list(
    path: Path, file: h5py.File, groups: Iterable[str], frames: int | None = None, grid: Sequence[int] = ()
) -> PositionList | None:  # fmt: skip
    """Read the positions in the first of some groups that has any; None if none has.

    Args:
        path: the file, for messages.
        file: the same, open.
        groups: HDF5 paths.
        frames: how many there are; arrays of x and y that are of another size are no positions. None for any number.
        grid: rows and columns of the frames, if they are on a grid; positions may be two axes then.

    Raises:
        DataError: they are no list of positions, in an unknown unit, or all are lost.
    """
    groups = tuple(groups)
    found = first_dataset(file, [f"{group}/translation" for group in groups])
    if found is not None:
        return _checked(path, found, _translation(path, found), found.shape[:-1])
    for group in groups:
        for names in _NAMES:
            columns, rows = (first_dataset(file, [f"{group}/{name}"]) for name in names)
            if rows is not None and columns is not None and {rows.dtype.kind, columns.dtype.kind} <= set("iuf"):
                pairs, shape = _pairs(path, rows, columns, grid)
                if frames in (None, len(pairs)):
                    listed = _checked(path, rows, pairs, shape)
                    said = f"the positions are taken from {columns.name} and {rows.name}"
                    return replace(listed, notes=(said, *listed.notes))
    return None


def _translation(path: Path, found: h5py.Dataset) -> np.ndarray:
    """Return rows and columns of (x, y) or (x, y, z)."""
    if found.ndim not in (2, 3) or found.shape[-1] < 2 or found.dtype.kind not in "iuf":
        raise DataError(
            f"{path}: {found.name} should be a list of positions (x, y, z) but has shape {found.shape} and type "
            f"{found.dtype}"
        )
    if found.ndim == 3 and found.shape[-1] > 3:
        raise DataError(f"{path}: {found.name} should be positions (x, y, z) on a grid but has shape {found.shape}")
    numbers = np.asarray(found[..., :2], dtype=np.float64).reshape(-1, 2)
    return np.asarray(numbers * _factors(path, found))[:, ::-1]


def _pairs(
    path: Path, rows: h5py.Dataset, columns: h5py.Dataset, grid: Sequence[int]
) -> tuple[np.ndarray, tuple[int, ...]]:
    """Return rows and columns of two arrays, and the shape that they have; none where they don't fit each other."""
    rows_m, columns_m = (np.asarray(one[()], np.float64) * _factors(path, one)[0] for one in (rows, columns))
    if rows_m.ndim == columns_m.ndim == 1 and (rows_m.size, columns_m.size) == tuple(grid):
        rows_m, columns_m = np.meshgrid(rows_m, columns_m, indexing="ij")
    if rows_m.shape != columns_m.shape or not rows_m.size:
        return np.empty((0, 2)), ()
    return np.stack([rows_m.reshape(-1), columns_m.reshape(-1)], axis=1), rows_m.shape


def _factors(path: Path, found: h5py.Dataset) -> np.ndarray:
    """Return what makes x and y of a dataset meters: float64 (2,)."""
    said = all_units_of(found) or ["m"]
    factors = []
    for text in said[:2] if len(said) > 1 else [said[0]] * 2:
        factor = said_factor(text or "m", "m")
        if factor is None:
            raise DataError(f"{path}: {found.name} is given in '{text}', which is no unit of length that is known")
        factors.append(float(factor))
    return np.array(factors)


def _checked(path: Path, found: h5py.Dataset, positions_m: np.ndarray, shape: tuple[int, ...]) -> PositionList:
    """Find the positions that are lost.

    Raises:
        DataError: all of them are.
    """
    lost = lost_positions(positions_m)
    if len(lost) and lost.all():
        raise DataError(f"{path}: {found.name}: {all_lost_text(positions_m)}")
    grid = " x ".join(map(str, shape))
    notes = (f"the positions are on a grid of {grid}; they are taken row after row",) if len(shape) > 1 else ()
    return PositionList(np.where(lost[:, None], np.nan, positions_m), notes)
