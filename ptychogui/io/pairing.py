"""Which frame belongs to which position: by the file and the place in it, never by counting on past a gap.

A position has a file (its line, as a rule) and a point in that file; a frame has the number of its file and its place
in it. Where a frame is missing its position is left out; no other pair moves.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ptychogui.errors import DataError
from ptychogui.io.dataset import RawFile
from ptychogui.io.repairs import repair_notes

_LEAST_PART = 0.1
"""Of the positions that must have a frame; with less, the scan or its files are not what they are said to be."""

_MOST_TIMES = 2
"""As many frames in (most) files as positions show that a file is no line."""

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


def assign(
    files: Sequence[RawFile], positions: int, line_points: int | None = None, per_file: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Say in which file, and where in it, the frame of each position of a scan is.

    Args:
        files: the raw files, without gaps.
        positions: how many there are, in the order in which they were measured.
        line_points: positions on a line, if known.
        per_file: frames that were meant to be in each file, if known.

    Returns:
        int64 (positions,) index into `files`, which may go beyond its end, and int64 (positions,) place in the file.

    Raises:
        DataError: nothing tells which frames belong to which positions.
    """
    counts = np.array([file.frames for file in files])
    if (
        per_file is None
        and line_points is None
        and counts.sum() == positions
        and not any(file.problem for file in files)
    ):
        index = np.arange(positions)
        of = np.repeat(np.arange(len(files)), counts)
        return of, index - np.repeat(np.cumsum(counts) - counts, counts)
    size = per_file or _frames_of_a_file(files, positions, line_points)
    of, point = np.divmod(np.arange(positions), size)
    return of, point


def _frames_of_a_file(files: Sequence[RawFile], positions: int, line_points: int | None) -> int:
    """Deduce how many positions a file is for, from its line or from what most files hold."""
    counts = [file.frames for file in files if not file.problem]
    usual = _usual(counts)
    needed = -(-positions // max(usual, 1))
    is_whole = sum(counts) == positions and len(counts) == len(files) == needed
    if len(files) == 1 and line_points != positions and usual != line_points:
        return positions
    if line_points is not None:
        return usual if usual == 1 or (is_whole and set(counts[:-1]) == {usual}) else line_points
    if usual and positions % usual == 0 and len(files) <= needed:
        return usual
    raise DataError(
        f"{positions} scan positions and {sum(counts)} frames in {len(counts)} files of mostly {usual}: nothing tells "
        "which belong together; give --scan-dims (a file holds a line) or --patterns-per-file"
    )


def pair(files: Sequence[RawFile], of: np.ndarray, point: np.ndarray, now_s: float | None = None) -> Pairing:
    """Find the frame of each position, and leave out positions and frames that have no partner.

    Args:
        files: the raw files, without gaps; index 0 is that of line 0.
        of: int (positions,), index of each position's file, such as its line; may go beyond the end of `files`.
        point: int (positions,), place of its frame in that file.
        now_s: the present, in seconds since 1970, to tell files that are still being written.

    Raises:
        DataError: (nearly) no position has a frame, or files are numbered in another way; the message says what was
            expected and what is there.
    """
    of, point = np.asarray(of, np.int64), np.asarray(point, np.int64)
    counts = np.array([file.frames for file in files], np.int64)
    first_rows = np.array([file.first_row for file in files], np.int64)
    inside = np.minimum(of, len(files) - 1)
    has = (of < len(files)) & (point < counts[inside])
    kept = np.flatnonzero(has)
    wanted = np.bincount(of, minlength=len(files))
    _check_plausible(files, wanted, len(of), len(kept))
    notes = repair_notes(files, wanted, time.time() if now_s is None else now_s)
    return Pairing(first_rows[inside[kept]] + point[kept], kept, notes, len(kept) == len(of))


def _check_plausible(files: Sequence[RawFile], wanted: np.ndarray, positions: int, kept: int) -> None:
    """Refuse what must be a mistake in the scan's dimensions or in the files' numbers.

    Raises:
        DataError: it is one.
    """
    counts, asked = np.array([file.frames for file in files]), wanted[: len(files)]
    good = [file.frames for file in files if file.frames]
    expected = f"{positions} positions in {np.count_nonzero(wanted)} files of {wanted.max()} were expected"
    found = f"{sum(good)} frames in {len(good)} files of {_usual(good)} are there"
    leading = next((line for line, file in enumerate(files) if file.modified_s is not None), 0)
    if leading and np.count_nonzero(asked == 0) >= leading:
        first = files[leading]
        raise DataError(
            f"{expected}, the first of them {files[0].path.name}, but those that are there are {first.path.name} to "
            f"{files[-1].path.name}; give --first-file {first.number}"
        )
    if kept < max(1.0, _LEAST_PART * positions):
        raise DataError(f"{expected}, but {found}, so that only {kept} positions have a frame; {_WAY_OUT}")
    both = (counts > 0) & (asked > 0)
    if np.count_nonzero(both) > 1 and np.median(counts[both] / asked[both]) >= _MOST_TIMES:
        raise DataError(f"{expected}, but {found}: a file holds more than a line; {_WAY_OUT}")


def _usual(counts: Sequence[int]) -> int:
    """Return the commonest number; 0 of none."""
    return Counter(counts).most_common(1)[0][0] if counts else 0
