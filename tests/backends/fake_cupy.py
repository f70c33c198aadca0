"""As much of CuPy as backends/cuda uses, on the host: kernels are their numpy twins, and what real CuPy would take
amiss (types, grids, work outside the device) fails."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import sys
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from types import ModuleType, SimpleNamespace, TracebackType
from typing import Any

import numpy as np
import pytest
import scipy.fft

from tests.backends.device_array import DeviceArray, PageLocked, Stream, on_device
from tests.backends.fake_kernels import FakeKernels
from tests.backends.faults import CompileException, CUDADriverError, CUDARuntimeError, CuFFTError, OutOfMemoryError

L2_BYTES = 8 << 20


NUMPY_NAMES = (
    "abs", "angle", "arange", "argmax", "clip", "complex128", "complex64", "conj", "exp", "eye", "float32", "float64",
    "int32", "log", "maximum", "minimum", "multiply", "rint", "sqrt", "stack", "subtract", "sum", "take_along_axis",
    "where", "zeros",
)  # fmt: skip
"""What engines use of `xp` beyond the backend's own methods. Before one is added: does CuPy have it, and does it leave
the host alone? sort, argsort, nonzero, unique, median and linalg's decompositions wait for the device."""

FFT_NAMES = ("fft2", "ifft2", "rfft2", "irfft2")


