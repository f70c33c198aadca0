"""Page-locked memory of the computer: a GPU copies from and to it, and kernels read it, by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import DTypeLike

from ptychogui.errors import MemoryBudgetError

if TYPE_CHECKING:
    import cupy


class PageLocked:
    """Page-locked memory of the host that kernels read, which is not let go before they have.

    It is not of CuPy's pool, which would keep it: it may be most of the computer's memory.
    """

    def __init__(self, nbytes: int, device: cupy.cuda.Device) -> None:
        import cupy

        self._device = device
        try:
            memory = cupy.cuda.PinnedMemory(nbytes)
        except cupy.cuda.runtime.CUDARuntimeError as error:
            raise MemoryBudgetError(
                f"this computer can't lock {nbytes / 1e9:.2f} GB of its memory for a GPU ({error}): crop the patterns "
                "(--size), take fewer positions, or end other programs"
            ) from error
        self.pointer = cupy.cuda.PinnedMemoryPointer(memory, 0)

    def __del__(self) -> None:
        with suppress(RuntimeError):  # of a device that is lost nothing reads any more
            self._device.synchronize()


def page_locked(shape: Sequence[int], dtype: DTypeLike) -> np.ndarray:
    """Allocate host memory that the device copies from and to by itself; CuPy keeps and reuses it."""
    import cupyx

    return cupyx.empty_pinned(tuple(shape), dtype)
