"""Frames in an HDF5 file: diffraction patterns that stay there until asked for."""

from __future__ import annotations

import functools
import itertools
import logging
import math
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

import h5py
import numpy as np

from ptychogui.errors import DataError
from ptychogui.io.hdf5.files import H5_ERRORS, check_filters, reading
from ptychogui.io.raw.decompression import Unpack, unpacker
from ptychogui.io.raw.unwritten_chunks import Unwritten
from ptychogui.texts import counted

_log = logging.getLogger(__name__)

_MOST_THREADS = 16

_MANY_CHUNKS = 32
"""Fewer are unpacked by the thread that asks for them: who wants all of a scan reads on several threads."""

_PIECE_BYTES = 1 << 22
"""Of frames that are unpacked at once."""

_SMALLEST_PX = 8
"""Of a single frame; a narrower table is none."""


def can_be_stack(shape: Sequence[int], dtype: np.dtype) -> bool:
    """Whether an array can be a stack of frames (frames, rows, columns), frames on a grid, or a single frame."""
    if len(shape) not in (2, 3, 4) or dtype.kind not in "uif" or 0 in shape[-2:]:
        return False
    return len(shape) > 2 or min(shape) >= _SMALLEST_PX


def looks_like_frames(shape: Sequence[int], dtype: np.dtype) -> bool:
    """Whether an array that nobody names can be taken for frames: matrices, tables and colored pictures can not."""
    return can_be_stack(shape, dtype) and min(shape[-2:]) >= _SMALLEST_PX


def grid_note(grid: Sequence[int]) -> str:
    """Say that frames come on a grid."""
    return f"the frames are on a grid of {' x '.join(map(str, grid))}; they are taken row after row"


def is_stack(data: h5py.Dataset) -> bool:
    """Whether a dataset can be frames; see `can_be_stack`."""
    return can_be_stack(data.shape, data.dtype)


