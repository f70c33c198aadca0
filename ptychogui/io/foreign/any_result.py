"""Any result: ours, or another program's, told apart by content, or by the names of the two files of a pair."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import datetime, timezone
from pathlib import Path

import numpy as np

from ptychogui.errors import DataError
from ptychogui.io.foreign.array_pairs import read_npz, read_pair
from ptychogui.io.foreign.hdf5_layouts import read_foreign_hdf5
from ptychogui.io.hdf5.files import is_hdf5, open_h5
from ptychogui.io.result import Result, read_result
from ptychogui.io.result_header import OBJECT_PLACE, PROBE_PLACE, ResultFacts, ResultHeader, read_header
from ptychogui.pictures.thumbnails import thumbnail

MAY_BE_RESULTS = frozenset({".cxi", ".h5", ".hdf5", ".hdf", ".ptyr", ".npz", ".npy", ".csv", ".tif", ".tiff"})
"""Ends of names that a result of a program which is known here can have."""


def read_any_result(path: Path | str) -> Result:
    """Read a result, whoever wrote it.

    Args:
        path: the file; of two that make one result, that of the object, or of its phase.

    Raises:
        DataError: the file is damaged or holds no reconstruction.
    """
    path = Path(path)
    return read_result(path) if _is_cxi_result(path) else _foreign(path)


def read_any_header(path: Path | str) -> ResultHeader:
    """Read the header of a result, whoever wrote it; its thumbnail is made where the file has none.

    Raises:
        DataError: the file is damaged or holds no reconstruction.
    """
    path = Path(path)
    if _is_cxi_result(path):
        header = read_header(path)
        return header if header.thumbnail is not None else replace(header, thumbnail=_thumbnail(read_result(path)))
    result = _foreign(path)
    facts = {item.name: getattr(result, item.name) for item in fields(ResultFacts)} | {"thumbnail": _thumbnail(result)}
    program, version = next(iter(result.versions.items()))
    made = datetime.fromtimestamp(path.stat().st_mtime, timezone.utc).isoformat(timespec="seconds")
    return ResultHeader(
        object_shape=result.object.shape, probe_shape=result.probe.shape, positions=len(result.positions_m),
        program=program, version=version, made=made, **facts,
    )  # fmt: skip


def _is_cxi_result(path: Path) -> bool:
    if not _starts_as_hdf5(path):
        return False
    with open_h5(path) as file:
        return OBJECT_PLACE in file and PROBE_PLACE in file


def _starts_as_hdf5(path: Path) -> bool:
    try:
        return is_hdf5(path)
    except OSError as error:
        raise DataError(f"can't open {path}: {(error.strerror or str(error)).lower()}") from error


def _foreign(path: Path) -> Result:
    if _starts_as_hdf5(path):
        result = read_foreign_hdf5(path)
    else:
        result = read_npz(path) if path.suffix.casefold() == ".npz" else read_pair(path)
    if result is None:
        raise DataError(f"{path} is not a reconstruction of a program that is known here")
    return result


def _thumbnail(result: Result) -> np.ndarray:
    return thumbnail(result.object, result.scanned)
