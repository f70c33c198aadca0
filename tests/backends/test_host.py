from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import scipy.fft

from ptychogui.backends.compiler import load_kernels
from ptychogui.backends.host import LANES, HostBackend
from ptychogui.engines import create_engine
from ptychogui.errors import DeviceError
from ptychogui.params.reconstruction import Reconstruction
from tests.backends.problems import narrow_beam


@pytest.fixture
def host() -> Iterator[HostBackend]:
    with HostBackend(threads=2) as backend:
        yield backend


@pytest.mark.parametrize("sub_pixel", ["fourier", "nearest"])
def test_bits_do_not_depend_on_the_number_of_threads(sub_pixel: str) -> None:
    first, *others = (_reconstructed(threads, sub_pixel) for threads in (1, 2, 3))
    assert np.isfinite(first[0]).all() and np.ptp(np.abs(first[0])) > 0.01
    for other in others:
        assert all(np.array_equal(one, same) for one, same in zip(first, other, strict=True))


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_every_batch_is_done_once_its_lane_in_order(threads: int) -> None:
    batches = [(i, i + 1) for i in range(3 * LANES + 5)]
    done: list[list[int]] = [[] for _ in range(LANES)]
    with HostBackend(threads) as host:
        host.run(batches, lambda worker, lane, start, stop: done[lane].append(start))
    assert done == [list(range(lane, len(batches), LANES)) for lane in range(LANES)]


@pytest.mark.parametrize("threads", [1, 2, 3, 5])
def test_launches_of_a_run_are_done_when_it_returns(threads: int) -> None:
    """Each lane's launches in order: a maximum of what the launch before it wrote."""
    with HostBackend(threads) as host:
        chain = host.asarray(np.random.default_rng(0).uniform(1, 2, (64, 5, 1, 300)).astype(np.float32))
        heads = [host.empty((1,), np.float32) for _ in range(64)]
        launches = [
            [host.bind("row_max", most=chain[i, step + 1, :, 0], rows=chain[i, step]) for step in range(4)]
            + [host.bind("row_max", most=heads[i], rows=chain[i, 4])]
            for i in range(64)
        ]

        def work(_worker: int, _lane: int, start: int, stop: int) -> None:
            for launch in [launch for i in range(start, stop) for launch in launches[i]]:
                launch(1)

        expected = _running_maxima(chain.copy())
        host.run([(i, i + 2) for i in range(0, 64, 2)], work)
        assert np.array_equal(np.concatenate(heads), expected)


def _running_maxima(chain: np.ndarray) -> np.ndarray:
    for step in range(4):
        chain[:, step + 1, 0, 0] = chain[:, step, 0].max(axis=1)
    return np.asarray(chain[:, 4, 0].max(axis=1))


def test_workers_have_their_own_lanes() -> None:
    worker_of: dict[int, set[int]] = {}

    def work(worker: int, lane: int, *_: int) -> None:
        worker_of.setdefault(lane, set()).add(worker)

    with HostBackend(threads=3) as host:
        host.run([(i, i + 1) for i in range(64)], work)
    assert set(worker_of) == set(range(LANES))
    assert all(len(workers) == 1 for workers in worker_of.values())
    assert set().union(*worker_of.values()) == {0, 1, 2}


@pytest.mark.parametrize("failing", [0, 1])
def test_an_error_reaches_the_caller_and_the_workers_go_on(host: HostBackend, failing: int) -> None:
    most, rows = host.empty((1,), np.float32), host.asarray(np.ones((1, 8), np.float32))
    launch = host.bind("row_max", most=most, rows=rows)

    def fail(worker: int, *_: int) -> None:
        if worker == failing:
            raise ValueError(f"worker {worker} failed")

    with pytest.raises(ValueError, match=f"worker {failing} failed"):
        host.run([(0, 1), (1, 2)], fail)
    most[...] = 0
    host.run([(0, 1), (1, 2)], lambda worker, *_: launch(1) if worker == failing else None)
    assert most[0] == 1
    most[...] = 0
    launch(1)
    assert most[0] == 1, "outside of a run a launch is done at once"


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_a_recording_does_nothing_until_it_is_launched_and_then_all_in_order(threads: int) -> None:
    waves = [np.zeros((threads, 64, 64), np.complex64) for _ in range(3)]
    with HostBackend(threads) as host:
        double, copy, back = (
            host.bind("scale_waves", scaled=waves[to], waves=waves[source]) for to, source in ((1, 0), (2, 1), (0, 2))
        )
        lanes = [(lane, lane + 1) for lane in range(threads)]

        def work() -> None:
            """Let every worker read what the first one wrote, then what another one did, and the first what all did."""
            back(0, 64 * threads, 1.0)
            host.run([], lambda *_: None)
            host.run(lanes, lambda _worker, _lane, first, _last: double(64 * (threads - 1 - first), 64, 2.0))
            host.run(lanes, lambda _worker, _lane, first, _last: copy(64 * first, 64, 1.0))
            back(0, 64 * threads, 0.5)

        recording = host._pool.record(work)
        assert not any(array.any() for array in waves)
        for turn in range(1, 500):
            waves[2][...] = turn
            recording.launch()
            assert [np.unique(array).tolist() for array in waves] == [[turn], [2 * turn], [2 * turn]]
        host._pool.record(lambda: None).launch()


