"""The Backend protocol: what an engine may ask of a device. Arrays, kernels, FFTs, and work spread over its workers."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import DTypeLike

Array: TypeAlias = Any
"""numpy.ndarray on the host backends, cupy.ndarray on CUDA."""

Launch: TypeAlias = Callable[..., None]
"""A kernel bound to its arrays: called with the kernel's scalars, in the signature's order."""

Batch: TypeAlias = tuple[int, int]
"""Positions [start, stop) of an order."""


@dataclass(frozen=True)
class Device:
    """One device of this machine, usable or not."""

    name: str
    """What --device takes: "cuda:0", "cpu", "cpu:1", "numpy"."""
    title: str
    """What it is: "NVIDIA H100 80GB", "AMD EPYC, 2 cores, g++ 12.2"."""
    usable: bool
    reason: str
    """Why it can't be used, and what to do; "" if it can."""
    memory_total_bytes: int
    memory_free_bytes: int
    load: float | None = None
    """Share of the last second in which a GPU computed, or of a CPU's time since the last look; None if not known."""
    processes: tuple[str, ...] = ()
    """What else runs on a GPU: "python (process 17), 3.1 GB"."""
    temperature_C: float | None = None
    """Of a GPU; None if not known."""
    cores: int = 0
    """Of a CPU that it has; 0 for what is no CPU."""


class FFTPair(Protocol):
    """Both directions of a 2-D FFT over the last two axes of a batch's array, in place, not normalised.

    What slots hold beyond those that are asked for is not defined afterwards.
    """

    def forward(self, count: int) -> None:
        """Transform the first `count` slots in place: exp(-2 pi i k r / N), no factor."""

    def inverse(self, count: int) -> None:
        """Transform the first `count` slots in place: exp(+2 pi i k r / N), no factor."""


class Pending(Protocol):
    """A device array on its way to the host, as it was when it was asked for."""

    def wait(self) -> np.ndarray:
        """Return the array; waits until the device has come that far."""


class SideQueue(Protocol):
    """A second queue of work on a device, beside the one that everything else goes through."""

    def run(self, work: Callable[[], None]) -> None:
        """Queue what `work` launches here; it begins when all that the backend has queued so far is done."""

    def join(self) -> None:
        """Have what the backend queues from now on begin when all that was run here so far is done."""


class Replays(Protocol):
    """Work that is queued often, each time alike, and is then queued as a whole."""

    def run(self, work: Callable[..., None], *given: Hashable) -> None:
        """Queue what `work(*given)` launches.

        It launches kernels and FFTs and changes arrays in place, always the same for the same `given`, whatever the
        arrays hold. It allocates nothing, reads nothing back and has no other effect: it may be called twice, or not at
        all.
        """


class Pace(Protocol):
    """Sees whether a device is done with work before the host has queued as much again."""

    def half_way(self) -> None:
        """Note that half of an iteration's work is queued."""

    def host_is_slower(self) -> bool | None:
        """Tell, with all of it queued, whether the device waits for the host; None where it is too early to tell."""


