"""What window and command line do with the catalog: search, look through folders, mark results, hear of new ones."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from ptychogui.catalog.entry import Entry
from ptychogui.catalog.folders import forget_folders, named_folders
from ptychogui.catalog.index import Index, index_path
from ptychogui.catalog.marks import Marks, read_marks, write_marks
from ptychogui.catalog.query import parse_query
from ptychogui.catalog.scan import ScanReport, file_state, put_in, scan
from ptychogui.catalog.schema import IndexUnusableError, throw_away
from ptychogui.errors import OutputError

_Found = TypeVar("_Found")

_NOTE_BUSY_S = 1.0
"""A job waits no longer for an index that another process holds."""

_log = logging.getLogger(__name__)


def with_index(use: Callable[[Index], _Found], folder: Path | None = None, is_scan: bool = False) -> _Found:
    """Do something with the index, which is up to the folders of the catalog once; one that is damaged is made anew.

    Args:
        use: is given the open index; a second time where it was damaged.
        folder: of the catalog; the user's if None.
        is_scan: whether it looks through the folders itself.

    Raises:
        OutputError: the index can't be used.
    """
    try:
        return _used(use, folder, is_scan)
    except IndexUnusableError as error:
        _log.warning("%s: it is thrown away and made anew", error)
        throw_away(index_path(folder))
        return _used(use, folder, is_scan)


def _used(use: Callable[[Index], _Found], folder: Path | None, is_scan: bool) -> _Found:
    with Index(folder) as index:
        if not (is_scan or index.is_complete) and (folders := named_folders(index.folder)):
            try:
                scan(index, folders)
            except OutputError as error:
                _log.warning("what is new in the folders is not in the catalog: %s", error)
        return use(index)


def find(text: str, limit: int = -1, folder: Path | None = None) -> list[Entry]:
    """Return the results that a search asks for (catalog.query), the latest first.

    Raises:
        ParameterError: the search can't be understood.
        OutputError: the index can't be used.
    """
    query = parse_query(text)
    return with_index(lambda index: index.find(query, limit), folder)


def search(text: str, folder: Path | None = None) -> tuple[list[Entry], int]:
    """Return what a search asks for, the latest first, and how many results there are in all; no file is read.

    Raises:
        ParameterError: the search can't be understood.
        OutputError: the index can't be used.
    """
    query = parse_query(text)
    return with_index(lambda index: (index.find(query), index.count()), folder, is_scan=True)


def thumbnails(entry_ids: Sequence[int], folder: Path | None = None) -> dict[int, bytes | None]:
    """Return id -> thumbnail as JPEG, None where a result has none.

    Raises:
        OutputError: the index can't be used.
    """
    return with_index(lambda index: {number: index.thumbnail(number) for number in entry_ids}, folder, is_scan=True)


def take_out(results: Sequence[Path], folder: Path | None = None) -> None:
    """Take results out of the index whose files are gone.

    Raises:
        OutputError: the index can't be written.
    """
    with_index(lambda index: index.remove([os.fsencode(path) for path in results]), folder, is_scan=True)


def look_through(tell: Callable[[int], None] = lambda _looked_at: None, folder: Path | None = None) -> ScanReport:
    """Look through the folders of the catalog; see scan.scan."""

    def use(index: Index) -> ScanReport:
        return scan(index, named_folders(index.folder), tell)

    return with_index(use, folder, is_scan=True)


def forget(folders: Sequence[Path], folder: Path | None = None) -> tuple[Path, ...]:
    """Take folders out of the catalog with their results, whose files stay as they are; return the other folders.

    Raises:
        DataError: one of them is not among its folders.
        OutputError: the index can't be written.
    """
    rest = forget_folders(folders, folder)
    starts = tuple(os.path.join(os.fsencode(os.path.abspath(old)), b"") for old in folders)

    def use(index: Index) -> None:
        index.remove([name for name in index.known() if name.startswith(starts)])

    with_index(use, folder)
    return rest


def mark(result: Path, folder: Path | None = None, **changes: Any) -> Marks:
    """Change what is said of a result: in the file beside it, and in the index; return it.

    Args:
        result: its file.
        folder: of the catalog; the user's if None.
        changes: attributes of Marks.

    Raises:
        ParameterError: such stars or tags can't be given.
        DataError: there is no such result, or what was said before can't be read.
        OutputError: it can't be written.
    """
    marks = replace(read_marks(result), **changes)
    write_marks(result, marks)
    note_result(result, folder)
    return marks


def note_result(path: Path, folder: Path | None = None) -> None:
    """Put a result that was just written, or marked, into the index; where that fails, the log says so and no more."""
    path = Path(os.path.abspath(path))
    try:
        with Index(folder, _NOTE_BUSY_S) as index:
            put_in(index, path, file_state(path))
    except Exception as error:  # noqa: BLE001 - a job ends well, whatever becomes of the index
        _log.info("%s is not in the catalog yet: %s", path, error)
