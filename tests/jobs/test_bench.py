"""The benchmark measures every combination once, counts the FFTs that are done, and divides the right times."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ptychogui.backends import open_backend
from ptychogui.backends.base import Backend
from ptychogui.backends.cuda import CudaBackend
from ptychogui.engines import ENGINES, Problem, Step, create_engine
from ptychogui.jobs import bench
from ptychogui.jobs.bench import bench_problem, measure_engine, run_bench, traffic_bytes
from ptychogui.params.reconstruction import Reconstruction
from tests.backends.fake_cupy import installed


@pytest.mark.parametrize("threads", [1, 2])
def test_every_combination_is_measured_once(threads: int) -> None:
    with open_backend("cpu", threads) as backend:
        rows = list(run_bench(backend, sizes=(16, 32), modes=(1, 2), rounds=1))
    wanted = itertools.product(ENGINES, (16, 32), (1, 2), bench.SUB_PIXEL)
    assert sorted((row.engine, row.n, row.modes, row.sub_pixel) for row in rows) == sorted(wanted)
    for row in rows:
        assert row.frame_bytes == row.positions * row.n**2 * 2  # counts as uint16
        assert row.memory_per_position_bytes * row.positions == row.memory_bytes > row.frame_bytes
        assert row.positions_per_s > 0 < row.fft_positions_per_s
        assert row.workers == threads
        assert row.copy_bytes_per_s is row.part_of_copy is None


@pytest.mark.parametrize("modes", [1, 3])
@pytest.mark.parametrize("engine", ["epie", "lsqml"])
def test_an_engine_needs_two_ffts_a_mode_and_two_more_for_sub_pixel_positions(engine: str, modes: int) -> None:
    with open_backend("cpu", threads=2) as backend:
        rows = [row for row in run_bench(backend, sizes=(32,), modes=(modes,), rounds=1) if row.engine == engine]
    assert {row.sub_pixel: row.ffts_per_position for row in rows} == {"nearest": 2 * modes, "fourier": 4 * modes}


def test_what_a_gpu_moves_is_compared_with_a_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    def timed(_backend: Backend, work: Callable[[], object]) -> float:
        work()
        return 0.5

    monkeypatch.setattr(bench, "_timed", timed)
    monkeypatch.setattr(bench, "_COPIED_BYTES", 1000)
    with installed(monkeypatch), CudaBackend(0) as gpu:
        rows = list(run_bench(gpu, sizes=(16,), modes=(2,), rounds=1))
    assert [row.engine for row in rows[::2]] == list(ENGINES)
    for row in rows:
        patterns = row.frame_bytes // row.positions
        assert row.traffic_bytes == traffic_bytes(row.engine, row.sub_pixel, 16, 2, patterns)
        moved_per_s = row.traffic_bytes * row.positions / 0.5
        assert row.as_dict()["part_of_copy"] == pytest.approx(moved_per_s / (2 * 16 * 1000 / 0.5))


def test_further_settings_reach_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[Reconstruction] = []

    def created(problem: Problem, settings: Reconstruction, backend: Backend) -> Any:
        taken.append(settings)
        return create_engine(problem, settings, backend)

    monkeypatch.setattr(bench, "create_engine", created)
    with open_backend("cpu", 1) as backend:
        row = measure_engine("epie", backend, bench_problem(16, 1), "nearest", 1, None, {"batch_size": 7})
    assert [settings.batch_size for settings in taken] == [7] and row.engine == "epie"


class _Clock:
    """Time that passes only where work is said to take some."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def perf_counter(self) -> float:
        return self.now_s


class _SlowFFTs:
    """A backend whose transforms take a second each."""

    def __init__(self, backend: Backend, clock: _Clock) -> None:
        self._backend, self._clock = backend, clock

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def fft_pair(self, array: np.ndarray) -> Any:
        clock, each = self._clock, int(np.prod(array.shape[1:-2]))

        class Pair:
            def forward(self, count: int) -> None:
                clock.now_s += count * each

            inverse = forward

        return Pair()


def test_the_ratio_is_the_engines_time_over_that_of_as_many_bare_ffts(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = _Clock()

    class Engine:
        """Three transforms a mode and position, and as long again and half for something else."""

        def __init__(self, problem: Problem, _settings: Reconstruction, backend: Backend) -> None:
            self._positions, self._modes = len(problem.patterns), len(problem.probe)
            self._ffts = backend.fft_pair(backend.empty(problem.probe[None].shape, np.complex64))

        def step(self) -> Step:
            for _ in range(3 * self._positions):
                self._ffts.forward(1)
            clock.now_s += 4.5 * self._positions * self._modes
            return Step(1, ())

    monkeypatch.setattr(bench, "time", clock)
    monkeypatch.setattr(bench, "ENGINES", {"lsqml": Engine})
    monkeypatch.setattr(bench, "create_engine", Engine)
    with open_backend("cpu", threads=1) as backend:
        rows = list(run_bench(_SlowFFTs(backend, clock), sizes=(16,), modes=(2,), rounds=3))
    for row in rows:
        assert row.ffts_per_position == 3 * 2
        assert row.ratio == pytest.approx((3 + 4.5) / 3)
        assert row.positions_per_s == pytest.approx(1 / (2 * 7.5))
        assert row.as_dict()["ratio"] == row.ratio
