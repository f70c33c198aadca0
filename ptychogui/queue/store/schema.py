"""The schema of the store: its tables, how an older one becomes the present one, and what is said of a damaged file."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import psutil

from ptychogui.errors import DataError, OutputError
from ptychogui.queue.store.folders import close_to_others
from ptychogui.transactions import transaction

APPLICATION_ID = 0x70747963
"""In the header of the file: "ptyc"."""

BUSY_S = 10.0
"""For so long another process may hold up a change."""

_LOCAL = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "tmpfs", "overlay", "apfs"})
"""File systems of one machine, whose processes share memory; on others a write-ahead log can be lost or torn."""

_STRICT = " STRICT" if sqlite3.sqlite_version_info >= (3, 37) else ""

_FIRST = (
    f"""CREATE TABLE jobs (
        id INTEGER PRIMARY KEY AUTOINCREMENT, uid TEXT NOT NULL UNIQUE, title TEXT NOT NULL, source BLOB,
        result BLOB NOT NULL, device TEXT NOT NULL, priority INTEGER NOT NULL, place REAL NOT NULL,
        state TEXT NOT NULL, lane TEXT NOT NULL DEFAULT '', attempts INTEGER NOT NULL DEFAULT 0,
        deaths INTEGER NOT NULL DEFAULT 0, memory_tries INTEGER NOT NULL DEFAULT 0, before TEXT,
        iteration INTEGER NOT NULL DEFAULT 0, iterations INTEGER NOT NULL, error REAL,
        cause TEXT NOT NULL DEFAULT '', asked TEXT NOT NULL DEFAULT '', made TEXT NOT NULL,
        started TEXT NOT NULL DEFAULT '', ended TEXT NOT NULL DEFAULT ''){_STRICT}""",
    """CREATE INDEX next_jobs ON jobs (device, priority DESC, place, id)
        WHERE state IN ('queued', 'interrupted')""",
    "CREATE INDEX jobs_in_order ON jobs (priority DESC, place, id)",
    f"""CREATE TABLE contents (
        job INTEGER PRIMARY KEY REFERENCES jobs ON DELETE CASCADE, text TEXT NOT NULL){_STRICT}""",
    f"""CREATE TABLE starts (
        id INTEGER PRIMARY KEY AUTOINCREMENT, job INTEGER NOT NULL REFERENCES jobs ON DELETE CASCADE,
        owner TEXT NOT NULL, lane TEXT NOT NULL, process TEXT NOT NULL, started TEXT NOT NULL, ended TEXT,
        state TEXT NOT NULL DEFAULT '', cause TEXT NOT NULL DEFAULT ''){_STRICT}""",
    "CREATE INDEX starts_of_job ON starts (job)",
    "CREATE INDEX open_starts ON starts (owner) WHERE ended IS NULL",
    f"""CREATE TABLE orders (
        id INTEGER PRIMARY KEY AUTOINCREMENT, job INTEGER NOT NULL REFERENCES jobs ON DELETE CASCADE,
        word TEXT NOT NULL){_STRICT}""",
    "CREATE INDEX orders_of_job ON orders (job)",
    f"CREATE TABLE lanes (device TEXT PRIMARY KEY, cause TEXT NOT NULL){_STRICT}",
    f"CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL){_STRICT}",
)

_ENDED = "('done', 'stopped', 'failed', 'cancelled')"
_GOES_ON = f"is_open OR EXISTS (SELECT 1 FROM jobs WHERE batch = batches.id AND state NOT IN {_ENDED})"
_SETTLE = f"""UPDATE batches SET told = told AND NOT ({_GOES_ON}), ended = CASE WHEN {_GOES_ON} THEN ''
        WHEN ended = '' THEN strftime('%Y-%m-%dT%H:%M:%S+00:00', 'now') ELSE ended END"""
"""A batch ends when no more jobs will come into it and all that it has have ended; a job that is retried reopens it."""

_BATCHES = (
    f"""CREATE TABLE batches (
        id INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT NOT NULL, command TEXT NOT NULL, refused TEXT NOT NULL,
        made TEXT NOT NULL, is_open INTEGER NOT NULL, ended TEXT NOT NULL DEFAULT '',
        told INTEGER NOT NULL DEFAULT 0){_STRICT}""",
    "ALTER TABLE jobs ADD COLUMN batch INTEGER REFERENCES batches",
    "ALTER TABLE jobs ADD COLUMN sweep TEXT NOT NULL DEFAULT ''",
    "CREATE INDEX jobs_of_batch ON jobs (batch) WHERE batch IS NOT NULL",
    f"""CREATE TRIGGER job_of_batch_changed AFTER UPDATE OF state ON jobs WHEN NEW.batch IS NOT NULL
        BEGIN {_SETTLE} WHERE id = NEW.batch; END""",
    f"""CREATE TRIGGER job_of_batch_removed AFTER DELETE ON jobs WHEN OLD.batch IS NOT NULL
        BEGIN {_SETTLE} WHERE id = OLD.batch; END""",
    f"""CREATE TRIGGER job_of_batch_moved AFTER UPDATE OF batch ON jobs WHEN OLD.batch IS NOT NULL
        BEGIN {_SETTLE} WHERE id = OLD.batch; END""",
    f"""CREATE TRIGGER batch_closed AFTER UPDATE OF is_open ON batches
        BEGIN {_SETTLE} WHERE id = NEW.id; END""",
    f"""CREATE TABLE watched (
        path BLOB PRIMARY KEY, state TEXT NOT NULL, problem TEXT NOT NULL, since TEXT NOT NULL){_STRICT}""",
)

_FINDINGS = ("ALTER TABLE jobs ADD COLUMN findings TEXT NOT NULL DEFAULT ''",)

_LETTERS = (
    f"""CREATE TABLE letters (
        id INTEGER PRIMARY KEY AUTOINCREMENT, uid TEXT NOT NULL, way TEXT NOT NULL, report TEXT NOT NULL,
        tries INTEGER NOT NULL DEFAULT 0, cause TEXT NOT NULL DEFAULT '', UNIQUE (uid, way)){_STRICT}""",
)

_WATCHERS = ("ALTER TABLE batches ADD COLUMN watcher TEXT NOT NULL DEFAULT ''",)

MIGRATIONS: tuple[tuple[str, ...], ...] = (_FIRST, _BATCHES, _FINDINGS, _LETTERS, _WATCHERS)
"""What brings a store from version n to n + 1, each in one transaction; the last gives the present version."""


def open_database(path: Path) -> sqlite3.Connection:
    """Open the store, which is made if absent and brought to the present version.

    Raises:
        DataError: the file is damaged, of another program, or of a later version; it stays as it is.
        OutputError: it can't be opened or written.
    """
    with in_words(path):
        connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
        try:
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA foreign_keys = ON")
            _check_ours(connection, path)
            _choose_journal(connection, path)
            connection.execute("PRAGMA synchronous = FULL")
            _migrate(connection, path)
        except BaseException:
            connection.close()
            raise
    return connection


@contextlib.contextmanager
def in_words(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into ours.

    Raises:
        DataError: the file is damaged or no store.
        OutputError: it can't be written now, as on a full disk or while another process holds it.
    """
    try:
        yield
    except sqlite3.OperationalError as error:
        raise OutputError(f"the queue {path} can't be used now ({error}): {_way_out(str(error))}") from error
    except sqlite3.DatabaseError as error:
        raise DataError(f"the queue {path} is damaged ({error}): {_BEGIN_ANEW}") from error


