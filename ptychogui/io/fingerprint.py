"""Fingerprints of the files and folders that a scan was opened from, so that a change of them is noticed.

Readers say what they look at, where they do; `open_dataset` records it.
"""

from __future__ import annotations

import contextlib
import glob
import hashlib
import os
import stat
import time
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

_State: TypeAlias = tuple[int, int, int, int] | None
"""Times of the last change of content and of status in ns, size in bytes and inode; None where there is no file."""

_SECOND_NS = 1_000_000_000
_UNSURE_NS = 2 * _SECOND_NS
"""After a change, where file systems count in whole seconds: another change may not show."""


@dataclass(frozen=True)
class Fingerprint:
    """Files and listings of folders by name, as they were; an empty one is of nothing, and never current.

    Names are as they were given: in another working folder, a relative one is that of another file.
    """

    files: tuple[tuple[str, _State], ...] = ()
    listings: tuple[tuple[str, str], ...] = ()
    is_unsure: bool = False
    """Whether a file had changed so shortly before that its time of change could not show one more."""

    def is_current(self) -> bool:
        """Whether all is still as it was."""
        if self.is_unsure:
            return False
        is_same = all(_state(name) == state for name, state in self.files)
        return bool(self.files) and is_same and all(_listing(text) == there for text, there in self.listings)


@dataclass
class FingerprintRecording:
    """What readers looked at while it was recorded."""

    files: dict[str, _State] = field(default_factory=dict)
    listings: dict[str, str] = field(default_factory=dict)
    began_ns: int = field(default_factory=time.time_ns)

    def fingerprint(self) -> Fingerprint:
        """Return all of it."""
        is_unsure = any(_is_unsure(state, self.began_ns) for state in self.files.values())
        return Fingerprint(tuple(self.files.items()), tuple(self.listings.items()), is_unsure)


_recording: ContextVar[FingerprintRecording | None] = ContextVar("recording", default=None)


@contextlib.contextmanager
def recorded() -> Iterator[FingerprintRecording]:
    """Record what readers look at on this thread, for a recording around it as well."""
    outer, own = _recording.get(), FingerprintRecording()
    token = _recording.set(own)
    try:
        yield own
    finally:
        _recording.reset(token)
        if outer is not None:
            outer.files.update({name: state for name, state in own.files.items() if name not in outer.files})
            outer.listings.update({text: there for text, there in own.listings.items() if text not in outer.listings})


def looked_at(path: Path | str) -> None:
    """Say that what a reader tells depends on this file, or on its absence."""
    recording, name = _recording.get(), os.fspath(path)
    if recording is not None and name not in recording.files:
        recording.files[name] = _state(name)


def listed(pattern: str) -> None:
    """Say that what a reader tells depends on which files fit a pattern with '*'."""
    recording, text = _recording.get(), pattern
    if recording is not None and text not in recording.listings:
        recording.listings[text] = _listing(text)


def _state(name: str) -> _State:
    """Return the state of a file now; a network file system tells it anew of one that is opened."""
    try:
        found = os.stat(name)
    except (OSError, ValueError):
        return None
    if stat.S_ISREG(found.st_mode):
        with contextlib.suppress(OSError), open(name, "rb", buffering=0) as file:
            found = os.fstat(file.fileno())
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino


def _is_unsure(state: _State, now_ns: int) -> bool:
    """Whether a change after this one might have left the same state."""
    return state is not None and state[0] % _SECOND_NS == 0 and abs(now_ns - state[0]) < _UNSURE_NS


def _listing(text: str) -> str:
    """Return a digest of the names that fit a pattern."""
    names = "\0".join(sorted(glob.glob(text)))
    return hashlib.sha256(names.encode("utf-8", "surrogateescape")).hexdigest()
