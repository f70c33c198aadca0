"""Work that is broken off between batches: at once, in recordings between their parts, and never in a capture."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from ptychogui.backends import host as host_module
from ptychogui.backends.breaking import BrokenOffError
from ptychogui.backends.cuda import CudaBackend
from ptychogui.backends.host import HostBackend
from ptychogui.backends.numpy_backend import NumpyBackend
from tests.backends.fake_cupy import FakeMachine


def _after(times: int) -> Callable[[], bool]:
    """Want work for so many break points."""
    left = iter(range(times))
    return lambda: next(left, None) is None


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_work_is_broken_off_before_a_batch_and_the_backend_goes_on(threads: int) -> None:
    waves = np.ones((8, 16, 16), np.complex64)
    with HostBackend(threads) if threads else NumpyBackend() as backend:
        double = backend.bind("scale_waves", scaled=waves, waves=waves)

        def work(_worker: int, _lane: int, start: int, stop: int) -> None:
            backend.break_point()
            double(16 * start, 16 * (stop - start), 2.0)

        batches = [(number, number + 1) for number in range(8)]
        with pytest.raises(BrokenOffError), backend.breakable(_after(3)):
            backend.run(batches, work)
        assert np.count_nonzero(waves[:, 0, 0] == 2) <= 3
        waves[...] = 1
        backend.run(batches, work)
        assert (waves == 2).all()


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("parts", [1, 2, 3, 100])
def test_a_recording_in_parts_does_the_same(threads: int, parts: int) -> None:
    waves = [np.zeros((12, 8, 8), np.complex64) for _ in range(2)]
    with HostBackend(threads) as host:
        first = host.bind("scale_waves", scaled=waves[1], waves=waves[0])
        back = host.bind("scale_waves", scaled=waves[0], waves=waves[1])

        def explore(_worker: int, _lane: int, start: int, stop: int) -> None:
            host.break_point()
            first(8 * start, 8 * (stop - start), 2.0)

        def work() -> None:
            host.run([(number, number + 1) for number in range(12)], explore)
            host.run([(0, 6), (6, 12)], lambda _worker, _lane, start, stop: back(8 * start, 8 * (stop - start), 1.0))

        asked = []
        recording = host._pool.record(work, parts, lambda: asked.append(True))
        for turn in range(1, 20):
            waves[0][...] = turn
            recording.launch()
            assert [np.unique(array).tolist() for array in waves] == [[2 * turn], [2 * turn]]
        assert bool(asked) is (parts > 1)


def test_a_recording_is_broken_off_between_its_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_module, "_PART_S", 1e-9)
    waves, total = np.ones((64, 8, 8), np.complex64), np.zeros((64, 8, 8), np.complex64)
    with HostBackend(2) as host:
        double = host.bind("scale_waves", scaled=waves, waves=waves)
        end = host.bind("scale_waves", scaled=total, waves=waves)

        def explore(_worker: int, _lane: int, start: int, stop: int) -> None:
            host.break_point()
            double(8 * start, 8 * (stop - start), 2.0)

        def work() -> None:
            host.run([(number, number + 1) for number in range(64)], explore)
            end(0, 8 * 64, 1.0)

        replays = host.replays(lambda _text: None, False, True)
        assert replays is not None
        for _ in range(2):
            replays.run(work)
        total[...] = 0
        with pytest.raises(BrokenOffError), host.breakable(_after(1)):
            replays.run(work)
        assert 0 < np.count_nonzero(waves[:, 0, 0] == 8) < 64 and not total.any()


def test_a_capture_is_never_broken_off(machine: FakeMachine) -> None:
    with CudaBackend(0) as gpu:
        replays = gpu.replays(lambda _text: None, True, False)
        assert replays is not None
        asked: list[bool] = []

        def unwanted() -> bool:
            asked.append(True)
            return False

        with gpu.breakable(unwanted):
            for _ in range(3):
                replays.run(gpu.break_point)
        assert len(asked) == 2  # done twice, of which the second time it was captured as well
