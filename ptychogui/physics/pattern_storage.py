"""Storage of patterns in as few bytes as hold them whole: counts in 8 or 16 bits, or amplitudes as float32."""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Iterator

import numpy as np

KINDS = (np.dtype(np.uint8), np.dtype(np.uint16), np.dtype(np.float32))
"""The types that patterns are held in, smallest first."""

_COPY_PX = 1 << 19
"""Pixels that are widened at a time."""

FREE = -1.0
"""Amplitude of a pixel that is not known."""


def mark_of(kind: np.dtype) -> float:
    """Return what stands for a free pixel in patterns of a type."""
    return FREE if kind.kind == "f" else int(np.iinfo(kind).max)


def kind_for(largest: float) -> np.dtype:
    """Return the first type that holds whole counts up to `largest`."""
    return next(kind for kind in KINDS if kind.kind == "f" or largest < mark_of(kind))


def amplitudes_of(patterns: np.ndarray) -> np.ndarray:
    """Return float32 amplitudes, -1 where free, of patterns of any shape.

    Args:
        patterns: uint8 or uint16 counts, whose largest number is a free pixel, or float32 amplitudes.
    """
    if patterns.dtype == np.float32:
        return patterns
    amplitudes: np.ndarray = np.sqrt(patterns, dtype=np.float32)
    amplitudes[patterns == mark_of(patterns.dtype)] = FREE
    return amplitudes


def compact(amplitudes: np.ndarray) -> np.ndarray:
    """Return patterns of the first type that keeps every count exactly; the amplitudes themselves if none does.

    Args:
        amplitudes: float32 of any shape, square roots of counts, -1 where free.
    """
    counts = np.square(amplitudes)
    np.rint(counts, out=counts)
    if not np.array_equal(np.sqrt(counts), np.abs(amplitudes)):  # a free pixel, -1, is whole as well
        return amplitudes
    kind = kind_for(float(counts.max(initial=0)))
    if kind.kind == "f":
        return amplitudes
    held: np.ndarray = counts.astype(kind)
    held[amplitudes < 0] = mark_of(kind)
    return held


def widened(patterns: np.ndarray, kind: np.dtype) -> np.ndarray:
    """Return patterns in the same or a wider type."""
    if kind == patterns.dtype:
        return patterns
    if kind.kind == "f":
        return amplitudes_of(patterns)
    free = patterns == mark_of(patterns.dtype)
    wide: np.ndarray = patterns.astype(kind)
    wide[free] = mark_of(kind)
    return wide


class PatternStack:
    """Patterns that arrive in pieces from several threads, held in the smallest type for all of them.

    It takes no more memory than that. When a piece needs a wider type, the memory grows where it is, from the end, with
    a few patterns' copy at a time, while nobody writes.
    """

    def __init__(self, shape: tuple[int, int, int]) -> None:
        """Begin a stack of a final shape (positions, N, N)."""
        self._shape, self._kind, self._end = shape, KINDS[0], 0
        self._memory = np.empty(0, np.uint8)
        self._turn = threading.Condition()
        self._writers = 0

    def put(self, first: int, piece: np.ndarray, kind: np.dtype) -> None:
        """Put patterns down from a position on.

        Args:
            first: the position.
            piece: (positions, N, N) of any of the types, or uint32 in the same way.
            kind: the smallest of the types that holds them.
        """
        with self._still(kind, first + len(piece)):
            place = self.patterns[first : first + len(piece)]
            if self._kind.kind == "u" and piece.dtype.itemsize >= self._kind.itemsize:
                np.copyto(place, piece, casting="unsafe")  # the last bits of a mark are the narrower type's mark
            else:
                place[:] = widened(piece, self._kind)

    @contextlib.contextmanager
    def room(self, first: int, count: int, kind: np.dtype) -> Iterator[np.ndarray | None]:
        """Yield where patterns will stay, to be made there; None where patterns are not held in this type, or not yet.

        Args:
            first: the position of the first.
            count: how many.
            kind: a type that holds them.
        """
        with self._turn:
            held = self._end > 0 and kind == self._kind
            if held:
                self._end = max(self._end, first + count)
                self._writers += 1
        if not held:
            yield None
            return
        try:
            yield self.patterns[first : first + count]
        finally:
            self._leave()

    @property
    def patterns(self) -> np.ndarray:
        """uint8, uint16 or float32 (positions, N, N); see Problem.patterns."""
        return self._memory.view(self._kind).reshape(self._shape)

    @contextlib.contextmanager
    def _still(self, kind: np.dtype, end: int) -> Iterator[None]:
        """Keep the memory where it is, and in a type that is wide enough."""
        with self._turn:
            if not self._end:
                self._begin(kind)
            while KINDS.index(kind) > KINDS.index(self._kind):
                if self._writers:
                    self._turn.wait()
                else:
                    self._widen(kind)
            self._end = max(self._end, end)
            self._writers += 1
        try:
            yield
        finally:
            self._leave()

    def _leave(self) -> None:
        with self._turn:
            self._writers -= 1
            self._turn.notify_all()

    def _begin(self, kind: np.dtype) -> None:
        self._kind = kind
        self._memory = np.empty(math.prod(self._shape) * kind.itemsize, np.uint8)

    def _widen(self, kind: np.dtype) -> None:
        old = self._kind
        self._memory.resize(math.prod(self._shape) * kind.itemsize, refcheck=False)
        self._kind = kind
        held = self._memory[: math.prod(self._shape) * old.itemsize].view(old).reshape(self._shape)
        at_once = max(1, _COPY_PX // math.prod(self._shape[1:]))
        for last in range(self._end, 0, -at_once):
            chosen = slice(max(0, last - at_once), last)
            self.patterns[chosen] = widened(held[chosen].copy(), kind)
