"""Kernels as the driver launches them, on the host: a function by its handle, and its arguments by their addresses."""

from __future__ import annotations

import ctypes
import functools
import itertools
import operator
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ptychogui.backends.signatures import SIGNATURES, Signature, scalar_types
from ptychogui.backends.twin import TWINS
from tests.backends.device_array import DeviceArray, Stream

_C_TYPES: dict[str, Any] = {"int32": ctypes.c_int32, "float32": ctypes.c_float}


@dataclass(eq=False)
class FakeFunction:
    """Function, which RawKernel.kernel returns (CuPy's raw.pyx); a module is there as long as its functions."""

    signature: Signature
    ptr: int = field(default_factory=itertools.count(1 << 20).__next__)

    def arguments(self, kernel_params: int) -> tuple[list[int], list[float], list[int]]:
        """Read what lies at the addresses: pointers of arrays, scalars, dimensions."""
        sig = self.signature
        kinds = [ctypes.c_void_p] * len(sig.arrays) + [_C_TYPES[kind] for kind in scalar_types(sig)]
        addresses = (ctypes.c_void_p * len(kinds)).from_address(kernel_params)
        values = [kind.from_address(at).value for kind, at in zip(kinds, addresses, strict=True)]
        first, last = len(sig.arrays), len(sig.arrays) + len(sig.scalars)
        return values[:first], values[first:last], values[last:]


@dataclass(frozen=True)
class FakeLaunch:
    """What a launch asked for, and the twin's work."""

    name: str
    blocks: int
    threads: int
    scalars: dict[str, float]
    work: Callable[[], None]


class FakeKernels:
    """The functions of all modules, and cuLaunchKernel as CuPy hands it on (driver.pyx: launchKernel)."""

    def __init__(self) -> None:
        self._functions: weakref.WeakValueDictionary[int, FakeFunction] = weakref.WeakValueDictionary()

    def function(self, name: str) -> FakeFunction:
        """Return a new function."""
        function = FakeFunction(SIGNATURES[name])
        self._functions[function.ptr] = function
        return function

    def launch(self, current: int, at: Stream, f: int, *words: int) -> FakeLaunch:
        """Check a launch; the driver has read all of its arguments when it returns."""
        blocks, grid_y, grid_z, threads, block_y, block_z = map(operator.index, words[:6])
        assert blocks > 0 and (grid_y, grid_z) == (1, 1) and threads > 0 and (block_y, block_z) == (1, 1)
        shared_mem_bytes, stream, kernel_params, extra = words[6:]
        assert (shared_mem_bytes, extra) == (0, 0) and stream == current, "a launch on another stream"
        sig = self._functions[f].signature
        pointers, scalars, dims = self._functions[f].arguments(kernel_params)
        arrays = {spec.name: at.array(pointer) for spec, pointer in zip(sig.arrays, pointers, strict=True)}
        sizes = sig.measure(arrays)
        assert dims == [sizes[symbol] for symbol in sig.dims]
        named = dict(zip((scalar for scalar, _ in sig.scalars), scalars, strict=True))
        return FakeLaunch(sig.name, blocks, threads, named, _twin(sig, arrays, scalars))


def _twin(sig: Signature, arrays: dict[str, DeviceArray], scalars: list[float]) -> Callable[[], None]:
    return functools.partial(TWINS[sig.name], *(array.host for array in arrays.values()), *scalars)
