"""Patterns in as few bytes as hold them whole: counts in 8 or 16 bits, or amplitudes as float32."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

KINDS = (np.dtype(np.uint8), np.dtype(np.uint16), np.dtype(np.float32))
"""The types that patterns are held in, smallest first."""

FREE = -1.0
"""Amplitude of a pixel that is not known."""


def amplitudes_of(patterns: np.ndarray) -> np.ndarray:
    """Return float32 amplitudes, -1 where free, of patterns of any shape.

    Args:
        patterns: uint8 or uint16 counts, whose largest number is a free pixel, or float32 amplitudes.
    """
    if patterns.dtype == np.float32:
        return patterns
    amplitudes: np.ndarray = np.sqrt(patterns, dtype=np.float32)
    amplitudes[patterns == np.iinfo(patterns.dtype).max] = FREE
    return amplitudes


def compact(amplitudes: np.ndarray, kinds: Sequence[np.dtype] = KINDS) -> np.ndarray:
    """Return patterns of the first type that keeps every count exactly; the amplitudes themselves if none does.

    Args:
        amplitudes: float32 of any shape, square roots of counts, -1 where free.
        kinds: the types that are allowed, smallest first.
    """
    counts = np.square(amplitudes)
    np.rint(counts, out=counts)
    if not np.array_equal(np.sqrt(counts), np.abs(amplitudes)):  # a free pixel, -1, is whole as well
        return amplitudes
    largest = counts.max(initial=0)
    for kind in kinds:
        if kind.kind == "u" and largest < np.iinfo(kind).max:
            held: np.ndarray = counts.astype(kind)
            held[amplitudes < 0] = np.iinfo(kind).max
            return held
    return amplitudes


def widened(patterns: np.ndarray, kind: np.dtype) -> np.ndarray:
    """Return patterns in the same or a wider type."""
    if kind == patterns.dtype:
        return patterns
    if kind.kind == "f":
        return amplitudes_of(patterns)
    free = patterns == np.iinfo(patterns.dtype).max
    wide: np.ndarray = patterns.astype(kind)
    wide[free] = np.iinfo(kind).max
    return wide


class PatternStack:
    """Patterns that arrive in pieces, held in the smallest type for all of them and in no more memory than that.

    When a piece needs a wider type, the memory grows where it is, from the end, with one piece's copy at a time.
    """

    def __init__(self, shape: tuple[int, int, int]) -> None:
        """Begin a stack of a final shape (positions, N, N)."""
        self._shape, self._kind, self._filled = shape, KINDS[0], 0
        self._memory = np.empty(math.prod(shape), np.uint8)

    def add(self, amplitudes: np.ndarray) -> None:
        """Put float32 amplitudes (positions, N, N), -1 where free, behind those that are there."""
        piece = compact(amplitudes, KINDS[KINDS.index(self._kind) :])
        if piece.dtype != self._kind:
            self._widen(piece.dtype, len(amplitudes))
        self.patterns[self._filled : self._filled + len(piece)] = piece
        self._filled += len(piece)

    @property
    def patterns(self) -> np.ndarray:
        """uint8, uint16 or float32 (positions, N, N); see Problem.patterns."""
        return self._memory.view(self._kind).reshape(self._shape)

    def _widen(self, kind: np.dtype, piece: int) -> None:
        old = self._kind
        self._memory.resize(math.prod(self._shape) * kind.itemsize, refcheck=False)
        self._kind = kind
        held = self._memory[: math.prod(self._shape) * old.itemsize].view(old).reshape(self._shape)
        for last in range(self._filled, 0, -piece):
            chosen = slice(max(0, last - piece), last)
            self.patterns[chosen] = widened(held[chosen].copy(), kind)
