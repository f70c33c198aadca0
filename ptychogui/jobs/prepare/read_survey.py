"""Reading all patterns of a scan for a survey: what was transmitted and deflected, and which pixels it hit."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ptychogui.backends.compiled_pattern_maker import compiled_maker
from ptychogui.io.dataset import Dataset
from ptychogui.jobs.job import Control, Job
from ptychogui.jobs.prepare.careful_frames import CarefulFrames
from ptychogui.jobs.prepare.open_scan import known_pixel_m, open_scan
from ptychogui.jobs.prepare.positions import scan_positions
from ptychogui.jobs.prepare.prepared_scan import PreparedScan
from ptychogui.physics.frames import FrameSource, Patterns
from ptychogui.physics.position_map import PositionMap, map_positions

_TOLD_PER_SCAN = 100


@dataclass(frozen=True)
class ScanSurvey:
    """What all patterns of a scan show, as a reconstruction would use them.

    Attributes:
        patterns: how many.
        stxm: counts at each position.
        dpc_rows_px, dpc_columns_px: center of mass of each pattern from the direct beam, in pattern pixels.
        mean, maximum, variance: float32 (N, N), of each pixel's counts, the direct beam at [N // 2, N // 2].
        notes: what was noticed on the way.
        positions_m: float64 (patterns, 2), row and column.
        rows: int (patterns,), the place of each pattern's frame in the stack of all frames.
        counts: float32 (patterns,), of each pattern.
    """

    patterns: int
    stxm: PositionMap
    dpc_rows_px: PositionMap
    dpc_columns_px: PositionMap
    mean: np.ndarray
    maximum: np.ndarray
    variance: np.ndarray
    notes: tuple[str, ...]
    positions_m: np.ndarray
    rows: np.ndarray
    counts: np.ndarray


@dataclass(frozen=True)
class ReadingProgress:
    """How many of a scan's frames are read."""

    done: int
    total: int


def survey_scan(job: Job, tell: Callable[[ReadingProgress | ScanSurvey], None]) -> None:
    """Read all patterns of a scan once, and tell how far it is and then what they show. Keeps none of them.

    Frames that are excluded are there as well: only who sees them can bring them back.

    Raises:
        PtychoError: the scan can't be read, or a parameter does not fit it.
    """
    whole = job.parameters.replace({"preprocessing.excluded_frames": ""})
    job = replace(job, parameters=whole)
    with open_scan(job) as dataset:
        reader = ScanReader(job, dataset, dataset.frame_rows, tell)
        positions_m, rows, notes = scan_positions(dataset, job.parameters, known_pixel_m(job, dataset, reader.n))
        found = reader.read(rows)
    survey = found.survey
    tell(
        ScanSurvey(
            patterns=len(rows),
            stxm=map_positions(positions_m, survey.stxm),
            dpc_rows_px=map_positions(positions_m, survey.dpc_px[:, 0]),
            dpc_columns_px=map_positions(positions_m, survey.dpc_px[:, 1]),
            mean=survey.mean,
            maximum=survey.maximum,
            variance=survey.variance,
            notes=(*notes, *reader.notes(), *found.notes),
            positions_m=positions_m,
            rows=rows,
            counts=np.asarray(survey.stxm, np.float32),
        )
    )


class ScanReader:
    """Reads all patterns of an open scan once, with what some frames tell before, and keeps none of them."""

    def __init__(self, job: Job, dataset: Dataset, rows: np.ndarray, tell: Callable[[ReadingProgress], None]) -> None:
        """Look at a few frames.

        Args:
            job: what the patterns are for.
            dataset: the scan.
            rows: int, the frames that may be looked at.
            tell: told how far the reading is.

        Raises:
            PtychoError: a frame can't be read, or a parameter does not fit the scan.
        """
        self._tell, self._frames = tell, CarefulFrames(dataset.frames, Control(), dataset.files)
        self._scan = PreparedScan(job, dataset, self._frames, rows)
        self.n = self._scan.n
        """Rows and columns of a pattern."""

    def read(self, rows: np.ndarray) -> Patterns:
        """Return what the patterns at some rows show, int (positions,) in any order, but no patterns.

        Raises:
            PtychoError: as `prepare_frames` does.
        """
        counted = _CountedFrames(self._frames, len(np.unique(rows)), self._tell)
        return self._scan.patterns_at(rows, counted, keep=False, maker=compiled_maker)

    def notes(self) -> tuple[str, ...]:
        """Say what was found out from some frames, and which frames could not be read."""
        return *self._scan.readings_calibration.notes, *self._frames.notes()


class _CountedFrames:
    """Frames that tell how many of them are read."""

    def __init__(self, frames: FrameSource, total: int, tell: Callable[[ReadingProgress], None]) -> None:
        self._frames, self._total, self._tell = frames, total, tell
        self.shape, self.dtype = frames.shape, frames.dtype
        self._done = self._told = 0
        self._turn = threading.Lock()

    def read(self, rows: Sequence[int] | np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Return the frames at these rows."""
        found = self._frames.read(rows, out)
        with self._turn:
            self._done += len(rows)
            if self._done - self._told >= self._total / _TOLD_PER_SCAN:
                self._told = self._done
                self._tell(ReadingProgress(min(self._done, self._total), self._total))
        return found
