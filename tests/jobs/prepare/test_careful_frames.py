"""Frames that are given up when the job is stopped, and empty where they are damaged."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from ptychogui.errors import DataError
from ptychogui.io.dataset import RawFile
from ptychogui.jobs.job import Control
from ptychogui.jobs.prepare.careful_frames import CarefulFrames, StoppedEarlyError
from ptychogui.physics.frames import ArrayFrames
from tests.jobs.fakes import Asking


def test_reading_ends_between_two_reads() -> None:
    asked: list[int] = []
    frames = CarefulFrames(ArrayFrames(np.zeros((3, 4, 4))), Asking(lambda: len(asked) > 1))
    for row in range(2):
        assert frames.read([row]).shape == (1, 4, 4)
        asked.append(row)
    with pytest.raises(StoppedEarlyError):
        frames.read([2])


class Scratched(ArrayFrames):
    """Frames of which some can't be read."""

    def __init__(self, array: np.ndarray, damaged: set[int]) -> None:
        super().__init__(array)
        self._damaged = damaged

    def read(self, rows: Sequence[int] | np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        bad = self._damaged.intersection(np.asarray(rows).tolist())
        if bad:
            raise DataError(f"a.h5: frame {min(bad)} can't be read")
        return super().read(rows)


def test_damaged_frames_come_out_empty_and_are_counted() -> None:
    frames = CarefulFrames(Scratched(np.ones((40, 4, 4)), {3, 5}), Control())
    sums = np.concatenate([frames.read(range(start, start + 8)).sum(axis=(1, 2)) for start in range(0, 40, 8)])
    np.testing.assert_array_equal(np.flatnonzero(sums == 0), [3, 5])
    assert frames.notes() == ("damaged raw frames are left free: 2, the first of them: a.h5: frame 3 can't be read",)


def test_too_many_damaged_frames_are_refused() -> None:
    with pytest.raises(DataError, match="frame 4 can't be read"):
        CarefulFrames(Scratched(np.ones((40, 4, 4)), set(range(9))), Control()).read(range(40))


def in_files(*counts: int) -> list[RawFile]:
    return [RawFile(Path(f"{i}.h5"), i, sum(counts[:i]), count) for i, count in enumerate(counts)]


@pytest.mark.parametrize(
    ("files", "damaged", "is_refused"),
    [((8,) * 5, 16, False), ((8,) * 5, 17, True), ((20, 20), 20, False), ((20, 20), 21, True), ((40,), 5, True)],
)
def test_whole_files_may_be_damaged_if_they_are_few(files: tuple[int, ...], damaged: int, is_refused: bool) -> None:
    frames = CarefulFrames(Scratched(np.ones((40, 4, 4)), set(range(damaged))), Control(), in_files(*files))
    if is_refused:
        with pytest.raises(DataError, match="can't be read"):
            frames.read(range(40))
    else:
        assert np.count_nonzero(frames.read(range(40)).sum(axis=(1, 2)) == 0) == damaged