def test_a_closed_backend_refuses_what_it_recorded() -> None:
    waves = np.ones((1, 8, 8), np.complex64)
    with HostBackend(2) as host:
        double = host.bind("scale_waves", scaled=waves, waves=waves)
        recording = host._pool.record(lambda: double(0, 8, 2.0))
        recording.launch()
    with pytest.raises(DeviceError, match="the CPU was closed"):
        recording.launch()
    assert (waves == 2).all()


def test_what_fails_while_it_is_recorded_leaves_launches_as_they_were(host: HostBackend) -> None:
    waves = np.ones((1, 8, 8), np.complex64)
    double = host.bind("scale_waves", scaled=waves, waves=waves)

    def work() -> None:
        double(0, 8, 2.0)
        raise ValueError("in the middle")

    with pytest.raises(ValueError, match="in the middle"):
        host._pool.record(work)
    assert (waves == 1).all()
    double(0, 8, 2.0)
    assert (waves == 2).all()


def test_threads_end_with_the_backend() -> None:
    def threads() -> int:
        return len(os.listdir("/proc/self/task"))

    before = threads()
    with HostBackend(4) as host:
        host.run([(i, i + 1) for i in range(8)], lambda *_: None)
        assert threads() == before + 3
    assert threads() == before
    forgotten = HostBackend(3)
    assert threads() == before + 2
    del forgotten
    gc.collect()
    assert threads() == before


def test_a_forked_process_ends_without_the_threads_that_it_has_not() -> None:
    code = (
        "import os, sys; from ptychogui.backends.host import HostBackend\n"
        "host = HostBackend(3); child = os.fork()\n"
        "if not child: sys.exit(7)\n"
        "sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 7


def test_too_many_threads_are_refused_and_those_that_began_end(monkeypatch: pytest.MonkeyPatch) -> None:
    library = load_kernels()
    hire, hired = library.hire_worker, iter(range(2))
    monkeypatch.setattr(library, "hire_worker", _Refusing(lambda: None if next(hired, None) is None else hire()))
    before = len(os.listdir("/proc/self/task"))
    with pytest.raises(DeviceError, match="can't start 4 worker threads"):
        HostBackend(4)
    assert len(os.listdir("/proc/self/task")) == before


class _Refusing:
    """Stands for the C function, whose result type is set before it is called."""

    restype: Any = None

    def __init__(self, call: Callable[[], Any]) -> None:
        self._call = call

    def __call__(self) -> Any:
        return self._call()


def test_nothing_to_do_is_no_error(host: HostBackend) -> None:
    host.run([], lambda *_: pytest.fail("called"))


@pytest.mark.parametrize("n", [9, 16])
@pytest.mark.parametrize("count", [0, 1, 3, 5, 7])
def test_ffts_are_in_place_not_normalised_and_touch_only_their_slots(host: HostBackend, n: int, count: int) -> None:
    rng = np.random.default_rng(0)
    before = (rng.standard_normal((7, 2, n, n)) + 1j * rng.standard_normal((7, 2, n, n))).astype(np.complex64)
    array = host.empty(before.shape, np.complex64)
    pair = host.fft_pair(array)
    array[...] = before
    pair.forward(count)
    np.testing.assert_allclose(array[:count], scipy.fft.fft2(before[:count]), atol=1e-4)
    assert np.array_equal(array[count:], before[count:])
    pair.inverse(count)
    np.testing.assert_allclose(array[:count], n * n * before[:count], atol=1e-3)


def test_batch_has_at_least_one_position(host: HostBackend) -> None:
    assert host.batch_size(1 << 40) == 1
    assert host.batch_size(1 << 10) > 100


def test_wrong_array_is_refused(host: HostBackend) -> None:
    with pytest.raises(TypeError, match="row_max: rows is float64"):
        host.bind("row_max", most=np.zeros(4, np.float32), rows=np.zeros((4, 9)))
    with pytest.raises(TypeError, match="not contiguous"):
        host.bind("row_max", most=np.zeros(4, np.float32), rows=np.zeros((4, 18), np.float32)[:, ::2])


def test_arrays_live_as_long_as_their_launch(host: HostBackend) -> None:
    most = np.zeros(2, np.float32)
    launch = host.bind("row_max", most=most, rows=np.array([[1, 5, 2], [7, 0, 3]], np.float32))
    launch(2)
    assert most.tolist() == [5, 7]


def _reconstructed(threads: int, sub_pixel: str) -> tuple[np.ndarray, np.ndarray]:
    settings: Any = {"engine": "epie", "update_probe": 1, "update_modes": 1, "orthogonalize_every": 2}
    with HostBackend(threads) as host:
        engine = create_engine(
            narrow_beam(16, 8, 4.0),
            Reconstruction.model_validate({"noise_model": "gaussian", **settings, "sub_pixel": sub_pixel}),
            host,
        )
        for _ in range(3):
            engine.step()
        estimate = engine.estimate()
    return estimate.object, estimate.probe


def test_a_nan_wins_a_maximum(host: HostBackend) -> None:
    probe = np.ones((1, 8, 8), np.complex64)
    with np.errstate(invalid="ignore"):
        probe[0, 0, 3] = np.float32(np.inf) - np.float32(np.inf)  # x86 gives this NaN a negative sign
    rows = np.zeros((1, 8), np.float32)
    host.bind("probe_power", rows=rows, probe=probe)(0, 8)
    assert np.isnan(rows[0, 0])
    assert (rows[0, 1:] == 1).all()
