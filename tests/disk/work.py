"""A short night of the queue: jobs are added, run and told of; and what must be so however it was broken off."""

from __future__ import annotations

import contextlib
import ctypes
import os
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ptychogui.errors import DataError, OutputError
from ptychogui.io.atomic import mark_parts
from ptychogui.io.result import read_result, write_result
from ptychogui.jobs.checkpoints.state_file import write_state_file
from ptychogui.jobs.checkpoints.whole_state import discard_checkpoint
from ptychogui.jobs.job import Job
from ptychogui.jobs.processes.messages import Finished
from ptychogui.jobs.results.reservations import FOLDER, reserved_in
from ptychogui.jobs.results.result_paths import as_given
from ptychogui.notify.not_sent import UnreachableError
from ptychogui.notify.report import Report
from ptychogui.notify.settings import PostSettings
from ptychogui.queue.lane import Lane
from ptychogui.queue.owner import Ownership
from ptychogui.queue.postman import Postman
from ptychogui.queue.recovery import forget_states_of_ended, recover
from ptychogui.queue.store import journal
from ptychogui.queue.store.batch import Refused, add_batch, ended_untold
from ptychogui.queue.store.entry import ENDED
from ptychogui.queue.store.job_text import JobText
from ptychogui.queue.store.letters import MAIL
from ptychogui.queue.store.reserved import owner_of
from ptychogui.queue.store.store import NewJob, Store
from ptychogui.queue.store.word import note_told
from ptychogui.queue.under_way import LaneNews
from ptychogui.states import State
from tests.io.makers import make_result
from tests.jobs.fakes import make_job
from tests.queue.fakes import FakeProcess, Made

NAMES = ("one", "two", "three")
ENDS = {"one": State.DONE, "two": State.FAILED, "three": State.DONE}
_TURNS = 60

SHIM: Any = ctypes.CDLL(None)


class _Process(FakeProcess):
    """Does a job at once: keeps its state, writes its result, or fails."""

    def submit(self, job: Job) -> None:
        super().submit(job)
        mark_parts(job.id)
        if job.output.stem == "two":
            self.fails("the scan is gone")
            return
        with contextlib.suppress(OutputError):  # a job goes on without
            write_state_file(job.checkpoint_file, {"iteration": 1}, {"object": np.ones((8, 8))}, np.asarray)
        try:
            write_result(job.output, make_result(state=State.DONE))
            discard_checkpoint(job)
        except OutputError as error:
            self.fails(str(error), "OutputError")
            return
        self._events.append(Finished(job.id, State.DONE, job.output))
        self.job = None


