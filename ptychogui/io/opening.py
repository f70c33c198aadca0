"""A file of either kind: a scan to reconstruct, or a result to look at."""

from __future__ import annotations

from pathlib import Path

from ptychogui.errors import DataError
from ptychogui.io.dataset import Dataset
from ptychogui.io.readers import open_dataset
from ptychogui.io.result import Result, read_result


def open_scan_or_result(path: Path, dataset_path: str = "") -> Dataset | Result:
    """Open a scan, which is to be closed, or read a result.

    Args:
        path: the file.
        dataset_path: HDF5 path of a scan's frames; "" lets the reader find them.

    Raises:
        DataError: the file is neither, or broken; the message is that of the attempt to open a scan.
    """
    try:
        return open_dataset(path, dataset_path)
    except DataError as no_scan:
        try:
            return read_result(path)
        except DataError:
            raise no_scan from None
