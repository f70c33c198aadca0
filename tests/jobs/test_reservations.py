"""Reservations: whose they are, and when they count no more."""

from __future__ import annotations

import contextlib
import gc
import json
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ptychogui.errors import OutputError
from ptychogui.jobs import reservations
from ptychogui.jobs.reservations import FOLDER, Owner, Reservation, holder_text, reserve, this_process

_HOLDING = """
import sys
from pathlib import Path
from ptychogui.jobs.reservations import reserve
held = reserve(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
"""


@contextlib.contextmanager
def running(code: str, arguments: list[str], count: int = 1) -> Iterator[list[subprocess.Popen[str]]]:
    """Run a script in processes that have said that they are ready, and wait for a line; they are ended after."""
    command = [sys.executable, "-c", code, *arguments]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(count)
    ]
    try:
        for process in processes:
            assert process.stdout is not None and process.stdout.readline() == "ready\n"
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.communicate()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "r.cxi"


def taken(path: Path, owner: Owner | None = None) -> Reservation:
    """Reserve what must be free."""
    found = reserve(path, owner)
    assert found is not None
    return found


def rewrite(path: Path, age_s: float = 0.0, **changes: Any) -> Path:
    """Change what a reservation's file says of its owner, and how old it is."""
    (marker,) = (path.parent / FOLDER).iterdir()
    told = json.loads(marker.read_text())
    told["identity"].update(changes)
    marker.write_text(json.dumps(told))
    changed_s = marker.stat().st_mtime - age_s
    os.utime(marker, (changed_s, changed_s))
    return marker


def test_a_path_is_reserved_until_it_is_released(tmp_path: Path, path: Path) -> None:
    first = taken(path)
    assert reserve(path) is None
    first.release()
    assert list(tmp_path.iterdir()) == []
    with taken(path):
        first.release()
        assert reserve(path) is None


def test_one_that_nothing_refers_to_any_more_is_given_back(tmp_path: Path, path: Path) -> None:
    first = taken(path)
    del first
    gc.collect()
    assert list(tmp_path.iterdir()) == []


def test_it_survives_a_fork_of_its_process(path: Path) -> None:
    with taken(path) as first:
        child = os.fork()
        if child == 0:
            first.release()
            os._exit(0)
        os.waitpid(child, 0)
        assert reserve(path) is None


class TestOtherProcesses:
    def test_it_holds_while_its_process_lives(self, tmp_path: Path, path: Path) -> None:
        with running(_HOLDING, [str(path)]) as (process,):
            assert reserve(path) is None
            assert f"process {process.pid} of " in holder_text(path)
            process.communicate("\n")
            assert process.returncode == 0
        assert list(tmp_path.iterdir()) == [] and holder_text(path) == ""

    def test_that_of_a_killed_process_blocks_nothing(self, tmp_path: Path, path: Path) -> None:
        with running(_HOLDING, [str(path)]) as (process,):
            process.send_signal(signal.SIGKILL)
            process.wait()
        assert len(list((tmp_path / FOLDER).iterdir())) == 1
        with taken(path):
            assert reserve(path) is None
        assert list(tmp_path.iterdir()) == []

    def test_that_of_a_killed_process_goes_with_the_next_in_the_folder(self, tmp_path: Path, path: Path) -> None:
        with running(_HOLDING, [str(path)]) as (process,):
            process.send_signal(signal.SIGKILL)
            process.wait()
        taken(tmp_path / "another.cxi").release()
        assert list(tmp_path.iterdir()) == []

    def test_a_process_that_is_dead_and_not_buried_blocks_nothing(self, path: Path) -> None:
        with running(_HOLDING, [str(path)]) as (process,):
            process.send_signal(signal.SIGKILL)
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
            taken(path).release()


