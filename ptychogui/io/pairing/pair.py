"""Pairs of positions and frames: by the file and the place in it, never by counting on past a gap.

A position has a file (its line, as a rule) and a point in that file; a frame has the number of its file and its place
in it. Where a frame is missing its position is left out; no other pair moves.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ptychogui.errors import Alternative, AmbiguousPairingError, DataError
from ptychogui.io.dataset import RawFile
from ptychogui.io.pairing.facts import FileFacts, ScanPlan, usual_of
from ptychogui.io.pairing.left_out import idle_notes, left_out_notes
from ptychogui.io.pairing.ways import DIMS, PairingWay, pairing_ways
from ptychogui.params.commandline import as_options

_log = logging.getLogger(__name__)

_LEAST_PART = 0.1
"""Of the positions that must have a frame; with less, the scan or its files are not what they are said to be."""

_MOST_TIMES = 2
"""Where most files hold so many times as many frames as positions, a file is no line."""

_WAY_OUT = "correct --scan-dims, --first-file or the pattern, or give --patterns-per-file"


@dataclass(frozen=True)
class Pairing:
    """Positions and their frames.

    Attributes:
        rows: int64 (pairs,), row of each frame in the stack of all frames.
        kept: int64 (pairs,), its position, increasing.
        notes: what was left out, counted and named.
        is_whole: whether every position has its frame.
    """

    rows: np.ndarray
    kept: np.ndarray
    notes: tuple[str, ...]
    is_whole: bool


def pair_as_read(
    files: Sequence[RawFile], plan: ScanPlan, facts: FileFacts, now_s: float | None = None
) -> Pairing:  # fmt: skip
    """Find the frame of each measured position of a scan, in the one way in which files and positions go together.

    Args:
        files: the raw files, without gaps.
        plan: the positions.
        facts: what is known of the files.
        now_s: the present, in seconds since 1970, to tell files that are still being written.

    Returns:
        the pairs; `kept` are places among the measured positions.

    Raises:
        AmbiguousPairingError: there are several ways, none better than the others.
        DataError: nothing tells, or (nearly) no position has a frame.
    """
    found = _plausible(files, pairing_ways(files, plan, facts), now_s)
    if len(found) > 1:
        raise _ambiguous(files, plan, list(found))
    ((way, pairing),) = found.items()
    unused = idle_notes(files, np.arange(max(way.first, 0)))
    return replace(pairing, notes=(*way.notes, *unused, *pairing.notes))


def _plausible(
    files: Sequence[RawFile], found: Sequence[PairingWay], now_s: float | None
) -> dict[PairingWay, Pairing]:  # fmt: skip
    """Pair in each way, and leave out ways that pair hardly anything, or just as another way does.

    Raises:
        DataError: none is left.
    """
    kept: dict[Any, tuple[PairingWay, Pairing]] = {}
    problem = DataError("nothing tells which frames belong to which positions")
    for way in reversed(found):
        try:
            pairing = pair(_from(files, way.first), way.of, way.point, now_s)
        except DataError as error:
            _log.debug("positions and frames don't meet in one way (%s): %s", way, error)
            problem = error
        else:
            key = pairing.rows.tobytes(), pairing.kept.tobytes(), str(way.values.get(DIMS))
            kept[key] = way, pairing
    if not kept:
        raise problem
    return dict(reversed(kept.values()))


def _from(files: Sequence[RawFile], first: int) -> list[RawFile]:
    """Return the files from place `first` on; a negative one puts missing files before them."""
    absent = [files[0].number + place for place in range(first, 0)]
    return [
        *(RawFile(Path(f"number {number}"), number, 0, 0, f"there is no file {number}") for number in absent),
        *files[max(first, 0) :],
    ]


def _ambiguous(files: Sequence[RawFile], plan: ScanPlan, found: Sequence[PairingWay]) -> AmbiguousPairingError:
    alternatives = tuple(Alternative(one.values, as_options(one.values), one.text) for one in found)
    there = [file for file in files if file.modified_s is not None]
    names = (
        there[0].path.name if len(there) == 1 else f"{len(there)} files ({there[0].path.name} to {there[-1].path.name})"
    )
    ways = ", or ".join(f"{one.options} if {one.text}" for one in alternatives)
    return AmbiguousPairingError(
        f"{len(plan.here)} scan positions and {sum(file.frames for file in files)} frames in {names} can meet in "
        f"more than one way: give {ways}",
        alternatives,
    )


def pair(files: Sequence[RawFile], of: np.ndarray, point: np.ndarray, now_s: float | None = None) -> Pairing:
    """Find the frame of each position, and leave out positions and frames that have no partner.

    Args:
        files: the raw files, without gaps; index 0 is that of line 0.
        of: int (positions,), index of each position's file, such as its line; may go beyond the end of `files`.
        point: int (positions,), place of its frame in that file.
        now_s: the present, in seconds since 1970, to tell files that are still being written.

    Raises:
        DataError: (nearly) no position has a frame, or files hold more than a line; the message says what was
            expected and what is there.
    """
    of, point = np.asarray(of, np.int64), np.asarray(point, np.int64)
    counts = np.array([file.frames for file in files], np.int64)
    first_rows = np.array([file.first_row for file in files], np.int64)
    inside = np.minimum(of, len(files) - 1)
    has = (of < len(files)) & (point >= 0) & (point < counts[inside])
    kept = np.flatnonzero(has)
    wanted = np.bincount(of, minlength=len(files))
    _check_plausible(files, wanted, len(of), len(kept))
    points = np.zeros_like(wanted)
    np.maximum.at(points, of, point + 1)
    notes = left_out_notes(files, wanted, points, time.time() if now_s is None else now_s)
    return Pairing(first_rows[inside[kept]] + point[kept], kept, notes, len(kept) == len(of))


def _check_plausible(files: Sequence[RawFile], wanted: np.ndarray, positions: int, kept: int) -> None:
    """Refuse what must be a mistake in the scan's dimensions or in the files' numbers.

    Raises:
        DataError: it is one.
    """
    counts, asked = np.array([file.frames for file in files]), wanted[: len(files)]
    good = [file.frames for file in files if file.frames]
    expected = f"frames for {positions} positions were expected, {wanted.max()} to a file"
    found = f"there are {sum(good)} frames, {usual_of(good)} to a file"
    if kept < max(1.0, _LEAST_PART * positions):
        raise DataError(f"{expected}, but {found}, so that only {kept} positions have a frame; {_WAY_OUT}")
    both = (counts > 0) & (asked > 0)
    if np.count_nonzero(both) > 1 and np.median(counts[both] / asked[both]) >= _MOST_TIMES:
        raise DataError(f"{expected}, but {found}: a file holds more than a line; {_WAY_OUT}")
