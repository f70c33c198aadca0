"""Reservations: one owner at a time, also of several processes, and nothing left."""

from __future__ import annotations

import contextlib
import errno
import gc
import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from ptychogui.errors import OutputError
from ptychogui.jobs.results import reservations
from ptychogui.jobs.results.reservations import FOLDER, holder_text, reserve
from tests.jobs.results.reserving import running, taken

_HOLDING = """
import sys
from pathlib import Path
from ptychogui.jobs.results.reservations import reserve
held = reserve(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "r.cxi"


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

    def test_one_whose_process_was_killed_blocks_nothing(self, tmp_path: Path, path: Path) -> None:
        with running(_HOLDING, [str(path)]) as (process,):
            (marker,) = (tmp_path / FOLDER).iterdir()
            (tmp_path / FOLDER / "sweep").write_bytes(marker.read_bytes())
            assert reserve(path) is None
            process.send_signal(signal.SIGKILL)
            process.wait()
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

    def test_a_hidden_folder_that_is_none_is_told(self, tmp_path: Path, path: Path) -> None:
        (tmp_path / FOLDER).symlink_to(tmp_path / "nowhere")
        with pytest.raises(OutputError, match="can't write"):
            reserve(path)

    def test_a_full_disk_leaves_no_reservation(
        self, tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(_descriptor: int, _text: bytes) -> int:
            raise OSError(errno.ENOSPC, "full")

        monkeypatch.setattr(os, "write", full)
        with pytest.raises(OutputError, match="no space left"):
            reserve(path)
        monkeypatch.undo()
        taken(path).release()
        assert list(tmp_path.iterdir()) == []

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

    def test_nothing_is_waited_for_between_making_the_folder_and_writing_there(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Another process takes the empty folder away whenever this one waits."""
        make, made = reservations._make_marker_folder, []

        def made_and_at_first_taken_away(folder: Path) -> None:
            make(folder)
            made.append(folder)
            if len(made) < 3:
                folder.rmdir()

        monkeypatch.setattr(reservations, "_make_marker_folder", made_and_at_first_taken_away)
        monkeypatch.setattr(
            "ptychogui.jobs.results.reservations.time.sleep", lambda _s: _remove_empty(tmp_path / FOLDER)
        )
        with taken(tmp_path / "a.cxi"):
            assert len(made) == 3


def _remove_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()


def _take_and_give_back(path: Path, times: int) -> None:
    for _ in range(times):
        taken(path).release()
