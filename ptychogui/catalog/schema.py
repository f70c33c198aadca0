"""The schema of the index: its tables, how it is opened, and how one that can't be used gives way to a new one."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from ptychogui.errors import DataError, OutputError
from ptychogui.io.atomic import output_error
from ptychogui.transactions import transaction

VERSION = 1
"""Of the tables and of what is put into them; an index of another version is made anew."""

APPLICATION_ID = 0x70747963
"""In the header of the file: "ptyc"."""

_TABLES = (
    """CREATE TABLE results (
        id INTEGER PRIMARY KEY, path BLOB NOT NULL UNIQUE, title TEXT NOT NULL, program TEXT NOT NULL,
        state TEXT NOT NULL, scan INTEGER, engine TEXT NOT NULL, modes INTEGER NOT NULL, iterations INTEGER NOT NULL,
        error REAL, free_error REAL, made_s REAL NOT NULL, energy_eV REAL, distance_m REAL, pixel_m REAL,
        "rows" INTEGER NOT NULL, "columns" INTEGER NOT NULL, layers INTEGER NOT NULL, positions INTEGER NOT NULL,
        device TEXT NOT NULL, took_s REAL, source TEXT NOT NULL, stars INTEGER NOT NULL, tags TEXT NOT NULL,
        note TEXT NOT NULL, said TEXT NOT NULL, marked TEXT NOT NULL, inode INTEGER NOT NULL,
        size_bytes INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, marks TEXT NOT NULL)""",
    "CREATE INDEX results_by_date ON results (made_s DESC, id)",
    """CREATE TABLE thumbnails (
        result INTEGER PRIMARY KEY REFERENCES results ON DELETE CASCADE, jpeg BLOB NOT NULL)""",
    """CREATE TABLE parameters (
        name TEXT NOT NULL, result INTEGER NOT NULL REFERENCES results ON DELETE CASCADE, value,
        PRIMARY KEY (name, result)) WITHOUT ROWID""",
    "CREATE INDEX parameters_of_result ON parameters (result)",
    """CREATE TABLE others (
        path BLOB PRIMARY KEY, inode INTEGER NOT NULL, size_bytes INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
        tries INTEGER NOT NULL) WITHOUT ROWID""",
    "CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
)


class IndexUnusableError(DataError):
    """The index is damaged, or is none of this version: it is to be thrown away."""


def open_index(path: Path, busy_s: float) -> sqlite3.Connection:
    """Open the index, which is made if absent, and made anew if it can't be used.

    Args:
        path: of its file.
        busy_s: how long another process may hold up a change.

    Raises:
        OutputError: it can't be opened or made.
    """
    try:
        return _opened(path, busy_s)
    except IndexUnusableError:
        throw_away(path)
        return _opened(path, busy_s)


def throw_away(path: Path) -> None:
    """Remove an index, with what SQLite keeps beside it.

    Raises:
        OutputError: it can't be removed.
    """
    try:
        for end in ("", "-journal", "-wal", "-shm"):
            path.with_name(path.name + end).unlink(missing_ok=True)
    except OSError as error:
        raise output_error(path, error) from error


@contextlib.contextmanager
def in_words(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into ours.

    Raises:
        IndexUnusableError: the file is damaged or no index.
        OutputError: it can't be read or written now, as on a full disk or while another process holds it.
    """
    try:
        yield
    except sqlite3.OperationalError as error:
        if "malformed" in str(error) or "no such" in str(error) or "disk image" in str(error):
            raise IndexUnusableError(f"the index {path} is damaged ({error})") from error
        raise OutputError(f"the index {path} can't be used now ({error}): {_way_out(str(error))}") from error
    except sqlite3.DatabaseError as error:
        raise IndexUnusableError(f"the index {path} is damaged ({error})") from error


def _opened(path: Path, busy_s: float) -> sqlite3.Connection:
    with in_words(path):
        connection = sqlite3.connect(path, timeout=busy_s, isolation_level=None)
        try:
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA synchronous = OFF")  # a power cut may spoil it, and then it is made anew
            _make_tables(connection)
            _check_version(connection, path)
        except BaseException:
            connection.close()
            raise
    return connection


def _make_tables(connection: sqlite3.Connection) -> None:
    """Make the tables of a new index, unless another process has just done so."""
    if _has_tables(connection):
        return
    with transaction(connection):
        if not _has_tables(connection):
            for statement in _TABLES:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {VERSION}")
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")


def _check_version(connection: sqlite3.Connection, path: Path) -> None:
    found = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")]
    if found != [APPLICATION_ID, VERSION]:
        raise IndexUnusableError(f"the index {path} is of version {found[1]}; this program has {VERSION}")


def _has_tables(connection: sqlite3.Connection) -> bool:
    return bool(connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])


def _way_out(said: str) -> str:
    if "full" in said:
        return "free some space on its disk"
    if "locked" in said or "busy" in said:
        return "another process holds it; try again"
    return "see whether its folder can be written, or set PTYCHOGUI_HOME to another one"
