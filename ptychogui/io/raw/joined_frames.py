"""Frames of several raw files as one stack: each file is open only while its frames are read."""

from __future__ import annotations

import bisect
import contextlib
import logging
import os
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ptychogui.errors import DataError
from ptychogui.io.dataset import RawFile
from ptychogui.io.fingerprint import looked_at
from ptychogui.io.raw.stack import Stack, open_stack
from ptychogui.io.raw.virtual_datasets import LostParts
from ptychogui.io.read_options import ReadOptions

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PartFile:
    """One of the files: where, its number in the series, how to read it, and how many of its frames count (None: all).

    `problem` says why it can't be read, `note` what else is to be said of it.
    """

    path: Path
    number: int
    options: ReadOptions
    most_frames: int | None = None
    problem: str = ""
    note: str = ""


@dataclass(frozen=True)
class _PartContent:
    """What a part was found to hold."""

    part: PartFile
    shape: tuple[int, int, int] = (0, 0, 0)
    dtype: np.dtype | None = None
    problem: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    lost: LostParts | None = None
    notes: tuple[str, ...] = ()

    @property
    def kind(self) -> tuple[int, int, np.dtype]:
        assert self.dtype is not None
        return *self.shape[1:], self.dtype


class JoinedFrames:
    """The frames of several files, one file after the other; see `dataset.Frames`.

    As many files are open at a time as threads read, or fewer.

    Attributes:
        lost: what files lack that are virtual datasets themselves, or None.
        notes: what was noticed in the files, each with its name.
    """

    def __init__(
        self, parts: Sequence[PartFile], files: Sequence[RawFile], size: tuple[int, int], dtype: np.dtype
    ) -> None:
        self.shape = (sum(file.frames for file in files), *size)
        self.dtype = dtype
        self._parts, self._files = parts, files
        self._edges = [*(file.first_row for file in files), self.shape[0]]
        self._turn = threading.Lock()
        self._open: dict[int, Stack] = {}
        self._read_by: dict[int, int] = {}  # thread -> file
        self._closed = False
        self.lost: LostParts | None = None
        self.notes: tuple[str, ...] = ()

    def read(self, rows: Sequence[int] | np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Return the frames at these (increasing) rows of the stack; in `out`, if it is given.

        Raises:
            DataError: it is closed, or a file has changed or is damaged.
        """
        rows = np.asarray(rows, dtype=np.int64)
        if self._closed:
            raise DataError(f"the files of {self._parts[0].path.parent} are closed; open them again to read frames")
        frames = np.empty((len(rows), *self.shape[1:]), self.dtype) if out is None else out
        start = 0
        while start < len(rows):
            file = bisect.bisect_right(self._edges, rows[start]) - 1
            stop = int(np.searchsorted(rows, self._edges[file + 1]))
            self._read_file(file, rows[start:stop] - self._edges[file], frames[start:stop])
            start = stop
        return frames

    def close(self) -> None:
        """Close the files that are open."""
        self._closed = True
        while self._open:
            self._open.popitem()[1].close()

    def _read_file(self, number: int, rows: np.ndarray, out: np.ndarray) -> None:
        frames = self._stack(number).frames
        if rows[-1] >= frames.shape[0] or (*frames.shape[1:], frames.dtype) != (*self.shape[1:], self.dtype):
            raise DataError(f"{self._parts[number].path} has changed since it was opened; open the scan again")
        frames.read(rows, out)

    def _stack(self, number: int) -> Stack:
        """Return an open file; those that no thread reads any more are closed."""
        me = threading.get_ident()
        mine = self._open.get(number) if self._read_by.get(me) == number else None
        if mine is not None:
            return mine
        with self._turn:
            self._read_by[me] = number
            for left in self._open.keys() - self._read_by.values():
                self._open.pop(left).close()
            if number not in self._open:
                self._open[number] = open_stack(self._parts[number].path, self._parts[number].options)
            return self._open[number]


def join(parts: Iterable[PartFile]) -> tuple[JoinedFrames, tuple[RawFile, ...], dict[str, str]]:
    """Look into each file and make one stack of those that can be read.

    Frames that most files have decide on size and type; a file with others has a problem.

    Returns:
        the frames, each file as it was found, and facts worth showing.

    Raises:
        DataError: no file can be read; the message is that of the first.
    """
    parts = tuple(parts)
    found = [_content_of(part) for part in parts]
    kinds = Counter(seen.kind for seen in found if not seen.problem)
    if not kinds:
        raise DataError(found[0].problem)
    kind = kinds.most_common(1)[0][0]
    files, row = [], 0
    for seen in (_compared(seen, kind) for seen in found):
        frames = 0 if seen.problem else seen.shape[0]
        files.append(RawFile(seen.part.path, seen.part.number, row, frames, seen.problem, _modified_s(seen.part.path)))
        row += frames
    facts = next(dict(seen.facts) for seen in found if not seen.problem)
    joined = JoinedFrames(parts, files, kind[:2], kind[2])
    held = [seen for seen, file in zip(found, files, strict=True) if file.frames]
    joined.lost = _lost(held, kind[:2])
    joined.notes = tuple(f"{seen.part.path.name}: {note}" for seen in held for note in seen.notes)
    return joined, tuple(files), facts


def rejoin(parts: Sequence[PartFile], files: Sequence[RawFile]) -> Stack:
    """Return the frames of files that were joined before, without a look into each of them.

    Raises:
        DataError: none of them can be opened.
    """
    place, file = next((place, file) for place, file in enumerate(files) if file.frames)
    first = open_stack(file.path, parts[place].options)
    first.close()
    frames = JoinedFrames(parts, files, first.frames.shape[1:], first.frames.dtype)
    return Stack(frames, close=frames.close)


def _lost(found: list[_PartContent], size: tuple[int, int]) -> LostParts | None:
    """Join what files lack."""
    if all(seen.lost is None for seen in found):
        return None
    frames = [np.zeros(seen.shape[0], np.bool_) if seen.lost is None else seen.lost.frames for seen in found]
    kept = [lost[: seen.shape[0]] for lost, seen in zip(frames, found, strict=True)]
    pixels, notes = np.zeros(size, np.bool_), list[str]()
    for lost in (seen.lost for seen in found if seen.lost is not None):
        pixels |= lost.pixels
        notes += lost.notes
    return LostParts(np.concatenate(kept), pixels, tuple(notes))


def _content_of(part: PartFile) -> _PartContent:
    looked_at(part.path)
    if part.problem or not os.path.exists(part.path):
        return _PartContent(part, problem=part.problem or f"there is no file {part.path.name}")
    try:
        stack = open_stack(part.path, part.options)
    except DataError as error:
        _log.debug("a raw file is left out: %s", error)
        return _PartContent(part, problem=str(error).replace(str(part.path), part.path.name))
    frames, rows, columns = stack.frames.shape
    stack.close()
    kept = frames if part.most_frames is None else min(frames, part.most_frames)
    facts = tuple(stack.facts.items())
    return _PartContent(
        part, (kept, rows, columns), stack.frames.dtype, facts=facts, lost=stack.lost, notes=stack.notes
    )


def _compared(seen: _PartContent, kind: tuple[int, int, np.dtype]) -> _PartContent:
    """Give a file whose frames are not like the others' a problem."""
    if seen.problem or seen.kind == kind:
        return seen
    has, other = (f"{rows} x {columns} {dtype}" for rows, columns, dtype in (seen.kind, kind))
    return replace(seen, problem=f"{seen.part.path.name} holds frames of {has}, not {other} as most files")


def _modified_s(path: Path) -> float | None:
    with contextlib.suppress(OSError):
        return path.stat().st_mtime
    return None