class Backend(Protocol):
    """A device opened for one reconstruction; a context manager that frees what it holds."""

    name: str
    xp: Any
    """numpy or cupy: for small, object- or probe-sized work between kernels."""
    lanes: int
    """Independent accumulators that `run` may fill; a constant of the backend, never the number of threads,
    so that the order of every sum, and so every bit, is the same for any number of threads."""
    slices: int
    """Independent accumulators that a kernel which sums over a batch fills within one lane, so that it has blocks
    enough; a constant as well."""
    chunk_rows: int
    """Rows of a window that a block sums up at a time, so that there are few sums to add up after it; a constant as
    well."""
    chunks: int
    """Parts of its rows that a kernel which sums over whole windows cuts each into, for the same reason; a constant."""
    ahead: int
    """Iterations that the host may queue before it waits for the first of them; 0 where a call returns when its work
    is done."""
    compiles_expressions: bool
    """Whether expressions of `xp` are compiled when they are first used."""

    def __enter__(self) -> Backend: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def in_words(self) -> AbstractContextManager[None]:
        """Turn what the device raises inside, and a lack of memory, into errors that a user can act on.

        Everything that works on an open device does so inside: where an error passes `__exit__` it may be too late.
        What is no failure of the device passes as it is.

        Raises:
            MemoryBudgetError: memory of the device or of the computer is used up; the device can be used on.
            DeviceLostError: this process can't use the device any more.
            DeviceBusyError: the device is another process's.
            DeviceError: the device failed otherwise.
        """

    def empty(self, shape: Sequence[int], dtype: DTypeLike) -> Array:
        """Allocate an array, contents undefined."""

    def asarray(self, array: np.ndarray) -> Array:
        """Copy a numpy array to the device (no copy where the device is the host and the layout fits)."""

    def write(self, to: Array, array: np.ndarray) -> None:
        """Copy a numpy array into a contiguous device array of its shape and dtype; it may be changed right after."""

    def page_locked(self, array: np.ndarray, rows: np.ndarray) -> Array:
        """Copy rows of a numpy array, int (rows,), to memory of the host that kernels read by themselves."""

    def side_queue(self) -> SideQueue:
        """Return a new queue beside the backend's own (work is done at once where a call returns when it is done)."""

    def replays(self, tell: Callable[[str], None], asked: bool, only_kernels: bool) -> Replays | None:
        """Return what queues one kind of work as a whole, while its arrays are there; None where that is not done.

        Args:
            tell: called once, with a sentence, if it does not work: all is then queued piece by piece.
            asked: whether the user asked for it, on a GPU.
            only_kernels: whether the work is kernels and FFTs and no array expressions, which a CPU can't record.
        """

    def pace(self) -> Pace | None:
        """Return what sees which is the slower, the host or the device; None where a call returns when it is done."""

    def to_numpy(self, array: Array) -> np.ndarray:
        """Copy a device array to a new numpy array; waits for it."""

    def read_later(self, array: Array) -> Pending:
        """Ask for a copy of a contiguous array as it is after the work queued so far; does not wait for it."""

    def write_later(self, to: Array, array: np.ndarray) -> None:
        """Queue a copy of a numpy array into a contiguous device array of its shape and dtype; does not wait for it.

        The numpy array may be changed right after.
        """

    def bind(self, kernel: str, **arrays: Array) -> Launch:
        """Check arrays against the kernel's signature once and return its launch."""

    def fft_pair(self, array: Array) -> FFTPair:
        """Plan the in-place FFTs of a complex64 array (slots, ..., N, N), slot by slot."""

    def fft_work_bytes(self, nbytes: int, n: int) -> int:
        """Return the most bytes that FFTs of n x n pixels take besides an array of so many bytes."""

    def batch_size(self, bytes_per_position: int) -> int:
        """Positions whose working set fits the cache (host) or the L2 (GPU); at least 1."""

    def run(self, batches: Sequence[Batch], work: Callable[[int, int, int, int], None]) -> None:
        """Call work(worker, lane, start, stop) for every batch that is not empty, spread over the workers.

        Batch i belongs to lane i % lanes; the batches of a lane run in order, on one worker at a time.
        `worker` counts from 0 and is below `workers`: it selects scratch memory. What `work` launches is done, in its
        order, when this returns and not before: `work` may not look into arrays.
        """

    workers: int
    """How many calls of `work` can be under way at once."""

    def breakable(self, is_unwanted: Callable[[], bool]) -> AbstractContextManager[None]:
        """Have work in the block broken off as soon as `is_unwanted` says so."""

    def break_point(self) -> None:
        """Say that the work under way may be broken off here: in what `run` calls, before each batch.

        Nothing waits for the device here. In what is queued or done as a whole (Replays) it is only noted.

        Raises:
            BrokenOffError: the work is to be broken off.
        """

    def memory_free_bytes(self) -> int:
        """Memory that a job may take on the device now."""
