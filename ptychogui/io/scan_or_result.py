"""Opening a file of either kind: a scan to reconstruct, or a result to look at."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from ptychogui.errors import DataError
from ptychogui.io.dataset import Dataset
from ptychogui.io.read_options import ReadOptions
from ptychogui.io.readers import open_dataset
from ptychogui.io.result import Result, read_result
from ptychogui.io.result_header import ResultHeader, read_header

_Read = TypeVar("_Read")

_log = logging.getLogger(__name__)


def open_scan_or_result(path: Path, options: ReadOptions | None = None) -> Dataset | Result:
    """Open a scan, which is to be closed, or read a result.

    Args:
        path: the file.
        options: what the user says about a scan's frames; None leaves all to be found.

    Raises:
        DataError: the file is neither, or broken; the message is that of the attempt to open a scan.
    """
    return _opened(path, options, read_result)


def open_scan_or_header(path: Path, options: ReadOptions | None = None) -> Dataset | ResultHeader:
    """Open a scan, which is to be closed, or read a result without its arrays; as `open_scan_or_result`."""
    return _opened(path, options, read_header)


def _opened(path: Path, options: ReadOptions | None, read: Callable[[Path], _Read]) -> Dataset | _Read:
    try:
        return open_dataset(path, options)
    except DataError as no_scan:
        try:
            return read(path)
        except DataError as no_result:
            _log.debug("%s is no result either: %s", path, no_result)
            raise no_scan from None
