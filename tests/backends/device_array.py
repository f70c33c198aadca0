"""Arrays of a device that only pretends: host memory behind CuPy's manners, and a record of what waits for it.

Work is done at once, in the order of the one stream. Copies between device and host are pretended to arrive late: page-
locked memory holds nonsense until an event behind its copy was waited for, and other memory is read when the device is
asked for something else, or waited for. While a graph is captured, work is kept for it instead.
"""

from __future__ import annotations

import ctypes
import functools
import sys
import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from tests.backends.faults import Faults

_METHODS = (
    "all", "any", "argmax", "argmin", "astype", "clip", "conj", "copy", "cumsum", "diagonal", "dot", "fill", "flatten",
    "max", "mean", "min", "prod", "ravel", "reshape", "squeeze", "std", "sum", "swapaxes", "take", "trace", "transpose",
    "var", "view",
)  # fmt: skip
"""What arrays of CuPy do without waiting for the device. Not sort, argsort, nonzero, tolist, item."""

_VIEWS = ("reshape", "ravel", "view", "transpose", "swapaxes", "squeeze", "diagonal")


@dataclass(frozen=True)
class Wait:
    """Something that the host waited for: what, in which line, and how much had been queued when it was asked for."""

    what: str
    asked_at: int


@dataclass
class Stream:
    """The one queue of work of a device, and what the host had to do with it."""

    work: list[str] = field(default_factory=list)
    """What the host asked for, in order: kernels by their names, FFTs as "fft", expressions of arrays as "xp NAME",
    copies as "copy ...", all that a graph holds as "graph"."""
    done: list[str] = field(default_factory=list)
    """The same as the device did it: what a graph holds one by one."""
    captured: list[Callable[[], None]] | None = None
    """What the graph holds that is being captured, if one is."""
    waits: list[Wait] = field(default_factory=list)
    arriving: list[Callable[[], None]] = field(default_factory=list)
    """What is done when a late copy has arrived."""
    arrived: int = 0
    faults: Faults = field(default_factory=Faults)
    leaving: list[Callable[[], None]] = field(default_factory=list)
    """Copies from memory that is not page-locked, which are yet to read it."""
    memory: weakref.WeakValueDictionary[int, np.ndarray] = field(default_factory=weakref.WeakValueDictionary)
    """All memory of the device that is still held by somebody."""
    pointers: weakref.WeakValueDictionary[int, DeviceArray] = field(default_factory=weakref.WeakValueDictionary)
    """Arrays by their addresses, while they are there."""

    def array(self, pointer: int) -> DeviceArray:
        """Return the array at an address."""
        assert pointer in self.pointers, "a kernel is given memory that is no longer there"
        return self.pointers[pointer]

    def queue(self, what: str, work: Callable[[], None]) -> None:
        """Do some work, or keep it for the graph."""
        self.faults.call(_kind_of(what))
        self.leave()

        def do() -> None:
            self.done.append(what)
            work()

        self.work.append(what)
        if self.captured is None:
            do()
        else:
            self.captured.append(do)

    def forbid_in_graphs(self, what: str) -> None:
        """Fail where a graph is being captured."""
        assert self.captured is None, f"a graph is captured and {what}"

    def leave(self) -> None:
        """Read what copies from memory that is not page-locked have not read yet."""
        for copy in self.leaving:
            copy()
        self.leaving.clear()

    def wait(self, what: str, asked_at: int | None = None, copies: int | None = None) -> None:
        """Note that the host waits here, for the first `copies` late copies or all."""
        self.forbid_in_graphs("the host waits")
        self.faults.call("wait")
        self.leave()
        self.waits.append(Wait(f"{what} in {_caller()}", len(self.work) if asked_at is None else asked_at))
        self.arrive(len(self.arriving) if copies is None else copies)

    def arrive(self, last: int) -> None:
        """Let the first `last` late copies arrive."""
        for i in range(self.arrived, last):
            self.arriving[i]()
            self.arriving[i] = _nothing
        self.arrived = max(self.arrived, last)


