"""One process runs a queue; a second one is told which."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ptychogui.queue.owner import OwnedError, Ownership, owner_text

HOLD = """
import pathlib, sys
from ptychogui.queue.owner import Ownership
with Ownership(pathlib.Path(sys.argv[1]), "test"):
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
    with subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdin=-1, stdout=-1, text=True) as owner:
        assert owner.stdout is not None and owner.stdout.readline() == "held\n"
        with pytest.raises(OwnedError, match=f"run by test, process {owner.pid}"):
            Ownership(folder, "ptychogui run")
        owner.send_signal(signal.SIGKILL)
        owner.wait()
        assert owner_text(folder) == ""
        Ownership(folder, "ptychogui run").__exit__(None, None, None)


def test_without_a_queue_nobody_owns_it(tmp_path: Path) -> None:
    assert owner_text(tmp_path / "none") == ""
