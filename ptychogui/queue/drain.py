"""Runs the queue: one thread and one lane a device, until all is done or it is told to leave."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ptychogui.jobs.processes.messages import Event
from ptychogui.queue.drive import drive
from ptychogui.queue.lane import SILENCE_LIMIT_S
from ptychogui.queue.lane_process import MakeProcess, engine_process
from ptychogui.queue.owner import Ownership
from ptychogui.queue.postman import posted
from ptychogui.queue.recovery import forget_states_of_ended, recover
from ptychogui.queue.store import journal
from ptychogui.queue.store.batch import Batch, close_left_open
from ptychogui.queue.store.entry import UNDER_WAY, WAITING
from ptychogui.queue.store.store import Store, served_by
from ptychogui.queue.store.word import tell_ended
from ptychogui.queue.under_way import LaneNews

_LOOK_S = 0.1
"""Between looks whether all is done."""
_LEAVE_S = 30.0
"""For all lanes to leave; children that are still there then end by themselves."""
_RECOVER_S = 2.0
"""Between looks whether what another owner left is gone, and who watched for a batch."""
_LAST_LETTERS_S = 30.0
"""For word of what has ended last; what is not sent then goes the next time."""

_log = logging.getLogger(__name__)


class Drain:
    """The lanes of an owner, each on a thread of its own.

    Args:
        folder: of the queue.
        ownership: of the queue.
        devices: one lane each.
        relay: hears what lanes tell, on their threads, and which batches have ended, once each: a Batch.
        make_process: makes the process of a lane.
        silence_limit_s: after so long without a sign of life a child is ended.
        only_batch: number of the batch whose jobs alone are done; None for all.

    Attributes:
        problem: what ended a lane that should not have ended; None if nothing did.
    """

    def __init__(  # noqa: PLR0913 - what running a queue takes
        self,
        folder: Path,
        ownership: Ownership,
        devices: Sequence[str],
        relay: Callable[[Event | LaneNews | Batch], None] = lambda _event: None,
        make_process: MakeProcess = engine_process,
        silence_limit_s: float = SILENCE_LIMIT_S,
        only_batch: int | None = None,
    ) -> None:
        self.problem: BaseException | None = None
        self._folder, self._owner, self._devices = folder, ownership.name, devices
        self._relay, self._make_process, self._limit_s = relay, make_process, silence_limit_s
        self._only_batch = only_batch
        self._leaving = threading.Event()

    def run(self, until_empty: bool = False) -> None:
        """Run the queue until `leave` is called, or until no lane has a job left.

        Raises:
            PtychoError: the store can't be used, or is damaged.
        """
        with Store(self._folder) as store:
            store.check_whole()
            is_settled = recover(store, self._owner)
            forget_states_of_ended(store)
            close_left_open(store)
            tell_ended(store, self._relay)
            with posted(self._folder, _LAST_LETTERS_S):
                if not until_empty or self._jobs_left(store):
                    self._run_lanes(store, is_settled, until_empty)
        if self.problem is not None:
            raise self.problem

    def _run_lanes(self, store: Store, is_settled: bool, until_empty: bool) -> None:
        journal.begin_lanes(store, self._devices)
        threads = [
            threading.Thread(target=self._drive, args=(device,), name=f"lane {device}", daemon=True)
            for device in self._devices
        ]
        for thread in threads:
            thread.start()
        try:
            self._wait(store, is_settled, until_empty)
        finally:
            self.leave()
            end_s = time.monotonic() + _LEAVE_S
            for thread in threads:
                thread.join(max(0.0, end_s - time.monotonic()))
            tell_ended(store, self._relay)

    def leave(self) -> None:
        """Have all lanes break off their jobs, which go on when the queue is run again; from any thread."""
        self._leaving.set()

    def _wait(self, store: Store, is_settled: bool, until_empty: bool) -> None:
        next_s = time.monotonic() + _RECOVER_S
        while not self._leaving.wait(_LOOK_S):
            looks = store.has_changed()
            if time.monotonic() >= next_s:
                looks = close_left_open(store) or not is_settled or looks  # its own changes don't count as changes
                is_settled, next_s = is_settled or recover(store, self._owner, 0.0), time.monotonic() + _RECOVER_S
            if looks:
                tell_ended(store, self._relay)
            if until_empty and looks and not self._jobs_left(store):
                return

    def _jobs_left(self, store: Store) -> int:
        """Count the jobs that are under way, or that a lane will do."""
        served = {kind for device in self._devices for kind in served_by(device)}
        return sum(
            count
            for (state, device), count in store.counts(self._only_batch).items()
            if state in UNDER_WAY or (state in WAITING and device in served)
        )

    def _drive(self, device: str) -> None:
        """Be the thread of a lane."""
        try:
            drive(self._folder, device, self._owner, self._leaving, self._relay, self._make_process, self._limit_s,
                  self._only_batch)  # fmt: skip
        except BaseException as error:
            _log.exception("the lane of %s has ended", device)
            self.problem = error
            self._leaving.set()
