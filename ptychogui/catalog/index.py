"""The index on disk: what is put into it and taken out, each change whole or not at all."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from ptychogui.catalog.entry import Entry, FileContent
from ptychogui.catalog.marks import Marks
from ptychogui.catalog.query import Query
from ptychogui.catalog.schema import in_words, open_index
from ptychogui.io.atomic import output_error
from ptychogui.paths import catalog_folder
from ptychogui.texts import storable
from ptychogui.transactions import transaction

INDEX = "index.sqlite"
_BUSY_S = 10.0
_COLUMNS = ", ".join(f'"{"path" if name == "name" else name}"' for name in Entry._fields)
_IS_COMPLETE = "complete"


class FileState(NamedTuple):
    """What a file's content is told by without reading it; the same as long as nobody writes it."""

    inode: int
    size_bytes: int
    mtime_ns: int


class Known(NamedTuple):
    """What the index knows of a file that was looked at.

    Attributes:
        state: as it was then.
        marks: state of the file of its marks, as text; "" where there is none.
        is_result: whether it is one.
        tries: how often the reading of it was begun and did not come to an end.
    """

    state: FileState
    marks: str
    is_result: bool
    tries: int


class Index:
    """The index. A context manager: leaving it closes the file. It belongs to one thread.

    Args:
        folder: of the catalog, made if absent; the user's if None.
        busy_s: how long another process may hold up a change.

    Raises:
        OutputError: it can't be opened or made.
    """

    def __init__(self, folder: Path | None = None, busy_s: float = _BUSY_S) -> None:
        self.path = index_path(folder)
        self.folder = self.path.parent
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise output_error(self.folder, error) from error
        self._connection = open_index(self.path, busy_s)

    def __enter__(self) -> Index:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    @property
    def is_complete(self) -> bool:
        """Whether the folders of the catalog were once looked through to the end since the index is there."""
        return bool(self._read("SELECT 1 FROM facts WHERE name = ?", (_IS_COMPLETE,)))

    def set_complete(self) -> None:
        """Say that the folders of the catalog were looked through."""
        self._change("INSERT OR REPLACE INTO facts VALUES (?, '')", (_IS_COMPLETE,))

    def count(self) -> int:
        """Return the number of results."""
        return int(self._read("SELECT count(*) FROM results")[0][0])

    def find(self, query: Query, limit: int = -1) -> list[Entry]:
        """Return the results that a query asks for, the latest first.

        Raises:
            IndexUnusableError: the index is damaged.
            OutputError: it can't be read now.
        """
        rows = self._read(
            f"SELECT {_COLUMNS} FROM results WHERE {query.condition} ORDER BY made_s DESC, id LIMIT ?",
            (*query.values, limit),
        )
        return [Entry(*row) for row in rows]

    def thumbnail(self, entry_id: int) -> bytes | None:
        """Return the thumbnail of a result as JPEG; None where there is none."""
        rows = self._read("SELECT jpeg FROM thumbnails WHERE result = ?", (entry_id,))
        return bytes(rows[0][0]) if rows else None

    def known(self) -> dict[bytes, Known]:
        """Return path -> what is known, of all files that were looked at."""
        identity = "path, inode, size_bytes, mtime_ns"
        results = self._read(f"SELECT {identity}, marks FROM results")
        others = self._read(f"SELECT {identity}, tries FROM others")
        found = {path: Known(FileState(*state), "", False, tries) for path, *state, tries in others}
        return found | {path: Known(FileState(*state), marks, True, 0) for path, *state, marks in results}

    def begin(self, path: Path, state: FileState) -> None:
        """Say that a file is about to be read: where that kills the program, the next one knows which file did."""
        self._change(
            "INSERT INTO others VALUES (?, ?, ?, ?, 1) ON CONFLICT (path) DO UPDATE SET tries = CASE WHEN "
            "inode = excluded.inode AND size_bytes = excluded.size_bytes AND mtime_ns = excluded.mtime_ns "
            "THEN tries + 1 ELSE 1 END, inode = excluded.inode, size_bytes = excluded.size_bytes, "
            "mtime_ns = excluded.mtime_ns",
            (os.fsencode(path), *state),
        )

    def put(self, path: Path, state: FileState, content: FileContent, marks: Marks, marks_state: str) -> None:
        """Put a result in, or put it in anew."""
        name = os.fsencode(path)
        values = {
            **content.values, "path": name, **state._asdict(), **_marked(marks), "marks": marks_state,
            "said": f"{content.values['said']}\n{storable(str(path)).casefold()}",
        }  # fmt: skip
        columns = ", ".join(f'"{column}"' for column in values)
        with self._transaction() as change:
            change.execute("DELETE FROM others WHERE path = ?", (name,))
            change.execute("DELETE FROM results WHERE path = ?", (name,))
            marks_ = ", ".join("?" * len(values))
            number = change.execute(f"INSERT INTO results ({columns}) VALUES ({marks_})", [*values.values()]).lastrowid
            if content.jpeg is not None:
                change.execute("INSERT INTO thumbnails VALUES (?, ?)", (number, content.jpeg))
            rows = [(parameter, number, value) for parameter, value in content.parameters.items()]
            change.executemany("INSERT INTO parameters VALUES (?, ?, ?)", rows)

    def put_other(self, path: Path, state: FileState) -> None:
        """Say that a file was read and is no result."""
        name = os.fsencode(path)
        with self._transaction() as change:
            change.execute("DELETE FROM results WHERE path = ?", (name,))
            change.execute("INSERT OR REPLACE INTO others VALUES (?, ?, ?, ?, 0)", (name, *state))

    def move(self, before: bytes, path: Path) -> None:
        """Say that a result has another path by now."""
        was, now = (storable(os.fsdecode(name)).casefold() for name in (before, os.fsencode(path)))
        with self._transaction() as change:
            change.execute("DELETE FROM results WHERE path = ?", (os.fsencode(path),))
            change.execute(
                "UPDATE results SET path = ?, said = replace(said, ?, ?) WHERE path = ?",
                (os.fsencode(path), f"\n{was}", f"\n{now}", before),
            )

    def mark(self, path: Path, marks: Marks, marks_state: str) -> None:
        """Say what is said of a result."""
        values = {**_marked(marks), "marks": marks_state}
        columns = ", ".join(f"{column} = ?" for column in values)
        self._change(f"UPDATE results SET {columns} WHERE path = ?", (*values.values(), os.fsencode(path)))

    def remove(self, paths: Sequence[bytes]) -> None:
        """Take out files that are there no more."""
        with self._transaction() as change:
            for table in ("results", "others"):
                change.executemany(f"DELETE FROM {table} WHERE path = ?", [(path,) for path in paths])

    def _change(self, statement: str, values: Sequence[Any]) -> None:
        with self._transaction() as change:
            change.execute(statement, values)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with in_words(self.path), transaction(self._connection) as change:
            yield change

    def _read(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        with in_words(self.path):
            return self._connection.execute(statement, values).fetchall()


def index_path(folder: Path | None) -> Path:
    """Return the path of the index in the folder of a catalog, the user's if None; whether it is there or not."""
    return (catalog_folder() if folder is None else folder) / INDEX


def _marked(marks: Marks) -> dict[str, Any]:
    """Return the columns of what is said of a result."""
    tags = f",{','.join(marks.tags)}," if marks.tags else ""
    said = storable("\n".join((*marks.tags, marks.note))).casefold()
    return {"stars": marks.stars, "tags": storable(tags), "note": storable(marks.note), "marked": said}
