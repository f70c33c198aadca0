"""Making a beamline's preset: the user points at what is in an MDA file, and sees what a draft reads from it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PyQt5.QtCore import QObject, QTimer, pyqtSignal

from ptychogui.controllers.background import Background
from ptychogui.controllers.error_message import explain
from ptychogui.controllers.session import SessionController
from ptychogui.errors import PtychoError
from ptychogui.io.mda.contents import Item, items_of
from ptychogui.io.mda.drafts import Draft, begin_draft, pattern_for, preview_draft, write_draft
from ptychogui.io.mda.format import Mda, read_mda
from ptychogui.io.mda.mda_scan import scan_number
from ptychogui.io.mda.presets import choose_preset

_log = logging.getLogger(__name__)

_SETTLED_MS = 300
"""Without another change for so long, a draft is tried."""

_WHAT = "The preset can't be made"


@dataclass(frozen=True)
class Pointing:
    """An MDA file to point at.

    Attributes:
        path: of the file.
        mda: what is in it.
        items: its PVs and columns.
        draft: the preset that it is read with, to begin with.
    """

    path: Path
    mda: Mda
    items: tuple[Item, ...]
    draft: Draft


class PresetController(QObject):
    """Drafts a preset on the MDA file that the session has, or could not read for want of its frames.

    Signals:
        began(Pointing): a file to point at.
        tried(DraftPreview): what the newest draft makes of it.
        patternFound(text): the pattern of the raw file that was pointed at.
        saved(path): the preset is written, and the scan is read again with it.
        problem(ErrorMessage): for the user.
    """

    began = pyqtSignal(object)
    tried = pyqtSignal(object)
    patternFound = pyqtSignal(str)
    saved = pyqtSignal(object)
    problem = pyqtSignal(object)

    def __init__(self, session: SessionController, background: Background) -> None:
        super().__init__()
        self._session, self._background = session, background
        self._pointing: Pointing | None = None
        self._draft: Draft | None = None
        self._busy = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_SETTLED_MS)
        self._timer.timeout.connect(self._try)

    def begin(self) -> None:
        """Read the session's MDA file."""
        path = self._session.path
        beamline = self._session.layers.resolve()[0].experiment.beamline
        self._background.start(lambda: _read(path, beamline), self._begin, self._fail)

    def change(self, draft: Draft) -> None:
        """Try a draft as soon as it is not changed any more."""
        self._draft = draft
        self._timer.start()

    def point_at(self, file: Path) -> None:
        """Conclude from one raw file what all are called."""
        pointing = self._pointing
        if pointing is not None:
            number = scan_number(pointing.path, pointing.mda)[0]
            self.patternFound.emit(pattern_for(file, pointing.path, number))

    def save(self, draft: Draft) -> None:
        """Write the preset and read the scan with it."""
        pointing = self._pointing
        if pointing is None:
            return
        try:
            path = write_draft(draft, pointing.mda, pointing.path)
        except PtychoError as error:
            self._fail(error)
            return
        self.saved.emit(path)
        recognized, _ = choose_preset(pointing.mda, pointing.path)
        self._session.take_beamline("" if recognized.name == draft.name else draft.name)

    def _begin(self, pointing: Pointing) -> None:
        self._pointing = pointing
        self.began.emit(pointing)
        self.change(pointing.draft)

    def _try(self) -> None:
        """Try the newest draft, one at a time."""
        pointing, draft = self._pointing, self._draft
        if pointing is None or draft is None or self._busy:
            return
        self._busy = True
        self._background.start(
            lambda: preview_draft(draft, pointing.mda, pointing.path),
            lambda tried: self._after(draft, lambda: self.tried.emit(tried)),
            lambda error: self._after(draft, lambda: self._fail(error)),
        )

    def _after(self, draft: Draft, tell: Callable[[], Any]) -> None:
        self._busy = False
        if draft is self._draft:
            tell()
        else:
            self._timer.start()

    def _fail(self, error: Exception) -> None:
        self.problem.emit(explain(_WHAT, error))


def _read(path: Path | None, beamline: str) -> Pointing:
    """Read an MDA file, and begin with the preset that it is read with; with any other where that one is not right."""
    if path is None:
        raise PtychoError("there is no scan; open an MDA file first, even one whose frames are not found")
    mda = read_mda(path)
    try:
        named, _ = choose_preset(mda, path, beamline)
    except PtychoError as error:
        _log.info("another preset is begun with: %s", error)
        named, _ = choose_preset(mda, path)
    return Pointing(path, mda, tuple(items_of(mda)), begin_draft(named, mda, path))
