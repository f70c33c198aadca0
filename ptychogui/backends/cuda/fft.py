"""FFTs on a GPU: cuFFT plans, made when they are first wanted, and kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import cupy
    from cupy.cuda.cufft import PlanNd

_SIZES = 8
"""Sizes of batches, in each factor of 2, that have a plan: 19 plans where a run of ePIE has 84 sizes, and 2 to 5 % more
waves to transform."""

_FAST_PRIMES = (2, 3, 5, 7)

_WORK_AREA, _LARGE_WORK_AREA = 1, 8
"""Sizes of a plan's work area, in sizes of its batch: where N has no other primes than the fast ones, and else. cuFFT's
guide says that others "may need up to the eight times that of a similarly sized power of 2"."""


class CudaFFT:
    """cuFFT plans of one array, made when a number of slots first comes; see FFTPair.

    Up to an eighth more slots are transformed than are asked for, where the array has them, so that plans are few.

    All plans share one work area, for they run one after the other in one stream, and keep nothing there. So a plan
    more takes no memory of the device, and each stays: CUDA graphs may hold it.
    """

    def __init__(self, array: cupy.ndarray) -> None:
        self._array = array
        self._plans: dict[int, tuple[PlanNd, cupy.ndarray]] = {}
        self._work: tuple[int, cupy.cuda.MemoryPointer] | None = None

    def forward(self, count: int) -> None:
        """Transform the first `count` slots."""
        from cupy.cuda import cufft

        self._transform(count, cufft.CUFFT_FORWARD)

    def inverse(self, count: int) -> None:
        """Transform the first `count` slots back."""
        from cupy.cuda import cufft

        self._transform(count, cufft.CUFFT_INVERSE)

    def _transform(self, count: int, direction: int) -> None:
        size = planned_size(count, len(self._array))
        if size not in self._plans:
            batch = self._array[:size]
            self._plans[size] = self._new_plan(batch), batch
        plan, batch = self._plans[size]
        plan.fft(batch, batch, direction)

    def _new_plan(self, batch: cupy.ndarray) -> PlanNd:
        """Make a plan; what CuPy allocates for it is its work area and nothing else."""
        import cupy
        from cupyx.scipy.fft import get_fft_plan

        def work_area(nbytes: int) -> cupy.cuda.MemoryPointer:
            """Return memory for all plans to come as well, if they need as much for each slot."""
            if self._work is None or self._work[0] < nbytes:
                most = -(-nbytes // len(batch)) * len(self._array)
                self._work = most, cupy.get_default_memory_pool().malloc(most)
            return self._work[1]

        with cupy.cuda.using_allocator(work_area):
            return get_fft_plan(batch, axes=(-2, -1))


def planned_size(count: int, slots: int) -> int:
    """Return for how many of an array's slots there is a plan that transforms the first `count`."""
    step = max(1, (1 << (count - 1).bit_length()) // (2 * _SIZES))
    return min(slots, -(-count // step) * step)


def work_area_bytes(nbytes: int, n: int) -> int:
    """Return the most bytes that FFTs of n x n pixels take besides an array of so many bytes."""
    for prime in _FAST_PRIMES:
        while n % prime == 0:
            n //= prime
    return nbytes * (_WORK_AREA if n == 1 else _LARGE_WORK_AREA)
