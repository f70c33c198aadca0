"""Waiting ends when all is there, when nothing moves any more, or when the user says so; no real time passes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ptychogui.errors import DataError
from ptychogui.io.dataset import Dataset, RawFile
from ptychogui.jobs.prepare.careful_frames import StoppedEarlyError
from ptychogui.jobs.prepare.waiting_for_files import open_settled
from ptychogui.physics.frames import ArrayFrames
from tests.jobs.fakes import Asking


class Detector:
    """A clock, and a scan whose files appear at certain seconds."""

    def __init__(self, *seconds: float) -> None:
        self.now_s = 0.0
        self._seconds = seconds
        self.closed = 0
        self.said: list[str] = []

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds

    def open(self) -> Dataset:
        there = sum(second <= self.now_s for second in self._seconds)
        if not there:
            raise DataError("no file is there")
        files = tuple(RawFile(Path(f"{number}.h5"), number, number, 1, modified_s=0.0) for number in range(there))
        frames = ArrayFrames(np.zeros((there, 4, 4)))
        return Dataset(Path("#d.h5"), "series", frames, np.arange(there), None, files=files, closer=self._close)  # type: ignore[arg-type]

    def _close(self) -> None:
        self.closed += 1

    def wait(self, files: int, limit_s: float, stop: Callable[[], bool] = lambda: False) -> tuple[int, tuple[str, ...]]:
        control = Asking(stop, self.said.append)
        dataset, notes = open_settled(
            self.open, lambda found: len(found.files) == files, limit_s, control, lambda: self.now_s, self.sleep
        )
        return len(dataset.files), notes


def test_what_is_whole_is_taken_at_once() -> None:
    detector = Detector(0, 0)
    assert detector.wait(2, 10) == (2, ())
    assert detector.now_s == 0


def test_files_are_waited_for() -> None:
    detector = Detector(0, 4, 8, 12)
    found, notes = detector.wait(4, 5)
    assert found == 4
    assert 12 <= detector.now_s < 14
    assert notes == (f"waited {detector.now_s:.0f} s for raw files, until all frames were there",)
    assert detector.closed > 3
    assert [text.partition(";")[0] for text in detector.said] == [
        f"Waiting for raw files, {count} patterns so far" for count in (1, 2, 3)
    ]


def test_what_does_not_change_any_more_is_taken_as_it_is() -> None:
    detector = Detector(0, 3, 100)
    found, notes = detector.wait(3, 6)
    assert found == 2
    assert 9 <= detector.now_s < 11
    assert notes[0].endswith("until no file had changed for 6 s")


def test_a_scan_that_begins_later_is_waited_for() -> None:
    assert Detector(4).wait(1, 10)[0] == 1
    with pytest.raises(DataError, match="no file is there"):
        Detector(40).wait(1, 10)


def test_stopping_ends_the_wait_soon() -> None:
    detector = Detector(0, 1000)
    with pytest.raises(StoppedEarlyError):
        detector.wait(2, 500, lambda: detector.now_s >= 20)
    assert 20 <= detector.now_s < 20.2
