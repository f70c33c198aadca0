"""What was found in watched folders: scans that became jobs, and files that never became readable. Each counts once."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ptychogui.jobs.provenance import now
from ptychogui.queue.store.batch import Refused, note_refused
from ptychogui.queue.store.job_text import to_text
from ptychogui.queue.store.result_file import file_state
from ptychogui.queue.store.store import NewJob, Store, insert


def is_settled(store: Store, path: Path) -> bool:
    """Whether nothing more is to be done about a file: it was added, is in the queue, or is as unreadable as before."""
    rows = store.read("SELECT state, problem FROM watched WHERE path = ?", (os.fsencode(path),))
    if rows:
        return not rows[0]["problem"] or rows[0]["state"] == file_state(path)
    return bool(store.read("SELECT 1 FROM jobs WHERE source = ? LIMIT 1", (os.fsencode(path),)))


def add_found(store: Store, path: Path, jobs: Sequence[NewJob], batch: int | None = None) -> list[int]:
    """Put the jobs of a scan into the queue, and remember that; return their numbers, none if another was faster.

    Args:
        store: the queue.
        path: of the scan, absolute.
        jobs: its jobs.
        batch: into which they come.
    """
    texts = [to_text(job.text) for job in jobs]
    with store.transaction() as change:
        if not _remember(change, path, ""):
            return []
        return insert(change, [replace(job, batch=batch) for job in jobs], texts)


def note_unreadable(store: Store, path: Path, problem: str, batch: int | None = None) -> bool:
    """Remember that a file can't be read, until it changes; False if that was known.

    Args:
        store: the queue.
        path: of the file, absolute.
        problem: what is wrong with it.
        batch: whose summary is to say so.
    """
    with store.transaction() as change:
        is_new = _remember(change, path, problem)
        if is_new and batch is not None:
            note_refused(change, batch, Refused(os.fspath(path), problem))
        return is_new


def _remember(change: sqlite3.Connection, path: Path, problem: str) -> bool:
    """Write down what has become of a file; False where another process has done so."""
    taken = change.execute(
        "INSERT INTO watched VALUES (?, ?, ?, ?) ON CONFLICT (path) DO UPDATE SET state = excluded.state, "
        "problem = excluded.problem, since = excluded.since WHERE problem <> '' AND state <> excluded.state",
        (os.fsencode(path), file_state(path), problem, now()),
    )
    return taken.rowcount == 1
