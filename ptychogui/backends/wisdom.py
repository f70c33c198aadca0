"""FFTW plans, measured once a machine and kept: the same plan, hence the same bits, in every later run."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyfftw

from ptychogui.paths import cache_folder

_DIRECTIONS = {"forward": "FFTW_FORWARD", "backward": "FFTW_BACKWARD"}
_THREADS = 1


def plan(array: np.ndarray, direction: str) -> pyfftw.FFTW:
    """Plan the in-place 2-D FFT over the last two axes of an array; its contents are kept.

    Args:
        array: complex64 (..., N, N), contiguous.
        direction: "forward" or "backward"; execute() normalises neither.
    """
    known = _known(array, direction)
    if known is not None:
        return known
    with _locked(cache_folder() / "fftw-wisdom") as path:
        if path.exists():
            pyfftw.import_wisdom((b"", path.read_bytes(), b""))
        known = _known(array, direction)
        if known is not None:
            return known
        kept = array.copy()
        try:
            return _plan(array, direction, "FFTW_MEASURE")
        finally:
            array[...] = kept
            _replace(path, pyfftw.export_wisdom()[1])


def _known(array: np.ndarray, direction: str) -> pyfftw.FFTW | None:
    """Return the plan if this process has wisdom about its shape."""
    try:
        return _plan(array, direction, "FFTW_WISDOM_ONLY")
    except RuntimeError:
        return None


def _plan(array: np.ndarray, direction: str, *flags: str) -> pyfftw.FFTW:
    axes = (array.ndim - 2, array.ndim - 1)
    return pyfftw.FFTW(array, array, axes=axes, direction=_DIRECTIONS[direction], flags=flags, threads=_THREADS)


@contextmanager
def _locked(path: Path) -> Iterator[Path]:
    """Keep other processes from measuring the same plan at the same time."""
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield path


def _replace(path: Path, content: bytes) -> None:
    fresh = path.with_suffix(f".{os.getpid()}")
    fresh.write_bytes(content)
    fresh.replace(path)
