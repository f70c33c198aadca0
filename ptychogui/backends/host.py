"""The CPU: the CUDA kernels built by the system's C++ compiler, FFTs by FFTW, batches spread over threads."""

from __future__ import annotations

import ctypes
import functools
import itertools
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any

import numpy as np
import psutil
import pyfftw
from numpy.typing import DTypeLike

from ptychogui.backends import wisdom
from ptychogui.backends.base import Arrived, AtOnce, Batch, Launch
from ptychogui.backends.compiler import load_kernels
from ptychogui.backends.signatures import scalar_types, signature

LANES = min(16, max(4, os.cpu_count() or 1))
"""Independent sums: a constant of the machine. More threads than these would have nothing to do."""

_CACHE_BYTES = 1 << 20
_C_TYPES = {"int32": ctypes.c_int, "float32": ctypes.c_float}


class HostBackend:
    """Compiled kernels on the CPU; see Backend. Arrays are numpy's, aligned for FFTW."""

    xp: Any = np
    lanes = LANES
    slices = 1
    ahead = 0

    def __init__(self, threads: int | None = None) -> None:
        self.name = "cpu"
        self.workers = min(threads or len(os.sched_getaffinity(0)), LANES)
        self._library = load_kernels()
        self._pool = ThreadPoolExecutor(max(1, self.workers - 1), thread_name_prefix="ptychogui-cpu")

    def __enter__(self) -> HostBackend:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown()

    def empty(self, shape: Sequence[int], dtype: DTypeLike) -> np.ndarray:
        """Allocate an aligned array."""
        return np.asarray(pyfftw.empty_aligned(tuple(shape), np.dtype(dtype)))

    def asarray(self, array: np.ndarray) -> np.ndarray:
        """Return the array itself where it is contiguous, else a copy."""
        return np.ascontiguousarray(array)

    def write(self, to: np.ndarray, array: np.ndarray) -> None:
        """Copy."""
        to[...] = array

    def page_locked(self, array: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Copy: kernels read all memory of the host."""
        return np.asarray(array[rows])

    def side_queue(self) -> AtOnce:
        """Return a queue that does its work at once."""
        return AtOnce()

    def to_numpy(self, array: np.ndarray) -> np.ndarray:
        """Copy."""
        return np.array(array)

    def read_later(self, array: np.ndarray) -> Arrived:
        """Copy now: there is nothing to wait for."""
        return Arrived(array)

    def write_later(self, to: np.ndarray, array: np.ndarray) -> None:
        """Copy now."""
        to[...] = array

    def bind(self, kernel: str, **arrays: np.ndarray) -> Launch:
        """Check the arrays once; the launch is then a bare C call that releases the GIL."""
        sig = signature(kernel)
        sizes = sig.measure(arrays)
        function = self._library[kernel]
        kinds: list[Any] = [_C_TYPES[kind] for kind in scalar_types(sig)]
        pointer_types: list[Any] = [ctypes.c_void_p] * len(sig.arrays)
        function.argtypes = pointer_types + kinds
        function.restype = None
        pointers = [ctypes.c_void_p(arrays[spec.name].ctypes.data) for spec in sig.arrays]
        dims = tuple(sizes[symbol] for symbol in sig.dims)
        call = functools.partial(function, *pointers)

        def launch(*scalars: float, _keep: object = arrays) -> None:
            call(*scalars, *dims)

        return launch

    def fft_pair(self, array: np.ndarray) -> HostFFT:
        """Plan the in-place FFTs of a complex64 array (slots, ..., N, N), slot by slot."""
        return HostFFT(array)

    def batch_size(self, bytes_per_position: int) -> int:
        """Positions whose scratch fills a core's L2 cache."""
        return max(1, _CACHE_BYTES // bytes_per_position)

    def run(self, batches: Sequence[Batch], work: Callable[[int, int, int, int], None]) -> None:
        """Spread lanes over the threads; the calling thread is worker 0."""
        lanes = min(self.lanes, len(batches))
        workers = min(self.workers, lanes)
        tickets = itertools.count()
        lock = threading.Lock()

        def labour(worker: int) -> None:
            while True:
                with lock:
                    lane = next(tickets)
                if lane >= lanes:
                    return
                for start, stop in batches[lane :: self.lanes]:
                    work(worker, lane, start, stop)

        helpers = [self._pool.submit(labour, worker) for worker in range(1, workers)]
        try:
            labour(0)
        finally:
            for helper in helpers:
                helper.result()

    def memory_free_bytes(self) -> int:
        """Memory that is free now, caches that the system would give up included."""
        return int(psutil.virtual_memory().available)


class HostFFT:
    """FFTW plans for runs of slots of a batch's array, in powers of two; see FFTPair.

    Few calls, since each one hands the interpreter's lock over, and few shapes, since each one is measured once.
    """

    def __init__(self, array: np.ndarray) -> None:
        self._plans: dict[str, dict[tuple[int, int], Callable[[], None]]] = {"forward": {}, "backward": {}}
        sizes = [1 << power for power in reversed(range(len(array).bit_length()))]
        for count in range(1, len(array) + 1):
            for first, size in self._runs(count, sizes):
                for direction, plans in self._plans.items():
                    if (first, size) not in plans:
                        plans[first, size] = wisdom.plan(array[first : first + size], direction).execute
        self._chains = {
            direction: [[plans[run] for run in self._runs(count, sizes)] for count in range(len(array) + 1)]
            for direction, plans in self._plans.items()
        }

    @staticmethod
    def _runs(count: int, sizes: list[int]) -> list[tuple[int, int]]:
        """Cut `count` slots into (first, size), largest first."""
        runs, first = [], 0
        for size in sizes:
            if count & size:
                runs.append((first, size))
                first += size
        return runs

    def forward(self, count: int) -> None:
        """Transform the first `count` slots."""
        for execute in self._chains["forward"][count]:
            execute()

    def inverse(self, count: int) -> None:
        """Transform the first `count` slots back."""
        for execute in self._chains["backward"][count]:
            execute()
