"""Waiting for raw files that a detector still writes, and reading what they hold in a way that can be stopped."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

import numpy as np

from ptychogui.errors import DataError
from ptychogui.io.dataset import Dataset, Frames, RawFile
from ptychogui.jobs.job import Control
from ptychogui.physics.frames import FrameSource

_log = logging.getLogger(__name__)

_LOOK_S = 1.0
"""Between two looks at the files."""

_ASK_S = 0.1
"""Between two questions whether the job was stopped."""

_READ_AT_ONCE = 8
"""Frames between two questions whether the job was stopped."""

_MOST_DAMAGED, _MOST_FILES, _MOST_OF_ALL = 0.1, 2, 0.5
"""What may be damaged of a scan: such a part of its frames; or so many whole files, if they are fewer than half of all.
With more, something else is wrong."""


class StoppedEarlyError(Exception):
    """The job was stopped before its first iteration."""


def open_settled(
    reopen: Callable[[], Dataset],
    is_whole: Callable[[Dataset], bool],
    limit_s: float,
    control: Control,
    clock_s: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[Dataset, tuple[str, ...]]:
    """Open a scan again and again until all its frames are there, or none of its files has changed for a while.

    Args:
        reopen: opens the scan as it is now.
        is_whole: whether it has all frames.
        limit_s: how long nothing must have changed for what is there to be taken.
        control: asked whether to give up, and told how far the files are.
        clock_s: the time; for tests.
        sleep: waits some seconds; for tests.

    Returns:
        the open scan, and what is to be said about the waiting.

    Raises:
        StoppedEarlyError: the job was stopped meanwhile.
        DataError: the scan still can't be opened in the end.
    """
    started_s = changed_s = clock_s()
    before: tuple[RawFile, ...] | None = ()
    said = ""
    while True:
        looked_s = clock_s()
        dataset, files, problem = _look(reopen)
        if dataset is not None and is_whole(dataset):
            return dataset, _waited(looked_s - started_s, "all frames were there")
        if files != before:
            before, changed_s = files, looked_s
        if clock_s() - changed_s >= limit_s:
            if dataset is None:
                assert problem is not None
                raise problem
            return dataset, _waited(looked_s - started_s, f"no file had changed for {limit_s:g} s")
        said = _said(control, dataset, limit_s, said)
        if dataset is not None:
            dataset.close()
        pause_s = max(_LOOK_S, 2 * (clock_s() - looked_s))
        for _ in range(max(1, round(pause_s / _ASK_S))):
            if control.stop_asked:
                raise StoppedEarlyError
            sleep(_ASK_S)


def _look(reopen: Callable[[], Dataset]) -> tuple[Dataset | None, tuple[RawFile, ...] | None, DataError | None]:
    try:
        dataset = reopen()
    except DataError as problem:
        _log.debug("can't be opened yet: %s", problem)
        return None, None, problem
    return dataset, dataset.files, None


def _said(control: Control, dataset: Dataset | None, limit_s: float, before: str) -> str:
    """Tell what is waited for, if that is not what was told before; return it."""
    there = "none can be read yet" if dataset is None else f"{len(dataset.frame_rows)} patterns so far"
    text = f"Waiting for raw files, {there}; it goes on when none has changed for {limit_s:g} s"
    if text != before:
        control.on_waiting(text)
    return text


def _waited(seconds: float, until: str) -> tuple[str, ...]:
    return (f"waited {seconds:.0f} s for raw files, until {until}",) if seconds >= _LOOK_S else ()


class StoppableFrames:
    """Frames that are read a few at a time, and given up in between when the job is stopped."""

    def __init__(self, frames: Frames, control: Control) -> None:
        self._frames, self._control = frames, control
        self.shape: tuple[int, int, int] = frames.shape
        self.dtype: np.dtype = frames.dtype

    def read(self, rows: Sequence[int] | np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Return the frames at these rows.

        Raises:
            StoppedEarlyError: the job was stopped.
        """
        read = []
        for start in range(0, len(rows), _READ_AT_ONCE):
            if self._control.stop_asked:
                raise StoppedEarlyError
            read.append(self._frames.read(rows[start : start + _READ_AT_ONCE]))
        return np.concatenate(read)


class CarefulFrames:
    """Raw frames that are given up between two reads when the job is stopped; damaged ones come out empty.

    Preprocessing leaves empty frames free, so that a few damaged ones cost no more than themselves.
    """

    def __init__(self, frames: FrameSource, control: Control, files: Sequence[RawFile] = ()) -> None:
        """Look after frames.

        Args:
            frames: as they are.
            control: asked before each read.
            files: that they are in.
        """
        self._frames, self._control = frames, control
        self.shape, self.dtype = frames.shape, frames.dtype
        self._damage: dict[int, str] = {}
        in_files = sum(sorted(file.frames for file in files)[-_MOST_FILES:]) if len(files) > 1 else 0
        self._most = max(_MOST_DAMAGED * self.shape[0], min(in_files, _MOST_OF_ALL * self.shape[0]))

    def read(self, rows: Sequence[int] | np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Return the frames at these rows.

        Raises:
            StoppedEarlyError: the job was stopped.
            DataError: too many frames are damaged.
        """
        if self._control.stop_asked:
            raise StoppedEarlyError
        try:
            return self._frames.read(rows, out)
        except DataError as error:
            _log.info("frames are read one by one: %s", error)
            return np.concatenate([self._read_one(int(row)) for row in rows])

    def notes(self) -> tuple[str, ...]:
        """Say which frames were damaged."""
        if not self._damage:
            return ()
        first = self._damage[min(self._damage)]
        return (f"damaged raw frames are left free: {len(self._damage)}, the first of them: {first}",)

    def _read_one(self, row: int) -> np.ndarray:
        try:
            return self._frames.read([row])
        except DataError as error:
            _log.info("frame %d is left free: %s", row, error)
            self._damage[row] = str(error)
            if len(self._damage) > self._most:
                raise
            return np.zeros((1, *self.shape[1:]), self.dtype)
