"""Decompression of HDF5 chunks on many threads, outside of the HDF5 library, which lets in one at a time.

Detectors pack each frame with a filter that HDF5 loads as a plugin. A plugin is called (kernels/unpack.hpp) as the
library calls it, by the interface that HDF5 publishes for plugins (H5Z_class2_t of H5Zpublic.h), so that threads unpack
side by side. Only plugins that work on nothing but their arguments are called so.
"""

from __future__ import annotations

import ctypes
import functools
import logging
import zlib
from collections.abc import Callable, Sequence

import h5py
import hdf5plugin
import numpy as np

from ptychogui.backends.compiler import cached_kernels

_log = logging.getLogger(__name__)

Unpack = Callable[[Sequence[bytes], np.ndarray], None]
"""Unpacks the bytes of chunks into a contiguous array (chunks, numbers); OSError where they don't make it up."""

_BITSHUFFLE, _LZ4, _ZSTD = 32008, 32004, 32015
_PLUGINS = {_BITSHUFFLE: "bshuf", _LZ4: "lz4", _ZSTD: "zstd"}
"""Filter's number -> name of its plugin."""


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


def unpacker(data: h5py.Dataset) -> Unpack | None:
    """Return what unpacks the chunks of a dataset on any thread.

    None where only HDF5 can, nothing is packed, or a plugin is needed and the kernels have not been compiled yet.
    """
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
    plugin = _plugin(code)
    kernels = None if plugin is None else cached_kernels()
    if plugin is None or kernels is None:
        return None
    return functools.partial(_unpack, kernels, plugin, settings, _unit(code, settings))


def _unit(code: int, settings: tuple[int, ...]) -> int:
    """Return how many bytes the blocks of a packed chunk are multiples of; 0 where there are no blocks."""
    if code == _LZ4:
        return 1
    return 8 * settings[2] if code == _BITSHUFFLE and len(settings) > 4 and settings[4] else 0


def _inflate(packed: Sequence[bytes], out: np.ndarray) -> None:
    for raw, chunk in zip(packed, out, strict=True):
        try:
            plain = zlib.decompress(raw, bufsize=chunk.nbytes)
        except zlib.error as error:
            raise OSError(str(error)) from error
        if len(plain) != chunk.nbytes:
            raise OSError(f"a chunk of {chunk.nbytes} bytes unpacks to {len(plain)}")
        chunk[:] = np.frombuffer(plain, chunk.dtype)


def _unshuffled(unpack: Unpack) -> Unpack:
    """Return what also brings together the bytes of each number, which HDF5's shuffle filter has spread out."""

    def unpack_shuffled(packed: Sequence[bytes], out: np.ndarray) -> None:
        planes = np.empty((len(out), out.itemsize, out.shape[1]), np.uint8)
        unpack(packed, planes.reshape(len(out), -1))
        out.view(np.uint8).reshape(*out.shape, out.itemsize)[:] = planes.transpose(0, 2, 1)

    return unpack_shuffled


@functools.cache
def _plugin(code: int) -> int | None:
    """Return the address of a plugin's function that is safe on threads, or None."""
    path = hdf5plugin.get_config().registered_filters.get(_PLUGINS.get(code, ""))
    if path is None:
        return None
    try:
        library = ctypes.CDLL(path)
        library.H5PLget_plugin_info.restype = ctypes.POINTER(_FilterClass)
        found = library.H5PLget_plugin_info().contents
    except (OSError, AttributeError, ValueError) as error:
        _log.info("%s can't unpack, so HDF5 does: %s", path, error)
        return None
    return int(found.filter) if found.id == code and found.decoder_present and found.filter else None


def _unpack(  # noqa: PLR0913 - a plugin with its settings, and what it is to do
    kernels: ctypes.CDLL, plugin: int, settings: tuple[int, ...], unit: int, packed: Sequence[bytes], out: np.ndarray
) -> None:
    """Have a plugin unpack; other threads go on meanwhile. See kernels/unpack.hpp."""
    count, chunk_bytes = len(packed), out[0].nbytes
    unpacked = kernels.unpack_chunks(
        ctypes.c_void_p(out.ctypes.data),
        ctypes.c_size_t(chunk_bytes),
        (ctypes.c_char_p * count)(*packed),
        (ctypes.c_size_t * count)(*map(len, packed)),
        count,
        ctypes.c_size_t(unit),
        ctypes.c_void_p(plugin),
        ctypes.c_size_t(len(settings)),
        (ctypes.c_uint * len(settings))(*settings),
    )
    if unpacked < 0:
        raise MemoryError(f"no memory to unpack {count} chunks of {chunk_bytes} bytes")
    if unpacked < count:
        raise OSError(f"a chunk does not unpack to {chunk_bytes} bytes")
