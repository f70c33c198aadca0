"""Batches: jobs that were made together, the scans that no job could be made of, and how all of it has ended.

A batch has ended when no more jobs will come into it and all that it has are over. The store itself notices that, in
the transaction that ends the last job, whoever makes it; `ended_untold` tells it to those who listen.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ptychogui.errors import ParameterError
from ptychogui.jobs.provenance import now
from ptychogui.jobs.results.owners import PROCESS, Owner, lives, this_process
from ptychogui.queue.store.entry import COLUMNS, Entry
from ptychogui.queue.store.job_text import to_text
from ptychogui.queue.store.store import NewJob, Store, insert
from ptychogui.states import State
from ptychogui.texts import storable


@dataclass(frozen=True)
class Refused:
    """A scan of a batch that no job could be made of.

    Attributes:
        scan: its path.
        reason: what is wrong with it.
    """

    scan: str
    reason: str


@dataclass(frozen=True)
class Batch:
    """A batch as it stands: its summary, once it has ended.

    Attributes:
        id: its number, never given to another.
        title: what it is called.
        command: what the user asked for, in words.
        made: when; ISO 8601.
        ended: when the last of its jobs ended; "" while one has not, or more may come.
        jobs: those that are still in the queue, in the order in which they were added.
        refused: what no job could be made of.
    """

    id: int
    title: str
    command: str
    made: str
    ended: str
    jobs: tuple[Entry, ...]
    refused: tuple[Refused, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many jobs are in each state that some are in, and how many scans were refused, if any."""
        found = dict(Counter(job.state.value for job in self.jobs))
        return found | ({"refused": len(self.refused)} if self.refused else {})

    @property
    def failures(self) -> tuple[Refused, ...]:
        """What came to nothing, each with its reason: refused scans, then jobs that failed."""
        failed = (job for job in self.jobs if job.state is State.FAILED)
        return (*self.refused, *(Refused(job.source or job.title, job.cause) for job in failed))

    @property
    def line(self) -> str:
        """One line of all: "batch 3, fly_0001 and 49 others: 45 done, 2 failed, 3 refused"."""
        counts = ", ".join(f"{count} {word}" for word, count in self.counts.items()) or "no scans"
        return f"batch {self.id}, {self.title}: {counts}"

    def as_dict(self) -> dict[str, Any]:
        """Return everything for JSON."""
        jobs = [{"id": job.id, "title": job.title, "state": job.state.value, "source": job.source,
                 "result": job.result, "iteration": job.iteration, "iterations": job.iterations, "error": job.error,
                 "cause": job.cause} for job in self.jobs]  # fmt: skip
        return {"id": self.id, "title": self.title, "command": self.command, "made": self.made, "ended": self.ended,
                "counts": self.counts, "jobs": jobs,
                "refused": [{"scan": item.scan, "reason": item.reason} for item in self.refused]}  # fmt: skip


def add_batch(  # noqa: PLR0913 - what a batch is
    store: Store,
    title: str,
    command: str,
    jobs: Sequence[NewJob],
    refused: Sequence[Refused] = (),
    taken: Sequence[int] = (),
    is_open: bool = False,
) -> tuple[int, list[int]]:
    """Put jobs into the queue as a batch, all or none; return its number, and theirs.

    Args:
        store: the queue.
        title: what it is called.
        command: what the user asked for, in words.
        jobs: all of them.
        refused: the scans that no job could be made of.
        taken: jobs that are in the queue already and that this batch takes over, from another one or from none.
        is_open: whether more jobs may come from this process, until `close_batch`.
    """
    texts = [to_text(job.text) for job in jobs]
    watcher = json.dumps(dict(this_process().identity)) if is_open else ""
    with store.transaction() as change:
        row = change.execute(
            "INSERT INTO batches (title, command, refused, made, is_open, watcher) VALUES (?, ?, ?, ?, ?, ?)",
            (storable(title), storable(command), _to_text(refused), now(), is_open, watcher),
        )
        assert row.lastrowid is not None
        number = row.lastrowid
        ids = insert(change, [replace(job, batch=number) for job in jobs], texts)
        change.executemany("UPDATE jobs SET batch = ? WHERE id = ?", [(number, job) for job in taken])
        change.execute("UPDATE batches SET is_open = ? WHERE id = ?", (is_open, number))
    return number, ids


def close_batch(store: Store, number: int) -> None:
    """Say that no more jobs will come into a batch, which thereby ends if all that it has are over."""
    with store.transaction() as change:
        change.execute("UPDATE batches SET is_open = 0 WHERE id = ?", (number,))


def close_left_open(store: Store) -> bool:
    """Close the batches into which nothing comes any more, as the process that watched for them is gone.

    Returns:
        whether there were any.
    """
    rows = store.read("SELECT id, watcher FROM batches WHERE is_open")
    left = [row["id"] for row in rows if _is_gone(row["watcher"])]
    for number in left:
        close_batch(store, number)
    return bool(left)


def _is_gone(watcher: str) -> bool:
    """Whether the process that watches for a batch is gone for sure; older versions did not write it down."""
    return not watcher or lives(Owner(PROCESS, json.loads(watcher))) is False


def note_refused(change: sqlite3.Connection, number: int, refused: Refused) -> None:
    """Add a scan of which no job could be made to a batch, in a transaction."""
    row = change.execute("SELECT refused FROM batches WHERE id = ?", (number,)).fetchone()
    if row is not None:
        text = _to_text((*_of_text(row[0]), refused))
        change.execute("UPDATE batches SET refused = ? WHERE id = ?", (text, number))


def batch(store: Store, number: int) -> Batch:
    """Return a batch as it stands.

    Raises:
        ParameterError: there is none with this number.
    """
    rows = store.read("SELECT id, title, command, made, ended, refused FROM batches WHERE id = ?", (number,))
    if not rows:
        raise ParameterError(f"there is no batch {number} in the queue")
    jobs = store.read(f"SELECT {COLUMNS} FROM jobs WHERE batch = ? ORDER BY id", (number,))
    id_, title, command, made, ended, refused = rows[0]
    return Batch(id_, title, command, made, ended, tuple(map(Entry.of, jobs)), _of_text(refused))


def ended_untold(store: Store) -> list[Batch]:
    """Return the batches that have ended and of which nobody was told so; one that was reopened is told again."""
    rows = store.read("SELECT id FROM batches WHERE ended <> '' AND NOT told ORDER BY id")
    return [batch(store, row["id"]) for row in rows]


def _to_text(refused: Sequence[Refused]) -> str:
    return json.dumps([[storable(item.scan), item.reason] for item in refused])


def _of_text(text: str) -> tuple[Refused, ...]:
    return tuple(Refused(scan, reason) for scan, reason in json.loads(text))