class TestOwners:
    def test_a_process_with_the_number_of_a_dead_one_is_another(self, path: Path) -> None:
        with taken(path):
            rewrite(path, start="1")
            taken(path).release()

    def test_a_machine_that_was_started_anew_has_no_old_processes(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        here = reservations._machine()
        monkeypatch.setattr(reservations, "_machine", lambda: {**here, "machine": "this one"})
        with taken(path):
            rewrite(path, boot="the last one")
            taken(path).release()

    @pytest.mark.parametrize("change", [{"boot": "b", "machine": "another", "host": "another"}, {"space": "another"}])
    def test_one_that_can_not_be_asked_counts_for_some_days(self, path: Path, change: dict[str, Any]) -> None:
        with taken(path):
            rewrite(path, **change)
            assert reserve(path) is None
            rewrite(path, age_s=reservations.FORGOTTEN_S + 1)
            taken(path).release()

    def test_one_that_is_not_said_counts_for_an_hour(self, tmp_path: Path, path: Path) -> None:
        with taken(path):
            marker = rewrite(path)
            marker.write_text("")
            assert reserve(path) is None
            os.utime(marker, (0, 0))
            taken(path).release()

    def test_another_kind_of_owner_says_itself_whether_it_lives(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        living = {"job 1"}
        monkeypatch.setattr(reservations, "_kinds", dict(reservations._kinds))
        reservations.register_owners("queue", lambda identity: identity["job"] in living)
        owner = Owner("queue", {"job": "job 1"})
        made = taken(path, owner)
        del made
        gc.collect()
        assert reserve(path) is None and holder_text(path).startswith("queue since ")
        Reservation(path, Owner("queue", {"job": "job 2"})).release()
        assert reserve(path) is None
        Reservation(path, owner).release()
        with taken(path, owner):
            living.clear()
            taken(path).release()

    def test_a_kind_of_a_later_version_can_not_be_asked(self, path: Path) -> None:
        with taken(path, Owner("cluster", {"node": 3})):
            assert reserve(path) is None

    def test_this_process_lives(self) -> None:
        owner = this_process()
        assert reservations._kinds[owner.kind](owner.identity) is True
        assert json.loads(json.dumps(dict(owner.identity))) == owner.identity

    @pytest.mark.parametrize("pid", [None, 2**40, 2**22 + 5])
    def test_a_number_that_no_process_has_is_dead(self, path: Path, pid: Any) -> None:
        with taken(path):
            rewrite(path, pid=pid)
            taken(path).release()


class TestSweeps:
    def test_one_that_was_killed_is_taken_away(self, tmp_path: Path, path: Path) -> None:
        first = taken(path)
        broom = tmp_path / FOLDER / "sweep"
        first.release()
        broom.parent.mkdir()
        broom.touch()
        os.utime(broom, (0, 0))
        (tmp_path / FOLDER / "dead").touch()
        os.utime(tmp_path / FOLDER / "dead", (0, 0))
        reservations._swept_s.clear()
        taken(path).release()
        reservations._swept_s.clear()
        taken(path).release()
        assert list(tmp_path.iterdir()) == []

    def test_what_lives_is_left(self, tmp_path: Path, path: Path) -> None:
        with taken(path):
            reservations._swept_s.clear()
            with taken(tmp_path / "another.cxi"):
                assert reserve(path) is None


class TestFolders:
    def test_whoever_may_write_beside_it_may_write_in_it(self, tmp_path: Path) -> None:
        shared = tmp_path / "shared"
        shared.mkdir()
        shared.chmod(0o777)
        with taken(shared / "r.cxi"):
            assert (shared / FOLDER).stat().st_mode & 0o777 == 0o777

    def test_a_folder_that_can_not_be_written_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(OutputError, match=r"can't write .*file/new/r\.cxi"):
            reserve(tmp_path / "file" / "new" / "r.cxi")

    def test_a_name_may_have_its_whole_length(self, tmp_path: Path) -> None:
        with taken(tmp_path / ("n" * 255)):
            assert reserve(tmp_path / ("n" * 255)) is None

    def test_the_folder_may_vanish_at_any_time(self, tmp_path: Path) -> None:
        """Two processes that take and give back in turn take the hidden folder away under each other."""
        context = multiprocessing.get_context("spawn")
        other = context.Process(target=_take_and_give_back, args=(tmp_path / "a.cxi", 300))
        other.start()
        _take_and_give_back(tmp_path / "b.cxi", 300)
        other.join()
        assert other.exitcode == 0 and list(tmp_path.iterdir()) == []


def _take_and_give_back(path: Path, times: int) -> None:
    for _ in range(times):
        taken(path).release()
