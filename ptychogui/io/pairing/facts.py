"""Facts for pairing: the positions of a scan as planned, the files that are there, and what is known of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ptychogui.io.dataset import RawFile


@dataclass(frozen=True)
class ScanPlan:
    """The positions of a scan, which are to meet their frames.

    Attributes:
        positions: how many were planned, in the order of measuring.
        dims: lines and points of a line, if known.
        measured: int64, increasing, those of them that were measured; None for all.
        can_swap: whether `dims` are what the user says, and not the file.
    """

    positions: int
    dims: tuple[int, int] | None = None
    measured: np.ndarray | None = None
    can_swap: bool = True

    @cached_property
    def here(self) -> np.ndarray:
        """The measured positions, int64."""
        return np.arange(self.positions) if self.measured is None else np.asarray(self.measured, np.int64)

    @property
    def is_prefix(self) -> bool:
        """Whether nothing is missing before the last position that was measured."""
        return bool(self.here[-1] == len(self.here) - 1)

    @property
    def was_stopped(self) -> bool:
        """Whether the scan's own file says that it ended early."""
        return bool(self.here[-1] < self.positions - 1)


@dataclass(frozen=True)
class FileFacts:
    """What is known of the files, so that nothing has to be concluded from them.

    Attributes:
        first_file: number of the first file, as the user says.
        per_file: positions that each file is for.
        first_frame: place of the first position's frame.
        counts_from: number that the files of a beamline usually begin with.
        by: who says so: "preset velociprobe counts files from 1".
        is_series: whether files are known by their numbers alone, so that there may have been more of them.
    """

    first_file: int | None = None
    per_file: int | None = None
    first_frame: int | None = None
    counts_from: int | None = None
    by: str = ""
    is_series: bool = True


@dataclass(frozen=True)
class FilesSeen:
    """The files as they are: frames in each, which can be read, and from which to which they are there."""

    counts: np.ndarray
    good: np.ndarray
    low: int
    high: int
    base: int
    earliest: int

    @classmethod
    def of(cls, files: Sequence[RawFile], facts: FileFacts) -> FilesSeen:
        there = [place for place, file in enumerate(files) if file.modified_s is not None] or [0]
        is_known = not facts.is_series
        low = 0 if is_known or facts.first_file is not None else there[0]
        high = len(files) - 1 if is_known else there[-1]
        good = np.array([not file.problem for file in files])
        return cls(np.array([file.frames for file in files]), good, low, high, files[0].number, there[0])

    @property
    def span(self) -> int:
        """Files from the first that is there to the last, with those between."""
        return self.high - self.low + 1

    @property
    def there(self) -> tuple[int, int]:
        """Numbers of the first and the last file that are there."""
        return self.base + self.low, self.base + self.high

    @property
    def held(self) -> list[int]:
        """What the files hold that can be read."""
        inside = slice(self.low, self.high + 1)
        return [int(count) for count in self.counts[inside][self.good[inside]]]


def usual_of(counts: Sequence[int]) -> int:
    """Return the commonest number; 0 of none."""
    return Counter(counts).most_common(1)[0][0] if counts else 0
