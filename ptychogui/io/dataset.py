"""A scan as its reader opened it: lazy frames, positions, and values with the place they came from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import numpy as np

from ptychogui.errors import AmbiguousPairingError, DataError
from ptychogui.io.fingerprint import Fingerprint
from ptychogui.io.read_options import ReadOptions

MIRRORED = "mirrored by the preset"
"""Fact of a scan: which axes of its positions a beamline's preset turns round."""


class Frames(Protocol):
    """Diffraction patterns that stay on disk until asked for."""

    shape: tuple[int, int, int]
    """(frames, rows, columns)."""
    dtype: np.dtype

    def read(self, rows: Sequence[int] | np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Return the frames at these (increasing) rows of the stack, in the file's dtype; on any thread.

        `out` is memory for them that may be used, and given back.
        """


class OpenFrames(Protocol):
    """Frames whose file is open, and what closes it."""

    @property
    def frames(self) -> Frames:
        """The frames."""

    @property
    def close(self) -> Callable[[], None]:
        """Closes the file."""


class _AwayFrames:
    """Frames whose file is closed: what is known of them."""

    def __init__(self, frames: Frames) -> None:
        self.shape, self.dtype = frames.shape, frames.dtype

    def read(self, rows: Sequence[int] | np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Refuse.

        Raises:
            DataError: always.
        """
        raise DataError("the scan is closed; open it again to read frames")


@dataclass(frozen=True)
class Value:
    """A parameter's value as a file gives it, and where: "/entry_1/instrument_1/source_1/energy"."""

    value: Any
    place: str


@dataclass(frozen=True)
class RawFile:
    """One of the raw files that hold a scan's frames, there or not.

    Attributes:
        path: the file.
        number: its number in the series.
        first_row: row of its first frame in the stack of all frames.
        frames: how many of its frames are in that stack; 0 where there is a problem.
        problem: why it gives no frames, in words that name it: "there is no file scan012_0018.h5".
        modified_s: when it was last changed, in seconds since 1970; None where it is not there.
    """

    path: Path
    number: int
    first_row: int
    frames: int
    problem: str = ""
    modified_s: float | None = None


@dataclass(frozen=True)
class Dataset:
    """An opened scan. A context manager: leaving it closes the file.

    Attributes:
        path: the file it was read from.
        format: the reader's name, such as "CXI".
        frames: the diffraction patterns, lazy.
        frame_rows: int64 (positions,), the row in `frames` of each position's pattern, paired by index.
        positions_m: float64 (positions, 2), row and column of the probe on the object in metres.
        values: parameter path -> Value, for what the file knows ("experiment.energy_eV": ...).
        bad_pixels: bool (rows, columns), True where the detector's pixel must not be used, or None.
        bad_if_inverted: bool (rows, columns), the bad pixels if the mask is not 0 on good ones; None for all others.
        probe: complex64 (modes, N, N) of a first probe, or None.
        notes: what the reader noticed and repaired ("3 frames have no position and are left out").
        facts: other things worth showing (title, date), text by name.
        positions_problem: why the positions that the file has can't be used; `positions_m` is None then, and
            `frame_rows` are all frames.
        ambiguity: positions that the scan has can meet its frames in several ways; `positions_m` is None then, and
            `frame_rows` are all frames.
        files: the raw files that hold the frames, in order of number and without gaps, where there can be several;
            those that are missing or can't be read are there with their problem. See `pairing`.
        lost_frames: bool (frames,), True where a part of a virtual dataset is missing, so that there is no such frame,
            and no position may have it; None where all are there.
        is_series: whether `files` are known by their numbers alone, so that there may have been more of them.
        is_whole: whether each of the scan's own positions has a frame; waiting for files ends then.
        in_memory: whether there is no file, and `path` is but a name.
        options: what the reader was told besides the path.
        reopen: opens the frames again, once they are closed; can be pickled. None where that can't be done.
        seen: what the reader looked at.
    """

    path: Path
    format: str
    frames: Frames
    frame_rows: np.ndarray
    positions_m: np.ndarray | None
    values: Mapping[str, Value] = field(default_factory=dict)
    bad_pixels: np.ndarray | None = None
    bad_if_inverted: np.ndarray | None = None
    probe: np.ndarray | None = None
    notes: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    positions_problem: str = ""
    ambiguity: AmbiguousPairingError | None = None
    files: tuple[RawFile, ...] = ()
    lost_frames: np.ndarray | None = None
    is_series: bool = False
    is_whole: bool = True
    in_memory: bool = False
    options: ReadOptions = field(default_factory=ReadOptions)
    reopen: Callable[[], OpenFrames] | None = None
    seen: Fingerprint = field(default_factory=Fingerprint)
    closer: Any = None

    def __enter__(self) -> Dataset:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; frames can't be read any more."""
        if self.closer is not None:
            self.closer()

    @property
    def is_current(self) -> bool:
        """Whether all that the reader looked at is still as it was, so that nothing but the frames needs opening."""
        return self.reopen is not None and self.seen.is_current()

    def without_frames(self) -> Dataset:
        """Return what is known of the scan, without an open file: it can be kept, and sent to another process."""
        return replace(self, frames=_AwayFrames(self.frames), closer=None)

    def with_frames(self) -> Dataset:
        """Return the scan with its frames, open again.

        Raises:
            DataError: they can't be opened any more.
        """
        assert self.reopen is not None, "only a scan in files can be opened again"
        opened = self.reopen()
        return replace(self, frames=opened.frames, closer=opened.close)
