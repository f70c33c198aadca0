"""Chunks of HDF5 files unpacked outside of the HDF5 library, which lets in one thread at a time.

Detectors pack each frame with a filter that HDF5 loads as a plugin. A plugin is called here as the library calls it, by
the interface that HDF5 publishes for plugins (H5Z_class2_t of H5Zpublic.h), so that threads unpack side by side. Only
plugins that work on nothing but their arguments are called so.
"""

from __future__ import annotations

import ctypes
import functools
import zlib
from collections.abc import Callable

import h5py
import hdf5plugin
import numpy as np

Unpack = Callable[[bytes, np.ndarray], None]
"""Unpacks the bytes of a chunk into a contiguous array; ValueError where they don't make it up."""

_PLUGINS = {32008: "bshuf", 32004: "lz4", 32015: "zstd"}
"""Filter's number -> name of its plugin."""

_REVERSE = 0x0100
"""H5Z_FLAG_REVERSE: unpack."""


class _FilterClass(ctypes.Structure):
    """H5Z_class2_t."""

    _fields_ = (
        ("version", ctypes.c_int),
        ("id", ctypes.c_int),
        ("encoder_present", ctypes.c_uint),
        ("decoder_present", ctypes.c_uint),
        ("name", ctypes.c_char_p),
        ("can_apply", ctypes.c_void_p),
        ("set_local", ctypes.c_void_p),
        ("filter", ctypes.c_void_p),
    )


_Filter = ctypes.CFUNCTYPE(
    ctypes.c_size_t,
    ctypes.c_uint,
    ctypes.c_size_t,
    ctypes.POINTER(ctypes.c_uint),
    ctypes.c_size_t,
    ctypes.POINTER(ctypes.c_size_t),
    ctypes.POINTER(ctypes.c_void_p),
)
"""H5Z_func_t: flags, settings and their number, bytes in, size and address of a buffer; gives bytes out, or 0."""


def unpacker(data: h5py.Dataset) -> Unpack | None:
    """Return what unpacks the chunks of a dataset on any thread; None where only HDF5 can, or nothing is packed."""
    settings = data.id.get_create_plist()
    filters = [settings.get_filter(number) for number in range(settings.get_nfilters())]
    shuffled = bool(filters) and filters[0][0] == h5py.h5z.FILTER_SHUFFLE
    rest = filters[shuffled:]
    if len(rest) > 1 or not _is_stored_as_read(data):
        return None
    unpack = _single(rest[0][0], rest[0][2]) if rest else None
    return _unshuffled(unpack) if unpack is not None and shuffled else unpack


def _is_stored_as_read(data: h5py.Dataset) -> bool:
    """Whether numbers lie in the file with the very bits that numpy gives them."""
    return bool(data.id.get_type().equal(h5py.h5t.py_create(data.dtype)))


def _single(code: int, settings: tuple[int, ...]) -> Unpack | None:
    if code == h5py.h5z.FILTER_DEFLATE:
        return _inflate
    filter_ = _plugin(code)
    return None if filter_ is None else functools.partial(_call, filter_, (ctypes.c_uint * len(settings))(*settings))


def _copy(raw: bytes, out: np.ndarray) -> None:
    out.reshape(-1).view(np.uint8)[:] = np.frombuffer(raw, np.uint8)


def _inflate(raw: bytes, out: np.ndarray) -> None:
    try:
        _copy(zlib.decompress(raw, bufsize=out.nbytes), out)
    except zlib.error as error:
        raise ValueError(str(error)) from error


def _unshuffled(unpack: Unpack) -> Unpack:
    """Return what also brings together the bytes of each number, which HDF5's shuffle filter has spread out."""

    def unpack_shuffled(raw: bytes, out: np.ndarray) -> None:
        planes = np.empty((out.itemsize, out.size), np.uint8)
        unpack(raw, planes)
        out.reshape(-1).view(np.uint8).reshape(out.size, out.itemsize)[:] = planes.T

    return unpack_shuffled


@functools.cache
def _plugin(code: int) -> Callable[..., int] | None:
    """Return the function of a plugin that is safe on threads, or None."""
    path = hdf5plugin.get_config().registered_filters.get(_PLUGINS.get(code, ""))
    if path is None:
        return None
    try:
        library = ctypes.CDLL(path)
        library.H5PLget_plugin_info.restype = ctypes.POINTER(_FilterClass)
        found = library.H5PLget_plugin_info().contents
    except (OSError, AttributeError, ValueError):
        return None
    return _Filter(found.filter) if found.id == code and found.decoder_present and found.filter else None


@functools.cache
def _memory() -> ctypes.CDLL:
    """Return the C library, by whose malloc and free plugins change buffers; so short that other threads can wait."""
    library = ctypes.PyDLL(None)
    library.malloc.restype, library.malloc.argtypes = ctypes.c_void_p, (ctypes.c_size_t,)
    library.free.restype, library.free.argtypes = None, (ctypes.c_void_p,)
    library.memcpy.restype = ctypes.c_void_p
    library.memcpy.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t)
    return library


def _call(filter_: Callable[..., int], settings: ctypes.Array[ctypes.c_uint], raw: bytes, out: np.ndarray) -> None:
    """Have a plugin unpack; ctypes lets other threads go on meanwhile."""
    memory, size = _memory(), ctypes.c_size_t(len(raw))
    buffer = ctypes.c_void_p(memory.malloc(max(len(raw), 1)))
    if buffer.value is None:
        raise MemoryError(f"no {len(raw)} bytes for a chunk")
    try:
        memory.memcpy(buffer, raw, len(raw))
        found = filter_(_REVERSE, len(settings), settings, len(raw), ctypes.byref(size), ctypes.byref(buffer))
        if found != out.nbytes:
            raise ValueError(f"a chunk of {out.nbytes} bytes unpacks to {found}")
        ctypes.memmove(out.ctypes.data, buffer, found)
    finally:
        memory.free(buffer)
