"""Patterns in as few bytes as hold them whole: counts in 8 or 16 bits, or amplitudes as float32."""

from __future__ import annotations

import math

import numpy as np

KINDS = (np.dtype(np.uint8), np.dtype(np.uint16), np.dtype(np.float32))
"""The types that patterns are held in, smallest first."""

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
    """Patterns that arrive in pieces, held in the smallest type for all of them and in no more memory than that.

    When a piece needs a wider type, the memory grows where it is, from the end, with one piece's copy at a time.
    """

    def __init__(self, shape: tuple[int, int, int]) -> None:
        """Begin a stack of a final shape (positions, N, N)."""
        self._shape, self._kind, self._filled = shape, KINDS[0], 0
        self._memory = np.empty(0, np.uint8)

    def add(self, piece: np.ndarray) -> None:
        """Put patterns (positions, N, N) of any of the types behind those that are there."""
        if not self._filled:
            self._begin(piece.dtype)
        elif KINDS.index(piece.dtype) > KINDS.index(self._kind):
            self._widen(piece.dtype, len(piece))
        self.patterns[self._filled : self._filled + len(piece)] = widened(piece, self._kind)
        self._filled += len(piece)

    @property
    def patterns(self) -> np.ndarray:
        """uint8, uint16 or float32 (positions, N, N); see Problem.patterns."""
        return self._memory.view(self._kind).reshape(self._shape)

    def _begin(self, kind: np.dtype) -> None:
        self._kind = kind
        self._memory = np.empty(math.prod(self._shape) * kind.itemsize, np.uint8)

    def _widen(self, kind: np.dtype, piece: int) -> None:
        old = self._kind
        self._memory.resize(math.prod(self._shape) * kind.itemsize, refcheck=False)
        self._kind = kind
        held = self._memory[: math.prod(self._shape) * old.itemsize].view(old).reshape(self._shape)
        for last in range(self._filled, 0, -piece):
            chosen = slice(max(0, last - piece), last)
            self.patterns[chosen] = widened(held[chosen].copy(), kind)
