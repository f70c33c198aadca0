"""What lies at the path of a job's result, and whether the job wrote it: told by the file itself, not by clocks."""

from __future__ import annotations

import json
import os
from pathlib import Path

from ptychogui.errors import DataError
from ptychogui.io.result_header import read_header
from ptychogui.states import State


def file_state(path: Path) -> str:
    """Return what identifies the file at a path, as text; the same as long as nobody writes it."""
    try:
        found = os.stat(path)
    except OSError:
        return "absent"
    return json.dumps([found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns])


def was_written(path: Path, before: str) -> bool:
    """Whether there is a file that is another than the one that `file_state` told before."""
    return file_state(path) not in ("absent", before)


def state_written(path: Path, before: str) -> State | None:
    """Return the state of a result that was written since `file_state` told `before`; None if none was."""
    if not was_written(path, before):
        return None
    try:
        return read_header(path).state
    except DataError:
        return None
