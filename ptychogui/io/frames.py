"""Diffraction patterns that stay in their HDF5 file until asked for."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np

from ptychogui.errors import DataError
from ptychogui.io.hdf5 import check_filters, reading


class Hdf5Frames:
    """A stack of frames in an open HDF5 file; see `dataset.Frames`."""

    def __init__(self, path: Path, data: h5py.Dataset) -> None:
        """Check that a dataset is a readable stack of frames.

        Raises:
            DataError: it is not three axes of real numbers, a filter or a file it refers to is missing.
        """
        if data.ndim != 3 or data.dtype.kind not in "uif" or 0 in data.shape:
            raise DataError(
                f"{path}: {data.name} is not a stack of diffraction patterns (frames, rows, columns) but has shape "
                f"{data.shape} and type {data.dtype}; name the right dataset with --dataset-path"
            )
        check_filters(path, data)
        _check_sources(path, data)
        self.shape: tuple[int, int, int] = data.shape
        self.dtype: np.dtype = data.dtype
        self._path = path
        self._data = data

    def read(self, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        """Return the frames at these (increasing) rows of the stack, in the file's dtype.

        Raises:
            DataError: the file is closed, or damaged in these frames.
        """
        rows = np.asarray(rows, dtype=np.int64)
        if not self._data:
            raise DataError(f"{self._path} is closed; open it again to read frames")
        frames = np.empty((len(rows), *self.shape[1:]), dtype=self.dtype)
        for start, stop in _runs(rows):
            first, last = int(rows[start]), int(rows[stop - 1])
            with reading(self._path, f"frames {first} to {last} of {self._data.name}"):
                frames[start:stop] = self._data[first : last + 1]
        return frames


def _runs(rows: np.ndarray) -> list[tuple[int, int]]:
    """Split rows into runs of neighbors, each read at once: [start, stop) in `rows`."""
    if not len(rows):
        return []
    breaks = np.flatnonzero(np.diff(rows) != 1) + 1
    edges = [0, *breaks.tolist(), len(rows)]
    return list(itertools.pairwise(edges))


def _check_sources(path: Path, data: h5py.Dataset) -> None:
    """Refuse a virtual stack with files missing: HDF5 would silently give zeros in their place."""
    if not data.is_virtual:
        return
    names = {source.file_name for source in data.virtual_sources()} - {"."}
    absent = sorted(name for name in names if not (path.parent / name).exists())
    if absent:
        raise DataError(
            f"{path}: {data.name} is spread over {len(names)} files of which {len(absent)} are missing, the first is "
            f"'{absent[0]}'; put them beside it"
        )
