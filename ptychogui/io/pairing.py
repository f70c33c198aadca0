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

_MOST_SPARE = 10
"""A line's file may lack, or have too many, a frame or such a part of its points before it may be no line's."""

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


@dataclass(frozen=True)
class Assignment:
    """Where the frame of each position of a scan has to be.

    Attributes:
        of: int64 (positions,), index of its file; may go beyond the last file.
        point: int64 (positions,), place in that file.
        notes: what was concluded from the files, where nobody said it.
    """

    of: np.ndarray
    point: np.ndarray
    notes: tuple[str, ...] = ()


def assign(
    files: Sequence[RawFile], positions: int, dims: tuple[int, int] | None = None, per_file: int | None = None
) -> Assignment:
    """Say in which file, and where in it, the frame of each position of a scan is.

    Args:
        files: the raw files, without gaps.
        positions: how many there are, in the order in which they were measured.
        dims: lines and points of a line, if known; a file holds a line then.
        per_file: frames that were meant to be in each file, if known; goes before `dims`.

    Raises:
        DataError: nothing tells which frames belong to which positions.
    """
    counts = np.array([file.frames for file in files])
    is_whole = counts.sum() == positions and all(not file.problem for file in files)
    if per_file is None and dims is None and is_whole:
        before = np.cumsum(counts) - counts
        return Assignment(np.repeat(np.arange(len(files)), counts), np.arange(positions) - np.repeat(before, counts))
    size, notes = (per_file, ()) if per_file else _concluded(files, positions, dims, is_whole)
    return Assignment(*np.divmod(np.arange(positions), size), notes)


def _concluded(
    files: Sequence[RawFile], positions: int, dims: tuple[int, int] | None, is_whole: bool
) -> tuple[int, tuple[str, ...]]:
    """Conclude for how many positions a file is, from the scan's lines or from what most files hold."""
    counts = [file.frames for file in files if not file.problem]
    usual = _usual(counts)
    line = None if dims is None else dims[1]
    fits = len(files) <= -(-positions // max(usual, 1))
    if usual == line or (len(files) == 1 and fits):
        return (usual, ()) if usual == line else (positions, ())
    if dims is not None and dims == (usual, len(files)):
        raise DataError(
            f"{len(files)} files of {usual} frames are no scan of {dims[0]} lines of {dims[1]} points; if rows and "
            f"columns were exchanged give --scan-dims {dims[1]},{dims[0]}, if not --patterns-per-file {usual}"
        )
    if dims is None:
        counts_through = usual > 0 and fits and positions % usual == 0
    else:
        is_even = usual == 1 or (is_whole and fits and set(counts[:-1]) == {usual})
        counts_through = len(files) != dims[0] and (is_even or _goes_on_over_lines(files, usual, positions, dims))
    if counts_through:
        return usual, (f"each file is taken for {usual} position{'' if usual == 1 else 's'}, as most files hold",)
    if line is not None:
        return line, ()
    raise DataError(
        f"{positions} scan positions and {sum(counts)} frames in {len(counts)} files of mostly {usual}: nothing tells "
        "which belong together; give --scan-dims (a file holds a line) or --patterns-per-file"
    )


def _goes_on_over_lines(files: Sequence[RawFile], usual: int, positions: int, dims: tuple[int, int]) -> bool:
    """Whether files go on over the ends of lines, where some are missing and most hold much more or less than a line.

    Raises:
        DataError: it may be or not.
    """
    lines, line = dims
    fits = usual > 0 and len(files) <= -(-positions // usual)
    if not fits or abs(usual - line) <= max(1, line // _MOST_SPARE):
        return False
    is_even = positions % usual == 0 and all(file.frames == usual for file in files if not file.problem)
    if is_even and (usual > line or len(files) > lines):
        return True
    if is_even or usual > line:
        raise DataError(
            f"{len(files)} files of mostly {usual} frames may be some of {lines} lines of {line} points, or may hold "
            f"{usual} positions each: give --patterns-per-file {line} or {usual}"
        )
    return False


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
    points = np.zeros_like(wanted)
    np.maximum.at(points, of, point + 1)
    notes = repair_notes(files, wanted, points, time.time() if now_s is None else now_s)
    return Pairing(first_rows[inside[kept]] + point[kept], kept, notes, len(kept) == len(of))


def _check_plausible(files: Sequence[RawFile], wanted: np.ndarray, positions: int, kept: int) -> None:
    """Refuse what must be a mistake in the scan's dimensions or in the files' numbers.

    Raises:
        DataError: it is one.
    """
    counts, asked = np.array([file.frames for file in files]), wanted[: len(files)]
    good = [file.frames for file in files if file.frames]
    expected = f"frames for {positions} positions were expected, {wanted.max()} to a file"
    found = f"there are {sum(good)} frames, {_usual(good)} to a file"
    leading = next((line for line, file in enumerate(files) if file.modified_s is not None), 0)
    if leading and np.count_nonzero(asked == 0) >= leading:
        first = files[leading]
        raise DataError(
            f"{expected}, the first {files[0].path.name}, but the files that are there are {first.path.name} to "
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
