"""Notes on positions and frames that pairing had to leave out: counted, and named file by file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from ptychogui.io.dataset import RawFile
from ptychogui.io.notes import Note
from ptychogui.texts import counted

_NAMED = 4
"""Files named one by one in notes of a kind; more are summed up."""

_FRESH_S = 10.0
"""Since its last change a file may still be being written."""


def left_out_notes(
    files: Sequence[RawFile], wanted: np.ndarray, points: np.ndarray, now_s: float
) -> tuple[str, ...]:  # fmt: skip
    """Say what was left out.

    Args:
        files: the raw files, without gaps; the line of a file is its index.
        wanted: int (lines,), positions on each line; not fewer lines than files.
        points: int (lines,), frames that each line's file must have for its last position; more than `wanted` where
            points of the line are no positions.
        now_s: the present, in seconds since 1970.
    """
    counts = np.array([file.frames for file in files])
    asked, points = wanted[: len(files)], points[: len(files)]
    gone = np.array([bool(file.problem) for file in files])
    return (
        *_absent(files, np.flatnonzero(gone & (asked > 0)), asked),
        *_beyond(files, wanted[len(files) :]),
        *_short(files, np.flatnonzero(~gone & (counts < points)), points, now_s),
        *_surplus(files, np.flatnonzero((counts > points) & (asked > 0)), points),
        *idle_notes(files, np.flatnonzero((counts > 0) & (asked == 0))),
    )


def _absent(files: Sequence[RawFile], lines: np.ndarray, wanted: np.ndarray) -> Iterator[str]:
    def tell(line: int) -> str:
        text = f"line {line + 1}: {files[line].problem}; its {_are(wanted[line], 'position')} left out"
        return Note(text, files[line].path)

    def sum_up(rest: np.ndarray) -> str:
        lost = _are(wanted[rest].sum(), "position")
        return f"{_numbers(files, rest)} are missing or can't be read as well; their {lost} left out"

    return _told(lines, tell, sum_up)


def _beyond(files: Sequence[RawFile], wanted: np.ndarray) -> Iterator[str]:
    """Tell of lines after the last file."""
    if wanted.any():
        first, last = len(files) + 1, len(files) + len(wanted)
        lines = f"line {first}" if first == last else f"lines {first} to {last}"
        yield f"{lines}: there is no file after {files[-1].path.name}; {_are(wanted.sum(), 'position')} left out"


def _short(files: Sequence[RawFile], lines: np.ndarray, wanted: np.ndarray, now_s: float) -> Iterator[str]:
    def lost(line: int) -> int:
        return int(wanted[line]) - files[line].frames

    def tell(line: int) -> str:
        file = files[line]
        fresh = file.modified_s is not None and 0 <= now_s - file.modified_s < _FRESH_S
        maybe = f", changed {now_s - (file.modified_s or 0):.0f} s ago and maybe still being written," if fresh else ""
        return (
            f"line {line + 1}: {file.path.name}{maybe} holds {file.frames} frames for {wanted[line]} positions; the "
            f"last {_are(lost(line), 'position')} left out"
        )

    def sum_up(rest: np.ndarray) -> str:
        total = _are(sum(map(lost, rest)), "position")
        return f"{_numbers(files, rest)} hold too few frames as well; the last {total} left out, each on its line"

    return _told(lines, tell, sum_up)


def _surplus(files: Sequence[RawFile], lines: np.ndarray, wanted: np.ndarray) -> Iterator[str]:
    def extra(line: int) -> int:
        return files[line].frames - int(wanted[line])

    def tell(line: int) -> str:
        file = files[line]
        return (
            f"line {line + 1}: {file.path.name} holds {file.frames} frames for {wanted[line]} positions; the "
            f"last {_are(extra(line), 'frame')} left out"
        )

    def sum_up(rest: np.ndarray) -> str:
        total = _are(sum(map(extra, rest)), "frame")
        return f"{_numbers(files, rest)} hold too many frames as well; the last {total} left out, each on its line"

    return _told(lines, tell, sum_up)


def idle_notes(files: Sequence[RawFile], lines: np.ndarray) -> Iterator[str]:
    """Tell of files without positions.

    Args:
        files: the raw files.
        lines: int, indices of some; those that are not there are no matter.
    """
    lines = np.array([line for line in lines if files[line].modified_s is not None], int)
    if len(lines):
        verb = "belongs" if len(lines) == 1 else "belong"
        yield f"{_numbers(files, lines)} {verb} to no line of the scan and {_be(len(lines))} left out"


def _told(lines: np.ndarray, tell: Callable[[int], str], sum_up: Callable[[np.ndarray], str]) -> Iterator[str]:
    """Tell of each line, or of the first ones and then of all others together."""
    named = lines if len(lines) <= _NAMED + 1 else lines[:_NAMED]
    yield from map(tell, named.tolist())
    if len(named) < len(lines):
        yield sum_up(lines[len(named) :])


def _numbers(files: Sequence[RawFile], lines: np.ndarray) -> str:
    """Name files by their numbers: "3 files (number 1-2, 7)"."""
    numbers = np.array([files[line].number for line in lines])
    runs = np.split(numbers, np.flatnonzero(np.diff(numbers) != 1) + 1)
    text = ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs)
    return f"{counted(len(numbers), 'file')} (number {text})"


def _are(number: int, noun: str) -> str:
    return f"{counted(number, noun)} {_be(number)}"


def _be(number: int) -> str:
    return "is" if number == 1 else "are"