class _Entered:
    """A context manager that notes in the machine's log when it is entered and left."""

    def __init__(self, log: list[str], name: str) -> None:
        self._log, self._name = log, name

    def __enter__(self) -> _Entered:
        self._log.append(f"+{self._name}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._log.append(f"-{self._name}")


@dataclass(frozen=True)
class Queued:
    """What a stream was given: a kernel with its scalars, or the recording of an event, or waiting for one."""

    beside: bool
    what: str
    scalars: dict[str, float] = field(default_factory=dict)
    event: int = 0


class FakeMachine:
    """The installed modules, and what the tests set and see."""

    def __init__(self) -> None:
        self.gpus = ["NVIDIA A", "NVIDIA B"]
        self.l2_bytes = L2_BYTES
        self.free_memory_bytes = 40 << 30
        self.driver_error: str | None = None
        self.compile_error: str | None = None
        self.capture_error: str | None = None
        self.is_quick = False
        self.log: list[str] = []
        self.plans: list[tuple[int, ...]] = []
        self.work_area_batches = 1.0
        self.allocators: list[Callable[[int], FakeMemory]] = [self.malloc]
        self.launches: list[tuple[object, ...]] = []
        self.calls: list[tuple[str, dict[str, float]]] = []
        self.queued: list[Queued] = []
        self.taken_bytes = 0
        self.locked: list[weakref.ref[np.ndarray]] = []
        self.stream = Stream()
        self.faults = self.stream.faults
        self.entered: list[FakeStream] = []
        self.events: list[FakeEvent] = []
        self.kernels = FakeKernels()
        self.modules = self._modules()

    def _modules(self) -> dict[str, ModuleType]:
        cuda, runtime, fft = ModuleType("cupy.cuda"), ModuleType("cupy.cuda.runtime"), ModuleType("cupyx.scipy.fft")
        cupy, cufft = ModuleType("cupy"), ModuleType("cupy.cuda.cufft")
        small = {name: ModuleType(f"cupy.cuda.{name}") for name in ("compiler", "driver", "memory")}
        vars(runtime).update(
            CUDARuntimeError=CUDARuntimeError, getDeviceCount=self._count, getDeviceProperties=self._properties,
            deviceGetPCIBusId=lambda index: f"0000:{index:02d}:00.0", deviceSynchronize=self.faults.check)  # fmt: skip
        vars(cufft).update(CUFFT_FORWARD=-1, CUFFT_INVERSE=1, CuFFTError=CuFFTError)
        vars(small["compiler"]).update(CompileException=CompileException)
        vars(small["driver"]).update(CUDADriverError=CUDADriverError, launchKernel=self._launch)
        vars(small["memory"]).update(OutOfMemoryError=OutOfMemoryError)
        vars(cuda).update(
            small, runtime=runtime, cufft=cufft, Device=lambda index: FakeDevice(self, index), UnownedMemory=Unowned,
            Stream=lambda non_blocking=False: FakeStream(self, non_blocking),
            Event=lambda **options: FakeEvent(self, **options), get_current_stream=lambda: self.entered[-1],
            using_allocator=self._using_allocator, PinnedMemory=self._pinned,
            PinnedMemoryPointer=lambda memory, offset: memory[offset:].view(PinnedPointer),
            MemoryPointer=lambda memory, offset: replace(memory, ptr=memory.ptr + offset))  # fmt: skip
        vars(runtime).update(driverGetVersion=lambda: 13000, runtimeGetVersion=lambda: 13000)
        vars(cuda).update(
            get_elapsed_time=elapsed_ms, get_cuda_path=lambda: "/usr/local/cuda",
            nvrtc=SimpleNamespace(getVersion=lambda: (13, 0)))  # fmt: skip
        vars(fft).update(get_fft_plan=self._plan)
        vars(cupy).update({name: self._function(getattr(np, name)) for name in NUMPY_NAMES})
        vars(cupy).update(
            cuda=cuda, ndarray=self._array_at, RawModule=self._raw_module, empty=self._empty,
            fft=SimpleNamespace(**{name: self._function(getattr(scipy.fft, name)) for name in FFT_NAMES}),
            asnumpy=lambda array: array.get(), get_default_memory_pool=lambda: self)  # fmt: skip
        packages = {"cupyx": ModuleType("cupyx"), "cupyx.scipy": ModuleType("cupyx.scipy")}
        vars(packages["cupyx"]).update(empty_pinned=self._empty_pinned)
        named = {module.__name__: module for module in (cupy, cuda, runtime, cufft, fft, *small.values())}
        return {**packages, **named}

    def _pinned(self, size: int) -> np.ndarray:
        self.faults.call("pinned")
        return np.zeros(size, np.uint8)

    def _empty_pinned(self, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        self.faults.call("pinned")
        return np.empty(shape, dtype).view(PageLocked)

    def _function(self, function: Any) -> Any:
        """Let a function of numpy's work on device arrays; a type is a type."""
        return function if isinstance(function, type) else on_device(function, self.stream)

    def free_all_blocks(self) -> None:
        self.log.append("free")

    def free_bytes(self) -> int:
        return 1000

    def malloc(self, size: int) -> FakeMemory:
        """Allocate as the memory pool does."""
        self._take(size)
        return FakeMemory(DeviceArray(np.zeros(size, np.uint8), self.stream))

    @contextlib.contextmanager
    def _using_allocator(self, allocator: Callable[[int], FakeMemory]) -> Iterator[None]:
        self.allocators.append(allocator)
        try:
            yield
        finally:
            self.allocators.pop()

    def _take(self, size: int) -> None:
        if size > 1 << 33:
            raise OutOfMemoryError(f"Out of memory allocating {size:,} bytes")
        self.stream.forbid_in_graphs("an array is made")
        self.faults.call("allocate")
        self.taken_bytes += size

    def _count(self) -> int:
        if self.driver_error:
            raise CUDARuntimeError(self.driver_error)
        return len(self.gpus)

    def _properties(self, index: int) -> dict[str, Any]:
        name = self.gpus[index]
        if not name:
            raise CUDARuntimeError("cudaErrorDevicesUnavailable: busy")
        return {"name": name.encode(), "totalGlobalMem": 80 << 30, "l2CacheSize": self.l2_bytes,
                "major": 9, "minor": 0, "multiProcessorCount": 132}  # fmt: skip

    def _array_at(self, shape: tuple[int, ...], dtype: Any, pointer: Unowned) -> DeviceArray:
        memory = (ctypes.c_char * pointer.size).from_address(pointer.ptr)
        array = DeviceArray(np.frombuffer(memoryview(memory), dtype).reshape(shape), self.stream)
        vars(array)["owner"] = pointer.owner
        self.locked.append(weakref.ref(array.host))
        return array

    @property
    def page_locked(self) -> list[np.ndarray]:
        """Page-locked memory that kernels read."""
        return [memory for memory in (there() for there in self.locked) if memory is not None]

    def _empty(self, shape: tuple[int, ...], dtype: Any) -> DeviceArray:
        kind = np.dtype(dtype)
        self._take(int(np.prod(shape, dtype=np.int64)) * kind.itemsize)
        nonsense = True if kind.kind == "b" else np.nan if kind.kind in "fc" else np.iinfo(kind).max
        return DeviceArray(np.full(shape, nonsense, kind), self.stream)

    def _raw_module(self, *, code: str, options: tuple[str, ...]) -> FakeModule:
        assert "#line 1" in code and isinstance(options, tuple)
        return FakeModule(self)

    def _launch(self, *words: int) -> None:
        assert self.entered, "a launch outside the device's with block"
        launch = self.kernels.launch(self.entered[-1].ptr, self.stream, *words)
        self.launches.append((launch.name, launch.blocks, launch.threads))

        def do() -> None:
            self.calls.append((launch.name, launch.scalars))
            self.entered[-1].do(Queued(False, launch.name, launch.scalars), launch.work)

        self.stream.queue(launch.name, do)

    def _plan(self, array: DeviceArray, *, axes: tuple[int, ...]) -> FakePlan:
        assert axes == (-2, -1) and array.flags.c_contiguous and array.dtype == np.complex64
        self.stream.forbid_in_graphs("a plan is made, which may end the process")
        self.faults.call("plan")
        self.plans.append(array.shape)
        work_area = self.allocators[-1](int(self.work_area_batches * array.nbytes))  # PlanNd: memory.alloc(work_size)
        return FakePlan(array.shape, work_area, self.stream)


class FakeDevice(_Entered):
    """Device."""

    def __init__(self, machine: FakeMachine, index: int) -> None:
        super().__init__(machine.log, f"device {index}")
        self._machine, self.id = machine, index

    def __enter__(self) -> _Entered:
        self._machine.faults.call("open")  # cudaSetDevice makes the context, from CUDA 12 on
        return super().__enter__()

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        self._machine.faults.check()  # cudaSetDevice "may also return error codes from previous, asynchronous launches"

    @property
    def mem_info(self) -> tuple[int, int]:
        self._machine.faults.check()
        return self._machine.free_memory_bytes, 80 << 30

    def synchronize(self) -> None:
        self._machine.faults.check()
        self._machine.log.append("synchronize")


class FakeModule:
    """RawModule."""

    def __init__(self, machine: FakeMachine) -> None:
        self._machine = machine

    def compile(self) -> None:
        self._machine.faults.call("compile")
        if self._machine.compile_error:
            raise CompileException(self._machine.compile_error)

    def get_function(self, name: str) -> SimpleNamespace:
        return SimpleNamespace(kernel=self._machine.kernels.function(name))


@dataclass(frozen=True)
class FakeMemory:
    """MemoryPointer."""

    array: DeviceArray


class FakePlan:
    """PlanNd."""

    def __init__(self, shape: tuple[int, ...], work_area: FakeMemory, stream: Stream) -> None:
        self._shape, self._work_area, self._stream = shape, work_area, stream

    def fft(self, array: DeviceArray, out: DeviceArray, direction: int) -> None:
        assert array.shape == out.shape == self._shape
        there = weakref.ref(self)

        def do() -> None:
            assert there() is not None, "a graph writes to the work area of a plan that is no longer there"
            back = functools.partial(scipy.fft.ifft2, norm="forward")
            out.host[...] = scipy.fft.fft2(array.host) if direction == -1 else back(array.host)

        self._stream.queue("fft", do)


class FakeStream(_Entered):
    """Stream. Work beside the main one is done as late as can be: when the main one, or the host, waits for it."""

    def __init__(self, machine: FakeMachine, beside: bool) -> None:
        super().__init__(machine.log, "side" if beside else "stream")
        self._machine, self._beside = machine, beside
        self.ptr = id(self)
        self.late: list[Callable[[], None]] = []
        self.done = 0

    def __enter__(self) -> FakeStream:
        super().__enter__()
        self._machine.entered.append(self)
        return self

    def __exit__(self, *error: Any) -> None:
        self._machine.entered.remove(self)
        super().__exit__(*error)

    def do(self, queued: Queued, work: Callable[[], None]) -> None:
        self._machine.queued.append(replace(queued, beside=self._beside))
        self.late.append(work)
        if not self._beside:
            self.catch_up(len(self.late))

    def catch_up(self, last: int) -> None:
        for i in range(self.done, last):
            self.late[i]()
            self.late[i] = _nothing
        self.done = max(self.done, last)

    def begin_capture(self) -> None:
        self._machine.stream.forbid_in_graphs("another is begun")
        self._machine.stream.captured = []

    def end_capture(self) -> FakeGraph:
        captured, self._machine.stream.captured = self._machine.stream.captured, None
        assert captured is not None
        if self._machine.capture_error:
            raise CUDARuntimeError(self._machine.capture_error)
        return FakeGraph(self._machine.stream, captured)

    def synchronize(self) -> None:
        self._machine.stream.wait("synchronize")

    def is_capturing(self) -> bool:
        return self._machine.stream.captured is not None

    def wait_event(self, event: FakeEvent) -> None:
        self.do(Queued(False, "wait", event=id(event)), event.arrive if not self._beside else _nothing)


def _nothing() -> None:
    """Do nothing: it was done before."""


@dataclass(frozen=True)
class FakeGraph:
    """Graph."""

    stream: Stream
    work: list[Callable[[], None]]

    def launch(self) -> None:
        self.stream.faults.call("launch")
        self.stream.work.append("graph")
        for do in self.work:
            do()


class FakeEvent:
    """Event: what was queued before it is done only when somebody waited for it."""

    def __init__(self, machine: FakeMachine, block: bool = False, disable_timing: bool = False) -> None:
        self._machine, self._stream, self._is_timed = machine, machine.stream, not disable_timing

    def record(self) -> None:
        self._machine.stream.forbid_in_graphs("an event is recorded")
        self._machine.faults.call("event")
        self._at, self._copies = len(self._stream.work), len(self._stream.arriving)
        self._of = self._machine.entered[-1]
        self._of.do(Queued(False, "record", event=id(self)), _nothing)
        self._late = len(self._of.late)
        self._machine.events.append(self)

    def arrive(self) -> None:
        self._of.catch_up(self._late)

    @property
    def done(self) -> bool:
        if self._machine.is_quick:
            self._stream.arrive(self._copies)
        return self._copies <= self._stream.arrived

    def synchronize(self) -> None:
        self.arrive()
        self._stream.wait("event", self._at, self._copies)


def elapsed_ms(began: FakeEvent, ended: FakeEvent) -> float:
    """Get_elapsed_time (cupy/cuda/stream.pyx; cudaEventElapsedTime): events that have timing, and that have come."""
    assert began._is_timed and ended._is_timed and began.done and ended.done
    return 1e-3 * (1 + ended._at - began._at)


class PinnedPointer(np.ndarray):
    """PinnedMemoryPointer."""

    ptr = property(lambda self: self.ctypes.data)


@dataclass(frozen=True)
class Unowned:
    """UnownedMemory."""

    ptr: int
    size: int
    owner: object
    device_id: int


@contextlib.contextmanager
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeMachine]:
    """Let `import cupy` find a fake."""
    machine = FakeMachine()
    with monkeypatch.context() as patch:
        for name, module in machine.modules.items():
            patch.setitem(sys.modules, name, module)
        patch.setitem(sys.modules, "pynvml", None)
        yield machine
