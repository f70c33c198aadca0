from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import scipy.fft

from ptychogui.backends.host import LANES, HostBackend
from ptychogui.engines import create_engine
from ptychogui.params.model import Reconstruction
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


def test_workers_are_numbered_and_never_two_at_once() -> None:
    inside = [threading.Lock() for _ in range(3)]

    def work(worker: int, *_: int) -> None:
        assert inside[worker].acquire(blocking=False), "one worker's scratch memory was used twice at a time"
        inside[worker].release()

    with HostBackend(threads=3) as host:
        host.run([(i, i + 1) for i in range(64)], work)


def test_error_of_any_worker_reaches_the_caller_and_the_pool_goes_on(host: HostBackend) -> None:
    both_started = threading.Barrier(2)
    for failing in (0, 1):

        def work(worker: int, lane: int, *_: int, failing: int = failing) -> None:
            if lane < 2:
                both_started.wait()
            if worker == failing:
                raise ValueError(f"worker {worker} failed")

        with pytest.raises(ValueError, match=f"worker {failing} failed"):
            host.run([(0, 1), (1, 2)], work)
    done: list[int] = []
    host.run([(0, 1)], lambda *call: done.append(call[2]))
    assert done == [0]


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
            narrow_beam(16, 8, 4.0), Reconstruction.model_validate({**settings, "sub_pixel": sub_pixel}), host
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
