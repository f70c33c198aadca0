"""Reading a scan or a result for the window: enough of it to show it and to run it; no file stays open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ptychogui.errors import Alternative
from ptychogui.io.dataset import Dataset
from ptychogui.io.raw.raw_scan import all_notes
from ptychogui.io.read_options import ReadOptions
from ptychogui.io.result import Result
from ptychogui.io.scan_or_result import open_scan_or_result
from ptychogui.jobs.job_values import dataset_layers
from ptychogui.params.origins import Source
from ptychogui.params.units import format_quantity
from ptychogui.pictures.live_picture import Shot
from ptychogui.pictures.pattern_picture import PatternPicture, pattern_picture
from ptychogui.pictures.thumbnails import flatten_layers

_PREVIEWED = 16
"""Frames averaged into the preview, spread over the scan."""


@dataclass(frozen=True)
class LoadedScan:
    """A scan file.

    Attributes:
        path: the file.
        facts: lines for its card.
        notes: what its reader noticed and repaired.
        values: parameter path -> (value, place) that it knows.
        pattern: mean of `previewed` frames, made ready for the screen.
        positions_m: float64 (positions, 2), row and column, or None.
        ways: how its own positions and frames can meet, where there are several.
        dataset: all that is known of it, without its frames.
    """

    path: Path
    facts: tuple[str, ...]
    notes: tuple[str, ...]
    values: Mapping[str, tuple[Any, str]]
    pattern: PatternPicture
    previewed: int
    positions_m: np.ndarray | None
    ways: tuple[Alternative, ...] = ()
    dataset: Dataset | None = None


@dataclass(frozen=True)
class LoadedResult:
    """A result file: its object and probe, its error and free error of every iteration, and lines for its card."""

    path: Path
    facts: tuple[str, ...]
    notes: tuple[str, ...]
    shot: Shot
    errors: tuple[float, ...]
    free_errors: tuple[float, ...]
    state: str


def load(path: Path, options: ReadOptions | None = None) -> LoadedScan | LoadedResult:
    """Read a scan or a result.

    Args:
        path: the file.
        options: what the user says about a scan's frames; None leaves all to be found.

    Raises:
        DataError: the file is neither, or broken.
    """
    opened = open_scan_or_result(path, options)
    if isinstance(opened, Result):
        return _loaded_result(path, opened)
    with opened:
        return _loaded_scan(opened)


def _loaded_scan(dataset: Dataset) -> LoadedScan:
    rows = dataset.frame_rows
    chosen = np.unique(rows[np.linspace(0, len(rows) - 1, min(_PREVIEWED, len(rows))).astype(int)])
    pattern = np.nan_to_num(dataset.frames.read(chosen).mean(axis=0, dtype=np.float64))
    values = dataset_layers(dataset).values[Source.FILE]
    ways = () if dataset.ambiguity is None else dataset.ambiguity.alternatives
    return LoadedScan(
        dataset.path,
        _facts(dataset),
        all_notes(dataset),
        values,
        pattern_picture(pattern, dataset.bad_pixels),
        len(chosen),
        dataset.positions_m,
        ways,
        dataset.without_frames(),
    )


def _facts(dataset: Dataset) -> tuple[str, ...]:
    rows, columns = dataset.frames.shape[1:]
    lines = [f"{dataset.format}  ·  {len(dataset.frame_rows)} patterns of {rows} × {columns} px"]
    if dataset.positions_m is not None and len(dataset.positions_m):
        extent = np.ptp(dataset.positions_m, axis=0)
        lines.append(f"{_length(extent[0])} × {_length(extent[1])} scanned")
    return (*lines, *(f"{name}: {text}" for name, text in dataset.facts.items()))


def _loaded_result(path: Path, result: Result) -> LoadedResult:
    field = flatten_layers(result.object)
    rows, columns = field.shape
    facts = (
        f"result  ·  {rows} × {columns} px of {_length(result.object_pixel_m)}",
        f"{result.state or ''} after {len(result.errors)} iterations on {result.device or 'an unknown device'}",
    )
    origin_m = result.object_origin_m
    spots_m = None if origin_m is None or not len(result.positions_m) else result.positions_m - np.asarray(origin_m)
    shot = Shot(field, result.probe, result.object_pixel_m, len(result.errors), spots_m, is_still=True)
    errors, free_errors = (tuple(map(float, some)) for some in (result.errors, result.free_errors))
    return LoadedResult(path, facts, result.notes, shot, errors, free_errors, str(result.state or ""))


def _length(length_m: float) -> str:
    return format_quantity(float(f"{length_m:.3g}"), "m")