class Hdf5Frames:
    """A stack of frames, or a single frame, in an open HDF5 file; see `dataset.Frames`.

    Attributes:
        grid: rows and columns of a grid of frames, which are taken row after row; () where they are in one order.
    """

    def __init__(self, path: Path, data: h5py.Dataset) -> None:
        """Check that a dataset is a readable stack of frames.

        Raises:
            DataError: it is not three axes (of a single frame: two, of a grid: four) of real numbers, or a filter is
                missing.
        """
        if not is_stack(data):
            raise DataError(
                f"{path}: {data.name} is not a stack of diffraction patterns (frames, rows, columns) but has shape "
                f"{data.shape} and type {data.dtype}; name the right dataset with --dataset-path"
            )
        check_filters(path, data)
        self.grid: tuple[int, ...] = data.shape[:-2] if data.ndim == 4 else ()
        self.shape: tuple[int, int, int] = (math.prod(data.shape[:-2]), *data.shape[-2:])
        self.dtype: np.dtype = data.dtype
        self._path = path
        self._data = data
        self._unwritten = Unwritten.of(data)
        self._unpack = self._direct()
        self._depth = data.chunks[0] if data.chunks and data.ndim == 3 else 1
        self._at_once = max(1, _PIECE_BYTES // (self._depth * math.prod(self.shape[1:]) * self.dtype.itemsize))

    def read(self, rows: Sequence[int] | np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Return the frames at these (increasing) rows of the stack, in the file's dtype; in `out`, if it is given.

        `out` is contiguous, and no row comes twice.

        Raises:
            DataError: the file is closed, or damaged in these frames.
        """
        rows = np.asarray(rows, dtype=np.int64)
        if not self._data:
            raise DataError(f"{self._path} is closed; open it again to read frames")
        frames = np.empty((len(rows), *self.shape[1:]), dtype=self.dtype) if out is None else out
        if self._unpack is None:
            self._read_runs(rows, frames)
        else:
            self._read_chunks(rows, frames, self._unpack)
        if self._unwritten is not None:
            self._unwritten.clear(rows, frames)
        return frames

    @property
    def notes(self) -> tuple[str, ...]:
        """What was noticed: parts of frames that were never written."""
        missing = 0 if self._unwritten is None else self._unwritten.missing
        text = f"parts of frames of {self._data.name} were never written and are left free: {counted(missing, 'chunk')}"
        return (text,) if missing else ()

    def _direct(self) -> Unpack | None:
        """Return what unpacks chunks of whole frames; None where the HDF5 library has to."""
        data = self._data
        is_plain = data.ndim == 3 and data.chunks is not None and not data.is_virtual
        return unpacker(data) if is_plain and data.chunks[1:] == data.shape[1:] else None

    def _read_runs(self, rows: np.ndarray, frames: np.ndarray) -> None:
        """Have the HDF5 library read neighbors at once."""
        for start, stop in _runs(rows):
            first, last = int(rows[start]), int(rows[stop - 1])
            with self._reading(rows[start:stop]):
                if self._data.ndim == 3:
                    self._data.read_direct(frames, np.s_[first : last + 1], np.s_[start:stop])
                elif self.grid:
                    self._read_grid(first, last, frames[start:stop])
                else:
                    self._data.read_direct(frames[start])

    def _read_grid(self, first: int, last: int, frames: np.ndarray) -> None:
        """Read neighbors of a grid, which may be on several of its rows."""
        columns = self.grid[1]
        for row in range(first // columns, last // columns + 1):
            start, stop = max(first, row * columns), min(last + 1, (row + 1) * columns)
            here = np.s_[row, start - row * columns : stop - row * columns]
            self._data.read_direct(frames, here, np.s_[start - first : stop - first])

    def _read_chunks(self, rows: np.ndarray, frames: np.ndarray, unpack: Unpack) -> None:
        """Read each chunk once, a few at a time, and on several threads where there are many."""
        of = rows // self._depth
        starts = np.flatnonzero(np.diff(of, prepend=-1))
        chunks, edges = of[starts].tolist(), [*starts.tolist(), len(rows)]

        few = len(chunks) < _MANY_CHUNKS or len(chunks) <= self._at_once
        at_once = self._at_once if few else min(self._at_once, math.ceil(len(chunks) / _threads()))

        def read_some(firsts: Iterable[int]) -> None:
            for first in firsts:
                last = min(first + at_once, len(chunks))
                here = slice(edges[first], edges[last])
                self._read_piece(chunks[first:last], rows[here], frames[here], unpack)

        pieces = range(0, len(chunks), at_once)
        if few:
            read_some(pieces)
        else:
            list(_pool().map(read_some, np.array_split(pieces, _threads())))

    def _read_piece(self, chunks: list[int], rows: np.ndarray, frames: np.ndarray, unpack: Unpack) -> None:
        """Read the frames at some rows, in these chunks; one that has no bytes, or unusual ones, is left to HDF5."""
        depth = self._depth
        try:
            packed = [self._packed(chunk) for chunk in chunks]
        except (*H5_ERRORS, ValueError) as error:
            if len(chunks) == 1:
                _log.debug("a chunk is left to HDF5: %s", error)
                self._read_runs(rows, frames)
                return
            for chunk in chunks:
                here = self._rows_in(rows, chunk)
                self._read_piece([chunk], rows[here], frames[here], unpack)
            return
        whole = frames if depth == 1 else np.empty((len(chunks) * depth, *self.shape[1:]), self.dtype)
        numbers = whole.reshape(len(chunks), -1)
        try:
            unpack(packed, numbers)
        except OSError as error:
            _log.debug("chunks are unpacked one by one: %s", error)
            for at, chunk in enumerate(chunks):
                with self._reading(rows[self._rows_in(rows, chunk)]):
                    unpack(packed[at : at + 1], numbers[at : at + 1])
        if depth > 1:
            frames[:] = whole[np.searchsorted(chunks, rows // depth) * depth + rows % depth]

    def _rows_in(self, rows: np.ndarray, chunk: int) -> slice:
        """Return which of the rows are in a chunk."""
        return slice(*np.searchsorted(rows, (chunk * self._depth, (chunk + 1) * self._depth)))

    def _reading(self, rows: np.ndarray) -> AbstractContextManager[None]:
        """Turn what is raised where frames are damaged into a DataError that names them."""
        return reading(self._path, f"frames {rows[0]} to {rows[-1]} of {self._data.name}")

    def _packed(self, chunk: int) -> bytes:
        """Return the bytes of a chunk as they are in the file.

        Raises:
            ValueError: filters were left out.
        """
        skipped, packed = self._data.id.read_direct_chunk((chunk * self._depth, 0, 0))
        if skipped:
            raise ValueError("not all filters were used on this chunk")
        return bytes(packed)


def _runs(rows: np.ndarray) -> list[tuple[int, int]]:
    """Split rows into runs of neighbors, each read at once: [start, stop) in `rows`."""
    if not len(rows):
        return []
    breaks = np.flatnonzero(np.diff(rows) != 1) + 1
    edges = [0, *breaks.tolist(), len(rows)]
    return list(itertools.pairwise(edges))


def _threads() -> int:
    return min(os.cpu_count() or 1, _MOST_THREADS)


@functools.cache
def _pool() -> ThreadPoolExecutor:
    """Return the threads on which chunks are unpacked, the same for all files."""
    return ThreadPoolExecutor(_threads(), thread_name_prefix="unpack")
