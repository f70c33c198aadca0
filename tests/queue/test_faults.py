"""The n-th write of the store fails, for every n: nothing is lost, nothing doubled, and the next job begins."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ptychogui.errors import OutputError
from ptychogui.queue.lane import Lane
from ptychogui.queue.recovery import recover
from ptychogui.queue.store import changes, journal
from ptychogui.queue.store.job_text import JobText
from ptychogui.queue.store.store import NewJob, Store
from ptychogui.states import State
from tests.jobs.fakes import make_job
from tests.queue.fakes import Made, turn

MOST = 60
"""Statements that a short run has at most; more would mean that it does not end."""


class Failing:
    """A connection whose n-th statement that changes something fails, as on a full disk, and some after it."""

    def __init__(self, connection: sqlite3.Connection, first: int, count: int) -> None:
        self._connection, self._fails = connection, range(first, first + count)
        self._done = itertools.count()
        self.has_failed = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
        if statement.startswith(("BEGIN", "COMMIT", "INSERT", "UPDATE", "DELETE")) and next(self._done) in self._fails:
            self.has_failed = True
            raise sqlite3.OperationalError("database or disk is full")
        return self._connection.execute(statement, *values)


def _new(folder: Path, name: str) -> NewJob:
    return NewJob(JobText.of(make_job(folder / name), {}))


@pytest.fixture(params=[1, 7])
def count(request: pytest.FixtureRequest) -> int:
    """Return how many statements fail in a row."""
    return int(request.param)


@pytest.fixture
def folders(tmp_path: Path) -> Iterator[Path]:
    """Give a folder for each n."""
    return (tmp_path / str(n) for n in range(MOST))


def test_a_run_survives_any_write_that_fails(folders: Iterator[Path], count: int) -> None:
    for n, folder in enumerate(folders):
        folder.mkdir()
        with Store(folder / "queue") as store, Store(folder / "queue") as own:
            jobs = store.add([_new(folder, "one.cxi"), _new(folder, "two.cxi"), _new(folder, "three.cxi")])
            own._connection = failing = Failing(own._connection, n, count)  # type: ignore[assignment]
            made = Made()
            lane = Lane(own, "cpu:0", "me", make_process=made)
            process = made.processes["cpu:0"]
            _play(lane, process)
            assert [store.entry(job).state for job in jobs] == [State.DONE, State.FAILED, State.DONE], n
            assert [len([s for s in store.starts(job) if s.state != "interrupted"]) for job in jobs] == [1, 1, 1]
            assert journal.open_starts(store, "nobody") == []
        if not failing.has_failed:
            return
    raise AssertionError("more statements than a short run should need")


def _play(lane: Lane, process: Any) -> None:
    """Run until all jobs have ended; every second job fails."""
    for _ in range(40):
        turn(lane, 2)
        if process.job is not None and process.job.output.stem == "two":
            process.fails()
        elif process.job is not None:
            process.runs(1)
            turn(lane, 1)
            if process.job is not None:
                process.finishes()


@pytest.mark.parametrize("change", ["add", "hold", "retry", "remove", "clear", "move"])
def test_a_users_change_is_done_wholly_or_not_at_all(folders: Iterator[Path], change: str) -> None:
    for n, folder in enumerate(folders):
        folder.mkdir()
        with Store(folder / "queue") as store, Store(folder / "queue") as own:
            ids = store.add([_new(folder, f"{i}.cxi") for i in range(4)])
            for state in (State.DONE, State.FAILED):
                claim = journal.claim(store, "cpu", "me", {})
                assert claim is not None
                journal.end(store, claim, state)
            before = _content(store)
            own._connection = failing = Failing(own._connection, n, 1)  # type: ignore[assignment]
            try:
                _change(own, change, ids, folder)
            except OutputError:
                assert failing.has_failed and _content(store) == before
            else:
                assert _content(store) != before
        if not failing.has_failed:
            return
    raise AssertionError("more statements than a change should need")


def _content(store: Store) -> list[tuple[Any, ...]]:
    tables = ("jobs", "contents", "starts", "orders")
    return [tuple(row) for table in tables for row in store.read(f"SELECT * FROM {table}")]


def _change(own: Store, change: str, ids: list[int], folder: Path) -> None:
    done, failed, third, fourth = ids
    if change == "add":
        own.add([_new(folder, "five.cxi"), _new(folder, "six.cxi")])
    elif change == "hold":
        changes.hold(own, third)
    elif change == "retry":
        changes.retry(own, failed)
    elif change == "remove":
        changes.remove(own, done)
    elif change == "clear":
        changes.clear(own)
    else:
        changes.move(own, fourth, before=third, device="cpu:1")


def test_a_recovery_that_fails_is_done_by_the_next_owner(folders: Iterator[Path]) -> None:
    for n, folder in enumerate(folders):
        folder.mkdir()
        with Store(folder / "queue") as store, Store(folder / "queue") as own:
            jobs = store.add([_new(folder, "one.cxi"), _new(folder, "two.cxi")])
            for _ in jobs:
                journal.claim(store, "cpu", "the last owner", {})
            store.read("UPDATE starts SET process = ?", ('{"boot": "another", "host": "another", "machine": "m"}',))
            own._connection = failing = Failing(own._connection, n, 1)  # type: ignore[assignment]
            try:
                recover(own, "me", patience_s=0.0)
            except OutputError:
                assert failing.has_failed
            assert not recover(store, "me too", patience_s=0.0)
            assert [store.entry(job).state for job in jobs] == [State.WAITING, State.WAITING]
        if not failing.has_failed:
            return
    raise AssertionError("more statements than a recovery should need")
