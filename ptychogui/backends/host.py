"""The CPU backend: the kernels built by the system's C++ compiler, FFTs by FFTW, batches spread over threads."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType

import numpy as np
import pyfftw
from numpy.typing import DTypeLike

from ptychogui.backends import fftw
from ptychogui.backends.base import Batch, Launch
from ptychogui.backends.compiler import load_kernels
from ptychogui.backends.host_memory import HostMemory
from ptychogui.backends.launch_graphs import GraphReplays
from ptychogui.backends.signatures import signature
from ptychogui.backends.worker_pool import Piece, Recording, WorkerPool

LANES = min(16, max(4, os.cpu_count() or 1))
"""Independent sums: a constant of the machine. More threads than these would have nothing to do."""

_CACHE_BYTES = 1 << 20

_PART_S = 0.5
"""Least time of a part of recorded work: the workers meet once more for each, which takes a little."""


class HostBackend(HostMemory):
    """Compiled kernels on the CPU; see Backend. Arrays are numpy's, aligned for FFTW."""

    lanes = LANES

    def __init__(self, threads: int | None = None, name: str = "cpu") -> None:
        self.name = name
        self.workers = min(threads or len(os.sched_getaffinity(0)), LANES)
        self._pool = WorkerPool(load_kernels(), self.workers)

    def __enter__(self) -> HostBackend:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.dismiss()

    def empty(self, shape: Sequence[int], dtype: DTypeLike) -> np.ndarray:
        """Allocate an aligned array."""
        return np.asarray(pyfftw.empty_aligned(tuple(shape), np.dtype(dtype)))

    def replays(self, tell: Callable[[str], None], _asked: bool, only_kernels: bool) -> GraphReplays | None:
        """Return a new set of recordings, of work that leaves nothing to numpy."""
        return GraphReplays(self._record, tell) if only_kernels else None

    def _record(self, work: Callable[[], None], took_s: float) -> Recording:
        """Record work; what takes long is cut into parts, between which it can be broken off."""
        return self._pool.record(work, max(1, int(took_s / _PART_S)), self.break_point)

    def break_point(self) -> None:
        """Say that the work under way may be broken off here; where it is only recorded, that its parts may be."""
        if self._pool.is_recording:
            self._pool.note_break_point()
        else:
            super().break_point()

    def bind(self, kernel: str, **arrays: np.ndarray) -> Launch:
        """Check the arrays once; a launch is then a few words, done at once outside of `run`."""
        sig = signature(kernel)
        sizes = sig.measure(arrays)
        pointers = [arrays[spec.name].ctypes.data for spec in sig.arrays]
        dims = [sizes[symbol] for symbol in sig.dims]
        words = self._pool.kernel(kernel, pointers, [kind for _, kind in sig.scalars], dims)
        add = self._pool.add

        def launch(*scalars: float, _keep: object = arrays) -> None:
            add(words(*scalars))

        return launch

    def fft_pair(self, array: np.ndarray) -> HostFFT:
        """Plan the in-place FFTs of a complex64 array (slots, ..., N, N), slot by slot."""
        return HostFFT(array, self._pool)

    def batch_size(self, bytes_per_position: int) -> int:
        """Positions whose scratch fills a core's L2 cache."""
        return max(1, _CACHE_BYTES // bytes_per_position)

    def run(self, batches: Sequence[Batch], work: Callable[[int, int, int, int], None]) -> None:
        """Give each thread a run of lanes. What `work` launches is done when this returns, not when `work` does."""
        lanes = min(self.lanes, len(batches))
        workers = min(self.workers, lanes)

        def share(worker: int) -> Iterator[Piece]:
            for lane in range(lanes * worker // workers, lanes * (worker + 1) // workers):
                for start, stop in batches[lane :: self.lanes]:
                    if stop > start:
                        yield functools.partial(work, worker, lane, start, stop)

        self._pool.spread([share(worker) for worker in range(workers)])


class HostFFT:
    """The FFTs of a batch's array (slots, ..., N, N), wave by wave with the same plan; see FFTPair."""

    def __init__(self, array: np.ndarray, pool: WorkerPool) -> None:
        self._add = pool.add
        execute, waves = fftw.execute_address(), array.reshape(-1, *array.shape[-2:])
        self._plans = [[fftw.plan(wave, direction) for wave in waves] for direction in ("forward", "backward")]
        self._forward, self._backward = (
            b"".join(pool.foreign(execute, plan.address) for plan in plans) for plans in self._plans
        )
        self._slot_bytes = len(self._forward) // len(array)

    def forward(self, count: int) -> None:
        """Transform the first `count` slots."""
        self._add(self._forward[: count * self._slot_bytes])

    def inverse(self, count: int) -> None:
        """Transform the first `count` slots back."""
        self._add(self._backward[: count * self._slot_bytes])
