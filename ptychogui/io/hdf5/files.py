"""HDF5 with errors a user can act on: opening, reading values, naming what is missing, building files in memory."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin  # noqa: F401 - registers the compression filters of detectors
import numpy as np

from ptychogui.errors import DataError
from ptychogui.io.fingerprint import looked_at
from ptychogui.io.hdf5.external_files import look_at_files

_log = logging.getLogger(__name__)

SIGNATURE = b"\x89HDF\r\n\x1a\n"
"""First bytes of an HDF5 file, after a user block of 0, 512, 1024 or 2048 bytes."""

H5_ERRORS = (OSError, RuntimeError, KeyError, TypeError, UnicodeError)
"""What h5py raises where a file is damaged, or of a type that numpy has no equal for."""


_METADATA_BYTES = 1 << 16
"""Of what describes a file's content and is kept together: a header is then read from one place of the disk."""


def is_hdf5(path: Path) -> bool:
    """Whether the file starts as HDF5 does, broken further on or not."""
    with path.open("rb") as file:
        head = file.read(2048 + len(SIGNATURE))
    return any(head.startswith(SIGNATURE, start) for start in (0, 512, 1024, 2048))


def open_h5(path: Path) -> h5py.File:
    """Open an HDF5 file for reading, without a lock, so that no detector finds its own file locked by a reader.

    A file whose writer shares it (SWMR) is opened as it stands.

    Raises:
        DataError: it does not exist, is not HDF5, is cut off, or is being written by another program.
    """
    looked_at(path)
    if _is_held(path):
        raise DataError(f"can't open {path}: another program is writing it; try again when it has finished")
    try:
        return h5py.File(path, "r", locking=False)
    except (OSError, RuntimeError, ValueError) as error:
        _log.debug("%s is opened as a file that may still be written: %s", path, error)
        with contextlib.suppress(OSError, RuntimeError, ValueError):
            return h5py.File(path, "r", locking=False, swmr=True)
        raise DataError(f"can't open {path}: {_opening_problem(path, error)}") from error


def _is_held(path: Path) -> bool:
    """Whether a program that writes the file holds HDF5's lock on it; a file system without locks says no."""
    with contextlib.suppress(OSError, ValueError), path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _opening_problem(path: Path, error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, PermissionError):
        return "no permission to read it"
    if "already open for" in str(error):
        return "another program is writing it, or ended without closing it; try again later, or run h5clear -s on it"
    try:
        size_bytes = path.stat().st_size
    except (OSError, ValueError) as lost:
        return str(getattr(lost, "strerror", lost)).lower()
    if path.is_dir():
        return "it is a folder, not a file"
    if not is_hdf5(path):
        return "it is not an HDF5 file" if size_bytes else "the file is empty"
    whole = re.search(r"stored_eof = (\d+)", str(error))
    if whole is not None and int(whole[1]) > size_bytes:
        return f"the HDF5 file is cut off, only {size_bytes} of its {whole[1]} bytes are there; copy or record it again"
    return f"the HDF5 file is damaged; copy or record it again [{_brief(error)}]"


@contextlib.contextmanager
def reading(path: Path, what: str) -> Iterator[None]:
    """Turn what h5py raises on damaged content into a DataError that names the file and the thing.

    Raises:
        DataError: reading inside the block failed.
    """
    try:
        yield
    except UnicodeError as error:
        raise DataError(
            f"{path}: {what} can't be read: it names a file in another encoding than UTF-8, which h5py can't follow; "
            f"rename that file, and write this one again [{_brief(error)}]"
        ) from error
    except H5_ERRORS as error:
        raise DataError(
            f"{path}: {what} can't be read, the file is damaged; copy or record it again [{_brief(error)}]"
        ) from error


def _brief(error: Exception) -> str:
    return str(error).strip("'\"").splitlines()[0] if str(error) else type(error).__name__


def first_dataset(file: h5py.File, places: Iterable[str]) -> h5py.Dataset | None:
    """Return the first of these places that holds a dataset, links followed."""
    for place in places:
        found = file.get(place)
        if found is None or found.file.filename != file.filename or getattr(found, "is_virtual", False):
            look_at_files(file, place)
        if isinstance(found, h5py.Dataset):
            looked_at(found.file.filename)
            return found
    return None


def read_text(file: h5py.File, place: str) -> str:
    """Return the text at a place; "" where there is none."""
    found = first_dataset(file, [place])
    if found is None or found.size != 1 or h5py.check_string_dtype(found.dtype) is None:
        return ""
    return as_text(np.asarray(found[()]).reshape(-1)[0])


def as_text(value: Any) -> str:
    """Return a text that h5py gives as bytes."""
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else str(value)


def units_of(dataset: h5py.Dataset) -> str:
    """Return the attribute "units" as text; "" where there is none.

    It may be an array of one text, or of several that are the same; it may be in UTF-8 or Latin-1, and the attribute's
    name in any case, and in the singular.
    """
    said = all_units_of(dataset)
    return (said[0] if len(set(said)) == 1 else str(said)) if said else ""


