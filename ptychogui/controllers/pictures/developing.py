"""Developing: estimates become pictures beside the window's thread, newest first; some are kept to look back on."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from PyQt5.QtCore import QObject, pyqtSignal

from ptychogui.controllers.background import Background
from ptychogui.controllers.error_message import explain
from ptychogui.pictures.history import History
from ptychogui.pictures.live_picture import FINAL_PX, Display, LivePicture, Shot, make_picture, moved

_LEAST_PX, _MOST_PX = 1024, 2048
"""Longest side of an object's picture while more of them come: on a small screen, and zoomed in."""


@dataclass(frozen=True)
class _Wanted:
    """What a picture is made of; two that are the same give the same picture."""

    shot: Shot
    display: Display
    limit_px: int

    def is_same(self, other: _Wanted | None) -> bool:
        return other is not None and self.shot is other.shot and replace(self, shot=other.shot) == other


class DevelopController(QObject):
    """Makes one picture after the other of the job that is shown; what comes meanwhile is dropped for the newest.

    Signals:
        picture(LivePicture): the newest that is wanted.
        kept(iterations): after which iterations there is a picture to look back on, rising.
        problem(ErrorMessage): for the user.
    """

    picture = pyqtSignal(object)
    kept = pyqtSignal(object)
    problem = pyqtSignal(object)

    def __init__(self, background: Background) -> None:
        super().__init__()
        self._background = background
        self._history = History()
        self._newest: Shot | None = None
        self._past: Shot | None = None
        self._added: Shot | None = None
        self._first_m: np.ndarray | None = None
        self._display, self._limit_px = Display(), _LEAST_PX
        self._busy = False
        self._made: _Wanted | None = None
        self._kept: tuple[int, ...] = ()

    def take(self, shot: Shot) -> None:
        """Make a picture of a new estimate."""
        self._newest = shot
        self._first_m = shot.positions_m if self._first_m is None else self._first_m
        self._begin()

    def clear(self) -> None:
        """Forget all: another job is shown."""
        self._history, self._newest, self._past, self._added, self._made = History(), None, None, None, None
        self._first_m, self._kept = None, ()
        self.kept.emit(())

    def show_past(self, iteration: int) -> None:
        """Show the picture of an earlier iteration; of the newest from now on, where it is below 0."""
        self._past = self._history.at(iteration) if iteration >= 0 else None
        self._begin()

    def remove_ramp(self, on: bool) -> None:
        """Take the plane out of the phase, or leave it."""
        self._display = replace(self._display, ramp_removed=on)
        self._begin()

    def unwrap(self, on: bool) -> None:
        """Take whole turns out of the phase, or leave them."""
        self._display = replace(self._display, unwrapped=on)
        self._begin()

    def sharpen(self, pixels: int) -> None:
        """Make pictures about as sharp as a screen that shows the whole object with so many pixels."""
        limit_px = _LEAST_PX
        while limit_px < min(pixels, _MOST_PX):
            limit_px *= 2
        if limit_px != self._limit_px:
            self._limit_px = limit_px
            self._begin()

    def _begin(self) -> None:
        """Make the picture that is wanted, unless one is being made: then that one's end comes back here."""
        newest, shot = self._newest, self._past or self._newest
        if self._busy or newest is None or shot is None:
            return
        limit_px = FINAL_PX if shot.is_still else self._limit_px
        wanted, made = _Wanted(shot, self._display, limit_px), self._made
        if newest is self._added and wanted.is_same(made):
            return
        self._busy, self._made, self._added = True, wanted, newest
        history, first_m = self._history, self._first_m

        def work() -> LivePicture | None:
            history.add(newest)
            if wanted.is_same(made):
                return None
            picture = make_picture(wanted.shot, wanted.display, wanted.limit_px)
            return replace(picture, moved_m=moved(picture.positions_m, first_m))

        self._background.start(work, lambda picture: self._show(picture, history), self._fail)

    def _show(self, picture: LivePicture | None, history: History) -> None:
        self._busy = False
        if history is self._history:
            if picture is not None:
                self.picture.emit(picture)
            if history.iterations != self._kept:
                self._kept = history.iterations
                self.kept.emit(self._kept)
        self._begin()

    def _fail(self, error: Exception) -> None:
        self._busy = False
        self.problem.emit(explain("A picture can't be made", error))
