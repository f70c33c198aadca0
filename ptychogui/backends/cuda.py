"""The CUDA backend: one GPU, one stream, kernels from a RawModule. The only import of cupy.

CuPy is imported where it is used, so that this module can say why there is no GPU.
"""

from __future__ import annotations

import functools
import hashlib
import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike

from ptychogui.backends.base import Batch, Device, Launch
from ptychogui.backends.compiler import definitions, included_files, kernel_source
from ptychogui.backends.launch_graphs import GraphReplays
from ptychogui.backends.signatures import product, signature
from ptychogui.errors import DeviceError, MemoryBudgetError
from ptychogui.paths import kernels_folder

if TYPE_CHECKING:
    import cupy
    from cupy.cuda.cufft import PlanNd

_log = logging.getLogger(__name__)

_SMALLEST_BLOCK, _LARGEST_BLOCK = 32, 256
_LARGEST_GRID = 1 << 16
_PLANS = 4
"""FFT plans kept for one array, each with a work area of its batch's size. Groups of a scan differ little in size."""

_SCALARS: dict[str, type[np.generic]] = {"int32": np.int32, "float32": np.float32}


def cuda_options() -> tuple[str, ...]:
    """Return the NVRTC options for the kernels; the device's architecture comes from CuPy.

    CuPy's cache of compiled kernels does not see what a source includes, so the options carry its digest.
    """
    included = hashlib.sha256(b"".join(path.read_bytes() for path in included_files())).hexdigest()[:16]
    return ("--std=c++17", f"-I{kernels_folder().as_posix()}", *definitions(), f"-DPORTABLE_DIGEST=0x{included}")


class CudaBackend:
    """One GPU; see Backend. Launches are asynchronous, in the order of one stream.

    Inside its `with` block CuPy works on this GPU, and CuPy's errors leave the block as DeviceError or
    MemoryBudgetError.
    """

    lanes = 1
    slices = 8
    ahead = 1
    workers = 1

    def __init__(self, index: int) -> None:
        import cupy

        self.name = f"cuda:{index}"
        self.xp: Any = cupy
        self._device = cupy.cuda.Device(index)
        self._module = cupy.RawModule(code=kernel_source(), options=cuda_options())
        properties = cupy.cuda.runtime.getDeviceProperties(index)
        self._batch_bytes = int(properties["l2CacheSize"]) // 2
        self._leaving: deque[tuple[cupy.cuda.Event, np.ndarray]] = deque()

    def __enter__(self) -> CudaBackend:
        with ExitStack() as opened:
            opened.enter_context(_in_words(self.name))
            opened.enter_context(self._device)
            opened.enter_context(self.xp.cuda.Stream())
            opened.callback(self.xp.get_default_memory_pool().free_all_blocks)
            self._module.compile()
            self._opened = opened.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.__exit__(kind, error, trace)

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
        """Copy from memory that need not be page-locked; waits for it."""
        to.set(array)

    def page_locked(self, array: np.ndarray, rows: np.ndarray) -> cupy.ndarray:
        """Copy to page-locked memory and return it under the address that kernels know it by, which is the host's."""
        import cupy

        shape, nbytes = (len(rows), *array.shape[1:]), len(rows) * array[0].nbytes
        memory = _PageLocked(nbytes, self._device)
        copy = np.ndarray(shape, array.dtype, memoryview(memory.pointer))
        np.take(array, rows, axis=0, out=copy, mode="clip")  # other modes would make another copy first
        unowned = cupy.cuda.UnownedMemory(memory.pointer.ptr, nbytes, memory, self._device.id)
        return cupy.ndarray(shape, array.dtype, cupy.cuda.MemoryPointer(unowned, 0))

    def side_queue(self) -> CudaSideQueue:
        """Return a new stream."""
        return CudaSideQueue()

    def replays(self, tell: Callable[[str], None], asked: bool, _only_kernels: bool) -> GraphReplays | None:
        """Return a new set of CUDA graphs, where they are asked for."""
        return GraphReplays(_captured, tell) if asked else None

    def to_numpy(self, array: cupy.ndarray) -> np.ndarray:
        """Wait for the device and copy."""
        import cupy

        return cupy.asnumpy(array)

    def read_later(self, array: cupy.ndarray) -> CudaPending:
        """Queue a copy into page-locked memory."""
        return CudaPending(array)

    def write_later(self, to: cupy.ndarray, array: np.ndarray) -> None:
        """Queue a copy from page-locked memory, which is kept until it has left."""
        while self._leaving and self._leaving[0][0].done:
            self._leaving.popleft()
        locked = _page_locked(array.shape, array.dtype)
        locked[...] = array
        to.set(locked)
        self._leaving.append((_mark(), locked))

    def bind(self, kernel: str, **arrays: cupy.ndarray) -> Launch:
        """Check the arrays once; a launch then only adds the scalars and sizes the grid by them."""
        sig = signature(kernel)
        sizes = sig.measure(arrays)
        function = self._module.get_function(kernel)
        pointers = tuple(arrays[spec.name] for spec in sig.arrays)
        dims = tuple(np.int32(sizes[symbol]) for symbol in sig.dims)
        kinds = {name: _SCALARS[kind] for name, kind in sig.scalars}

        def launch(*scalars: Any) -> None:
            known = sizes | dict(zip(kinds, scalars, strict=True))
            grid, block = launch_shape(product(sig.rows, known), product(sig.columns, known))
            typed = (kind(known[name]) for name, kind in kinds.items())
            function((grid,), (block,), (*pointers, *typed, *dims))

        return launch

    def fft_pair(self, array: cupy.ndarray) -> CudaFFT:
        """Return the in-place FFTs of a complex64 array (slots, ..., N, N)."""
        return CudaFFT(array)

    def batch_size(self, bytes_per_position: int) -> int:
        """Positions whose working set fills half of the GPU's L2."""
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


