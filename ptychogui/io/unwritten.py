"""Frames and parts of frames that an HDF5 file has room for but that were never written: no zeros, and no counts."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np

from ptychogui.io.hdf5 import H5_ERRORS


@dataclass(frozen=True)
class Unwritten:
    """Tells what was never written in a stack of frames.

    A whole frame becomes 0, which preprocessing leaves free as one that was not exposed; a part of one becomes what no
    reading is: NaN, or the type's largest number.

    Attributes:
        data: (frames, rows, columns).
        fill: what HDF5 gives in place of what was never written.
        missing: number of parts of frames that were never written.
    """

    data: h5py.Dataset
    fill: Any
    missing: int

    @classmethod
    def of(cls, data: h5py.Dataset) -> Unwritten | None:
        """Look for it; None where a file is as most are: all is written, or what is not are whole frames of zeros."""
        try:
            fill, missing = data.fillvalue, _missing(data)
        except H5_ERRORS:
            return None
        return cls(data, fill, missing) if missing or (data.ndim == 3 and fill != 0 and fill == fill) else None

    def clear(self, rows: np.ndarray, frames: np.ndarray) -> None:
        """Mark in frames (frames, rows, columns), those at some rows of the stack, what was never written."""
        if self.missing:
            for row, frame in zip(rows.tolist(), frames, strict=True):
                self._clear_parts(row, frame)
        first = frames.reshape(len(frames), -1)[:, 0]
        for at in np.flatnonzero(first == self.fill):
            if (frames[at] == self.fill).all():
                frames[at] = 0

    def _clear_parts(self, row: int, frame: np.ndarray) -> None:
        depth, *tile = self.data.chunks
        corners = itertools.product(*(range(0, size, step) for size, step in zip(frame.shape, tile, strict=True)))
        absent = [corner for corner in corners if not self._is_there((row // depth * depth, *corner))]
        if len(absent) == math.prod(-(-size // step) for size, step in zip(frame.shape, tile, strict=True)):
            frame[:] = 0
            return
        mark = np.nan if frame.dtype.kind == "f" else np.iinfo(frame.dtype).max
        for corner in absent:
            frame[tuple(slice(start, start + step) for start, step in zip(corner, tile, strict=True))] = mark

    def _is_there(self, corner: tuple[int, ...]) -> bool:
        return self.data.id.get_chunk_info_by_coord(corner).byte_offset is not None


def _missing(data: h5py.Dataset) -> int:
    """Count the chunks smaller than a frame that are not there."""
    if data.ndim != 3 or data.chunks is None or data.chunks[1:] == data.shape[1:]:
        return 0
    wanted = math.prod(-(-size // step) for size, step in zip(data.shape, data.chunks, strict=True))
    missing: int = wanted - data.id.get_num_chunks()
    return missing
