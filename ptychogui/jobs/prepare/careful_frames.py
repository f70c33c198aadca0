"""Frames that a job reads with care: given up when it is stopped, and empty where they are damaged."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np

from ptychogui.errors import DataError
from ptychogui.io.dataset import Frames, RawFile
from ptychogui.jobs.job import Control
from ptychogui.physics.frames import FrameSource

_log = logging.getLogger(__name__)

_READ_AT_ONCE = 8
"""Frames between two questions whether the job was stopped."""

_MOST_DAMAGED, _MOST_FILES, _MOST_OF_ALL = 0.1, 2, 0.5
"""What may be damaged of a scan: such a part of its frames; or so many whole files, if they are fewer than half of all.
With more, something else is wrong."""


class StoppedEarlyError(Exception):
    """The job was stopped before its first iteration."""


def give_up_if_stopped(control: Control) -> None:
    """Raise StoppedEarlyError where a job was told to stop."""
    if control.end_asked:
        raise StoppedEarlyError


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
            give_up_if_stopped(self._control)
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
        if self._control.end_asked:
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
