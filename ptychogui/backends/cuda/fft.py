"""FFTs on a GPU: cuFFT plans, made when they are first wanted, and kept."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import cupy
    from cupy.cuda.cufft import PlanNd

_PLANS = 4
"""FFT plans kept for one array, each with a work area of its batch's size. Groups of a scan differ little in size."""


class CudaFFT:
    """cuFFT plans of one array, made when a number of slots first comes; see FFTPair.

    A plan that is part of a CUDA graph stays, for the graph writes to its work area.
    """

    def __init__(self, array: cupy.ndarray) -> None:
        self._array = array
        self._recent = functools.lru_cache(_PLANS)(self._new_plan)
        self._in_graphs: dict[int, PlanNd] = {}

    def forward(self, count: int) -> None:
        """Transform the first `count` slots."""
        from cupy.cuda import cufft

        batch = self._array[:count]
        self._plan(count).fft(batch, batch, cufft.CUFFT_FORWARD)

    def inverse(self, count: int) -> None:
        """Transform the first `count` slots back."""
        from cupy.cuda import cufft

        batch = self._array[:count]
        self._plan(count).fft(batch, batch, cufft.CUFFT_INVERSE)

    def _plan(self, count: int) -> PlanNd:
        import cupy

        plan = self._in_graphs.get(count) or self._recent(count)
        if cupy.cuda.get_current_stream().is_capturing():
            self._in_graphs[count] = plan
        return plan

    def _new_plan(self, count: int) -> PlanNd:
        from cupyx.scipy.fft import get_fft_plan

        return get_fft_plan(self._array[:count], axes=(-2, -1))
