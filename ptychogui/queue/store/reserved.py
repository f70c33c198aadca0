"""Reservations of results by jobs of the queue, which outlive the processes that make them."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

from ptychogui.jobs.results.owners import PROCESS, Owner, lives, register_owners, this_process
from ptychogui.jobs.results.reservations import Reservation
from ptychogui.jobs.results.result_paths import as_given
from ptychogui.queue.store.entry import ENDED, Entry
from ptychogui.queue.store.folders import STORE
from ptychogui.states import State

KIND = "queue"


def owner_of(folder: Path, uid: str) -> Owner:
    """Return a job of a queue as the owner of a reservation that this process makes.

    Args:
        folder: of the queue.
        uid: Job.id.
    """
    return Owner(KIND, {"queue": os.fspath(folder), "job": uid}, this_process().identity)


def give_back(folder: Path, entry: Entry) -> None:
    """Give back the path of a job's result, where the job still has it."""
    with contextlib.suppress(OSError):
        Reservation(Path(entry.result), owner_of(folder, entry.uid)).release()


@contextlib.contextmanager
def take_again(folder: Path, entry: Entry) -> Iterator[None]:
    """Reserve the path of a job's result once more; it is given back if the block fails.

    Raises:
        OutputError: another job has it by now, or it can't be written.
    """
    with as_given(Path(entry.result), owner_of(folder, entry.uid)).released_on_error():
        yield


_asked: dict[str, sqlite3.Connection] = {}
"""Stores that were asked, by path, open for reading."""
_asking = threading.Lock()


def _lives(owner: Owner) -> bool | None:
    """Whether a job of a queue still wants its path; None if it can't be told.

    One that is not in the queue is just being added, as long as the process that does it lives.
    """
    path = os.path.join(owner.identity.get("queue", ""), STORE)
    with _asking:
        try:
            rows = _open(path).execute("SELECT state FROM jobs WHERE uid = ?", (owner.identity.get("job"),)).fetchall()
        except sqlite3.Error:
            _asked.pop(path, None)
            return None
    if not rows:
        return lives(Owner(PROCESS, owner.maker)) if owner.maker else None
    return State.read(rows[0][0]) not in ENDED


def _open(path: str) -> sqlite3.Connection:
    if path not in _asked:
        place = Path(path).absolute().as_uri()
        _asked[path] = sqlite3.connect(f"{place}?mode=ro", uri=True, timeout=1.0, check_same_thread=False)
    return _asked[path]


register_owners(KIND, _lives)
