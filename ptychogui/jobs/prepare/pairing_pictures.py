"""Pictures of the ways in which positions and frames can meet, by which a person can tell the right one."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ptychogui.errors import Alternative, PtychoError
from ptychogui.io.dataset import Dataset
from ptychogui.jobs.job import Job
from ptychogui.jobs.prepare.open_scan import known_pixel_m, open_scan
from ptychogui.jobs.prepare.positions import ambiguity_of, scan_positions
from ptychogui.jobs.prepare.read_survey import ReadingProgress, ScanReader
from ptychogui.physics.frames import pattern_size
from ptychogui.physics.position_map import PositionMap, map_positions

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DrawnWay:
    """One way.

    Attributes:
        way: what it is.
        counts: of each frame, at the position that it has this way: smooth, as the sample is, if it is the right one;
            None where that can't be drawn.
        pairs: positions that have a frame.
        problem: why it can't be drawn.
    """

    way: Alternative
    counts: PositionMap | None = None
    pairs: int = 0
    problem: str = ""


@dataclass(frozen=True)
class ComparedWays:
    """All ways; none where there is no question."""

    ways: tuple[DrawnWay, ...]


def compare_ways(job: Job, tell: Callable[[ReadingProgress | ComparedWays], None]) -> None:
    """Read all frames of a scan once, and tell how far it is and then how each way of pairing would look.

    Raises:
        PtychoError: the scan can't be read, or nothing tells which frames belong to which positions.
    """
    with open_scan(job) as dataset:
        ambiguity = ambiguity_of(dataset, job.parameters)
        if ambiguity is None:
            tell(ComparedWays(()))
            return
        counts = _counts(job, dataset, tell)
        tell(ComparedWays(tuple(_drawn(job, dataset, way, counts) for way in ambiguity.alternatives)))


def _counts(job: Job, dataset: Dataset, tell: Callable[[ReadingProgress], None]) -> np.ndarray:
    """Return the counts of each frame of the scan's stack, float64 (frames,)."""
    rows = np.arange(dataset.frames.shape[0])
    found = ScanReader(job, dataset, rows, tell).read(rows)
    return np.asarray(found.survey.stxm, np.float64)


def _drawn(job: Job, dataset: Dataset, way: Alternative, counts: np.ndarray) -> DrawnWay:
    """Draw the counts where a way puts them; said as the user would say it."""
    try:
        said = replace(job, parameters=job.parameters.replace(way.values))
        with open_scan(said) as other:
            n = pattern_size(other.frames.shape, said.parameters.preprocessing)
            pixel_m = known_pixel_m(said, other, n)
            positions_m, rows, _ = scan_positions(other, said.parameters, pixel_m)
            drawn = map_positions(positions_m, counts[_rows_in(dataset, other, rows)])
    except PtychoError as error:
        _log.info("a way to pair can't be drawn: %s", error)
        return DrawnWay(way, problem=str(error))
    return DrawnWay(way, drawn, len(rows))


def _rows_in(dataset: Dataset, other: Dataset, rows: np.ndarray) -> np.ndarray:
    """Return where frames of the same scan, opened with another first file, are in its stack."""
    if not other.files:
        return rows
    edges = np.array([file.first_row for file in other.files])
    place = np.searchsorted(edges, rows, side="right") - 1
    starts = {file.number: file.first_row for file in dataset.files}
    return np.asarray(np.array([starts[other.files[at].number] for at in place]) + rows - edges[place])
