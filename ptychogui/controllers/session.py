"""The session: which scan is open, and which value stands where."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from PyQt5.QtCore import QObject, pyqtSignal

from ptychogui.controllers.background import Background
from ptychogui.controllers.error_message import explain
from ptychogui.controllers.loading import LoadedResult, LoadedScan, load
from ptychogui.controllers.values.geometry import GEOMETRY, KeptGeometry
from ptychogui.controllers.values.history import EditHistory, own_of, with_own_of, without_own, without_value
from ptychogui.errors import ParameterError
from ptychogui.io.raw.file_series import is_pattern
from ptychogui.io.read_options import OF_THE_FILES, ReadOptions
from ptychogui.io.readers import takes_series
from ptychogui.jobs.job import Job
from ptychogui.jobs.job_values import heeded_layers, missing_values, scan_source, simulation_layers
from ptychogui.params.commandline import format_text, parse_text
from ptychogui.params.model import by_path, marked
from ptychogui.params.origins import Layers, Source
from ptychogui.session_state import MISSING, Obstacle

_log = logging.getLogger(__name__)

_BEAMLINE = "experiment.beamline"
_OF_ITS_SCAN = {*marked("of one scan"), *marked("for now"), *GEOMETRY}
"""Parameters whose values don't go on to the next scan by themselves."""

_POINT = "Or show where they are: Scan, Beamline preset."


