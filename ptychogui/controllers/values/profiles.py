"""Profiles in the user's folder, what differs from them or from a result, and the form's values as code."""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path
from typing import Any

from PyQt5.QtCore import QObject, pyqtSignal

from ptychogui.controllers.background import Background
from ptychogui.controllers.error_message import explain
from ptychogui.controllers.session import SessionController
from ptychogui.controllers.values.history import without_own
from ptychogui.errors import DataError, OutputError, ParameterError, PtychoError
from ptychogui.io.atomic import replacing
from ptychogui.io.result_header import read_header
from ptychogui.jobs.again import command_line, script
from ptychogui.jobs.job_values import heeded_layers
from ptychogui.params.model import Parameters, marked
from ptychogui.params.origins import Source
from ptychogui.params.profile import NEVER_KEPT, OF_A_PLACE, differences, profile_text, read_profile
from ptychogui.params.storage import from_json

_END = ".txt"
_NAME = re.compile(r"[^\W_.][\w .,()+-]{0,79}")
_NO_SCAN = "Open a scan first: a job is made of one."

_log = logging.getLogger(__name__)


class ProfileController(QObject):
    """Keeps profiles, and compares the form with one of them or with a result.

    Signals:
        listed(names): the profiles that there are.
        compared(text, Differences): what there is in the one that was chosen and not in the form.
        refused(text): it can't be done.
        written(command, script): the form's values as code.
    """

    listed = pyqtSignal(object)
    compared = pyqtSignal(str, object)
    refused = pyqtSignal(str)
    written = pyqtSignal(str, str)

    def __init__(self, session: SessionController, background: Background, folder: Path) -> None:
        super().__init__()
        self._session, self._background, self._folder = session, background, folder
        self._title, self._left_out = "", NEVER_KEPT
        self._there: Parameters | None = None
        self._profile: dict[str, Any] | None = None
        session.valuesChanged.connect(self._compare)

    def open(self) -> None:
        """List the profiles."""
        self._title, self._there, self._profile = "", None, None
        self.compared.emit("", ())
        self._list()

    def save(self, name: str, with_place: bool) -> None:
        """Keep the values that are neither defaults nor the scan's own under a name."""
        try:
            layers = self._session.layers
            kept = {path for source, values in layers.values.items() if source is not Source.FILE for path in values}
            parameters = layers.resolve()[0]
            text = profile_text({path: parameters.get(path) for path in kept}, with_place)
            with replacing(self._path(name)) as file:
                file.write(text.encode())
        except (PtychoError, OSError) as error:
            self.refused.emit(f"'{name}' can't be kept: {error}")
            return
        self._list()
        self.choose(name.strip())

    def choose(self, name: str) -> None:
        """Compare with a profile."""
        try:
            text = self._path(name).read_text(encoding="utf-8")
            self._profile = read_profile(text)
        except (PtychoError, OSError, UnicodeDecodeError) as error:
            self.refused.emit(f"The profile '{name}' can't be read: {error}")
            return
        self._title = f"the profile {name}"
        self._compare()

    def delete(self, name: str) -> None:
        """Throw a profile away."""
        try:
            self._path(name).unlink(missing_ok=True)
        except (PtychoError, OSError) as error:
            self.refused.emit(f"'{name}' can't be thrown away: {error}")
        self.open()

    def compare_result(self, path: Path) -> None:
        """Compare with the values that a result was made with."""

        def take(there: Parameters) -> None:
            self._title, self._there, self._profile = path.name, there, None
            self._left_out = set(marked("names a scan"))
            self._compare()

        self._background.start(
            lambda: _values_of(path),
            take,
            lambda error: self.refused.emit(explain("", error).text),
        )

    def write(self) -> None:
        """Write the job that Run would make as a command line and as a script."""
        session = self._session
        try:
            layers = heeded_layers(session.layers)
            simulated = layers.resolve()[0].experiment.simulate
        except ParameterError as error:
            self.written.emit(str(error), str(error))
            return
        source = session.scan.path if session.scan is not None else None
        if source is None and not simulated:
            self.written.emit(_NO_SCAN, _NO_SCAN)
        else:
            self.written.emit(command_line(source, layers), script(source, layers))

    def _compare(self) -> None:
        """Say what differs now."""
        try:
            layers = self._session.layers
        except ParameterError as error:
            _log.debug("there is nothing to compare with: %s", error)
            return
        if self._profile is not None:
            self._there = without_own(layers).resolve()[0].replace(self._profile)
            has_place = bool(OF_A_PLACE & self._profile.keys())
            self._left_out = NEVER_KEPT if has_place else NEVER_KEPT | OF_A_PLACE
        if self._there is not None:
            rows = differences(layers.resolve()[0], self._there, self._left_out)
            self.compared.emit(self._title, rows)

    def _list(self) -> None:
        try:
            names = sorted(name[: -len(_END)] for name in os.listdir(self._folder) if name.endswith(_END))
        except OSError as error:
            _log.debug("there are no profiles: %s", error)
            names = []
        self.listed.emit(tuple(name for name in names if _NAME.fullmatch(name)))

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name.strip()):
            raise OutputError(f"'{name}' is no name for a profile; give it letters, digits, blanks or -+.,()")
        self._folder.mkdir(parents=True, exist_ok=True)
        return self._folder / f"{name.strip()}{_END}"


def _values_of(path: Path) -> Parameters:
    """Return the values that a result was made with."""
    text = read_header(path).parameters
    if not text:
        raise DataError(f"{path} does not say with which parameters it was made")
    return from_json(text)[0]
