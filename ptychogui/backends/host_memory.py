"""What backends share whose arrays are numpy's: a copy is made at once, and nothing has to be waited for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np
import psutil

from ptychogui.backends.breaking import Breakable
from ptychogui.errors import MemoryBudgetError


@contextmanager
def memory_in_words(whose: str) -> Iterator[None]:
    """Turn memory that is used up into an error that a user can act on."""
    try:
        yield
    except MemoryError as error:
        raise MemoryBudgetError(
            f"the memory of {whose} was used up ({error}); crop the patterns (--size), use fewer probe modes or end "
            "other programs"
        ) from error


class AtOnce:
    """A queue whose work is done when `run` returns; see SideQueue."""

    def run(self, work: Callable[[], None]) -> None:
        """Do it."""
        work()

    def join(self) -> None:
        """Do nothing: all is done."""


class Arrived:
    """A copy that is on the host already; see Pending."""

    def __init__(self, array: np.ndarray) -> None:
        self._array = np.array(array)

    def wait(self) -> np.ndarray:
        """Return the copy."""
        return self._array


class HostMemory(Breakable):
    """The part of a Backend that has to do with memory alone, where kernels work on numpy's arrays."""

    name: str
    xp: Any = np
    slices = 1
    chunk_rows = 1
    chunks = 1
    ahead = 0
    compiles_expressions = False

    def in_words(self) -> AbstractContextManager[None]:
        """Turn memory that is used up into a MemoryBudgetError."""
        return memory_in_words(self.name)

    def asarray(self, array: np.ndarray) -> np.ndarray:
        """Return the array itself where it is contiguous, else a copy."""
        return np.asarray(array, order="C")  # which keeps an array of no dimensions one

    def write(self, to: np.ndarray, array: np.ndarray) -> None:
        """Copy."""
        to[...] = array

    def write_later(self, to: np.ndarray, array: np.ndarray) -> None:
        """Copy now."""
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

    def fft_work_bytes(self, _nbytes: int, _n: int) -> int:
        """Return 0: waves are transformed one by one."""
        return 0

    def pace(self) -> None:
        """Return None: a call returns when its work is done."""

    def memory_free_bytes(self) -> int:
        """Memory that is free now, caches that the system would give up included."""
        return int(psutil.virtual_memory().available)
