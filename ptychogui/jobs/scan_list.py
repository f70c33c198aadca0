"""Lists of scans for batch runs: files, folders, globs, ranges of numbers, and text files of any of these."""

from __future__ import annotations

import codecs
import functools
import glob
import os
import re
import stat
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from ptychogui.errors import DataError, ParameterError
from ptychogui.io.raw.file_series import Pattern, is_pattern
from ptychogui.io.result import is_reconstruction

_NUMBERS = re.compile(r"\d+(-\d+)?(,\d+(-\d+)?)*")
LIST_SUFFIXES = (".txt", ".lst")
"""Ends of the names of text files that are lists."""
_KINDS = ((".mda",), (".cxi",), (".nxs", "_master.h5"), (".h5", ".hdf5"))
"""Ends of the names of scans in a folder; those of one line are taken where there are none of the lines before."""
_MOST = 100_000
"""Scans of a list at most: more is a slip of the finger in a range."""


@dataclass(frozen=True)
class ScanList:
    """Scans in the order in which they were asked for, each once.

    Attributes:
        scans: their files.
        absent: files that a range of numbers or a text file asks for and that are not there.
    """

    scans: tuple[Path, ...]
    absent: tuple[Path, ...]


def scan_list(items: Sequence[str], numbered: str = "") -> ScanList:
    """Find the scans that a user means.

    Args:
        items: each a file, a folder of scans, the pattern of a raw series, a glob ("mda/*.mda"), numbers ("12-40,55"),
            or a text file (.txt, .lst) with such items, one a line, relative to its folder; lines from '#' on are
            remarks.
        numbered: what numbers stand for: a path with '#' and a width in place of the number, "mda/2idd_#04d.mda".

    Raises:
        DataError: a file that is named here, not in a text file, is not there; a glob matches nothing, or a folder has
            no scan; no scan is left.
        ParameterError: numbers without `numbered`, or a range that runs backwards.
    """
    found = dict.fromkeys(path for item in items for path in _paths(item, Path(), numbered))
    scans = tuple(path for path in found if os.path.exists(path) or is_pattern(path))
    absent = tuple(path for path in found if path not in scans)
    if not scans:
        first = f"; the first that was looked for is {absent[0]}" if absent else ""
        raise DataError(f"there is no scan in '{' '.join(items)}'{first}")
    return ScanList(scans, absent)


def scans_in(folder: Path, known: Set[Path] = frozenset()) -> tuple[Path, ...]:
    """Return the scans in a folder, by name: its MDA files, or else its CXI files that are no results, or else others.

    Others are NeXus files and masters, or else plain HDF5 files: where there are masters, those hold their frames.
    Scans that are known are left out.

    Raises:
        DataError: the folder can't be read.
    """
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise DataError(f"can't read the folder {folder}: {(error.strerror or str(error)).lower()}") from error
    for ends in _KINDS:
        files = [folder / name for name in names if name.lower().endswith(ends) and not name.startswith(".")]
        new = [file for file in files if file not in known]
        scans = tuple(file for file in new if _may_be_scan(file))
        if scans or len(new) < len(files):
            return scans
    return ()


def _paths(item: str, folder: Path, numbered: str, is_listed: bool = False) -> Iterator[Path]:
    """Give the files of one item; those of numbers and of a text file whether they are there or not."""
    path, numbers = folder / item, item.replace(" ", "")
    if path.suffix in LIST_SUFFIXES and os.path.isfile(path):
        yield from _listed(path, numbered)
    elif os.path.exists(path) and not (numbered and _NUMBERS.fullmatch(numbers)):
        yield from _of_folder(path) if os.path.isdir(path) else (path,)
    elif is_pattern(path):
        yield path
    elif _NUMBERS.fullmatch(numbers):
        yield from _numbered(numbers, numbered)
    elif glob.has_magic(item):
        matches = sorted(glob.glob(str(path)))
        if not matches:
            raise DataError(f"no file matches '{path}'")
        yield from map(Path, matches)
    elif is_listed:
        yield path
    else:
        raise DataError(f"there is no file '{path}'")


def _may_be_scan(file: Path) -> bool:
    """Whether a file is there and no result."""
    try:
        found = file.stat()
    except OSError:
        return False
    if not stat.S_ISREG(found.st_mode):
        return False
    if file.name.lower().endswith(_KINDS[0]):
        return True  # MDA holds no results, and there may be thousands
    return not _is_result(file, (found.st_ino, found.st_size, found.st_mtime_ns))


@functools.lru_cache(maxsize=_MOST)
def _is_result(file: Path, _state: tuple[int, ...]) -> bool:
    return is_reconstruction(file)


def _of_folder(folder: Path) -> tuple[Path, ...]:
    found = scans_in(folder)
    if not found:
        raise DataError(f"the folder {folder} has no scan: no MDA file, no CXI file with frames, no other HDF5 file")
    return found


def _listed(path: Path, numbered: str) -> Iterator[Path]:
    """Read a text file of items."""
    try:
        text = os.fsdecode(path.read_bytes().removeprefix(codecs.BOM_UTF8))  # a mark of editors on Windows
    except OSError as error:
        raise DataError(f"can't read the list {path}: {(error.strerror or str(error)).lower()}") from error
    for number, line in enumerate(re.split("\r?\n", text), 1):
        item = line if os.path.isfile(path.parent / line) else re.sub(r"(^|\s)#.*", "", line).strip()
        if item.endswith(LIST_SUFFIXES):
            raise DataError(f"{path}, line {number}: '{item}' is a list in a list; write its scans here")
        try:
            yield from _paths(item, path.parent, numbered, is_listed=True) if item else ()
        except (DataError, ParameterError) as error:
            raise type(error)(f"{path}, line {number}: {error}") from error


def _numbered(item: str, numbered: str) -> Iterator[Path]:
    """Give the files of numbers such as "12-40,55"."""
    if not numbered:
        raise ParameterError(f"'{item}' are numbers of scans: say with --scans what they are called, mda/scan_#04d.mda")
    pattern = Pattern.parse(numbered)
    for part in item.split(","):
        first, _, last = part.partition("-")
        start, stop = int(first), int(last or first)
        if not start <= stop < start + _MOST:
            raise ParameterError(f"'{part}' is no range of scan numbers: write the smaller number first, 12-40")
        yield from map(pattern.path, range(start, stop + 1))
