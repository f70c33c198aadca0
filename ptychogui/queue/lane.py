"""A lane: one device's jobs, done one after the other, by what the store says and in one process of its own.

A lane belongs to one thread and shares nothing with others but the store. Its owner calls `turn` again and again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

from ptychogui.errors import OutputError, PtychoError
from ptychogui.io.atomic import remove_parts
from ptychogui.jobs.job import FirstTry, Job, Progress
from ptychogui.jobs.processes.messages import Died, Event, Failed, Finished, Order, Paused, Picture, Ready, Silent
from ptychogui.jobs.results.owners import process
from ptychogui.queue.job_record import JobRecord
from ptychogui.queue.lane_process import LaneProcess, MakeProcess, engine_process
from ptychogui.queue.memory import is_out_of_memory, kills_so_far, with_smaller_batch
from ptychogui.queue.planning import on_device
from ptychogui.queue.store import journal
from ptychogui.queue.store.folders import job_checkpoint, job_log
from ptychogui.queue.store.result_file import state_written
from ptychogui.queue.store.store import Store
from ptychogui.queue.under_way import LaneNews, UnderWay
from ptychogui.states import State

SILENCE_LIMIT_S = 300.0
"""A child that gives no sign of life for so long is ended, if nobody says otherwise."""

_NOTE_S = 0.5
"""Least time between notes of progress in the store."""
_CANCEL_S, _LEAVE_S = 10.0, 20.0
"""A child that has not ended its job so long after it was told to is killed; one that leaves writes its state."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 300.0
"""Between attempts to open a device."""
_MOST_DEATHS, _MOST_MEMORY_TRIES = 1, 1
"""So often a job is tried again after its process died, and after it ran out of memory."""
_COMPLETE = (State.DONE, State.STOPPED)

_log = logging.getLogger(__name__)


Relay: TypeAlias = Callable[[Event | LaneNews], None]
_Note: TypeAlias = Callable[[], None]