def check_whole(connection: sqlite3.Connection, path: Path) -> None:
    """Read all of a store.

    Raises:
        DataError: it is damaged.
    """
    with in_words(path):
        said = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if said != "ok":
        raise DataError(f"the queue {path} is damaged ({said}): {_BEGIN_ANEW}")


def put_aside(path: Path) -> Path:
    """Rename a store that can't be used, with what SQLite keeps beside it; return its new name.

    Raises:
        OutputError: it can't be renamed.
    """
    number = next(n for n in range(1, 1_000_000) if not os.path.lexists(f"{path}.old-{n}"))
    try:
        for end in ("-wal", "-shm", "-journal", ""):
            with contextlib.suppress(FileNotFoundError):
                os.rename(f"{path}{end}", f"{path}.old-{number}{end}")
    except OSError as error:
        raise OutputError(f"can't rename {path}: {error.strerror}") from error
    return Path(f"{path}.old-{number}")


_BEGIN_ANEW = (
    "it stays as it is; mend it, set PTYCHOGUI_HOME to have another queue, or put it aside and begin a new one with "
    "ptychogui queue clear --begin-anew"
)


def _way_out(said: str) -> str:
    if "full" in said:
        return "free some space on its disk"
    if "locked" in said or "busy" in said:
        return "another process holds it; try again"
    return "see whether its folder can be written, or set PTYCHOGUI_HOME to another one"


def _check_ours(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a file of another program, or of a later version."""
    own, version = _pragma(connection, "application_id"), _pragma(connection, "user_version")
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if own not in (0, APPLICATION_ID) or (own == 0 and (tables or version)):
        raise DataError(f"{path} is no queue of ptychogui: {_BEGIN_ANEW}")
    if version > len(MIGRATIONS):
        raise DataError(
            f"the queue {path} has version {version}, this ptychogui knows {len(MIGRATIONS)}: use the ptychogui that "
            "wrote it, or set PTYCHOGUI_HOME to have another queue"
        )


def _choose_journal(connection: sqlite3.Connection, path: Path) -> None:
    """Use a write-ahead log where all processes are on one machine, a rollback journal elsewhere."""
    wanted = "wal" if _is_local(path) else "delete"
    if connection.execute("PRAGMA journal_mode").fetchone()[0] != wanted:
        with contextlib.suppress(sqlite3.OperationalError):  # another process does the same, or is at work
            connection.execute(f"PRAGMA journal_mode = {wanted}")


def _is_local(path: Path) -> bool:
    """Whether a file system is known to be one of this machine's own."""
    folder = os.path.realpath(path.parent)
    mounts = {part.mountpoint: part.fstype for part in psutil.disk_partitions(all=True)}
    above = [mount for mount in mounts if os.path.commonpath((folder, mount)) == mount]
    return bool(above) and mounts[max(above, key=len)] in _LOCAL


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the store to the present version, unless another process has just done so."""
    if _pragma(connection, "user_version") == len(MIGRATIONS):
        return
    with transaction(connection):
        for number in range(_pragma(connection, "user_version"), len(MIGRATIONS)):
            for statement in MIGRATIONS[number]:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number + 1}")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    close_to_others(path)


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])
