"""Waiting for raw files that a detector still writes."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from ptychogui.errors import DataError
from ptychogui.io.dataset import Dataset, RawFile
from ptychogui.jobs.job import Control
from ptychogui.jobs.prepare.careful_frames import StoppedEarlyError

_log = logging.getLogger(__name__)

_LOOK_S = 1.0
"""Between two looks at the files."""

_ASK_S = 0.1
"""Between two questions whether the job was stopped."""


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
    told: int | None = -1
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
        patterns = None if dataset is None else len(dataset.frame_rows)
        if patterns != told:
            control.on_waiting(_waiting_text(patterns, limit_s))
            told = patterns
        if dataset is not None:
            dataset.close()
        pause_s = max(_LOOK_S, 2 * (clock_s() - looked_s))
        for _ in range(max(1, round(pause_s / _ASK_S))):
            if control.end_asked:
                raise StoppedEarlyError
            sleep(_ASK_S)


def _look(reopen: Callable[[], Dataset]) -> tuple[Dataset | None, tuple[RawFile, ...] | None, DataError | None]:
    try:
        dataset = reopen()
    except DataError as problem:
        _log.debug("can't be opened yet: %s", problem)
        return None, None, problem
    return dataset, dataset.files, None


def _waiting_text(patterns: int | None, limit_s: float) -> str:
    """Say what is waited for, with so many patterns there; None where the scan can't be opened yet."""
    there = "none can be read yet" if patterns is None else f"{patterns} patterns so far"
    return f"Waiting for raw files, {there}; it goes on when none has changed for {limit_s:g} s"


def _waited(seconds: float, until: str) -> tuple[str, ...]:
    return (f"waited {seconds:.0f} s for raw files, until {until}",) if seconds >= _LOOK_S else ()