class SessionController(QObject):
    """Owns the layers of values and the open scan; every change is announced.

    Signals:
        valuesChanged(Parameters, origins, Parameters below, origins below): as they stand, and without the user's.
        opening(text), scanOpened(LoadedScan), resultOpened(LoadedResult): a file, on its way and read.
        openFailed(): nothing has come of what was opened.
        scanClosed(): no scan is open any more; the values are those of a result.
        runnableChanged(bool): whether there is something to reconstruct.
        missingChanged(Obstacles): the values that the open scan can't be reconstructed without.
        historyChanged(text, text): what the next step back and forth would change.
        problem(ErrorMessage): for the user.
    """

    valuesChanged = pyqtSignal(object, object, object, object)
    opening = pyqtSignal(str)
    scanOpened = pyqtSignal(object)
    resultOpened = pyqtSignal(object)
    openFailed = pyqtSignal()
    scanClosed = pyqtSignal()
    runnableChanged = pyqtSignal(bool)
    missingChanged = pyqtSignal(object)
    historyChanged = pyqtSignal(str, str)
    problem = pyqtSignal(object)

    def __init__(self, background: Background, remembered: Mapping[str, str] | None = None, geometry: str = "") -> None:
        """Begin without a scan.

        Args:
            background: reads files.
            remembered: values of another session, as `remembered` gave them.
            geometry: that of detectors, as `geometry` gave it.
        """
        super().__init__()
        self._background = background
        self._scan: LoadedScan | None = None
        self._wanted: Path | None = None
        self._unread: Path | None = None  # a scan whose frames were not found where they were looked for
        self._layers = Layers().with_layer(Source.LAST, _readable(remembered or {}))
        self._geometry, self._history = KeptGeometry(geometry), EditHistory()
        self._put_aside: dict[str, tuple[Any, str]] | None = None  # what goes on to the next scan while a result's hold

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
        """Announce all values, whether there is something to run, and what it lacks."""
        below = without_own(self._layers)
        parameters, origins = self._layers.resolve()
        self.valuesChanged.emit(parameters, origins, *below.resolve())
        self.runnableChanged.emit(self._scan is not None or parameters.experiment.simulate)
        scan = self._scan.dataset if self._scan is not None else None
        missing = missing_values(parameters, scan) if scan is not None else ()
        self.missingChanged.emit(tuple(Obstacle(path, by_path()[path].title, MISSING) for path in missing))
        self.historyChanged.emit(*self._history.words)

    def open(self, path: Path, preset: Mapping[str, tuple[Any, str]] | None = None) -> None:
        """Read a file; `preset` are values that the program proposes for it, in place of the user's last ones."""
        options = ReadOptions(beamline=str(self._carried().get(_BEAMLINE, ("", ""))[0]))
        self._read(path, options, lambda loaded: self._opened(loaded, preset))

    def edit(self, path: str, value: Any) -> None:
        """Take a value of the user's; one that does not fit is refused and the form shows the old one again."""
        self.edit_all({path: value})

    def edit_all(self, values: Mapping[str, Any], what: str = "") -> None:
        """Take several values of the user's at once.

        Args:
            values: parameter path -> value; one that holds without the user's values is no change.
            what: what this is, in words; the parameter's title when not given.
        """
        changed, below = self._layers, without_own(self._layers).resolve()[0]
        for path, value in values.items():
            changed = without_value(changed, path) if value == below.get(path) else changed.with_value(path, value)
        self._take(changed, values, what)

    def revert(self, path: str) -> None:
        """Take a value out of the user's layer, or of the last scan's, so that the one below shows again."""
        top = Source.USER if path in self._layers.values.get(Source.USER, {}) else Source.LAST
        self._take(self._layers.without(path, top), (path,))

    def undo(self) -> None:
        """Take the last change of the user's back."""
        if self._history.undo:
            self._step(self._history.back(self._layers))

    def redo(self) -> None:
        """Make the change once more that was taken back last."""
        if self._history.redo:
            self._step(self._history.forth(self._layers))

    def go_on_from(self, result: Path) -> None:
        """Let the next job begin at the object, the probe and the positions of a result."""
        start: dict[str, Any] = {"reconstruction.object_guess": result, "reconstruction.probe_guess": result}
        experiment = self._layers.resolve()[0].experiment
        if not experiment.simulate and experiment.scan_pattern == "listed":
            start["experiment.positions_file"] = result
        self.edit_all(start, f"go on from {result.name}")

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

    def geometry(self) -> str:
        """Return the geometry of detectors that the user has typed, as text."""
        return self._geometry.text()

    def _take(self, changed: Layers, paths: Iterable[str], what: str = "") -> None:
        """Take changed values of the user's, if they fit, as a step that can be undone."""
        paths = tuple(paths)
        try:
            changed.resolve()
        except ParameterError as error:
            self.problem.emit(explain("This value can't be used", error))
        else:
            if own_of(changed) != own_of(self._layers):
                self._history.note(self._layers, what or ", ".join(by_path()[path].title for path in paths))
            self._layers = changed
            self._keep_geometry(paths)
        self.announce()
        self._read_again_for(*paths)

    def _step(self, layers: Layers) -> None:
        """Take the values of a step back or forth."""
        before, self._layers = self._layers.resolve()[0], layers
        after = layers.resolve()[0]
        paths = [path for path in by_path() if before.get(path) != after.get(path)]
        self._keep_geometry(paths)
        self.announce()
        self._read_again_for(*paths)

    def _keep_geometry(self, paths: Iterable[str]) -> None:
        """Remember geometry that was changed for the detector of the open scan."""
        scan = self._scan.dataset if self._scan is not None else None
        if scan is None or self._put_aside is not None:
            return
        own = own_of(self._layers)
        for path in (path for path in paths if path in GEOMETRY):
            known = any(path in values for values in own.values())
            self._geometry.keep(scan, path, self._layers.resolve()[0].get(path), known)

    def _read_again_for(self, *paths: str) -> None:
        """Read the scan again where a value says which files, or which part of them, it is."""
        if not set(paths) & set(OF_THE_FILES):
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
        name = wanted.name if wanted is not None else "This file"
        self.problem.emit(explain(f"{name} can't be opened", error, _POINT if waits else ""))

    def _opened(self, loaded: LoadedScan | LoadedResult, preset: Mapping[str, tuple[Any, str]] | None) -> None:
        if isinstance(loaded, LoadedResult):
            self.resultOpened.emit(loaded)
            self._take_result(loaded)
            return
        geometry = self._geometry.of(loaded.dataset) if loaded.dataset is not None else {}
        carried = {} if preset else {**self._carried(), **geometry}
        last = {path: kept for path, kept in carried.items() if path not in loaded.values}
        layers = Layers({Source.PRESET: preset or {}, Source.FILE: loaded.values, Source.LAST: last})
        self._put_aside = None
        self._adopt(loaded, layers)

    def _take_result(self, result: LoadedResult) -> None:
        """Show the values that a result was made with, and open its scan, so that Run makes it again."""
        if result.layers is None:
            return
        self._put_aside = self._carried()
        self._scan, self._unread, self._wanted = None, None, None
        self._layers, self._history = result.layers, EditHistory()
        self.scanClosed.emit()
        self.announce()
        layers, source = result.layers, result.source
        if source is not None and (is_pattern(source) or os.path.exists(source)):
            options = ReadOptions.of(layers.resolve()[0])
            self._read(source, options, lambda loaded: self._opened_of_result(loaded, layers))

    def _opened_of_result(self, loaded: LoadedScan | LoadedResult, layers: Layers) -> None:
        if isinstance(loaded, LoadedScan):
            self._adopt(replace(loaded, is_of_result=True), with_own_of(layers, self._layers))

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
        if self._scan is None or self._scan.path != loaded.path:
            self._history = EditHistory()
        self._layers, self._scan, self._unread = layers, loaded, None
        self.announce()
        self.scanOpened.emit(loaded)

    def _carried(self) -> dict[str, tuple[Any, str]]:
        """Return the user's values that go on to the next scan by themselves."""
        if self._put_aside is not None:
            return self._put_aside
        name = self._scan.path.name if self._scan else ""
        last = dict(self._layers.values.get(Source.LAST, {}))
        user = {path: (value, name) for path, (value, _) in self._layers.values.get(Source.USER, {}).items()}
        return {path: kept for path, kept in (last | user).items() if path not in _OF_ITS_SCAN}


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
