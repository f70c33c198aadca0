"""Paths of results that jobs of the queue have: while they are added, as long as they live, and no longer."""

from __future__ import annotations

from pathlib import Path

from ptychogui.jobs.results.owners import Owner, process
from ptychogui.jobs.results.reservations import reserve
from ptychogui.queue.store.reserved import owner_of
from ptychogui.queue.store.store import Store
from tests.queue.fakes import ended_pid


def test_a_job_that_is_being_added_has_its_path_as_long_as_that_process_lives(store: Store, tmp_path: Path) -> None:
    adding = owner_of(store.folder, "a job that is in no queue so far")
    assert reserve(tmp_path / "one.cxi", adding) is not None
    assert reserve(tmp_path / "one.cxi") is None
    killed = Owner(adding.kind, adding.identity, process(ended_pid()).identity)
    assert reserve(tmp_path / "two.cxi", killed) is not None
    assert reserve(tmp_path / "two.cxi") is not None


def test_a_job_of_a_queue_that_cannot_be_asked_keeps_its_path(tmp_path: Path) -> None:
    elsewhere = owner_of(tmp_path / "no queue", "a job")
    killed = Owner(elsewhere.kind, elsewhere.identity, process(ended_pid()).identity)
    assert reserve(tmp_path / "one.cxi", killed) is not None
    assert reserve(tmp_path / "one.cxi") is None
