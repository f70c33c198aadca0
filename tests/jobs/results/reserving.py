"""Reservations for tests: taken, spoilt, and held by other processes."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ptychogui.jobs.results.owners import Owner
from ptychogui.jobs.results.reservations import FOLDER, Reservation, reserve


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