class Night:
    """The queue below a folder.

    Args:
        root: has the queue, and the folder of results.
        sent: file of what was sent, on another disk.
        say: hears what the user is told.
    """

    def __init__(self, root: Path, sent: Path, say: Callable[[str], None] = lambda _text: None) -> None:
        self.queue, self.results, self._sent, self._say = root / "queue", root / "results", sent, say

    def begin(self) -> None:
        """Add the jobs; what fails is tried once more, as a user would."""
        for _ in range(2):
            try:
                with Store(self.queue) as store:
                    self._add(store)
                self._say("added")
                return
            except OutputError:
                continue

    def _add(self, store: Store) -> None:
        jobs = []
        with contextlib.ExitStack() as reserved:
            for name in NAMES:
                uid = uuid.uuid4().hex
                owner = owner_of(store.folder, uid)
                path = reserved.enter_context(as_given(self.results / f"{name}.cxi", owner).released_on_error())
                values = {
                    "output.job_id": name,
                    "output.email": "user@example.org",
                    "output.email_on": "each" if name == "one" else "end",
                }
                jobs.append(NewJob(JobText.of(replace(make_job(path, "", **values), id=uid), {})))
            add_batch(store, "three scans", "", jobs, [Refused("four", "it is empty")])

    def run(self, turns: int = _TURNS) -> None:
        """Do the jobs and send letters, until all is done."""
        with contextlib.suppress(OutputError), Ownership(self.queue, "test") as ownership, Store(self.queue) as store:
            recover(store, ownership.name)
            forget_states_of_ended(store)
            lane = Lane(store, "cpu:0", ownership.name, self._hear, Made(_Process))
            postman = Postman(self.queue, {MAIL: self._send})
            for _ in range(turns):
                with contextlib.suppress(OutputError):
                    if self._turn(lane, store, postman):
                        break
            lane.close()

    def _turn(self, lane: Lane, store: Store, postman: Postman) -> bool:
        """Do a little of all; True when nothing is left to do."""
        lane.turn(0.0)
        for ended in ended_untold(store):
            note_told(store, ended)
        is_sent = postman.deliver(store)
        return is_sent and all(entry.state in ENDED for entry in store.entries()) and not lane._notes

    def _hear(self, news: object) -> None:
        if isinstance(news, LaneNews) and news.state in ENDED:
            self._say(f"ended {news.title} {news.state}")

    def _send(self, report: Report, _settings: PostSettings) -> None:
        if SHIM.disk_point():
            raise UnreachableError("the server is down")
        descriptor = os.open(self._sent, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(descriptor, f"{report.title} {report.state}\n".encode())
        os.close(descriptor)
        self._say(f"sent {report.title} {report.state}")
        SHIM.disk_point()


def settle(night: Night) -> None:
    """Do what is left when nothing fails any more, and what was never added, two hours later."""
    for marker in (night.results / FOLDER).glob("*"):
        os.utime(marker, (0.0, time.time() - 7200.0))
    with Store(night.queue) as store:
        is_empty = not store.entries()
    if is_empty:
        night.begin()
    night.run()


def check(night: Night, sent: Path, most_sent: int) -> list[str]:
    """Return what is not as it must be after the night was settled.

    Args:
        night: of which all is done.
        sent: what was sent in all.
        most_sent: how often the same report may have been sent.
    """
    wrong: list[str] = []
    with Store(night.queue) as store:
        store.check_whole()
        entries = store.entries()
        states = {entry.title: entry.state for entry in entries}
        full = [entry.title for entry in entries if "no space left" in entry.cause]
        if len(entries) != 3 or states != {**ENDS, **dict.fromkeys(full, State.FAILED)}:
            wrong.append(f"jobs are {[(entry.title, entry.state.value, entry.cause) for entry in entries]}")
        if journal.open_starts(store, "nobody"):
            wrong.append("a start has no end")
        for entry in entries:
            ends = [start.state for start in store.starts(entry.id) if start.state != "interrupted"]
            if len(ends) != 1:
                wrong.append(f"{entry.title} has ended as {ends}")
        left = store.read("SELECT uid, cause FROM letters")
        if left:
            wrong.append(f"letters are left: {[tuple(row) for row in left]}")
    wrong += _check_files(night, full)
    counts = Counter(sent.read_text().splitlines() if sent.exists() else [])
    wanted = {f"one {states.get('one')}", "three scans failed"}
    if set(counts) != wanted or max(counts.values(), default=0) > most_sent:
        wrong.append(f"sent {dict(counts)}")
    return wrong


def _check_files(night: Night, full: list[str]) -> list[str]:
    reserved_in(night.results)  # which sweeps what counts no more
    done, wrong = [name for name in ("one", "three") if name not in full], []
    for name in done:
        try:
            read_result(night.results / f"{name}.cxi")
        except DataError as error:
            wrong.append(str(error))
    known = {f"{name}.cxi" for name in done}
    strange = [path.name for path in night.results.rglob("*") if path.is_file() and path.name not in known]
    in_queue = {"checkpoint"} if full else set()
    in_queue |= {
        "queue.sqlite",
        "queue.sqlite-wal",
        "queue.sqlite-shm",
        "owner.lock",
        "post.lock",
        "log.txt",
        "preview.png",
    }
    strange += [str(path) for path in night.queue.rglob("*") if path.is_file() and path.name not in in_queue]
    return wrong + ([f"left: {strange}"] if strange else [])
