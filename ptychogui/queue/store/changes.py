"""What users do with jobs of the queue: hold, move, retry and remove those that wait, and leave orders to others."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from ptychogui.errors import ParameterError
from ptychogui.jobs.processes.messages import Order
from ptychogui.jobs.provenance import now
from ptychogui.queue.store.entry import COLUMNS, ENDED, UNDER_WAY, WAITING, Entry
from ptychogui.queue.store.folders import forget_state, remove_job_folder
from ptychogui.queue.store.reserved import give_back, take_again
from ptychogui.queue.store.result_file import was_written
from ptychogui.queue.store.store import IN_ORDER, Store
from ptychogui.states import State

_ENDING = (Order.STOP, Order.CANCEL)


def hold(store: Store, job_id: int) -> None:
    """Keep a job from beginning.

    Raises:
        ParameterError: it does not wait.
    """
    _change(store, job_id, WAITING, State.HELD, "held")


def release(store: Store, job_id: int) -> None:
    """Let a held job begin when its turn comes.

    Raises:
        ParameterError: it is not held.
    """
    _change(store, job_id, (State.HELD,), State.QUEUED, "released")


def hold_all(store: Store) -> int:
    """Keep all that waits from beginning; return how many jobs that are."""
    return _change_all(store, WAITING, State.HELD)


def release_all(store: Store) -> int:
    """Let all held jobs begin when their turns come; return how many that are."""
    return _change_all(store, (State.HELD,), State.QUEUED)


def retry(store: Store, job_id: int) -> None:
    """Put a job that came to nothing, or was ended early, at the end of the queue, to begin anew.

    Raises:
        ParameterError: it is not over, or it is done.
        OutputError: another job has the path of its result by now.
    """
    entry = store.entry(job_id)
    _check(entry, (State.FAILED, State.STOPPED, State.CANCELLED), "retried", "continue it, or add its scan anew")
    with take_again(store.folder, entry), store.transaction() as change:
        _check(_read(change, job_id), (State.FAILED, State.STOPPED, State.CANCELLED), "retried")
        change.execute(
            "UPDATE jobs SET state = ?, deaths = 0, memory_tries = 0, before = NULL, iteration = 0, error = NULL, "
            "cause = '', asked = '', ended = '', place = (SELECT max(place) + 1 FROM jobs) WHERE id = ?",
            (State.QUEUED.value, job_id),
        )
        forget_state(store.folder, job_id)


def remove(store: Store, job_id: int) -> None:
    """Take a job out of the queue, with its log and preview; a result stays.

    Raises:
        ParameterError: it is under way.
    """
    with store.transaction() as change:
        entry = _read(change, job_id)
        _check(entry, (State.HELD, *WAITING, *ENDED), "removed", "cancel it first")
        change.execute("DELETE FROM jobs WHERE id = ?", (job_id,))
    _forget(store, [entry])


def clear(store: Store) -> int:
    """Take out all jobs that have ended, with their logs and previews; return how many. Results stay."""
    marks = ", ".join("?" * len(ENDED))
    with store.transaction() as change:
        words = [state.value for state in ENDED]
        rows = change.execute(f"SELECT {COLUMNS} FROM jobs WHERE state IN ({marks})", words).fetchall()
        change.execute(f"DELETE FROM jobs WHERE state IN ({marks})", words)
        change.execute("DELETE FROM batches WHERE ended <> '' AND id NOT IN (SELECT batch FROM jobs WHERE batch > 0)")
    _forget(store, [Entry.of(row) for row in rows])
    return len(rows)


def move(store: Store, job_id: int, before: int | None = None, device: str | None = None) -> None:
    """Move a job that waits: before another one, whose priority it takes over; to another device; or to the end.

    Raises:
        ParameterError: one of them does not wait, or both are the same.
    """
    with store.transaction() as change:
        _check(_read(change, job_id), (State.HELD, *WAITING), "moved")
        if device is not None:
            change.execute("UPDATE jobs SET device = ? WHERE id = ?", (device, job_id))
        if before is not None:
            _move_before(change, job_id, before)
        elif device is None:
            change.execute("UPDATE jobs SET place = (SELECT max(place) + 1 FROM jobs) WHERE id = ?", (job_id,))


def order(store: Store, job_id: int, order: Order) -> bool:
    """Leave an order for whoever runs the queue; one that is to end a job which waits is followed here and now.

    Returns:
        whether the order was left for the owner of the queue.

    Raises:
        ParameterError: the order means nothing to the job as it is.
    """
    with store.transaction() as change:
        entry = _read(change, job_id)
        if entry.state in (State.HELD, *WAITING) and order in _ENDING:
            state = State.STOPPED if order is Order.STOP and _has_result(change, entry) else State.CANCELLED
            _end(change, entry, state)
        else:
            _check(entry, UNDER_WAY, f"told to {order.value}", _HINTS.get(entry.state, ""))
            change.execute("INSERT INTO orders (job, word) VALUES (?, ?)", (job_id, order.value))
            if entry.asked not in [ending.value for ending in _ENDING]:
                change.execute("UPDATE jobs SET asked = ? WHERE id = ?", (order.value, job_id))
            return True
    give_back(store.folder, entry)
    forget_state(store.folder, job_id)
    return False


_HINTS = {
    State.QUEUED: "hold it, or cancel it",
    State.INTERRUPTED: "hold it, or cancel it",
    State.HELD: "release it, or cancel it",
    State.DONE: "continue it",
    State.STOPPED: "continue or retry it",
    State.FAILED: "retry it",
    State.CANCELLED: "retry it",
}


def _end(change: sqlite3.Connection, entry: Entry, state: State) -> None:
    change.execute("DELETE FROM orders WHERE job = ?", (entry.id,))
    change.execute(
        "UPDATE jobs SET state = ?, cause = '', asked = '', ended = ? WHERE id = ?", (state.value, now(), entry.id)
    )


def _has_result(change: sqlite3.Connection, entry: Entry) -> bool:
    """Whether an interrupted job has left a checkpoint at the path of its result."""
    before = change.execute("SELECT before FROM jobs WHERE id = ?", (entry.id,)).fetchone()[0]
    return before is not None and was_written(Path(entry.result), before)


def _change(store: Store, job_id: int, of: Sequence[State], to: State, done: str) -> None:
    with store.transaction() as change:
        _check(_read(change, job_id), of, done)
        change.execute("UPDATE jobs SET state = ? WHERE id = ?", (to.value, job_id))


def _change_all(store: Store, of: Sequence[State], to: State) -> int:
    marks = ", ".join("?" * len(of))
    with store.transaction() as change:
        words = [to.value, *(state.value for state in of)]
        return change.execute(f"UPDATE jobs SET state = ? WHERE state IN ({marks})", words).rowcount


def _read(change: sqlite3.Connection, job_id: int) -> Entry:
    row = change.execute(f"SELECT {COLUMNS} FROM jobs WHERE id = ?", (job_id,)).fetchone()
    if row is None:
        raise ParameterError(f"there is no job {job_id} in the queue; see ptychogui queue list")
    return Entry.of(row)


def _check(entry: Entry, of: Sequence[State], done: str, hint: str = "") -> None:
    if entry.state not in of:
        way_out = f"; {hint}" if hint else ""
        raise ParameterError(f"job {entry.id} is {entry.state} and can't be {done}{way_out}")


def _forget(store: Store, entries: Sequence[Entry]) -> None:
    for entry in entries:
        give_back(store.folder, entry)
        remove_job_folder(store.folder, entry.id)


def _move_before(change: sqlite3.Connection, job_id: int, before: int) -> None:
    """Give a job a place just before another's; where no number is left between, all get whole numbers first."""
    if job_id == before:
        raise ParameterError(f"job {job_id} can't be moved before itself")
    target = _read(change, before)
    _check(target, (State.HELD, *WAITING), "waited for")
    place = _place_before(change, job_id, target)
    if place is None:
        ids = [row[0] for row in change.execute(f"SELECT id FROM jobs {IN_ORDER}")]
        change.executemany("UPDATE jobs SET place = ? WHERE id = ?", [(float(n), id_) for n, id_ in enumerate(ids, 1)])
        target = _read(change, before)
        place = _place_before(change, job_id, target)
    change.execute("UPDATE jobs SET place = ?, priority = ? WHERE id = ?", (place, target.priority, job_id))


def _place_before(change: sqlite3.Connection, job_id: int, target: Entry) -> float | None:
    """Return a number between the places of a job and of the one in front of it; None if there is none."""
    found = change.execute(
        "SELECT max(place) FROM jobs WHERE priority = ? AND id <> ? AND (place < ? OR (place = ? AND id < ?))",
        (target.priority, job_id, target.place, target.place, target.id),
    ).fetchone()[0]
    if found is None:
        return target.place - 1.0
    middle = (found + target.place) / 2
    return middle if found < middle < target.place else None
