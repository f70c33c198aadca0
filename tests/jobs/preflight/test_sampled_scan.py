"""The sample of frames that preflight looks at."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ptychogui.errors import DataError
from ptychogui.io.simulated import dataset_of
from ptychogui.jobs.preflight import Level
from ptychogui.jobs.preflight.sampled_scan import MOST_BYTES, MOST_FRAMES, read_sample
from ptychogui.physics.frames import ArrayFrames
from tests.jobs.fakes import GuardedFrames
from tests.jobs.preflight.scans import Check, dataset, only, scan


class TestSample:
    def test_it_is_bounded_and_spread(self) -> None:
        frames = np.zeros((1000, 32, 32), np.uint8)
        sample = read_sample(dataset(frames, frame_rows=np.arange(1000)))
        assert len(sample.rows) == MOST_FRAMES
        assert (sample.rows[0], sample.rows[-1]) == (0, 999)
        assert np.ptp(np.diff(sample.rows)) <= 1

    def test_large_frames_are_few(self) -> None:
        asked: list[int] = []

        class Large(ArrayFrames):
            def read(self, rows: Any, out: Any = None) -> np.ndarray:
                asked.append(len(rows))
                return np.zeros((len(rows), 1, 1), np.uint16)

        frames = Large(np.zeros((1, 1, 1), np.uint16))
        frames.shape = (500, 2000, 2000)
        read_sample(dataset(frames=frames, frame_rows=np.arange(500)))
        assert asked == [MOST_BYTES // 8_000_000]

    def test_a_scan_without_frames_is_refused(self) -> None:
        with pytest.raises(DataError, match="no frame with a position"):
            read_sample(dataset(frames=GuardedFrames(np.zeros((4, 8, 8))), frame_rows=np.zeros(0, int)))

    def test_what_cannot_be_read_is_left_out_and_said(self, check: Check) -> None:
        whole = dataset_of(scan())

        class Damaged(ArrayFrames):
            def read(self, rows: Any, out: np.ndarray | None = None) -> np.ndarray:
                if 5 in rows:
                    raise DataError("frame 5 of a.h5 can't be read")
                return super().read(rows, out)

        damaged: Any = Damaged(whole.frames.read(range(whole.frames.shape[0])))
        finding = only(check(replace(whole, frames=damaged)), "pairing")
        assert (finding.title, finding.level) == ("Some frames can't be read", Level.LOOK)
        assert "1 of those that were looked at: frame 5 of a.h5" in finding.reason
