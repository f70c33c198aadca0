"""Reading a scan or a result for the window: enough of it to show it and to run it; no file stays open."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ptychogui.errors import Alternative, PtychoError
from ptychogui.io.dataset import Dataset
from ptychogui.io.raw.raw_scan import all_notes
from ptychogui.io.read_options import ReadOptions
from ptychogui.io.result import Result
from ptychogui.io.scan_or_result import open_scan_or_result
from ptychogui.jobs.again import source_and_layers
from ptychogui.jobs.job_values import dataset_layers
from ptychogui.jobs.run_findings import RunFinding, from_dicts
from ptychogui.params.origins import Layers, Source
from ptychogui.params.units import format_quantity
from ptychogui.pictures.live_picture import Shot
from ptychogui.pictures.pattern_picture import PatternPicture, pattern_picture
from ptychogui.pictures.thumbnails import flatten_layers

_log = logging.getLogger(__name__)

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
        is_of_result: whether it was opened for a result that is looked at.
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
    is_of_result: bool = False


@dataclass(frozen=True)
class LoadedResult:
    """A result file.

    Attributes:
        path: the file.
        facts, notes: lines for its card.
        shot: what it shows.
        errors, free_errors: of every iteration.
        state: how its job ended.
        source: the scan that it was made of; None where it was simulated, or is not known.
        layers: the values that it was made with; None where it does not say them.
        problem: why it does not.
        findings: what the convergence watch has found in its run.
    """

    path: Path
    facts: tuple[str, ...]
    notes: tuple[str, ...]
    shot: Shot
    errors: tuple[float, ...]
    free_errors: tuple[float, ...]
    state: str
    source: Path | None = None
    layers: Layers | None = None
    problem: str = ""
    findings: tuple[RunFinding, ...] = ()


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
    state, made = str(result.state or ""), _how_it_was_made(path, result)
    return LoadedResult(path, facts, result.notes, shot, errors, free_errors, state, *made, findings=_findings(result))


def _findings(result: Result) -> tuple[RunFinding, ...]:
    try:
        return from_dicts(json.loads(result.findings or "[]"))
    except (KeyError, TypeError, ValueError) as error:
        _log.info("the findings of a result can't be read: %s", error)
        return ()


def _how_it_was_made(path: Path, result: Result) -> tuple[Path | None, Layers | None, str]:
    try:
        return *source_and_layers(result, path), ""
    except PtychoError as error:
        return None, None, str(error)


def _length(length_m: float) -> str:
    return format_quantity(float(f"{length_m:.3g}"), "m")
