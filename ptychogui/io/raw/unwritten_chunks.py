"""Frames and parts of frames that an HDF5 file has room for but that were never written: neither zeros nor counts."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, field
from typing import Any

import h5py
import numpy as np

from ptychogui.io.hdf5.files import H5_ERRORS

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Unwritten:
    """Tells what was never written in a stack of frames.

    A whole frame becomes 0, which preprocessing leaves free as one that was not exposed; a part of one becomes what no
    reading is: NaN, or the type's largest number.

    Attributes:
        fill: what HDF5 gives in place of what was never written.
        chunks: frames, rows and columns of a part; () where no part of a frame is missing.
        written: bool (parts along each of the three axes), which of them are there.
    """

    fill: Any
    chunks: tuple[int, ...] = ()
    written: np.ndarray = field(default_factory=lambda: np.ones((0, 0, 0), np.bool_))

    @property
    def missing(self) -> int:
        """Number of parts of frames that were never written."""
        return int(np.count_nonzero(~self.written))

    @classmethod
    def of(cls, data: h5py.Dataset) -> Unwritten | None:
        """Look for what was never written; None where all was, or what was not are whole frames that read as zeros."""
        try:
            fill = data.fillvalue
            if _has_holes(data):
                return cls(fill, data.chunks, _written(data))
        except H5_ERRORS as error:
            _log.debug("%s: which chunks were written is not known: %s", data.name, error)
            return None
        return cls(fill) if data.ndim == 3 and fill != 0 and fill == fill else None

    def clear(self, rows: np.ndarray, frames: np.ndarray) -> None:
        """Mark what was never written in frames (frames, rows, columns), which are at some rows of the stack."""
        if self.chunks:
            for row, frame in zip(rows.tolist(), frames, strict=True):
                self._clear_parts(row, frame)
        first = frames.reshape(len(frames), -1)[:, 0]
        for at in np.flatnonzero(first == self.fill):
            if (frames[at] == self.fill).all():
                frames[at] = 0

    def _clear_parts(self, row: int, frame: np.ndarray) -> None:
        depth, *tile = self.chunks
        absent = np.argwhere(~self.written[row // depth])
        if len(absent) == self.written[0].size:
            frame[:] = 0
            return
        mark = np.nan if frame.dtype.kind == "f" else np.iinfo(frame.dtype).max
        for corner in (absent * tile).tolist():
            frame[tuple(slice(start, start + step) for start, step in zip(corner, tile, strict=True))] = mark


def _has_holes(data: h5py.Dataset) -> bool:
    """Whether chunks smaller than a frame are not there."""
    if data.ndim != 3 or data.chunks is None or data.chunks[1:] == data.shape[1:]:
        return False
    return bool(data.id.get_num_chunks() < math.prod(_parts(data)))


def _parts(data: h5py.Dataset) -> tuple[int, ...]:
    """Return how many chunks there are room for along each axis."""
    return tuple(-(-size // step) for size, step in zip(data.shape, data.chunks, strict=True))


def _written(data: h5py.Dataset) -> np.ndarray:
    """Return which chunks are there, bool (along each axis), in one pass: asked for one by one, each is a search."""
    written = np.zeros(_parts(data), np.bool_)

    def note(chunk: Any) -> None:
        written[tuple(start // step for start, step in zip(chunk.chunk_offset, data.chunks, strict=True))] = True

    data.id.chunk_iter(note)
    return written
