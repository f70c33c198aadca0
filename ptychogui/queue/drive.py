"""The loop of a lane: what its thread does from the first job to the last, in the window and without one."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from ptychogui.errors import PtychoError
from ptychogui.queue.lane import SILENCE_LIMIT_S, Lane, Relay
from ptychogui.queue.lane_process import MakeProcess, engine_process
from ptychogui.queue.store.store import Store

_TURN_S = 0.05
"""How long a lane waits for its process until it looks at the store again."""
_AFTER_DEFECT_S = 1.0
"""Before a lane begins anew."""

_log = logging.getLogger(__name__)


def drive(  # noqa: PLR0913 - what a lane is
    folder: Path,
    device: str,
    owner: str,
    leaving: threading.Event,
    relay: Relay,
    make_process: MakeProcess = engine_process,
    silence_limit_s: float = SILENCE_LIMIT_S,
    only_batch: int | None = None,
    between: Callable[[], None] = lambda: None,
) -> None:
    """Do the jobs of a device until told to leave; after a defect of the program another lane takes its place.

    Args:
        folder: of the queue.
        device: as backends.open_backend takes it.
        owner: name of the ownership of the queue.
        leaving: set, from any thread, when the lane is to break off its job and end.
        relay: hears what the lane tells, on this thread.
        make_process: makes the process of the lane.
        silence_limit_s: after so long without a sign of life a child is ended.
        only_batch: number of the batch whose jobs alone are done; None for all.
        between: called after each turn.

    Raises:
        PtychoError: the store can't be used.
    """
    with Store(folder) as store:
        while not leaving.is_set():
            lane = Lane(store, device, owner, relay, make_process, silence_limit_s, only_batch)
            _turn_until_left(lane, leaving, between)


def _turn_until_left(lane: Lane, leaving: threading.Event, between: Callable[[], None]) -> None:
    try:
        while not lane.has_left:
            if leaving.is_set():
                lane.leave()
            lane.turn(_TURN_S)
            between()
    except PtychoError:
        raise
    except Exception as error:
        _log.exception("the lane of %s begins anew", lane.device)
        lane.fail(f"internal error: {type(error).__name__}: {error}")
        leaving.wait(_AFTER_DEFECT_S)
    finally:
        lane.close()
