"""One process runs a queue; a second one is told which."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ptychogui.errors import ParameterError
from ptychogui.queue.owner import RUN, WINDOW, OwnedError, Ownership, ask_to_leave, owner, owner_text

HOLD = """
import pathlib, sys
from ptychogui.queue.owner import Ownership
with Ownership(pathlib.Path(sys.argv[1]), sys.argv[2]):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_owner_is_told_who_the_first_is(folder: Path) -> None:
    with Ownership(folder, "ptychogui run") as first:
        who = f"ptychogui run, process {os.getpid()} of .*, since "
        with pytest.raises(OwnedError, match=who):
            Ownership(folder, "ptychogui run")
        assert owner_text(folder).startswith(f"ptychogui run, process {os.getpid()}")
    assert owner_text(folder) == ""
    with Ownership(folder, "ptychogui run") as second:
        assert second.name != first.name


def test_one_that_was_killed_owns_nothing(folder: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, str(folder), "test"], stdin=-1, stdout=-1, text=True) as child:
        assert child.stdout is not None and child.stdout.readline() == "held\n"
        with pytest.raises(OwnedError, match=f"run by test, process {child.pid}"):
            Ownership(folder, "ptychogui run")
        child.send_signal(signal.SIGKILL)
        child.wait()
        assert owner_text(folder) == ""
        Ownership(folder, "ptychogui run").__exit__(None, None, None)


def test_without_a_queue_nobody_owns_it(tmp_path: Path) -> None:
    assert owner_text(tmp_path / "none") == ""


def test_only_ptychogui_run_leaves_when_it_is_asked_to(folder: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(folder), RUN]
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True) as child:
        assert child.stdout is not None and child.stdout.readline() == "held\n"
        found = owner(folder)
        assert found is not None and found.kind == RUN and found.leaves_when_asked
        ask_to_leave(found)
        assert child.wait() == -signal.SIGTERM
    assert owner(folder) is None and not found.leaves_when_asked
    with pytest.raises(ParameterError, match="does not leave"):
        ask_to_leave(found)
    with Ownership(folder, WINDOW):
        window = owner(folder)
        assert window is not None and not window.leaves_when_asked
