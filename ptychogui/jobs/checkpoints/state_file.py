"""State files: named arrays and what is to be known of them, written whole or not at all, read only if undamaged.

A file is one that `numpy.load` opens: a zip archive, not packed, of `about.json` and an .npy file for each array, each
with its checksum. It is written and read piece by piece, so that it may be larger than the memory that is free.
Nothing in it is ever executed: there are no pickles.
"""

from __future__ import annotations

import json
import struct
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy

from ptychogui.errors import DataError
from ptychogui.io.atomic import replacing

_ABOUT, _ARRAY = "about.json", ".npy"

_PIECE_BYTES = 1 << 25
"""Read or written at a time."""

_DAMAGE = (zipfile.BadZipFile, OSError, EOFError, ValueError, KeyError, TypeError, NotImplementedError, struct.error)
"""What reading a damaged archive may raise."""


def part_of_state_file(path: Path) -> Path:
    """Return where a state file is while it is written; what a killed process leaves there is replaced."""
    return path.with_name(f"{path.name}.part")


def size_bytes(arrays: Mapping[str, Any]) -> int:
    """Return about how large a file of some arrays is."""
    return sum(_nbytes(array) + 512 for array in arrays.values()) + (1 << 16)


def write_state_file(
    path: Path, about: Mapping[str, Any], arrays: Mapping[str, Any], fetch: Callable[[Any], np.ndarray]
) -> None:
    """Write a state file in the place of the one before.

    Args:
        path: of the file.
        about: for JSON.
        arrays: by name, of the host or of a device.
        fetch: brings a piece of one, or an array without axes, to the host. What it raises ends the writing, and the
            file stays as it was.

    Raises:
        OutputError: it can't be written; what was there is untouched.
    """
    with (
        replacing(path, part_of_state_file(path)) as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True) as archive,
    ):
        archive.writestr(zipfile.ZipInfo(_ABOUT), json.dumps({"arrays": [*arrays], "about": about}))
        for name, array in arrays.items():
            with archive.open(zipfile.ZipInfo(name + _ARRAY), "w", force_zip64=True) as entry:
                description = npy.dtype_to_descr(np.dtype(array.dtype))
                header = {"descr": description, "fortran_order": False, "shape": tuple(array.shape)}
                npy.write_array_header_1_0(entry, header)
                for piece in _pieces(array):
                    entry.write(np.ascontiguousarray(fetch(piece)).reshape(-1).view(np.uint8).data)


def read_about(path: Path) -> dict[str, Any]:
    """Read what is to be known about the arrays of a state file.

    Raises:
        DataError: the file is damaged.
    """
    with _undamaged(path), zipfile.ZipFile(path) as archive:
        about: dict[str, Any] = json.loads(archive.read(_ABOUT))["about"]
        return about


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read the arrays of a state file, once every byte of it was looked at.

    They stay in the file until they are used: who keeps one copies it, and lets go of the others.

    Raises:
        DataError: the file is damaged.
    """
    with _undamaged(path), zipfile.ZipFile(path) as archive:
        names = json.loads(archive.read(_ABOUT))["arrays"]
        return {name: _array(path, archive, archive.getinfo(name + _ARRAY)) for name in names}


@contextmanager
def _undamaged(path: Path) -> Iterator[None]:
    """Turn what reading a damaged file raises into a DataError.

    Raises:
        DataError: reading inside the block failed.
    """
    try:
        yield
    except _DAMAGE as error:
        raise DataError(f"{path} is damaged, or no file of this kind: {error}") from error


def _array(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> np.ndarray:
    """Return an array that stays in the file."""
    with archive.open(info) as entry:
        if npy.read_magic(entry) != (1, 0):
            raise ValueError(f"{info.filename} is no array")
        shape, _, dtype = npy.read_array_header_1_0(entry)
        begin = entry.tell()
        size = begin
        while piece := entry.read(_PIECE_BYTES):  # at its end the checksum is compared
            size += len(piece)
    if size - begin != dtype.itemsize * int(np.prod(shape, dtype=np.int64)):
        raise ValueError(f"{info.filename} is cut off")
    if size == begin:
        return np.zeros(shape, dtype)
    return np.memmap(path, dtype, "r", _content_at(archive, info) + begin, shape)


def _content_at(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> int:
    """Return where in the file an entry's content begins: behind its header of 30 bytes, its name and what is extra."""
    file = archive.fp
    assert file is not None
    file.seek(info.header_offset)
    header = file.read(30)
    lengths: tuple[int, int] = struct.unpack("<26x2H", header)
    offset: int = info.header_offset
    return offset + len(header) + lengths[0] + lengths[1]


def _pieces(array: Any) -> Iterator[Any]:
    """Cut an array along its first axis into pieces that are read or written at a time."""
    if not array.shape:
        yield array
        return
    rows = max(1, _PIECE_BYTES * len(array) // max(_nbytes(array), 1)) if len(array) else 1
    for first in range(0, len(array), rows):
        yield array[first : first + rows]


def _nbytes(array: Any) -> int:
    return int(np.prod(array.shape, dtype=np.int64)) * int(np.dtype(array.dtype).itemsize)
