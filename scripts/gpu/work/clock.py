"""Times on a GPU by CUDA's events, and of the host in front of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import numpy as np

from ptychogui.backends.base import Backend
from scripts.gpu.pretended import smaller

_BLOCKER_BYTES = smaller(1 << 29, 1 << 10)
_ROUNDS = 5


class GpuClock:
    """Measures what a GPU takes for some work.

    It is queued behind copies that take longer than the queueing, so that a slow host leaves no gaps.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._here, self._there = (backend.empty((_BLOCKER_BYTES,), np.uint8) for _ in range(2))

    def us(self, work: Callable[[], None], times: int = 20) -> float:
        """Return what one of `times` takes, in microseconds; the median of some rounds."""
        work()
        return median(self._round(work, times) for _ in range(_ROUNDS))

    def _round(self, work: Callable[[], None], times: int) -> float:
        cuda = self._backend.xp.cuda
        began, ended = cuda.Event(), cuda.Event()
        for _ in range(4):
            self._there[...] = self._here
        began.record()
        for _ in range(times):
            work()
        ended.record()
        ended.synchronize()
        return 1e3 * float(cuda.get_elapsed_time(began, ended)) / times


def host_us(backend: Backend, work: Callable[[], None], times: int) -> float:
    """Return what the host takes to queue one of `times`, in microseconds; the least of some rounds."""
    spent = []
    for _ in range(_ROUNDS):
        wait(backend)
        began = time.perf_counter()
        for _ in range(times):
            work()
        spent.append(1e6 * (time.perf_counter() - began) / times)
    wait(backend)
    return min(spent)


def wait(backend: Backend) -> None:
    """Wait until a GPU has done all that was queued."""
    backend.to_numpy(backend.empty((1,), np.float32))
