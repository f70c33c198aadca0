"""The journal of starts: how a lane takes a job, what it notes on the way, how the job ends. For the owner alone."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ptychogui.jobs.job import Progress
from ptychogui.jobs.processes.messages import Order
from ptychogui.jobs.provenance import now
from ptychogui.jobs.run_findings import RunFinding, to_json
from ptychogui.queue.store.entry import COLUMNS, UNDER_WAY, Entry
from ptychogui.queue.store.folders import forget_state
from ptychogui.queue.store.reserved import give_back
from ptychogui.queue.store.result_file import file_state
from ptychogui.queue.store.store import IN_ORDER, Store, served_by
from ptychogui.queue.store.word import owe_word
from ptychogui.states import State


@dataclass(frozen=True)
class Claim:
    """A job that a lane has taken.

    Attributes:
        entry: the job as it was before.
        start: number of its start in the journal.
        before: what lay at the path of its result when it was first begun; see result_file.file_state.
    """

    entry: Entry
    start: int
    before: str


@dataclass(frozen=True)
class OpenStart:
    """A start whose end was not written down.

    Attributes:
        claim: the job, as it stands.
        owner: who ran the queue.
        process: identity of the child.
    """

    claim: Claim
    owner: str
    process: Mapping[str, Any]


def next_for(store: Store, device: str, only_batch: int | None = None) -> Entry | None:
    """Return the job that a device's lane does next; of one batch, if that is given."""
    query = (
        f"SELECT {COLUMNS} FROM jobs WHERE device = ?1 AND state IN ('queued', 'interrupted') "
        f"AND (?2 IS NULL OR batch = ?2) {IN_ORDER} LIMIT 1"
    )
    found = [Entry.of(row) for kind in served_by(device) for row in store.read(query, (kind, only_batch))]
    return min(found, key=lambda entry: (-entry.priority, entry.place, entry.id), default=None)


def claim(
    store: Store, device: str, owner: str, process: Mapping[str, Any], only_batch: int | None = None
) -> Claim | None:
    """Take the next job for a device's lane and write down that it starts; None if there is none.

    Args:
        store: the queue.
        device: of the lane.
        owner: who runs the queue.
        process: identity of the child that will do it, written down before the job is sent there.
        only_batch: number of the batch whose jobs alone are taken; None for all.
    """
    while (entry := next_for(store, device, only_batch)) is not None:
        state = file_state(Path(entry.result))
        with store.transaction() as change:
            taken = change.execute(
                "UPDATE jobs SET state = ?, lane = ?, attempts = attempts + 1, before = coalesce(before, ?), "
                "started = ?, ended = '', cause = '', asked = '', iteration = 0, error = NULL, findings = '' "
                "WHERE id = ? AND state IN ('queued', 'interrupted')",
                (State.RUNNING.value, device, state, now(), entry.id),
            )
            if not taken.rowcount:
                continue  # another lane was faster
            start = change.execute(
                "INSERT INTO starts (job, owner, lane, process, started) VALUES (?, ?, ?, ?, ?)",
                (entry.id, owner, device, json.dumps(dict(process)), now()),
            )
            before = change.execute("SELECT before FROM jobs WHERE id = ?", (entry.id,)).fetchone()[0]
        assert start.lastrowid is not None
        return Claim(entry, start.lastrowid, before)
    return None


def note_process(store: Store, start: int, process: Mapping[str, Any]) -> None:
    """Write down that another child goes on with a job, before the job is sent there."""
    with store.transaction() as change:
        change.execute("UPDATE starts SET process = ? WHERE id = ?", (json.dumps(dict(process)), start))


def note_progress(store: Store, job_id: int, state: State, progress: Progress | None, cause: str = "") -> None:
    """Write down where a job under way stands."""
    with store.transaction() as change:
        change.execute("UPDATE jobs SET state = ?, cause = ? WHERE id = ?", (state.value, cause, job_id))
        if state in (State.PAUSED, State.RUNNING):
            change.execute("UPDATE jobs SET asked = '' WHERE id = ? AND asked NOT IN ('stop', 'cancel')", (job_id,))
        if progress is not None and progress.iterations:
            _note_figures(change, job_id, progress)


def note_findings(store: Store, job_id: int, findings: Sequence[RunFinding]) -> None:
    """Write down all that the convergence watch has found in the present start of a job."""
    with store.transaction() as change:
        change.execute("UPDATE jobs SET findings = ? WHERE id = ?", (to_json(findings), job_id))