def _kind_of(what: str) -> str:
    """Return the kind of a call that queues some work; see Faults."""
    kind = {"xp matmul": "matmul", "fft": "fft"}.get(what) or what.partition(" ")[0]
    return kind if kind in ("matmul", "fft", "xp", "copy") else "launch"


def _nothing() -> None:
    """Do nothing: the copy has arrived, and its memory is let go."""


def _caller() -> str:
    """Return the file and line of the program, or else of the test, that is being run."""
    frame: Any = sys._getframe(1)
    while frame.f_back and Path(frame.f_code.co_filename).parent == Path(__file__).parent:
        frame = frame.f_back
    return f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"


class PageLocked(np.ndarray):
    """Host memory that a device copies from and to by itself."""


class DeviceArray(NDArrayOperatorsMixin):
    """An array as CuPy has it: no numpy array mixes with it, and its values are on the device."""

    def __init__(self, host: np.ndarray, stream: Stream) -> None:
        self.host, self.stream = host, stream
        memory = _owner(host)
        stream.memory[id(memory)] = memory

    @property
    def data(self) -> SimpleNamespace:
        """MemoryPointer. Addresses tell views of an array apart, so that a kernel's arguments can be checked."""
        self.stream.pointers[id(self)] = self
        return SimpleNamespace(ptr=id(self))

    dtype = property(lambda self: self.host.dtype)
    shape = property(lambda self: self.host.shape)
    ndim = property(lambda self: self.host.ndim)
    size = property(lambda self: self.host.size)
    nbytes = property(lambda self: self.host.nbytes)
    itemsize = property(lambda self: self.host.itemsize)
    flags = property(lambda self: self.host.flags)
    T = property(lambda self: DeviceArray(self.host.T, self.stream))

    @property
    def real(self) -> DeviceArray:
        return DeviceArray(self.host.real, self.stream)

    @real.setter
    def real(self, value: Any) -> None:
        self.stream.queue("xp copyto", functools.partial(setattr, self.host, "real", _unpacked(value)))

    @property
    def imag(self) -> DeviceArray:
        return DeviceArray(self.host.imag, self.stream)

    def __getattr__(self, name: str) -> Any:
        if name not in _METHODS:
            raise AttributeError(f"a device array has no '{name}', or the host would have to wait for it")
        return on_device(getattr(self.host, name), self.stream, silent=name in _VIEWS)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        return on_device(getattr(ufunc, method), self.stream, ufunc.__name__)(*inputs, **options)

    def __array_function__(self, *_: Any) -> Any:
        raise TypeError("numpy's functions do not take device arrays; use those of xp")

    def __array__(self, *_: Any, **__: Any) -> np.ndarray:
        raise TypeError("a device array does not become a numpy array by itself; use to_numpy")

    def __len__(self) -> int:
        return len(self.host)

    def __getitem__(self, key: Any) -> DeviceArray:
        if _is_mask(key):
            self.stream.wait("the number of true elements of a mask")
        elif _is_index(key):
            self.stream.forbid_in_graphs("an array is made")
            self.stream.queue("xp take", _nothing)
        return DeviceArray(np.asarray(self.host[_unpacked(key)]), self.stream)

    def __setitem__(self, key: Any, value: Any) -> None:
        key, value = _unpacked(key), _unpacked(value)
        self.stream.queue("xp copyto", lambda: self.host.__setitem__(key, value))

    def __bool__(self) -> bool:
        return bool(self.item("bool"))

    def __int__(self) -> int:
        return int(self.item("int"))

    def __index__(self) -> int:
        return int(self.item("index"))

    def __float__(self) -> float:
        return float(self.item("float"))

    def __complex__(self) -> complex:
        return complex(self.item("complex"))

    def item(self, what: str = "item") -> Any:
        self.stream.wait(f"{what}(array)")
        return self.host.item()

    def tolist(self) -> Any:
        self.stream.wait("tolist")
        return self.host.tolist()

    def get(self, out: np.ndarray | None = None, blocking: bool = True) -> np.ndarray:
        now = np.array(self.host)
        if blocking:
            self.stream.wait("get")
            return now
        assert type(out) is PageLocked and out.shape == now.shape and out.dtype == now.dtype
        assert self.flags.c_contiguous, "CuPy waits where it must make an array contiguous first"
        self.stream.forbid_in_graphs("memory of the host is part of it")
        self.stream.queue("copy to host", _nothing)
        _fill_with_nonsense(out)
        there, raised = weakref.ref(out), self.stream.faults.raised

        def arrive() -> None:
            memory = there()
            if memory is not None:
                np.copyto(memory, now)
            elif raised == self.stream.faults.raised:
                raise AssertionError("CuPy gave page-locked memory to somebody else before its copy arrived")

        self.stream.arriving.append(arrive)
        return out

    def set(self, array: np.ndarray) -> None:
        assert isinstance(array, np.ndarray), "only a numpy array can be copied to the device"
        assert array.dtype == self.dtype and array.shape == self.shape
        self.stream.forbid_in_graphs("memory of the host is part of it")
        if type(array) is not PageLocked:
            self.stream.queue("copy to device", _nothing)
            contiguous = np.ascontiguousarray(array)  # nobody keeps it
            self.stream.leaving.append(functools.partial(_read_late, self.host, *_place(contiguous)))
            return
        self.stream.queue("copy to device", lambda: np.copyto(self.host, array))
        now = array.copy()

        def check() -> None:
            assert np.array_equal(now, array, equal_nan=now.dtype.kind in "fc"), "changed before its copy had left"

        self.stream.arriving.append(check)


