"""What the last owner of the queue has left when it was killed: children that still live, and jobs without an end."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ptychogui.io.atomic import remove_parts
from ptychogui.jobs.processes.messages import Order
from ptychogui.jobs.results.owners import PROCESS, Owner, lives
from ptychogui.queue.store import journal
from ptychogui.queue.store.folders import forget_state
from ptychogui.queue.store.result_file import state_written
from ptychogui.queue.store.store import Store
from ptychogui.states import State

CAUSE = "the program that ran it was ended"
MOST_CRASHES = 10
"""A job that was under way when its owner ended so often is not begun again."""

_PATIENCE_S, _POLL_S = 3.0, 0.02
"""For children that were killed and are not yet gone."""

_log = logging.getLogger(__name__)


def recover(store: Store, owner: str, patience_s: float = _PATIENCE_S) -> bool:
    """End what is left of other owners, and have their jobs go on; False if a child of theirs may still live.

    A job is not begun again before its child is gone for sure. Belongs to the owner alone, and can be called again.

    Args:
        store: the queue.
        owner: name of the present ownership, whose own jobs are left alone.
        patience_s: how long to wait for children to be gone.
    """
    end_s = time.monotonic() + patience_s
    while True:
        left = [start for start in journal.open_starts(store, owner) if not _settle(store, start)]
        if not left or time.monotonic() >= end_s:
            break
        time.sleep(_POLL_S)
    for start in left:
        _hold_back(store, start)
    return not left


def forget_states_of_ended(store: Store) -> None:
    """Remove the whole states of jobs that will not go on, which a crash between two steps has left."""
    for entry in store.entries():
        if entry.state in (State.DONE, State.STOPPED, State.CANCELLED):
            forget_state(store.folder, entry.id)


def _settle(store: Store, start: journal.OpenStart) -> bool:
    """Write down how a start has ended; False if it may not have ended yet."""
    alive = lives(Owner(PROCESS, start.process))
    if alive:
        _kill(start.process)
    entry = start.claim.entry
    orders = [order for _, order in journal.orders_for(store, entry.id, 0)]
    if alive is None and Order.CANCEL in orders:
        journal.end(store, start.claim, State.CANCELLED, "whether its process has ended could not be told")
        return True
    if alive is not False:
        return False
    remove_parts(Path(entry.result).parent, entry.uid)
    written = state_written(Path(entry.result), start.claim.before)
    if written in (State.DONE, State.STOPPED) and written is not None:
        journal.end(store, start.claim, written)
    elif Order.CANCEL in orders:
        journal.end(store, start.claim, State.CANCELLED)
    elif Order.STOP in orders:
        journal.end(store, start.claim, State.STOPPED if written is State.CHECKPOINT else State.CANCELLED)
    elif _crashes(store, entry.id) + 1 >= MOST_CRASHES:
        journal.end(store, start.claim, State.FAILED, f"{CAUSE}, {MOST_CRASHES} times while this job was under way")
    else:
        journal.interrupt(store, start.claim, CAUSE)
    _log.info("job %d %s was under way when its owner ended", entry.id, entry.title)
    return True


def _hold_back(store: Store, start: journal.OpenStart) -> None:
    """Say why a job waits; nothing is written where that was said before."""
    who = f"process {start.process.get('pid')} of {start.process.get('host')}"
    cause = f"{who} may still be at work on it; it goes on when that has ended"
    if start.claim.entry.cause != cause:
        journal.hold_back(store, start.claim, cause)


def _kill(process: Mapping[str, Any]) -> None:
    with contextlib.suppress(OSError):
        os.killpg(int(process["pid"]), signal.SIGKILL)


def _crashes(store: Store, job_id: int) -> int:
    return sum(start.cause == CAUSE for start in store.starts(job_id))