def orders_for(store: Store, job_id: int, after: int) -> list[tuple[int, Order]]:
    """Return the orders to a job that were left after one with this number, each with its number."""
    rows = store.read("SELECT id, word FROM orders WHERE job = ? AND id > ? ORDER BY id", (job_id, after))
    return [(row["id"], Order(row["word"])) for row in rows]


def end(store: Store, taken: Claim, state: State, cause: str = "", progress: Progress | None = None) -> None:
    """Write down how a start ended, the job with it, and what word is owed; the path of its result is given back."""
    with store.transaction() as change:
        _end_start(change, taken.start, state, cause)
        change.execute("DELETE FROM orders WHERE job = ?", (taken.entry.id,))
        if progress is not None and progress.iterations:
            _note_figures(change, taken.entry.id, progress)
        change.execute(
            "UPDATE jobs SET state = ?, cause = ?, asked = '', ended = ? WHERE id = ?",
            (state.value, cause, now(), taken.entry.id),
        )
        owe_word(change, store.folder, taken.entry.id, taken.start)
    give_back(store.folder, taken.entry)
    if state in (State.DONE, State.STOPPED, State.CANCELLED):
        forget_state(store.folder, taken.entry.id)


def interrupt(store: Store, taken: Claim, cause: str, deaths: int = 0, memory_tries: int = 0) -> None:
    """Write down that a start was cut off; the job keeps its place and goes on when a lane takes it again.

    Args:
        store: the queue.
        taken: the job and its start.
        cause: why.
        deaths, memory_tries: what is to be added to these counts of the job.
    """
    with store.transaction() as change:
        _end_start(change, taken.start, State.INTERRUPTED, cause)
        change.execute(
            "UPDATE jobs SET state = ?, cause = ?, asked = '', deaths = deaths + ?, memory_tries = memory_tries + ? "
            "WHERE id = ?",
            (State.INTERRUPTED.value, cause, deaths, memory_tries, taken.entry.id),
        )
        change.execute("DELETE FROM orders WHERE job = ?", (taken.entry.id,))


def hold_back(store: Store, taken: Claim, cause: str) -> None:
    """Keep a job from being begun, whose last child may still live."""
    with store.transaction() as change:
        change.execute(
            "UPDATE jobs SET state = ?, cause = ? WHERE id = ?", (State.WAITING.value, cause, taken.entry.id)
        )


def open_starts(store: Store, but_of: str) -> list[OpenStart]:
    """Return the starts whose end was not written down, those of one owner apart."""
    rows = store.read(
        "SELECT id, job, owner, process FROM starts WHERE ended IS NULL AND owner <> ? ORDER BY id", (but_of,)
    )
    found = []
    for row in rows:
        before = store.read("SELECT before FROM jobs WHERE id = ?", (row["job"],))[0][0]
        entry = store.entry(row["job"])
        assert entry.state in UNDER_WAY
        found.append(OpenStart(Claim(entry, row["id"], before), row["owner"], json.loads(row["process"])))
    return found


def begin_lanes(store: Store, devices: Sequence[str]) -> None:
    """Say which devices have a lane, in place of what the last owner said."""
    with store.transaction() as change:
        change.execute("DELETE FROM lanes")
        change.executemany("INSERT INTO lanes VALUES (?, '')", [(device,) for device in devices])


def change_lanes(store: Store, devices: Sequence[str]) -> None:
    """Say which devices have a lane from now on; those that had one before keep what was said of them."""
    marks = ", ".join("?" * len(devices))
    with store.transaction() as change:
        change.execute(f"DELETE FROM lanes WHERE device NOT IN ({marks})", tuple(devices))
        change.executemany("INSERT OR IGNORE INTO lanes VALUES (?, '')", [(device,) for device in devices])


def note_lane(store: Store, device: str, cause: str) -> None:
    """Say why a lane can't work now; "" if it can."""
    with store.transaction() as change:
        change.execute("UPDATE lanes SET cause = ? WHERE device = ?", (cause, device))


def _end_start(change: sqlite3.Connection, start: int, state: State, cause: str) -> None:
    change.execute("UPDATE starts SET ended = ?, state = ?, cause = ? WHERE id = ?", (now(), state.value, cause, start))


def _note_figures(change: sqlite3.Connection, job_id: int, progress: Progress) -> None:
    error = progress.error if math.isfinite(progress.error) else None
    change.execute(
        "UPDATE jobs SET iteration = ?, iterations = ?, error = coalesce(?, error) WHERE id = ?",
        (progress.iteration, progress.iterations, error, job_id),
    )
