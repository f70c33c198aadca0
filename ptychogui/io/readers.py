"""Which reader reads a scan file: found by content, never by the file's name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ptychogui.errors import DataError
from ptychogui.io import cxi
from ptychogui.io.access import Access
from ptychogui.io.dataset import Dataset


@dataclass(frozen=True)
class Reader:
    """One scan format.

    Attributes:
        name: short name, kept in Dataset.format.
        content: what it reads, in words, for the error that lists the formats.
        supports: looks into an existing, ordinary file and says whether it is this format. A probe may raise
            DataError where the file is of this format but broken; any failure leaves the file to other readers.
        open: makes the Dataset.
        priority: readers are asked from the highest to the lowest.
    """

    name: str
    content: str
    supports: Callable[[Path], bool]
    open: Callable[[Path, Access], Dataset]
    priority: int = 0


_readers: list[Reader] = []


def register(reader: Reader) -> None:
    """Add a reader; among equal priorities the first one registered is asked first."""
    _readers.append(reader)
    _readers.sort(key=lambda known: -known.priority)


def unregister(reader: Reader) -> None:
    """Take a reader out again."""
    _readers.remove(reader)


def readers() -> tuple[Reader, ...]:
    """List the readers in the order in which they are asked."""
    return tuple(_readers)


def open_dataset(path: Path | str, access: Access | None = None) -> Dataset:
    """Open a scan file with the reader that its content asks for.

    Args:
        path: the file.
        access: what the user says about its frames; None leaves all to be found.

    Raises:
        DataError: no reader knows the content, or the file is broken or inconsistent.
    """
    path = Path(path)
    _check_readable(path)
    reasons: list[str] = []
    for reader in _readers:
        if _supported(reader, path, reasons):
            return reader.open(path, access or Access())
    if reasons:
        raise DataError(reasons[0])
    known = "; ".join(reader.content for reader in _readers)
    raise DataError(f"{path} is not a scan that ptychogui knows. It can read: {known}")


def _check_readable(path: Path) -> None:
    if path.is_dir():
        raise DataError(f"can't open {path}: it is a folder, not a file")
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except OSError as error:
        raise DataError(f"can't open {path}: {(error.strerror or str(error)).lower()}") from error
    if empty:
        raise DataError(f"can't open {path}: the file is empty")


def _supported(reader: Reader, path: Path, reasons: list[str]) -> bool:
    """Ask one reader; note its reason if the file is its own but broken."""
    try:
        return reader.supports(path)
    except DataError as error:
        reasons.append(str(error))
    except Exception:  # noqa: BLE001 - a reader that fails on a foreign file must not hide the others
        return False
    return False


register(Reader("CXI", "CXI, an HDF5 file with a group /entry_1", cxi.supports_cxi, cxi.open_cxi, priority=10))
register(Reader("HDF5", "HDF5 with --dataset-path naming a stack of frames", cxi.supports_hdf5, cxi.open_hdf5))