class CudaPending:
    """A copy into page-locked memory, and the event behind it; see Pending."""

    def __init__(self, array: cupy.ndarray) -> None:
        self._copy: np.ndarray = _page_locked(array.shape, array.dtype)
        array.get(out=self._copy, blocking=False)
        self._arrived = _mark()

    def wait(self) -> np.ndarray:
        """Sleep until the copy is there."""
        self._arrived.synchronize()
        return np.array(self._copy)


class CudaSideQueue:
    """A stream beside the current one, tied to it by events; see SideQueue."""

    def __init__(self) -> None:
        import cupy

        self._stream = cupy.cuda.Stream(non_blocking=True)
        self._done = _mark()

    def run(self, work: Callable[[], None]) -> None:
        """Queue work behind what the current stream holds now."""
        self._stream.wait_event(_mark())
        with self._stream:
            work()
            self._done = _mark()

    def join(self) -> None:
        """Let the current stream wait for the work."""
        import cupy

        cupy.cuda.get_current_stream().wait_event(self._done)


class _PageLocked:
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
        self._device.synchronize()


def _page_locked(shape: Sequence[int], dtype: DTypeLike) -> np.ndarray:
    """Allocate host memory that the device copies from and to by itself; CuPy keeps and reuses it."""
    import cupyx

    return cupyx.empty_pinned(tuple(shape), dtype)


def _mark() -> cupy.cuda.Event:
    """Queue an event; waiting for it leaves the core to others."""
    import cupy

    event = cupy.cuda.Event(block=True, disable_timing=True)
    event.record()
    return event


def _captured(work: Callable[[], None]) -> cupy.cuda.Graph:
    """Return what work launches on the current stream; CUDA's errors and CuPy's refusals are RuntimeErrors."""
    import cupy

    stream = cupy.cuda.get_current_stream()
    stream.begin_capture()
    try:
        work()
    finally:
        graph = stream.end_capture()
    return graph


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


