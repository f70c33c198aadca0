"""The compiled maker of patterns: one pass over each frame while it is in a core's cache, without Python's lock.

It does what physics.pattern_maker does with numpy, which takes over where nothing is compiled. See kernels/sift.hpp.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable
from typing import Any

import numpy as np

from ptychogui.backends.compiler import cached_kernels
from ptychogui.physics.pattern_maker import MakePatterns, PatternSink, PatternSpec, numpy_maker
from ptychogui.physics.pattern_storage import kind_for, mark_of
from ptychogui.physics.survey import Sums

_C_TYPES = {"uint8": ctypes.c_uint8, "uint16": ctypes.c_uint16, "uint32": ctypes.c_uint32}


def compiled_maker(spec: PatternSpec, sink: PatternSink) -> MakePatterns:
    """Make patterns by compiled code from whole counts, and with numpy from others.

    Also with numpy where the kernels have not been compiled yet: to wait for that would take longer.
    """
    can_be = spec.cleaner.is_whole and spec.dtype.name in _C_TYPES and spec.dtype.isnative
    library = cached_kernels() if can_be else None
    return numpy_maker(spec, sink) if library is None else _maker(library, spec, sink)


def _maker(library: ctypes.CDLL, spec: PatternSpec, sink: PatternSink) -> MakePatterns:
    sift = _bound(library, spec)
    n, bad = spec.crop.n, spec.free
    always_free = np.count_nonzero(bad)

    def make(first: int, blocks: Iterable[np.ndarray]) -> Sums:
        largest, by_pixel = np.zeros((n, n), spec.dtype), np.zeros((3, n, n))
        positions: list[np.ndarray] = []
        patterns = np.empty((0, n, n), spec.dtype)
        for block in blocks:
            positions.append(np.empty((len(block), 4)))
            with sink.room(first, len(block), spec.dtype) as place:
                if place is None and not len(patterns):
                    patterns = np.empty((len(block), n, n), spec.dtype)
                made = patterns[: len(block)] if place is None else place
                most = sift(made, positions[-1], largest, by_pixel, np.ascontiguousarray(block))
            if place is None:
                sink.put(first, made, kind_for(most))
            first += len(block)
        sums = np.concatenate(positions)
        dark, saturated = sums[:, 0] == 0, sums[:, 3]
        total, squares, unknown = by_pixel
        return Sums(
            positions=sums[:, :3],
            empty=dark & (saturated + always_free < n * n),
            known=np.where(bad, 0, np.count_nonzero(~dark) - unknown.astype(np.int64)),
            total=total,
            squares=squares,
            largest=largest.astype(np.float32),
            broken=0,
            saturated=int(saturated.sum()),
        )

    return make


def _bound(library: ctypes.CDLL, spec: PatternSpec) -> Any:
    """Return a call of the compiled code for a spec: sift(patterns, by_position, largest, by_pixel, frames).

    It returns the largest count so far.
    """
    whole = _C_TYPES[spec.dtype.name]
    function = getattr(library, f"sift_{spec.dtype.name}")
    function.restype = whole
    function.argtypes = (*[ctypes.c_void_p] * 8, ctypes.c_int, ctypes.c_longlong, ctypes.c_int, whole, whole)
    frame_px, most = spec.shape[0] * spec.shape[1], int(mark_of(spec.dtype))
    rows, columns = _places(spec)
    limit = most if spec.cleaner.limit is None else spec.cleaner.limit

    def sift(*arrays: np.ndarray) -> int:
        pointers = (array.ctypes.data for array in (*arrays, rows, columns, spec.free))
        return int(function(*pointers, len(arrays[-1]), frame_px, spec.crop.n, limit, min(spec.cleaner.least, most)))

    return sift


def _places(spec: PatternSpec) -> tuple[np.ndarray, np.ndarray]:
    """Return int32 (N,) twice: pixel [r, c] of a pattern is element rows[r] + columns[c] of a frame.

    A crop is a rectangle, however it is turned; what lies beyond the detector, which is free, is taken from elsewhere.
    """
    frame = np.arange(spec.shape[0] * spec.shape[1], dtype=np.int32).reshape(1, *spec.shape)
    places = spec.crop.cut(frame, outside=-1)[0]
    last = places.max()
    rows, columns = (np.where(line < 0, last, line) for line in (places.max(axis=1), places.max(axis=0)))
    return rows, columns - last
