"""Registry of readers: which one reads a scan file is found by its content, never by its name."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from ptychogui.errors import DataError
from ptychogui.io import cxi
from ptychogui.io.dataset import Dataset
from ptychogui.io.fingerprint import recorded
from ptychogui.io.mda import format as mda, mda_scan as mda_scans
from ptychogui.io.raw import raw_scan as raw
from ptychogui.io.raw.file_series import is_pattern
from ptychogui.io.read_options import ReadOptions

_log = logging.getLogger(__name__)


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
        takes_series: whether the frames may be in the series of files that ReadOptions.file_pattern names.
    """

    name: str
    content: str
    supports: Callable[[Path], bool]
    open: Callable[[Path, ReadOptions], Dataset]
    priority: int = 0
    takes_series: bool = False


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


def open_dataset(path: Path | str, options: ReadOptions | None = None) -> Dataset:
    """Open a scan file with the reader that its content asks for.

    Args:
        path: the file, or the pattern of a series of raw files ("raw/scan012_#04d.h5").
        options: what the user says about its frames; None leaves all to be found.

    Raises:
        DataError: no reader knows the content, or the file is broken or inconsistent.
    """
    path, options = Path(path), options or ReadOptions()
    with recorded() as recording:
        dataset = _open(path, options)
    return replace(dataset, options=options, seen=recording.fingerprint())


def _open(path: Path, options: ReadOptions) -> Dataset:
    if is_pattern(path):
        _check_pattern(options, path, str(path))
        return raw.open_series(str(path), options)
    _check_readable(path)
    if options.file_pattern and Path(options.file_pattern) == path:  # as ptychopy's -fp may name any file
        options = replace(options, file_pattern="")
    reasons: list[str] = []
    for reader in _readers:
        if _supported(reader, path, reasons):
            _check_pattern(options, path, options.file_pattern if reader.takes_series else "")
            _log.debug("%s is read as %s", path, reader.name)
            return reader.open(path, options)
    if reasons:
        raise DataError(reasons[0])
    known = "; ".join(reader.content for reader in _readers)
    raise DataError(f"{path} is not a scan that ptychogui knows. It can read: {known}")


def takes_series(path: Path) -> bool:
    """Whether a scan's frames are in a series of files: its own path is a pattern, or it is a file without frames."""
    if is_pattern(path) or not os.path.isfile(path):
        return is_pattern(path)
    return next((reader.takes_series for reader in _readers if _supported(reader, path, [])), False)


def _check_pattern(options: ReadOptions, path: Path, allowed: str) -> None:
    """Refuse a series of files where the scan's own file holds the frames."""
    if options.file_pattern not in ("", allowed):
        raise DataError(f"{path} holds the frames itself; leave out the pattern {options.file_pattern}, or the scan")


def _check_readable(path: Path) -> None:
    if os.path.isdir(path):
        raise DataError(f"can't open {path}: it is a folder, not a file")
    if os.path.exists(path) and not os.path.isfile(path):
        raise DataError(f"can't open {path}: it is no ordinary file")
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except (OSError, ValueError) as error:  # NUL in a name is a ValueError
        reason = isinstance(error, OSError) and error.strerror
        raise DataError(f"can't open {path}: {(reason or str(error)).lower()}") from error
    if empty:
        raise DataError(f"can't open {path}: the file is empty")


def _supported(reader: Reader, path: Path, reasons: list[str]) -> bool:
    """Ask one reader; note its reason if the file is its own but broken."""
    try:
        return reader.supports(path)
    except DataError as error:
        _log.debug("reader %s: %s", reader.name, error)
        reasons.append(str(error))
    except Exception:  # noqa: BLE001 - a reader that fails on a foreign file must not hide the others
        _log.info("reader %s failed on %s", reader.name, path, exc_info=True)
        return False
    return False


register(Reader("CXI", "CXI, an HDF5 file with a group /entry_1", cxi.supports_cxi, cxi.open_cxi, priority=10))
register(Reader("raw", "raw frames: HDF5, NPY, NPZ, TIFF, headerless .bin", raw.supports_raw, raw.open_raw))
register(Reader("MDA", "MDA with raw frames beside it", mda.is_mda, mda_scans.open_mda, takes_series=True))
