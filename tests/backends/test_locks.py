"""Lock files: one at a time, and nobody waits in vain."""

from __future__ import annotations

import errno
import fcntl
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from ptychogui.backends import locks
from ptychogui.backends.locks import locked


def is_free(path: Path) -> bool:
    """Whether nobody holds a lock file."""
    with path.open("rb") as other:
        try:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def test_it_is_held_inside_and_free_after(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    with locked(path):
        assert not is_free(path)
    assert is_free(path)
    with pytest.raises(ValueError, match="told"), locked(path):
        raise ValueError("told")
    assert is_free(path)


def test_a_second_waits_for_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waits, done = threading.Event(), []

    def sleep(seconds: float) -> None:
        waits.set()
        time.sleep(seconds)

    def second() -> None:
        with locked(tmp_path / "a.lock"):
            done.append("second")

    monkeypatch.setattr(locks, "time", SimpleNamespace(monotonic=time.monotonic, sleep=sleep))
    thread = threading.Thread(target=second)
    with locked(tmp_path / "a.lock"):
        thread.start()
        assert waits.wait(20)
        done.append("first")
    thread.join(20)
    assert done == ["first", "second"]


_HOLD = """
import sys
from pathlib import Path
from ptychogui.backends.locks import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_dead_holder_blocks_nobody(tmp_path: Path, repo_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, command = tmp_path / "a.lock", [sys.executable, "-c", _HOLD, str(tmp_path / "a.lock")]
    with subprocess.Popen(command, cwd=repo_root, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
        assert not is_free(path)
        holder.kill()
        holder.wait()
    monkeypatch.setattr(locks, "_PATIENCE_S", 0.0)
    with locked(path):
        assert not is_free(path)


def test_a_holder_that_never_ends_is_not_waited_for_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "_PATIENCE_S", 0.0)
    with locked(tmp_path / "a.lock"), locked(tmp_path / "a.lock"):
        assert not is_free(tmp_path / "a.lock")


def test_where_nothing_can_be_locked_the_work_is_done_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(*_args: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    with locked(tmp_path / "no folder" / "a.lock"):
        assert not (tmp_path / "no folder").exists()
    monkeypatch.setattr(fcntl, "flock", none_left)
    with locked(tmp_path / "a.lock"):
        monkeypatch.undo()
        assert is_free(tmp_path / "a.lock")
