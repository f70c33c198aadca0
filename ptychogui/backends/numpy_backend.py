"""The numpy backend: the kernels' readable twins on one thread; slow, but it needs no compiler."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from types import TracebackType

import numpy as np
import scipy
from numpy.typing import DTypeLike

from ptychogui.backends.base import Batch, Launch
from ptychogui.backends.host_memory import HostMemory
from ptychogui.backends.signatures import signature
from ptychogui.backends.twin import TWINS


class NumpyBackend(HostMemory):
    """Kernels as numpy expressions; see Backend."""

    name = "numpy"
    lanes = 1
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

    def replays(self, _tell: Callable[[str], None], _asked: bool, _only_kernels: bool) -> None:
        """Return None: there is nothing to save."""

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
