"""Owners of reservations: when they still live, and what counts where that can't be told."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ptychogui.jobs.results import owners, reservations
from ptychogui.jobs.results.owners import Owner, lives, process, register_owners, this_process
from ptychogui.jobs.results.reservations import Reservation, holder_text, reserve
from tests.jobs.results.reserving import rewrite, taken


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "r.cxi"


def test_a_process_with_the_number_of_a_dead_one_is_another(path: Path) -> None:
    with taken(path):
        assert reserve(path) is None
        rewrite(path, start="1")
        with taken(path) as again:
            assert again.path == path


def test_a_machine_that_was_started_anew_has_no_old_processes(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = owners._machine()
    monkeypatch.setattr(owners, "_machine", lambda: {**here, "machine": "this one"})
    with taken(path):
        assert reserve(path) is None
        rewrite(path, boot="the last one")
        with taken(path) as again:
            assert again.path == path


@pytest.mark.parametrize("change", [{"boot": "b", "machine": "another", "host": "another"}, {"space": "another"}])
def test_one_that_can_not_be_asked_counts_for_some_days(path: Path, change: dict[str, Any]) -> None:
    with taken(path):
        rewrite(path, **change)
        assert reserve(path) is None
        rewrite(path, age_s=reservations.FORGOTTEN_S + 1)
        taken(path).release()


def test_one_that_is_not_said_counts_for_an_hour(path: Path) -> None:
    with taken(path):
        marker = rewrite(path)
        marker.write_text("")
        assert reserve(path) is None
        os.utime(marker, (0, 0))
        taken(path).release()


def test_another_kind_of_owner_says_itself_whether_it_lives(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    living = {"job 1"}
    monkeypatch.setattr(owners, "_kinds", dict(owners._kinds))
    register_owners("queue", lambda owner: owner.identity["job"] in living)
    owner = Owner("queue", {"job": "job 1"})
    made = taken(path, owner)
    del made
    gc.collect()
    assert reserve(path) is None and holder_text(path).startswith("queue since ")
    Reservation(path, Owner("queue", {"job": "job 2"})).release()
    assert reserve(path) is None
    again = Reservation(path, owner)
    again.release()
    with taken(path, owner):
        again.release()
        assert reserve(path) is None
        living.clear()
        taken(path).release()


def test_a_kind_of_a_later_version_can_not_be_asked(path: Path) -> None:
    with taken(path, Owner("cluster", {"node": 3})):
        assert reserve(path) is None


def test_this_process_lives() -> None:
    owner = this_process()
    assert lives(owner) is True
    assert json.loads(json.dumps(dict(owner.identity))) == owner.identity


@pytest.mark.parametrize("pid", [None, 2**40, 2**22 + 5])
def test_a_number_that_no_process_has_is_dead(path: Path, pid: Any) -> None:
    with taken(path):
        assert reserve(path) is None
        rewrite(path, pid=pid)
        with taken(path) as again:
            assert again.path == path


def test_a_process_that_had_ended_when_it_was_asked_for_never_lives() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        child.wait()
    assert lives(process(child.pid)) is False
    assert lives(process(os.getpid())) is True
