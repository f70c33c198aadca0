"""The maker of patterns: from a chunk of frames to its patterns and their sums.

This one works with numpy; backends.compiled_pattern_maker has one for whole counts that is faster.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np

from ptychogui.physics.cleaning import FrameCleaner
from ptychogui.physics.crop import Crop
from ptychogui.physics.survey import Sums


class PatternSink(Protocol):
    """Where patterns go: a PatternStack, or a sink that forgets them."""

    def put(self, first: int, piece: np.ndarray, kind: np.dtype) -> None:
        """Put patterns down from a position on; see PatternStack."""

    def room(self, first: int, count: int, kind: np.dtype) -> AbstractContextManager[np.ndarray | None]:
        """Yield where patterns of a type can be made instead, if there is such a place; see PatternStack."""


MakePatterns: TypeAlias = Callable[[int, Iterable[np.ndarray]], Sums]
"""Makes patterns from frames, which come in blocks (frames, rows, columns) none of which is larger than the first, and
each of which may lie in the memory of the one before; puts them down from a position on, and returns their sums.
Several threads call it."""


@dataclass(frozen=True)
class PatternSpec:
    """What frames a scan has, and what is done to them to make patterns.

    Attributes:
        shape: rows and columns of a frame.
        dtype: of a frame.
        crop: which part becomes a pattern.
        free: bool (N, N), True on pixels of a pattern that are never looked at.
        cleaner: what tells counts from what is no measurement.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    crop: Crop
    free: np.ndarray
    cleaner: FrameCleaner


PatternMaker: TypeAlias = Callable[[PatternSpec, PatternSink], MakePatterns]
"""Makes such a function, for a spec and a sink."""


def numpy_maker(spec: PatternSpec, sink: PatternSink) -> MakePatterns:
    """Make patterns of all kinds of frames, with numpy alone."""

    def make(first: int, blocks: Iterable[np.ndarray]) -> Sums:
        cleaned = [spec.cleaner.clean(spec.crop.cut(block, outside=0), spec.free) for block in blocks]
        sums = Sums.of(cleaned)
        edges = [0, *itertools.accumulate(len(block.patterns) for block in cleaned)]
        for block, start, stop in zip(cleaned, edges, edges[1:], strict=False):
            block.set_free(sums.positions[start:stop, 0] == 0)
            sink.put(first + start, block.patterns, block.patterns.dtype)
        return sums

    return make
