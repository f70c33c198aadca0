"""Frames of the open scan, one by one: read in a process of their own, made pictures beside the window's thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from PyQt5.QtCore import QObject, pyqtSignal

from ptychogui.controllers.background import Background
from ptychogui.controllers.error_message import explain
from ptychogui.controllers.session import SessionController
from ptychogui.errors import ParameterError
from ptychogui.io.array_files import read_mask
from ptychogui.jobs.job import Job
from ptychogui.jobs.processes.frame_process import FrameProcess, ReadFrame
from ptychogui.pictures.pattern_picture import PatternPicture, pattern_picture


class Reading(Protocol):
    """What reads frames: a FrameProcess."""

    def read(self, job: Job, row: int) -> ReadFrame | None:
        """Return a frame; None where it was closed."""

    def close(self, for_good: bool = False) -> None:
        """End what is under way."""


@dataclass(frozen=True)
class ShownFrame:
    """A frame made ready for the screen, and its place in the stack of all frames."""

    row: int
    picture: PatternPicture


class FrameController(QObject):
    """Reads the frame that is wanted now; what is wanted while one is read is dropped for the newest.

    Signals:
        shown(ShownFrame): a frame.
        failed(row): it can't be read; `problem` says why.
        maskRead(bad): bool (rows, columns), of a mask file.
        problem(ErrorMessage): for the user.
    """

    shown = pyqtSignal(object)
    failed = pyqtSignal(int)
    maskRead = pyqtSignal(object)
    problem = pyqtSignal(object)

    def __init__(self, session: SessionController, background: Background, process: Reading | None = None) -> None:
        super().__init__()
        self._session, self._background = session, background
        self._process = process or FrameProcess()
        self._job: Job | None = None
        self._wanted: int | None = None
        self._busy = False
        session.scanOpened.connect(self.forget)
        session.valuesChanged.connect(self._renew)

    def show_row(self, row: int) -> None:
        """Show the frame at a place in the stack of all frames."""
        self._wanted = row
        self._begin()

    def forget(self) -> None:
        """Read nothing more of the scan: another is open, or the values that say what it is have changed."""
        self._wanted, self._job = None, None

    def read_mask(self, path: Path) -> None:
        """Read a mask file."""

        def failed(error: Exception) -> None:
            self.problem.emit(explain(f"{path.name} can't be read", error))

        self._background.start(lambda: read_mask(path).bad, self.maskRead.emit, failed)

    def close(self) -> None:
        """End what is under way for good."""
        self._wanted = None
        self._process.close(for_good=True)

    def _renew(self) -> None:
        """Take the newest values with the next frame: masks may be others."""
        self._job = None

    def _begin(self) -> None:
        if self._busy or self._wanted is None:
            return
        job = self._job or self._new_job()
        if job is None:
            return
        self._job, self._busy = job, True
        row, self._wanted = self._wanted, None
        scan = self._session.scan

        def ended(tell: Callable[[object], None]) -> Callable[[object], None]:
            return lambda outcome: self._ended(outcome, tell, is_current=self._session.scan is scan)

        process = self._process
        self._background.start(lambda: _developed(process.read(job, row)), ended(self._tell),
                               ended(lambda error: self._fail(row, error)))  # fmt: skip

    def _new_job(self) -> Job | None:
        try:
            return self._session.job("frames")
        except ParameterError as error:
            self._wanted = None
            self.problem.emit(explain("Frames can't be shown", error))
            return None

    def _ended(self, outcome: object, tell: Callable[[object], None], is_current: bool) -> None:
        self._busy = False
        if is_current:
            tell(outcome)
        self._begin()

    def _tell(self, frame: object) -> None:
        if frame is not None:
            self.shown.emit(frame)

    def _fail(self, row: int, error: object) -> None:
        assert isinstance(error, Exception)
        self._job = None
        self.failed.emit(row)
        self.problem.emit(explain(f"Frame {row + 1} can't be read", error))


def _developed(read: ReadFrame | None) -> ShownFrame | None:
    return None if read is None else ShownFrame(read.row, pattern_picture(np.asarray(read.counts), read.bad))