def all_units_of(dataset: h5py.Dataset) -> list[str]:
    """Return the texts of the attribute "units", such as one for each column; see `units_of`."""
    name = next((name for name in dataset.attrs if str(name).casefold() in ("units", "unit")), None)
    if name is None:
        return []
    try:
        said = dataset.attrs[name]
    except (*H5_ERRORS, ValueError):
        return ["of an unknown type"]
    texts = [] if isinstance(said, h5py.Empty) else np.asarray(said).reshape(-1).tolist()
    return [_text(text).strip("\0 ") for text in texts]


def _text(value: Any) -> str:
    """Return text that may be bytes in UTF-8 or Latin-1; h5py makes surrogates of bytes that are no UTF-8."""
    value = value if isinstance(value, bytes) else str(value).encode("utf-8", errors="surrogateescape")
    try:
        return str(value.decode("utf-8"))
    except UnicodeDecodeError:
        return str(value.decode("latin-1"))


_REAL, _IMAGINARY = ("r", "re", "real"), ("i", "im", "imag", "imaginary")
"""How programs name the parts of a complex number."""


def read_complex(dataset: h5py.Dataset) -> np.ndarray:
    """Read complex64 from a real, a complex or a two-field dataset; see `as_complex`.

    Raises:
        TypeError: it holds something else.
    """
    return as_complex(np.asarray(dataset[()]), str(dataset.name))


def as_complex(array: np.ndarray, place: str) -> np.ndarray:
    """Return numbers as complex64; of two fields, the names tell which one is the imaginary part.

    Args:
        array: of numbers, or of pairs of numbers.
        place: where it is from, for the message.

    Raises:
        TypeError: it holds something else, or fields whose names don't tell.
    """
    names = array.dtype.names
    if names is not None:
        parts = {_part(name): name for name in names}
        if len(names) != 2 or set(parts) != {"real", "imaginary"}:
            fields = ", ".join(names)
            raise TypeError(f"{place} has the fields {fields}, which don't say what is real and what imaginary")
        array = array[parts["real"]] + 1j * array[parts["imaginary"]]
    if not (np.issubdtype(array.dtype, np.number) or array.dtype == np.bool_):
        raise TypeError(f"{place} holds {array.dtype}, not numbers")
    return np.asarray(array, dtype=np.complex64)


def _part(name: str) -> str:
    """Tell which part of a complex number a field is: "real", "imaginary", or its own name if it is neither."""
    word = name.strip("_ ").casefold().removesuffix("part").strip("_ ")
    return "real" if word in _REAL else "imaginary" if word in _IMAGINARY else name


def check_filters(path: Path, dataset: h5py.Dataset) -> None:
    """Make sure that the filters that pack a dataset are there.

    Raises:
        DataError: one is missing; the message names it.
    """
    settings = dataset.id.get_create_plist()
    for number in range(settings.get_nfilters()):
        code, _, _, label = settings.get_filter(number)
        if not h5py.h5z.filter_avail(code):
            title = label.decode("ascii", errors="replace").split(";")[0] or "unnamed"
            raise DataError(
                f"{path}: {dataset.name} is packed with the HDF5 filter {code} ({title}), which is not installed; "
                "install its HDF5 plugin or update hdf5plugin"
            )


_PACKINGS = {
    1: "zlib", 2: "shuffle", 3: "checksum", 32000: "LZF", 32001: "Blosc", 32004: "LZ4", 32008: "bitshuffle",
    32015: "Zstd", 32026: "Blosc2",
}  # fmt: skip


def packing_of(dataset: h5py.Dataset) -> str:
    """Name the filters that pack a dataset, such as "bitshuffle-LZ4"; "none" without any."""
    settings = dataset.id.get_create_plist()
    filters = [settings.get_filter(number) for number in range(settings.get_nfilters())]
    return ", ".join(_packing(code, values, label) for code, _, values, label in filters) or "none"


def _packing(code: int, values: tuple[int, ...], label: bytes) -> str:
    name = _PACKINGS.get(code) or f"filter {code} {label.decode('ascii', errors='replace').split(';')[0]}".strip()
    inner = {2: "-LZ4", 3: "-Zstd"}.get(values[4], "") if name == "bitshuffle" and len(values) > 4 else ""
    return name + inner


def datasets(file: h5py.File, ndim: int) -> list[h5py.Dataset]:
    """List the datasets of numbers with this many axes."""
    found: list[h5py.Dataset] = []

    def collect(_: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.ndim == ndim and item.dtype.kind in "biuf":
            found.append(item)

    file.visititems(collect)
    return found


def build_image(fill: Callable[[h5py.File], None]) -> bytes:
    """Build an HDF5 file in memory, so that a full disk meets a plain write and never the HDF5 library.

    Args:
        fill: writes the content into an empty, open file.
    """
    name = f"in memory {secrets.token_hex(8)}"
    with h5py.File(name, "w", driver="core", backing_store=False, meta_block_size=_METADATA_BYTES) as file:
        fill(file)
        file.flush()
        return bytes(file.id.get_file_image())