def launch_shape(rows: int, columns: int) -> tuple[int, int]:
    """Return (blocks, threads): a block a row; threads a power of two, as block_sum needs, that covers the columns."""
    threads = 1 << (columns - 1).bit_length()
    return min(rows, _LARGEST_GRID), min(max(threads, _SMALLEST_BLOCK), _LARGEST_BLOCK)


def list_devices() -> tuple[Device, ...]:
    """Return this machine's GPUs, or one entry that says why none can be used."""
    try:
        return tuple(_describe(index) for index in range(_count_gpus()))
    except DeviceError as error:
        _log.debug("no GPU: %s", error)
        return (Device("cuda:0", "no GPU", False, str(error), 0, 0),)


def _count_gpus() -> int:
    try:
        import cupy
        from cupy.cuda import cufft  # noqa: F401
    except ModuleNotFoundError as error:
        if error.name == "cupy":
            raise DeviceError("CuPy is not installed: pip install 'ptychogui[cuda12]' or 'ptychogui[cuda13]'") from None
        raise _cannot_load(error) from error
    except Exception as error:
        raise _cannot_load(error) from error
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except Exception as error:
        raise DeviceError(_why_no_gpu(str(error))) from error
    if not count:
        raise DeviceError(_why_no_gpu("cudaErrorNoDevice"))
    return count


def _cannot_load(error: Exception) -> DeviceError:
    """CuPy frames its long messages with lines of '='."""
    said = " ".join(str(error).replace("=", " ").split())[:300]
    return DeviceError(
        f"CuPy is installed but does not load ({said}): pip install --force-reinstall 'ptychogui[cuda12]' or, for a "
        "driver of CUDA 13, 'ptychogui[cuda13]'"
    )


def _why_no_gpu(said: str) -> str:
    if "cudaErrorInsufficientDriver" in said:
        return "there is no NVIDIA driver, or it is too old for this CuPy: install or update it (nvidia-smi shows it)"
    if "cudaErrorNoDevice" in said:
        return "the NVIDIA driver shows no GPU: see nvidia-smi, CUDA_VISIBLE_DEVICES and, in a container, its --gpus"
    return f"CUDA does not start ({said}): see whether nvidia-smi works, else restart the machine"


def _describe(index: int) -> Device:
    """Describe a GPU without opening it, which would take memory there."""
    from cupy.cuda import runtime

    try:
        properties = runtime.getDeviceProperties(index)
        total = int(properties["totalGlobalMem"])
        free = _free_bytes(runtime.deviceGetPCIBusId(index), total)
        return Device(f"cuda:{index}", properties["name"].decode(), True, "", total, free)
    except runtime.CUDARuntimeError as error:
        _log.info("cuda:%d does not answer: %s", index, error)
        return Device(f"cuda:{index}", "GPU", False, f"it does not answer ({error}): see nvidia-smi", 0, 0)


def _free_bytes(bus_id: str, total: int) -> int:
    """Ask the driver what other programs leave; `total` where it can't be asked."""
    try:
        import pynvml
    except ImportError:
        return total
    try:
        pynvml.nvmlInit()
        return int(pynvml.nvmlDeviceGetMemoryInfo(pynvml.nvmlDeviceGetHandleByPciBusId(bus_id)).free)
    except pynvml.NVMLError as error:
        _log.debug("the driver does not say how much memory is free: %s", error)
        return total


@contextmanager
def _in_words(device: str) -> Iterator[None]:
    """Turn CuPy's errors into ours."""
    from cupy.cuda import compiler, cufft, driver, memory, runtime

    try:
        yield
    except memory.OutOfMemoryError as error:
        raise MemoryBudgetError(
            f"{device} has too little memory ({error}): take fewer positions or probe modes, or another device"
        ) from error
    except compiler.CompileException as error:
        raise DeviceError(f"{device} can't compile the kernels: {error}") from error
    except (runtime.CUDARuntimeError, driver.CUDADriverError, cufft.CuFFTError) as error:
        raise DeviceError(f"{device} failed ({error}): see nvidia-smi, then start the job again") from error
