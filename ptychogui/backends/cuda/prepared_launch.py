"""A kernel's launch, prepared once: its arguments lie where the driver reads them, and a launch writes the scalars."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ptychogui.backends.base import Launch
from ptychogui.backends.signatures import Signature, product

if TYPE_CHECKING:
    import cupy

_SMALLEST_BLOCK, LARGEST_BLOCK = 32, 256
"""Threads of a block: at least a warp, which is what kernels take together."""

_LARGEST_GRID = 1 << 16

_CODES = {"int32": "i", "float32": "f"}
"""Of the module struct."""


def prepared_launch(function: cupy.cuda.Function, sig: Signature, arrays: Mapping[str, cupy.ndarray]) -> Launch:
    """Return a launch on the current stream that does the least that it can: a group of ePIE has six of them.

    CuPy's own call of a function makes an object of each argument and takes 3 to 4 us. This is the call of the driver
    behind it, which copies all arguments before it returns.

    Raises:
        TypeError: an array does not fit, see Signature.measure.
    """
    from cupy.cuda import driver, get_current_stream

    sizes = sig.measure(arrays)
    memory, addresses = _arguments(sig, arrays, sizes)
    begin, code = 8 * len(sig.arrays), "=" + "".join(_CODES[kind] for _, kind in sig.scalars)
    write, launch_kernel = struct.Struct(code).pack_into, driver.launchKernel
    rows, by = _rows(sig, sizes)
    threads = block_threads(product(sig.columns, sizes))
    handle, at = function.ptr, ctypes.addressof(addresses)

    def launch(*scalars: Any, _keep: object = (function, arrays, addresses)) -> None:
        write(memory, begin, *scalars)
        blocks = rows
        for i in by:
            blocks *= scalars[i]
        stream = get_current_stream().ptr
        launch_kernel(handle, min(blocks, _LARGEST_GRID), 1, 1, threads, 1, 1, 0, stream, at, 0)

    return launch


def block_threads(columns: int) -> int:
    """Return the threads of a block: a power of two, as block_sum needs, that covers the columns."""
    return min(max(1 << (columns - 1).bit_length(), _SMALLEST_BLOCK), LARGEST_BLOCK)


def _rows(sig: Signature, sizes: Mapping[str, int]) -> tuple[int, tuple[int, ...]]:
    """Return the blocks of a launch as a number, and which of the scalars it is to be multiplied by."""
    scalars, factors = [name for name, _ in sig.scalars], sig.rows.split()
    fixed = " ".join(name for name in factors if name not in scalars)
    return product(fixed, sizes), tuple(scalars.index(name) for name in factors if name in scalars)


def _arguments(
    sig: Signature, arrays: Mapping[str, cupy.ndarray], sizes: Mapping[str, int]
) -> tuple[ctypes.Array[ctypes.c_char], ctypes.Array[ctypes.c_void_p]]:
    """Return memory with the arguments, scalars still 0, and the address of each argument, as cuLaunchKernel wants."""
    pointers = [arrays[spec.name].data.ptr for spec in sig.arrays]
    dims = [sizes[symbol] for symbol in sig.dims]
    words = struct.pack(f"={len(pointers)}Q{len(sig.scalars)}i{len(dims)}i", *pointers, *[0] * len(sig.scalars), *dims)
    memory = ctypes.create_string_buffer(words, len(words))
    first, behind = ctypes.addressof(memory), 8 * len(pointers)
    places = [*range(0, behind, 8), *range(behind, len(words), 4)]
    return memory, (ctypes.c_void_p * len(places))(*(first + place for place in places))
