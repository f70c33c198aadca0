"""The numpy backend: the readable twin of the kernels, one thread, no compiler needed; slow."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

import numpy as np
import psutil
import scipy.fft
from numpy.typing import DTypeLike

from ptychogui.backends.base import Arrived, AtOnce, Batch, Launch
from ptychogui.backends.signatures import signature
from ptychogui.backends.twin import TWINS


class NumpyBackend:
    """Kernels as numpy expressions; see Backend."""

    name = "numpy"
    xp: Any = np
    lanes = 1
    slices = 1
    ahead = 0
    workers = 1

    def __enter__(self) -> NumpyBackend:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def empty(self, shape: Sequence[int], dtype: DTypeLike) -> np.ndarray:
        """Allocate an array."""
        return np.empty(tuple(shape), dtype)

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

    def replays(self, _tell: Callable[[str], None], _asked: bool, _only_kernels: bool) -> None:
        """Return None: there is nothing to save."""

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
        """Check the arrays as the compiled backends do and bind the twin."""
        sig = signature(kernel)
        sig.measure(arrays)
        return functools.partial(TWINS[kernel], *(arrays[spec.name] for spec in sig.arrays))

    def fft_pair(self, array: np.ndarray) -> NumpyFFT:
        """Return both FFTs of a (slots, ..., N, N) array, in place."""
        return NumpyFFT(array)

    def batch_size(self, bytes_per_position: int) -> int:
        """Positions whose scratch stays small."""
        return max(1, (1 << 22) // bytes_per_position)

    def run(self, batches: Sequence[Batch], work: Callable[[int, int, int, int], None]) -> None:
        """Do one batch after the other."""
        for start, stop in batches:
            if stop > start:
                work(0, 0, start, stop)

    def memory_free_bytes(self) -> int:
        """Memory that is free now, caches that the system would give up included."""
        return int(psutil.virtual_memory().available)


class NumpyFFT:
    """Both FFTs of one array by scipy; see FFTPair."""

    def __init__(self, array: np.ndarray) -> None:
        self._array = array

    def forward(self, count: int) -> None:
        """Transform the first `count` slots."""
        self._array[:count] = scipy.fft.fft2(self._array[:count])

    def inverse(self, count: int) -> None:
        """Transform the first `count` slots back."""
        self._array[:count] = scipy.fft.ifft2(self._array[:count], norm="forward")
