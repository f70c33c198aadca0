"""What becomes of a path that the user opens: a scan or result, or the scans of a folder or a list as a batch."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from PyQt5.QtCore import QObject, pyqtSignal

from ptychogui.controllers.background import Background
from ptychogui.controllers.error_message import explain
from ptychogui.controllers.session import SessionController
from ptychogui.errors import DataError, PtychoError
from ptychogui.io.raw.file_series import Pattern, series_in
from ptychogui.io.readers import open_dataset
from ptychogui.jobs.scan_list import LIST_SUFFIXES, scan_list, scans_in

_OF_FRAMES = (".h5", ".hdf5")
"""Ends of the names of files that may be a scan each, or all one scan."""

_log = logging.getLogger(__name__)


class OpeningController(QObject):
    """Decides by what is there; folders are looked at beside the window's thread.

    Signals:
        batchWanted(paths): of several scans.
        problem(ErrorMessage): there is nothing to open.
    """

    batchWanted = pyqtSignal(object)
    problem = pyqtSignal(object)

    def __init__(self, session: SessionController, background: Background) -> None:
        super().__init__()
        self._session, self._background = session, background

    def open(self, path: Path) -> None:
        """Open a file, the only scan of a folder or its series of raw files; of several scans ask for a batch."""
        if path.suffix.casefold() in LIST_SUFFIXES and os.path.isfile(path):
            self._background.start(lambda: _is_list(path), lambda is_list: self._take((path, not is_list)), self._tell)
        elif os.path.isdir(path):
            self._background.start(lambda: _found_in(path), self._take, self._tell)
        else:
            self._session.open(path)

    def _take(self, found: tuple[Path, bool]) -> None:
        path, is_one = found
        if is_one:
            self._session.open(path)
        else:
            self.batchWanted.emit((path,))

    def _tell(self, error: Exception) -> None:
        self.problem.emit(explain("This can't be opened", error))


def _is_list(path: Path) -> bool:
    """Whether a text file is a list of scans, some of which are there."""
    try:
        scan_list([str(path)])
    except PtychoError as error:
        _log.info("%s is no list of scans: %s", path, error)
        return False
    return True


def _found_in(folder: Path) -> tuple[Path, bool]:
    """Return the one scan of a folder, or the folder, and whether it is one scan.

    Raises:
        DataError: there is none.
    """
    scans = scans_in(folder)
    if len(scans) == 1:
        return scans[0], True
    series = series_in(folder)
    if series is None and not scans:
        raise DataError(f"the folder {folder} has no scan and no series of raw files")
    if series is None or (scans and not _are_files_of_one(scans, Pattern.parse(str(series)))):
        return folder, False
    return series, True


def _are_files_of_one(scans: tuple[Path, ...], series: Pattern) -> bool:
    """Whether what may be scans are files of one: plain HDF5, all of a series, and without positions."""
    if scans[0].suffix.casefold() not in _OF_FRAMES or set(scans) != set(map(series.path, series.numbers())):
        return False
    try:
        with open_dataset(scans[0]) as first:
            return first.positions_m is None
    except PtychoError as error:
        _log.info("the first file of a folder is no scan: %s", error)
        return True
