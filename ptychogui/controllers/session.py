"""The session: which scan is open, and which value stands where."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from PyQt5.QtCore import QObject, pyqtSignal

from ptychogui.controllers.background import Background
from ptychogui.controllers.error_message import explain
from ptychogui.controllers.loading import LoadedResult, LoadedScan, load
from ptychogui.errors import ParameterError
from ptychogui.io.raw.file_series import is_pattern
from ptychogui.io.read_options import OF_THE_FILES, ReadOptions
from ptychogui.io.readers import takes_series
from ptychogui.jobs.job import Job
from ptychogui.jobs.job_values import heeded_layers, scan_source, simulation_layers
from ptychogui.params.commandline import format_text, parse_text
from ptychogui.params.model import by_path, marked
from ptychogui.params.origins import Layers, Source

_log = logging.getLogger(__name__)

_BEAMLINE = "experiment.beamline"


_POINT = "Or show where they are: Scan, Beamline preset."


class SessionController(QObject):
    """Owns the layers of values and the open scan; every change is announced.

    Signals:
        valuesChanged(Parameters, origins, Parameters below, origins below): as they stand, and without the user's.
        opening(text), scanOpened(LoadedScan), resultOpened(LoadedResult): a file, on its way and read.
        runnableChanged(bool): whether there is something to reconstruct.
        problem(ErrorMessage): for the user.
    """

    valuesChanged = pyqtSignal(object, object, object, object)
    opening = pyqtSignal(str)
    scanOpened = pyqtSignal(object)
    resultOpened = pyqtSignal(object)
    openFailed = pyqtSignal()
    runnableChanged = pyqtSignal(bool)
    problem = pyqtSignal(object)

    def __init__(self, background: Background, remembered: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self._background = background
        self._scan: LoadedScan | None = None
        self._wanted: Path | None = None
        self._unread: Path | None = None  # a scan whose frames were not found where they were looked for
        self._layers = Layers().with_layer(Source.LAST, _readable(remembered or {}))

    @property
    def scan(self) -> LoadedScan | None:
        """The open scan."""
        return self._scan

    @property
    def path(self) -> Path | None:
        """The open scan's file, or that of one whose frames were not found."""
        return self._unread or (self._scan.path if self._scan else None)

    @property
    def layers(self) -> Layers:
        """All values by layer, those of a simulation in place of the file's if one is asked for.

        Raises:
            ParameterError: a value can't be simulated.
        """
        user = self._layers.values.get(Source.USER, {})
        if self._scan is None and user.get("experiment.simulate", (False, ""))[0]:
            return self._layers.with_layer(Source.FILE, simulation_layers(user).values[Source.FILE])
        return self._layers

    def job(self, name: str) -> Job | None:
        """Return the job that Run would make, but for its result; None without a scan.

        Raises:
            ParameterError: a value does not fit.
        """
        parameters, origins = heeded_layers(self.layers).resolve()
        if self._scan is None and not parameters.experiment.simulate:
            return None
        scan, output = self._scan, Path(f"{name}-result.cxi")
        source, known = (scan.path, scan.dataset) if scan else (None, None)
        return Job(name, source, parameters, output, origins, scan=known)

    def announce(self) -> None:
        """Announce all values and whether there is something to run."""
        own = (Source.USER, Source.LAST)
        below = Layers({source: values for source, values in self._layers.values.items() if source not in own})
        self.valuesChanged.emit(*self._layers.resolve(), *below.resolve())
        simulated = self._layers.resolve()[0].experiment.simulate
        self.runnableChanged.emit(self._scan is not None or simulated)

    def open(self, path: Path, preset: Mapping[str, tuple[Any, str]] | None = None) -> None:
        """Read a file; `preset` are values that the program proposes for it, in place of the user's last ones."""
        options = ReadOptions(beamline=self._layers.resolve()[0].experiment.beamline)
        self._read(path, options, lambda loaded: self._opened(loaded, preset))

    def edit(self, path: str, value: Any) -> None:
        """Take a value of the user's; one that does not fit is refused and the form shows the old one again."""
        changed = self._layers.with_value(path, value)
        try:
            changed.resolve()
        except ParameterError as error:
            self.problem.emit(explain("This value can't be used", error))
        else:
            self._layers = changed
        self.announce()
        self._read_again_for(path)

    def edit_all(self, values: Mapping[str, Any]) -> None:
        """Take several values of the user's, parameter path -> value."""
        for path, value in values.items():
            self.edit(path, value)

    def revert(self, path: str) -> None:
        """Take a value out of the user's layer, or of the last scan's, so that the one below shows again."""
        top = Source.USER if path in self._layers.values.get(Source.USER, {}) else Source.LAST
        self._layers = self._layers.without(path, top)
        self.announce()
        self._read_again_for(path)

    def take_beamline(self, name: str) -> None:
        """Read the scan again with a preset; "" for the one that recognizes it."""
        layers = self._layers.without(_BEAMLINE, Source.USER).without(_BEAMLINE, Source.LAST)
        self._layers = layers.with_value(_BEAMLINE, name) if name else layers
        self.announce()
        self._read_again_for(_BEAMLINE)

    def shared(self) -> tuple[dict[str, tuple[Any, str]], dict[str, tuple[Any, str]]]:
        """Return what other scans share with the open one: the user's values, and those kept from the scan before."""
        values = heeded_layers(self._layers).values
        named = {*marked("of one scan"), *marked("names a scan")}
        own, last = (
            {path: value for path, value in values.get(source, {}).items() if path not in named}
            for source in (Source.USER, Source.LAST)
        )
        return own, last

    def remembered(self) -> dict[str, str]:
        """Return the user's values that another session or scan can use, as text by path."""
        return {path: format_text(by_path()[path], value) for path, (value, _) in self._carried().items()}

    def _read_again_for(self, path: str) -> None:
        """Read the scan again where a value says which files, or which part of them, it is."""
        if path not in OF_THE_FILES:
            return
        options = ReadOptions.of(self._layers.resolve()[0])
        if self._unread is not None:
            self._read(self._unread, options, self._opened_as_said)
            return
        own = self._scan.path if self._scan is not None and not is_pattern(self._scan.path) else None
        source = scan_source(own, {"preprocessing.file_pattern": (options.file_pattern, "")})
        if source is not None:
            self._read(source, options, self._replaced)

    def _read(self, path: Path, options: ReadOptions, done: Any) -> None:
        self._wanted = path
        self.opening.emit(f"Opening {path.name}")

        def current(deliver: Any) -> Any:
            return lambda outcome: deliver(outcome) if self._wanted == path else None

        def failed(error: Exception) -> None:
            if options.beamline and self._layers.resolve()[1][_BEAMLINE].source is Source.LAST:
                self._layers = self._layers.without(_BEAMLINE, Source.LAST)
                self.announce()
                self._read(path, replace(options, beamline=""), done)  # what fitted the last scan need not fit this one
            else:
                self._failed(error)

        self._background.start(lambda: load(path, options), current(done), current(failed))

    def _failed(self, error: Exception) -> None:
        wanted, is_open = self._wanted, self._scan is not None and self._scan.path == self._wanted
        waits = wanted is not None and not is_open and not is_pattern(wanted) and takes_series(wanted)
        self._unread = wanted if waits else None
        self.openFailed.emit()
        self.problem.emit(explain("This file can't be opened", error, _POINT if waits else ""))

    def _opened(self, loaded: LoadedScan | LoadedResult, preset: Mapping[str, tuple[Any, str]] | None) -> None:
        if isinstance(loaded, LoadedResult):
            self.resultOpened.emit(loaded)
            return
        carried = {} if preset else {path: kept for path, kept in self._carried().items() if path not in loaded.values}
        layers = Layers({Source.PRESET: preset or {}, Source.FILE: loaded.values, Source.LAST: carried})
        self._adopt(loaded, layers)

    def _opened_as_said(self, loaded: LoadedScan | LoadedResult) -> None:
        """Take a scan whose frames were not found before, with what was said since then."""
        if isinstance(loaded, LoadedScan):
            user = self._layers.values.get(Source.USER, {})
            said = {path: value for path, value in user.items() if path in OF_THE_FILES}
            self._adopt(loaded, Layers({Source.FILE: loaded.values, Source.LAST: self._carried(), Source.USER: said}))

    def _replaced(self, loaded: LoadedScan | LoadedResult) -> None:
        if isinstance(loaded, LoadedScan):
            self._adopt(loaded, self._layers.with_layer(Source.FILE, loaded.values))

    def _adopt(self, loaded: LoadedScan, layers: Layers) -> None:
        try:
            layers.resolve()
        except ParameterError as error:
            self._failed(error)
            return
        self._layers, self._scan, self._unread = layers, loaded, None
        self.announce()
        self.scanOpened.emit(loaded)

    def _carried(self) -> dict[str, tuple[Any, str]]:
        name = self._scan.path.name if self._scan else ""
        last = dict(self._layers.values.get(Source.LAST, {}))
        user = {path: (value, name) for path, (value, _) in self._layers.values.get(Source.USER, {}).items()}
        return {path: kept for path, kept in (last | user).items() if path not in marked("of one scan")}


def _readable(texts: Mapping[str, str]) -> dict[str, tuple[Any, str]]:
    """Read remembered values; what an older version wrote and this one can't read is forgotten."""
    values: dict[str, tuple[Any, str]] = {}
    for path, text in texts.items():
        try:
            values[path] = (parse_text(by_path()[path], text), "")
            Layers().with_layer(Source.LAST, {path: values[path]}).resolve()
        except (KeyError, ParameterError) as error:
            _log.info("a remembered value is forgotten: %s: %s", path, error)
            values.pop(path, None)
    return values
