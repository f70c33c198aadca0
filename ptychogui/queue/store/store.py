"""An open store: how jobs come into it, how it is read, and the transaction that every change is."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from ptychogui.errors import ParameterError
from ptychogui.jobs.provenance import now
from ptychogui.jobs.stages import total_iterations
from ptychogui.paths import queue_folder
from ptychogui.queue.store.entry import COLUMNS, Entry, Start
from ptychogui.queue.store.folders import STORE, make_folder
from ptychogui.queue.store.job_text import JobText, from_text, to_text
from ptychogui.queue.store.schema import check_whole, in_words, open_database
from ptychogui.states import State
from ptychogui.texts import storable
from ptychogui.transactions import transaction

ANY = "any"
"""The device of a job that takes the first lane that is free."""

IN_ORDER = "ORDER BY priority DESC, place, id"


def served_by(device: str) -> tuple[str, ...]:
    """Return which jobs the lane of a device does: those for it, for its kind ("cpu" of "cpu:0"), and for any."""
    return tuple(dict.fromkeys((device, device.partition(":")[0], ANY)))


@dataclass(frozen=True)
class NewJob:
    """A job to add.

    Attributes:
        text: the job.
        device: the lane that it is for, or ANY.
        priority: higher ones come first.
        held: whether it is to wait until it is released.
        batch: number of its batch, if it is of one.
    """

    text: JobText
    device: str = ANY
    priority: int = 0
    held: bool = False
    batch: int | None = None


class Store:
    """The queue on disk. A context manager: leaving it closes the file. It belongs to one thread.

    Args:
        folder: of the queue, made if absent; the user's if None.

    Raises:
        PtychoError: the store can't be used; see schema.open_database.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = make_folder(queue_folder() if folder is None else folder)
        self.path = self.folder / STORE
        self._connection = open_database(self.path)
        self._seen = -1

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def check_whole(self) -> None:
        """Read all of it.

        Raises:
            DataError: it is damaged.
        """
        check_whole(self._connection, self.path)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Change the store in the block, wholly or not at all; no other process changes it meanwhile.

        Raises:
            OutputError: it can't be written; nothing is changed.
        """
        with in_words(self.path), transaction(self._connection) as change:
            yield change

    def read(self, statement: str, values: Sequence[object] = ()) -> list[sqlite3.Row]:
        """Return all rows of a SELECT.

        Raises:
            OutputError: the store can't be read now.
        """
        with in_words(self.path):
            return self._connection.execute(statement, values).fetchall()

    def has_changed(self) -> bool:
        """Whether another connection has changed something since this was asked; True the first time."""
        version = int(self.read("PRAGMA data_version")[0][0])
        changed, self._seen = version != self._seen, version
        return changed

    def add(self, jobs: Sequence[NewJob]) -> list[int]:
        """Put jobs at the end of the queue, all or none; return their numbers."""
        texts = [to_text(job.text) for job in jobs]
        with self.transaction() as change:
            return insert(change, jobs, texts)

    def entries(self, state: State | None = None) -> list[Entry]:
        """Return the jobs in the order in which they come; those of one state, if one is given."""
        where, values = ("", ()) if state is None else ("WHERE state = ?", (state.value,))
        return [Entry.of(row) for row in self.read(f"SELECT {COLUMNS} FROM jobs {where} {IN_ORDER}", values)]

    def entry(self, job_id: int) -> Entry:
        """Return one job.

        Raises:
            ParameterError: there is none with this number.
        """
        rows = self.read(f"SELECT {COLUMNS} FROM jobs WHERE id = ?", (job_id,))
        if not rows:
            raise ParameterError(f"there is no job {job_id} in the queue; see ptychogui queue list")
        return Entry.of(rows[0])

    def text(self, job_id: int) -> JobText:
        """Return what is stored of a job.

        Raises:
            DataError: it can't be read.
            ParameterError: there is no such job, or it has what this version does not know.
        """
        rows = self.read("SELECT text FROM contents WHERE job = ?", (self.entry(job_id).id,))
        return from_text(rows[0]["text"])

    def starts(self, job_id: int) -> list[Start]:
        """Return all starts of a job in order."""
        columns = "id, job, lane, process, started, coalesce(ended, '') AS ended, state, cause"
        rows = self.read(f"SELECT {columns} FROM starts WHERE job = ? ORDER BY id", (job_id,))
        return [Start(**dict(row)) for row in rows]

    def findings(self, job_id: int) -> list[dict[str, Any]]:
        """Return what the convergence watch has found in the last start of a job; see jobs.run_findings."""
        rows = self.read("SELECT findings FROM jobs WHERE id = ?", (job_id,))
        return list(json.loads(rows[0][0])) if rows and rows[0][0] else []

    def counts(self, batch: int | None = None) -> dict[tuple[State, str], int]:
        """Return how many jobs, of all or of a batch, there are of each state and for each device that has some."""
        where = "SELECT state, device, count(*) FROM jobs WHERE ?1 IS NULL OR batch = ?1 GROUP BY state, device"
        rows = self.read(where, (batch,))
        return {(State(row[0]), row[1]): row[2] for row in rows}

    def lanes(self) -> dict[str, str]:
        """Return the devices that have, or had last, a lane, each with why it can't work now; "" if it can."""
        return {row["device"]: row["cause"] for row in self.read("SELECT device, cause FROM lanes")}

    def setting(self, name: str) -> str:
        """Return what is remembered by a name; "" if nothing is."""
        rows = self.read("SELECT value FROM settings WHERE name = ?", (name,))
        return str(rows[0][0]) if rows else ""

    def keep_setting(self, name: str, value: str) -> None:
        """Remember something by a name."""
        with self.transaction() as change:
            change.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (name, value))


def insert(change: sqlite3.Connection, jobs: Sequence[NewJob], texts: Sequence[str]) -> list[int]:
    """Put jobs at the end of the queue, in a transaction; return their numbers.

    Args:
        change: the transaction.
        jobs: all of them.
        texts: what job_text.to_text makes of each.
    """
    made = now()
    place = float(change.execute("SELECT coalesce(max(place), 0) FROM jobs").fetchone()[0])
    ids = [_insert(change, job, place + i, made) for i, job in enumerate(jobs, 1)]
    change.executemany("INSERT INTO contents VALUES (?, ?)", zip(ids, texts, strict=True))
    return ids


def _insert(change: sqlite3.Connection, new: NewJob, place: float, made: str) -> int:
    job = new.text.job
    values = {
        "uid": job.id,
        "title": storable(job.title),
        "source": None if job.source is None else os.fsencode(job.source),
        "result": os.fsencode(job.output),
        "device": new.device,
        "priority": new.priority,
        "place": place,
        "state": (State.HELD if new.held else State.QUEUED).value,
        "iterations": total_iterations(job.parameters.reconstruction),
        "made": made,
        "batch": new.batch,
        "sweep": "" if job.sweep is None else json.dumps(asdict(job.sweep), default=str),
    }
    names, marks = ", ".join(values), ", ".join("?" * len(values))
    row = change.execute(f"INSERT INTO jobs ({names}) VALUES ({marks})", tuple(values.values()))
    assert row.lastrowid is not None
    return row.lastrowid
