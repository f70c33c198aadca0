"""Paths that Qt's dialogs and drops give: found again where a name is no UTF-8, which Qt can't hold."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

_UNKNOWN = "\ufffd"
"""What Qt puts in place of bytes that are no UTF-8."""


def meant_path(name: str) -> Path:
    """Return the path that a dialog means, which gives a byte of a name that is no UTF-8 as U+FFFD."""
    path = Path(name)
    if _UNKNOWN not in name or os.path.lexists(path):
        return path
    folder = meant_path(str(path.parent))
    with contextlib.suppress(OSError):
        for entry in sorted(os.listdir(folder)):
            if _shown(os.fsencode(entry)) == _shown(os.fsencode(path.name)):
                return folder / entry
    return path


def _shown(name: bytes) -> str:
    """Return how a name is shown; how many bytes of it are no UTF-8 counts differently from program to program."""
    return re.sub(f"{_UNKNOWN}+", _UNKNOWN, name.decode("utf-8", "replace"))
