"""The job that is shown: the one that is chosen in the list, or the one that runs; its numbers, curve and pictures."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PyQt5.QtCore import QObject, pyqtSignal

from ptychogui.controllers.background import Background
from ptychogui.controllers.error_message import ErrorMessage, explain
from ptychogui.controllers.loading import LoadedResult, load
from ptychogui.controllers.queue.queue import QueueController
from ptychogui.controllers.queue.standing import begun, stands
from ptychogui.errors import DataError
from ptychogui.jobs.job import Progress
from ptychogui.jobs.run_findings import from_dicts
from ptychogui.params.form_words import in_form_words
from ptychogui.pictures.live_picture import Shot
from ptychogui.queue.snapshot import Snapshot
from ptychogui.queue.store.entry import ENDED, UNDER_WAY, Entry
from ptychogui.queue.store.folders import PREVIEW, job_folder, job_log
from ptychogui.queue.under_way import LaneNews
from ptychogui.queue_state import job_name
from ptychogui.states import State
from ptychogui.window_state import RunState

_LOG_BYTES = 1_000_000
"""Of a log are shown."""


@dataclass(frozen=True)
class Preview:
    """A picture of a job of which there is nothing better: a file that whoever runs the job renews.

    Attributes:
        path: the file, there or not.
        name: of the job.
    """

    path: Path
    name: str


class LiveController(QObject):
    """Follows the job that runs, or shows the one that the user has chosen.

    Signals:
        shown(RunState): where the job that is shown stands.
        shot(Shot): an estimate of that job, to be made a picture.
        preview(Preview): in place of a picture.
        cleared(): there is no picture of that job, or not yet.
        turned(): the user wants to look at it.
        chosen(numbers): the jobs that are chosen in the list, the one that is shown first.
        followed(bool): whether the one that runs is shown by itself.
        ended(LaneNews): a job of this window's lanes has come to its end.
        log(name, text): the log of that job.
        message(text), problem(ErrorMessage): for the user.
    """

    shown = pyqtSignal(object)
    shot = pyqtSignal(object)
    preview = pyqtSignal(object)
    cleared = pyqtSignal()
    turned = pyqtSignal()
    chosen = pyqtSignal(object)
    followed = pyqtSignal(bool)
    ended = pyqtSignal(object)
    log = pyqtSignal(str, str)
    message = pyqtSignal(str)
    problem = pyqtSignal(object)

    def __init__(self, queue: QueueController, background: Background) -> None:
        super().__init__()
        self._queue, self._background = queue, background
        self._job, self._uid, self._newest, self._follows = 0, "", 0, True
        self._others: tuple[int, ...] = ()
        self._runs: dict[str, RunState] = {}
        self._early: list[Progress] = []
        self._is_live = False
        queue.seen.connect(self._on_seen)
        queue.heard.connect(self._on_heard)
        queue.added.connect(self._on_added)

    @property
    def jobs(self) -> tuple[int, ...]:
        """Numbers of the jobs that are chosen, the one that is shown first."""
        return (self._job, *self._others) if self._job else self._others

    def choose(self, jobs: Sequence[int]) -> None:
        """Take what the user has chosen in the list, the current one first."""
        self._others = tuple(jobs[1:])
        entry = self._entry(jobs[0]) if jobs else None
        if entry is not None:
            if entry.id != self._job:
                self._set_follows(entry.state in UNDER_WAY)
                self._show(entry)
            self.turned.emit()
        self.chosen.emit(self.jobs)

    def follow(self, on: bool) -> None:
        """Show the job that runs from now on, or stay with the one that is shown."""
        self._set_follows(on)
        self._go_with_the_run()

    def show_result(self, result: LoadedResult) -> None:
        """Show a result that the user has opened, which is no job's."""
        self._set_follows(False)
        self._turn_away()
        run = RunState().with_result(result.path, result.facts, result.errors, result.free_errors)
        self.shown.emit(run.with_findings(result.findings))
        self.shot.emit(result.shot)
        self.turned.emit()

    def read_log(self) -> None:
        """Read the log of the job that is shown."""
        entry = self._entry(self._job)
        if entry is not None:
            name, path = job_name(entry.id, entry.title), Path(job_log(self._queue.folder, entry.id))
            self._background.start(lambda: _end_of(path), lambda text: self.log.emit(name, text),
                                   lambda error: self.problem.emit(explain(f"{name} has no log", error)))  # fmt: skip

    # What it hears

    def _on_added(self, jobs: Sequence[int]) -> None:
        """Show a job that was just added as soon as it is seen, where none runs that is being looked at."""
        now = self._entry(self._job)
        if now is None or now.state not in UNDER_WAY:
            self._newest = jobs[0]

    def _greet(self) -> None:
        """Show the job that was just added."""
        entry = self._entry(self._newest)
        if entry is not None:
            self._newest, self._others = 0, ()
            self._set_follows(True)
            self._show(entry)
            self.turned.emit()

    def _on_seen(self, snapshot: Snapshot) -> None:
        self._greet()
        early, self._early = self._early, []
        self._on_progress(early)
        there = {entry.uid for entry in snapshot.under_way}
        self._runs = {uid: run for uid, run in self._runs.items() if uid in there or uid in snapshot.resting.uids}
        self._go_with_the_run()
        entry = self._entry(self._job)
        if self._job and entry is None:
            self._turn_away()
            self.shown.emit(RunState())
        elif entry is not None:
            self._tell(entry)

    def _on_heard(self, told: Sequence[Progress | LaneNews], shot: tuple[str, Shot] | None) -> None:
        progress: list[Progress] = []
        for event in told:
            if isinstance(event, LaneNews):
                self._on_news(event)
            elif event.state is not State.WAITING:
                progress.append(event)
        self._on_progress(progress)
        if self._uid in self._runs and any(getattr(event, "job_id", "") == self._uid for event in told):
            self.shown.emit(self._runs[self._uid])
        if shot is not None and shot[0] == self._uid:
            self._is_live = True
            self.shot.emit(shot[1])

    def _on_progress(self, told: Sequence[Progress]) -> None:
        """Take what was told of iterations, those of each job together."""
        for uid in dict.fromkeys(progress.job_id for progress in told):
            self._on_progress_of(uid, [progress for progress in told if progress.job_id == uid])

    def _on_progress_of(self, uid: str, told: Sequence[Progress]) -> None:
        run = self._runs.get(uid)
        if run is None:
            entry = next((entry for entry in self._queue.snapshot.under_way if entry.uid == uid), None)
            if entry is None:
                self._early.extend(told)  # their job was not seen so far
                return
            run = begun(entry)
        for note in (note for progress in told for note in progress.notes):
            self.message.emit(f"{run.name}: {note}")
        self._runs[uid] = run.progressed(*told)

    def _on_news(self, news: LaneNews) -> None:
        name = job_name(news.id, news.title)
        why = in_form_words(news.cause)
        cause = f": {why}" if why else ""
        if news.state is State.RUNNING:
            self.message.emit(f"{name} begins on {news.device}")
            return
        where = f"; {news.result}" if news.result else ""
        self.message.emit(f"{name} is {news.state}{cause}{where}")
        if news.state is State.FAILED:
            self.problem.emit(ErrorMessage(f"{name} has failed", f"{why}. Its log says more: Job, Show log."))
        if news.state in ENDED:
            self.ended.emit(news)

    # What it does by itself

    def _go_with_the_run(self) -> None:
        """Show what runs, where that is followed and the one that is shown runs no more."""
        now = self._entry(self._job)
        if not self._follows or (now is not None and now.state in UNDER_WAY):
            return
        running = next(iter(self._queue.snapshot.under_way), None)
        if running is not None and running.id != self._job:
            self._others = ()
            self._show(running)

    def _show(self, entry: Entry) -> None:
        """Show another job: nothing of the one before stays."""
        self._job, self._uid, self._is_live = entry.id, entry.uid, False
        self.cleared.emit()
        self._queue.show_job(entry.uid)
        self.chosen.emit(self.jobs)
        self._tell(entry)
        self._recall_findings(entry)
        if entry.state in ENDED and Path(entry.result).exists():
            self._load(entry)

    def _tell(self, entry: Entry) -> None:
        """Say where a job stands, and show its preview where no lane of this window makes pictures of it."""
        run = stands(self._runs.get(entry.uid), entry)
        self._runs[entry.uid] = run
        self.shown.emit(run)
        is_elsewhere = entry.state in UNDER_WAY and not self._queue.snapshot.is_mine
        if entry.attempts and not self._is_live and (is_elsewhere or entry.state not in UNDER_WAY):
            self.preview.emit(Preview(job_folder(self._queue.folder, entry.id) / PREVIEW, run.name))

    def _load(self, entry: Entry) -> None:
        """Read the result of a job, and show it if the job is shown still."""

        def done(loaded: Any) -> None:
            if isinstance(loaded, LoadedResult) and self._uid == entry.uid:
                now = self._entry(entry.id) or entry
                found = self._runs[entry.uid].findings if entry.uid in self._runs else ()
                run = stands(None, now).with_result(loaded.path, loaded.facts, loaded.errors, loaded.free_errors)
                run = run.with_findings(found)
                self._runs[entry.uid] = stands(run, now)
                self._is_live = True
                self.shown.emit(self._runs[entry.uid])
                self.shot.emit(loaded.shot)

        def failed(error: Exception) -> None:
            self.problem.emit(explain(f"The result of {job_name(entry.id, entry.title)} can't be read", error))

        self._background.start(lambda: load(Path(entry.result)), done, failed)

    def _recall_findings(self, entry: Entry) -> None:
        """Take what was found in a job before the window heard of it."""

        def done(told: list[dict[str, Any]]) -> None:
            run = self._runs.get(entry.uid)
            if run is not None:
                self._runs[entry.uid] = run.with_findings(from_dicts(told))
                if self._uid == entry.uid:
                    self.shown.emit(self._runs[entry.uid])

        self._queue.do(lambda store: store.findings(entry.id), done,
                       lambda error: self.problem.emit(explain("The findings can't be read", error)))  # fmt: skip

    def _turn_away(self) -> None:
        """Show no job."""
        self._job, self._uid, self._is_live, self._others = 0, "", False, ()
        self._queue.show_job("")
        self.cleared.emit()
        self.chosen.emit(())

    def _set_follows(self, on: bool) -> None:
        if on != self._follows:
            self._follows = on
            self.followed.emit(on)

    def _entry(self, job: int) -> Entry | None:
        return self._queue.snapshot.entry(job)


def _end_of(path: Path) -> str:
    """Return a log, of a long one its end."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _LOG_BYTES))
            return file.read().decode("utf-8", errors="backslashreplace")
    except OSError as error:
        raise DataError(f"can't read {path}: {(error.strerror or str(error)).lower()}") from error