class Lane:
    """One device's lane.

    Args:
        store: this thread's own.
        device: as backends.open_backend takes it.
        owner: name of the ownership of the queue.
        relay: hears what the process says and what becomes of jobs, on this thread.
        make_process: makes the process.
        silence_limit_s: after so long without a sign of life the child is ended.
        only_batch: number of the batch whose jobs alone are done; None for all.
    """

    def __init__(  # noqa: PLR0913 - what a lane is
        self,
        store: Store,
        device: str,
        owner: str,
        relay: Relay = lambda _event: None,
        make_process: MakeProcess = engine_process,
        silence_limit_s: float = SILENCE_LIMIT_S,
        only_batch: int | None = None,
    ) -> None:
        self.device, self._only_batch = device, only_batch
        self._store, self._owner, self._relay, self._limit_s = store, owner, relay, silence_limit_s
        self._process: LaneProcess = make_process(device, self._on_child)
        self._child: Mapping[str, Any] = {}
        self._now: UnderWay | None = None
        self._notes: deque[_Note] = deque()
        self._is_ready, self._is_starting = False, False
        self._looks, self._listens = True, True
        """Whether the store may have a job, or an order, that was not yet seen."""
        self._failures, self._try_s = 0, 0.0
        self._leaving = threading.Event()
        self._said = ""

    def turn(self, wait_s: float) -> None:
        """Follow orders, begin a job if none is under way, and take what the process says.

        Args:
            wait_s: how long to wait for its next message.

        Raises:
            DataError: the store is damaged.
        """
        try:
            self._write_notes()
            self._look()
            self._begin_if_idle()
            self._said = ""
        except OutputError as error:
            self._warn(str(error))
        self._watch()
        for event in self._messages(wait_s):
            self._take(event)
        if self._now is not None:
            self._now.record.develop()

    def leave(self) -> None:
        """Begin nothing more, and break off the job under way, which goes on when a lane takes it again; any thread."""
        self._leaving.set()

    @property
    def has_left(self) -> bool:
        """Whether it was told to leave and has nothing more to do."""
        return self._leaving.is_set() and self._now is None and not self._notes

    def fail(self, cause: str) -> None:
        """End the job under way as failed."""
        if self._now is not None:
            self._end(self._now, State.FAILED, cause)

    def close(self) -> None:
        """End the process."""
        self._process.close()

    def _on_child(self, pid: int) -> None:
        """Write down which process does the job, before the job is sent there."""
        self._child = process(pid).identity
        if self._now is not None:
            journal.note_process(self._store, self._now.claim.start, self._child)

    def _messages(self, wait_s: float) -> list[Event]:
        """Return what the process says; one that could not be written down has to go, and its job begins anew."""
        try:
            return self._process.messages(wait_s)
        except OutputError as error:
            self._warn(str(error))
            self._break_off(str(error))
            return []

    def _break_off(self, cause: str) -> None:
        self._reopen()
        if self._now is not None:
            self._interrupt(self._now, cause)

    def _warn(self, text: str) -> None:
        """Log what keeps the lane from its work, once until it works again."""
        if text != self._said:
            _log.warning("%s: %s", self.device, text)
        self._said = text

    def _look(self) -> None:
        """See what has changed in the store."""
        changed = self._store.has_changed()
        self._looks, self._listens = self._looks or changed, self._listens or changed
        if self._listens and self._now is not None:
            self._obey(self._now)
        self._listens = False

    def _write_notes(self) -> None:
        """Write down what could not be written before.

        Raises:
            OutputError: it can't be written now either.
        """
        while self._notes:
            self._notes[0]()
            self._notes.popleft()

    def _note(self, note: _Note) -> None:
        """Write something down now, or as soon as that can be done."""
        self._notes.append(note)
        try:
            self._write_notes()
        except OutputError as error:
            self._warn(f"written down later: {error}")

    def _begin_if_idle(self) -> None:
        if self._now is not None or self._leaving.is_set() or self._notes:
            return
        if self._is_ready and self._looks:
            self._looks = self._begin()
        elif not (self._is_ready or self._is_starting) and time.monotonic() >= self._try_s:
            self._is_starting = True
            self._process.start()

    def _begin(self) -> bool:
        """Begin the next job; False if there is none."""
        claim = journal.claim(self._store, self.device, self._owner, self._child, self._only_batch)
        if claim is None:
            return False
        try:
            text = self._store.text(claim.entry.id)
            job = self._as_done_here(text.job, claim)
        except OutputError as error:
            cause = str(error)
            self._note(lambda: journal.interrupt(self._store, claim, cause))
            raise
        except PtychoError as error:
            self._refuse(claim, str(error))
            return True
        record = JobRecord(self._store.folder, claim.entry.id)
        record.begin(text, job, claim.entry.attempts + 1, self.device)
        self._now = UnderWay(claim, job, record, kills_so_far())
        self._tell(claim, State.RUNNING)
        self._submit(job)
        return True

    def _submit(self, job: Job) -> None:
        try:
            self._process.submit(job)
        except OutputError as error:
            self._break_off(str(error))
            raise

    def _refuse(self, claim: journal.Claim, cause: str) -> None:
        """End a job that can't even be read."""
        self._note(lambda: journal.end(self._store, claim, State.FAILED, cause))
        self._tell(claim, State.FAILED, cause)

    def _as_done_here(self, job: Job, claim: journal.Claim) -> Job:
        """Return a job for this device: with a smaller batch after it ran out of memory, from its checkpoint."""
        folder, number = self._store.folder, claim.entry.id
        job = on_device(job, self.device)
        job = replace(job, log=Path(job_log(folder, number)), checkpoint=job_checkpoint(folder, number))
        job = with_smaller_batch(job) if claim.entry.memory_tries else job
        if state_written(job.output, claim.before) is State.CHECKPOINT:
            return replace(job, first_try=FirstTry(claim.entry.cause, job.output, job.checkpoint_file.exists()))
        return job

    def _obey(self, now: UnderWay) -> None:
        for number, order in journal.orders_for(self._store, now.claim.entry.id, now.orders):
            now.orders = number
            now.record.say(f"told to {order.value}")
            self._follow(now, order)

    def _follow(self, now: UnderWay, order: Order) -> None:
        if order in (Order.STOP, Order.CANCEL):
            now.ending = order
        if order is Order.CANCEL:
            now.end_s = time.monotonic() + _CANCEL_S
        actions = {
            Order.STOP: self._process.stop, Order.CANCEL: self._process.cancel, Order.PAUSE: self._process.pause,
            Order.RESUME: self._process.resume, Order.STEP: self._process.step,
        }  # fmt: skip
        actions[order]()

    def _watch(self) -> None:
        """End a child that is silent for too long, or does not do as it was told."""
        now = self._now
        if now is not None and self._leaving.is_set() and now.end_s == float("inf"):
            now.end_s = time.monotonic() + _LEAVE_S
            if now.ending is None:
                self._process.leave()
        if self._process.silence_s > self._limit_s or (now is not None and time.monotonic() > now.end_s):
            self._process.kill()

    def _take(self, event: Event) -> None:
        self._relay(event)
        if isinstance(event, Ready):
            self._on_ready()
        elif isinstance(event, Failed | Died) and not event.job_id:
            self._on_device_failure(event.message if isinstance(event, Failed) else event.cause)
        elif self._now is not None:
            self._take_of_job(self._now, event)

    def _take_of_job(self, now: UnderWay, event: Event) -> None:
        if isinstance(event, Progress):
            self._on_progress(now, event)
        elif isinstance(event, Picture):
            now.record.see(event)
        elif isinstance(event, Paused):
            self._on_paused(now)
        elif isinstance(event, Silent):
            text = f"its process has said nothing for {event.seconds:.0f} s, and is ended after {self._limit_s:.0f} s"
            self._note_state(now, now.state, text)
        elif isinstance(event, Finished):
            self._on_finished(now, event)
        elif isinstance(event, Failed):
            self._on_failed(now, event)
        elif isinstance(event, Died):
            self._on_died(now, event)

    def _on_ready(self) -> None:
        self._is_ready, self._is_starting, self._looks, self._failures = True, False, True, 0
        self._note(lambda: journal.note_lane(self._store, self.device, ""))

    def _on_device_failure(self, cause: str) -> None:
        """Say why there is no device, and try again later, the later the more often it failed."""
        was_ready, self._is_ready, self._is_starting = self._is_ready, False, False
        if was_ready:
            return  # an idle child that was killed is replaced at once
        pause_s = min(_FIRST_PAUSE_S * 2.0**self._failures, _LONGEST_PAUSE_S)
        self._failures, self._try_s = self._failures + 1, time.monotonic() + pause_s
        _log.warning("%s can't be used: %s; it is tried again in %.0f s", self.device, cause, pause_s)
        self._note(lambda: journal.note_lane(self._store, self.device, cause))

    def _on_progress(self, now: UnderWay, progress: Progress) -> None:
        if progress.state is State.WAITING:
            now.record.say(progress.notes[0])
            self._note_state(now, State.WAITING, progress.notes[0])
            return
        now.progress = progress
        now.record.iteration(progress)
        self._note_findings(now, progress)
        if progress.state is State.RUNNING and self._is_due(now):
            self._note_state(now, State.RUNNING)

    def _note_findings(self, now: UnderWay, progress: Progress) -> None:
        if progress.findings:
            now.findings += progress.findings
            job_id, findings = now.claim.entry.id, now.findings
            self._note(lambda: journal.note_findings(self._store, job_id, findings))

    def _is_due(self, now: UnderWay) -> bool:
        return now.state is not State.RUNNING or time.monotonic() - now.noted_s > _NOTE_S

    def _note_state(self, now: UnderWay, state: State, cause: str = "") -> None:
        now.state, now.noted_s = state, time.monotonic()
        entry, progress = now.claim.entry, now.progress
        if not self._notes:
            self._note(lambda: journal.note_progress(self._store, entry.id, state, progress, cause))

    def _on_paused(self, now: UnderWay) -> None:
        now.record.develop(at_once=True)
        has_own_memory = self.device.startswith("cuda")
        self._note_state(now, State.PAUSED, f"it keeps its memory on {self.device}" if has_own_memory else "")

    def _on_finished(self, now: UnderWay, event: Finished) -> None:
        is_left = self._leaving.is_set() and now.ending is None
        if event.state is State.INTERRUPTED or (event.state is State.CANCELLED and is_left):
            self._interrupt(now, "the program that ran it was told to leave")
        else:
            self._end(now, event.state, result=event.result)

    def _on_failed(self, now: UnderWay, event: Failed) -> None:
        if event.details:
            now.record.say(event.details)
        kept = f"; the last checkpoint is kept in {event.checkpoint}" if event.checkpoint else ""
        self._come_to_nothing(now, event.message, kept, is_out_of_memory(event), self._is_of_device(event))
        if event.kind not in _OF_THE_JOB:
            self._reopen()

    @staticmethod
    def _is_of_device(event: Failed) -> bool:
        return event.kind in ("DeviceError", "DeviceBusyError")

    def _on_died(self, now: UnderWay, event: Died) -> None:
        self._is_ready = False
        if event.details:
            now.record.say(event.details)
        kept = f"; the last checkpoint is kept in {event.checkpoint}" if event.checkpoint else ""
        remove_parts(now.job.output.parent, now.job.id)
        written = state_written(now.job.output, now.claim.before)
        if written in _COMPLETE and written is not None:
            self._end(now, written, result=now.job.output)
        elif self._leaving.is_set() and now.ending is None:
            self._interrupt(now, "the program that ran it was told to leave")
        else:
            self._come_to_nothing(now, event.cause, kept, kills_so_far() > now.kills, True)

    def _come_to_nothing(self, now: UnderWay, cause: str, kept: str, no_memory: bool, again: bool) -> None:
        """End a job, or have it tried again."""
        entry = now.claim.entry
        if now.ending is Order.CANCEL:
            self._end(now, State.CANCELLED)
        elif no_memory and entry.memory_tries < _MOST_MEMORY_TRIES and now.ending is None:
            self._interrupt(now, f"out of memory: {cause}", memory_tries=1)
        elif again and not no_memory and entry.deaths < _MOST_DEATHS and now.ending is None:
            self._interrupt(now, cause, deaths=1)
        else:
            self._end(now, State.FAILED, f"{cause}{kept}")

    def _reopen(self) -> None:
        """Have the device opened anew before anything else is begun there."""
        self._process.close()
        self._is_ready = self._is_starting = False

    def _end(self, now: UnderWay, state: State, cause: str = "", result: Path | None = None) -> None:
        self._let_go(now, f"{state}{f': {cause}' if cause else ''}")
        self._note(lambda: journal.end(self._store, now.claim, state, cause, now.progress))
        self._tell(now.claim, state, cause, result)

    def _interrupt(self, now: UnderWay, cause: str, deaths: int = 0, memory_tries: int = 0) -> None:
        self._let_go(now, f"interrupted: {cause}")
        self._note(lambda: journal.interrupt(self._store, now.claim, cause, deaths, memory_tries))
        self._tell(now.claim, State.INTERRUPTED, cause)

    def _let_go(self, now: UnderWay, last_words: str) -> None:
        self._now, self._looks = None, True
        now.record.develop(at_once=True)
        now.record.say(last_words)

    def _tell(self, claim: journal.Claim, state: State, cause: str = "", result: Path | None = None) -> None:
        entry = claim.entry
        _log.info("%s: job %d %s is %s %s", self.device, entry.id, entry.title, state, cause)
        self._relay(LaneNews(self.device, entry.id, entry.title, state, cause, result))


_OF_THE_JOB = ("DataError", "AmbiguousPairingError", "ParameterError", "MemoryBudgetError", "DivergedError",
               "OutputError")  # fmt: skip
"""Kinds of failures that say nothing against the device."""
