"""The CUDA backend: one GPU, one stream, kernels from a RawModule."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike

from ptychogui.backends.base import Batch, Launch
from ptychogui.backends.breaking import Breakable
from ptychogui.backends.compiler import definitions, included_files, kernel_source
from ptychogui.backends.cuda.errors import in_words
from ptychogui.backends.cuda.fft import CudaFFT, work_area_bytes
from ptychogui.backends.cuda.page_locked import PageLocked, page_locked
from ptychogui.backends.cuda.prepared_launch import LARGEST_BLOCK, prepared_launch
from ptychogui.backends.cuda.streams import CudaPace, CudaPending, CudaSideQueue, captured, mark
from ptychogui.backends.launch_graphs import GraphReplays
from ptychogui.backends.signatures import signature
from ptychogui.paths import kernels_folder

if TYPE_CHECKING:
    import cupy

_LEAST_CACHED_BATCH = 8 << 20
"""Bytes of the smallest batch that keeps a GPU busy, of those whose caches hold it."""

_UNCACHED_BATCH = 32 << 20
"""Bytes of a batch where half of the cache is less than that: no batch that fills the GPU would stay there."""


def cuda_options() -> tuple[str, ...]:
    """Return the NVRTC options for the kernels; the device's architecture comes from CuPy.

    CuPy's cache of compiled kernels does not see what a source includes, so the options carry its digest.
    """
    included = hashlib.sha256(b"".join(path.read_bytes() for path in included_files())).hexdigest()[:16]
    constants = (*definitions(), f"-DLARGEST_BLOCK={LARGEST_BLOCK}", f"-DPORTABLE_DIGEST=0x{included}")
    return ("--std=c++17", f"-I{kernels_folder().as_posix()}", *constants)


class CudaBackend(Breakable):
    """One GPU; see Backend. Launches are asynchronous, in the order of one stream.

    Inside its `with` block CuPy works on this GPU, and CuPy's errors leave the block as `in_words` words them.
    """

    lanes = 1
    slices = 8
    chunk_rows = 8
    chunks = 16
    ahead = 1
    workers = 1
    compiles_expressions = True

    def __init__(self, index: int, name: str = "") -> None:
        """Take a GPU as CUDA counts them; `name` is the device's own, where it is a slice of one."""
        import cupy

        self.name = name or f"cuda:{index}"
        self.xp: Any = cupy
        self._device = cupy.cuda.Device(index)
        self._module = cupy.RawModule(code=kernel_source(), options=cuda_options())
        properties = cupy.cuda.runtime.getDeviceProperties(index)
        cached = int(properties["l2CacheSize"]) // 2
        self._batch_bytes = cached if cached >= _LEAST_CACHED_BATCH else _UNCACHED_BATCH
        self._under_way: deque[tuple[cupy.cuda.Event, np.ndarray]] = deque()

    def __enter__(self) -> CudaBackend:
        with ExitStack() as opened:
            opened.enter_context(self.in_words())
            opened.enter_context(self._device)
            opened.enter_context(self.xp.cuda.Stream())
            opened.callback(self.xp.get_default_memory_pool().free_all_blocks)
            opened.callback(self._wait_for_copies)
            self._module.compile()
            self._opened = opened.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.__exit__(kind, error, trace)

    def in_words(self) -> AbstractContextManager[None]:
        """Turn errors of CuPy, CUDA and its libraries into ours."""
        return in_words(self.name)

    def empty(self, shape: Sequence[int], dtype: DTypeLike) -> cupy.ndarray:
        """Allocate an array on the device."""
        import cupy

        return cupy.empty(tuple(shape), dtype)

    def asarray(self, array: np.ndarray) -> cupy.ndarray:
        """Copy an array to the device, without the page-locked second copy on the host that cupy.asarray makes."""
        copy = self.empty(array.shape, array.dtype)
        self.write(copy, array)
        return copy

    def write(self, to: cupy.ndarray, array: np.ndarray) -> None:
        """Copy from memory that need not be page-locked; waits until it has been read.

        CuPy queues the copy (`ndarray.set` in its core.pyx), and CUDA may read the memory later: where a GPU reads all
        memory of the computer by itself, it does. Page-locked memory between would be a second copy of all patterns.
        """
        import cupy

        contiguous = np.asarray(array, order="C")  # CuPy would do this as well, and not keep it until it has been read
        to.set(contiguous)
        cupy.cuda.get_current_stream().synchronize()

    def page_locked(self, array: np.ndarray, rows: np.ndarray) -> cupy.ndarray:
        """Copy to page-locked memory and return it under the address that kernels know it by, which is the host's."""
        import cupy

        shape, nbytes = (len(rows), *array.shape[1:]), len(rows) * array[0].nbytes
        memory = PageLocked(nbytes, self._device)
        copy = np.ndarray(shape, array.dtype, memoryview(memory.pointer))
        np.take(array, rows, axis=0, out=copy, mode="clip")  # other modes would make another copy first
        unowned = cupy.cuda.UnownedMemory(memory.pointer.ptr, nbytes, memory, self._device.id)
        return cupy.ndarray(shape, array.dtype, cupy.cuda.MemoryPointer(unowned, 0))

    def side_queue(self) -> CudaSideQueue:
        """Return a new stream."""
        return CudaSideQueue()

    def replays(self, tell: Callable[[str], None], asked: bool, _only_kernels: bool) -> GraphReplays | None:
        """Return a new set of CUDA graphs, where they are asked for."""
        return GraphReplays(self._captured, tell) if asked else None

    def _captured(self, work: Callable[[], None], _took_s: float) -> cupy.cuda.Graph:
        """Capture work whole: an error would spoil the stream."""
        with self.breakable(lambda: False):
            return captured(work)

    def pace(self) -> CudaPace:
        """Return a new one."""
        return CudaPace()

    def to_numpy(self, array: cupy.ndarray) -> np.ndarray:
        """Wait for the device and copy."""
        import cupy

        return cupy.asnumpy(array)

    def read_later(self, array: cupy.ndarray) -> CudaPending:
        """Queue a copy into page-locked memory, which is kept until it is there, whether somebody waits or not."""
        pending = CudaPending(array)
        self._keep(pending.arrived, pending.copy)
        return pending

    def write_later(self, to: cupy.ndarray, array: np.ndarray) -> None:
        """Queue a copy from page-locked memory, which is kept until it has left."""
        locked = page_locked(array.shape, array.dtype)
        locked[...] = array
        to.set(locked)
        self._keep(mark(), locked)

    def _keep(self, done: cupy.cuda.Event, locked: np.ndarray) -> None:
        """Keep page-locked memory, which CuPy would give to the next who asks, until an event; let go of others."""
        while self._under_way and self._under_way[0][0].done:
            self._under_way.popleft()
        self._under_way.append((done, locked))

    def _wait_for_copies(self) -> None:
        if self._under_way:
            self._under_way[-1][0].synchronize()
            self._under_way.clear()

    def bind(self, kernel: str, **arrays: cupy.ndarray) -> Launch:
        """Check the arrays once; a launch then only writes the scalars and sizes the grid by them."""
        return prepared_launch(self._module.get_function(kernel).kernel, signature(kernel), arrays)

    def fft_pair(self, array: cupy.ndarray) -> CudaFFT:
        """Return the in-place FFTs of a complex64 array (slots, ..., N, N)."""
        return CudaFFT(array)

    def fft_work_bytes(self, nbytes: int, n: int) -> int:
        """Return the most that cuFFT's work areas take."""
        return work_area_bytes(nbytes, n)

    def batch_size(self, bytes_per_position: int) -> int:
        """Positions whose working set fills half of the GPU's L2, or the GPU where that is small."""
        return max(1, self._batch_bytes // bytes_per_position)

    def run(self, batches: Sequence[Batch], work: Callable[[int, int, int, int], None]) -> None:
        """Queue one batch after the other: a batch fills the GPU."""
        for start, stop in batches:
            if stop > start:
                work(0, 0, start, stop)

    def memory_free_bytes(self) -> int:
        """Memory that is free on the device, CuPy's own reserve included."""
        free, _ = self._device.mem_info
        return free + int(self.xp.get_default_memory_pool().free_bytes())
