"""The benchmark measures every combination once, and its ratio is what it says."""

from __future__ import annotations

import pytest

from ptychogui.backends import open_backend
from ptychogui.jobs.bench import run_bench


def test_every_combination_is_measured_against_its_own_ffts() -> None:
    with open_backend("cpu", threads=2) as backend:
        rows = list(run_bench(backend, sizes=(32,), modes=(1, 2), rounds=1))
    assert [(row.modes, row.sub_pixel, row.ffts_per_position) for row in rows] == [
        (1, "nearest", 2), (1, "fourier", 4), (2, "nearest", 4), (2, "fourier", 8),
    ]  # fmt: skip
    for row in rows:
        assert row.ratio == pytest.approx(row.fft_positions_per_s / row.positions_per_s)
        assert row.frame_bytes == row.positions * 32 * 32 * 4
        assert row.memory_bytes > row.frame_bytes
        assert row.as_dict()["ratio"] == row.ratio
