"""Names for files whose user has given none."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
from pathlib import Path

_LONGEST_BYTES = 255
"""Of a name in nearly all file systems."""
_UNKNOWN = "\ufffd"
_SPARE_BYTES = 32
"""For what is put behind a name: "-result-001_probe_magnitude.tif"."""


def file_stem(name: str) -> str:
    """Return a name as one that files can begin with, whatever is put behind it: "/" and the like become "_"."""
    stem = "".join(character if _is_nameable(character) else "_" for character in name[:_LONGEST_BYTES])
    while len(os.fsencode(stem)) > _LONGEST_BYTES - _SPARE_BYTES:
        stem = stem[:-1]
    return stem


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


def _is_nameable(character: str) -> bool:
    """Whether the name of a file can have a character."""
    try:
        os.fsencode(character)
    except UnicodeEncodeError:
        return False
    return character not in (os.sep, "\0")


def unused_path(path: Path, always_numbered: bool = False) -> Path:
    """Return a path that nothing lies at: this one, or with "-001", "-002", ... before its suffix.

    Args:
        path: the name to start from.
        always_numbered: the first has a number, too.
    """
    numbered = (path.with_name(f"{path.stem}-{number:03d}{path.suffix}") for number in itertools.count(1))
    candidates = numbered if always_numbered else itertools.chain([path], numbered)
    return next(candidate for candidate in candidates if not os.path.lexists(candidate))