def _owner(array: np.ndarray) -> np.ndarray:
    """Return the array whose memory this is."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def _fill_with_nonsense(array: np.ndarray) -> None:
    array[...] = True if array.dtype.kind == "b" else np.nan if array.dtype.kind in "fc" else np.iinfo(array.dtype).max


def _place(array: np.ndarray) -> tuple[weakref.ref[np.ndarray], int]:
    """Return who owns the memory of a contiguous array, and its address."""
    return weakref.ref(_owner(array)), array.ctypes.data


def _read_late(to: np.ndarray, owner: weakref.ref[np.ndarray], address: int) -> None:
    """Copy what is at an address now: CuPy's `set` queues its copies whatever the memory is (core.pyx, ndarray.set)."""
    if owner() is None:
        _fill_with_nonsense(to)
    elif to.size:
        memory = memoryview((ctypes.c_char * to.nbytes).from_address(address))
        to[...] = np.frombuffer(memory, to.dtype).reshape(to.shape)


def on_device(function: Callable[..., Any], stream: Stream, name: str = "", silent: bool = False) -> Callable[..., Any]:
    """Return a function of numpy's that takes and gives device arrays and counts as one piece of work."""

    def call(*inputs: Any, **options: Any) -> Any:
        plain, results = [_unpacked(value) for value in inputs], []
        named = {key: _unpacked(value) for key, value in options.items()}

        def work() -> None:
            with np.errstate(all="ignore"):
                results.append(function(*plain, **named))

        out = options.get("out")
        if silent:
            work()
        else:
            assert out is not None or stream.captured is None, "a graph is captured and an array is made"
            stream.queue(f"xp {name or function.__name__}", work)
        return (out[0] if isinstance(out, tuple) else out) if out is not None else _packed(results[0], stream)

    return call


def _packed(result: Any, stream: Stream) -> Any:
    if isinstance(result, tuple):
        return tuple(_packed(part, stream) for part in result)
    return DeviceArray(np.asarray(result), stream) if isinstance(result, (np.ndarray, np.generic)) else result


def _unpacked(value: Any) -> Any:
    if isinstance(value, DeviceArray):
        return value.host
    if isinstance(value, (tuple, list)):
        return type(value)(_unpacked(part) for part in value)
    if isinstance(value, np.ndarray) and value.ndim:
        raise TypeError("CuPy does not take numpy's arrays")
    return value


def _parts(key: Any) -> Iterable[Any]:
    return key if isinstance(key, tuple) else (key,)


def _is_mask(key: Any) -> bool:
    return any(isinstance(part, DeviceArray) and part.dtype == bool for part in _parts(key))


def _is_index(key: Any) -> bool:
    return any(isinstance(part, DeviceArray) for part in _parts(key))
