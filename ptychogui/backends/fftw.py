"""FFTW plans, measured once a machine and kept: the same plan, hence the same bits, in every later run.

pyFFTW brings the library and its wisdom; plans are made by FFTW's own interface, since a worker executes them by their
addresses, several in one call.
"""

from __future__ import annotations

import ctypes
import functools
import logging
import os
import threading
import weakref
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyfftw

from ptychogui.backends.locks import locked
from ptychogui.paths import cache_folder

_log = logging.getLogger(__name__)

_SIGNS = {"forward": -1, "backward": 1}
_MEASURE, _PATIENT, _WISDOM_ONLY = 0, 1 << 5, 1 << 21
"""FFTW's planner flags."""

_LARGEST_PATIENT = 512
"""Rows and columns up to which FFTW tries all it knows: 7 s for 512, half a minute for 1024."""

_planner = threading.RLock()
"""FFTW makes and destroys one plan at a time, and its wisdom is what it makes them by."""


class Plan:
    """One in-place 2-D FFT of a wave, which lives as long."""

    def __init__(self, address: int, wave: np.ndarray) -> None:
        """Take a plan of FFTW's by its address."""
        self.address, self._wave = address, wave
        weakref.finalize(self, _destroy, address).atexit = False

    def execute(self) -> None:
        """Transform; neither direction is normalised."""
        _fftw().fftwf_execute(self.address)


def execute_address() -> int:
    """Return the address of FFTW's execute, which takes a plan's."""
    address = ctypes.cast(_fftw().fftwf_execute, ctypes.c_void_p).value
    assert address is not None
    return address


def plan(wave: np.ndarray, direction: str) -> Plan:
    """Plan the in-place 2-D FFT of a wave; its contents are kept.

    Args:
        wave: complex64 (N, N), contiguous.
        direction: "forward" or "backward"; execute() normalises neither.
    """
    effort = _PATIENT if len(wave) <= _LARGEST_PATIENT else _MEASURE
    known = _plan(wave, direction, effort | _WISDOM_ONLY)
    if known is not None:
        return known
    path = cache_folder() / "fftw-wisdom"
    with _planner, locked(path.with_suffix(".lock")):
        if path.exists():
            pyfftw.import_wisdom((b"", path.read_bytes(), b""))
        known = _plan(wave, direction, effort | _WISDOM_ONLY)
        if known is not None:
            return known
        kept = wave.copy()
        try:
            _log.info("FFTW measures its %s plan of %s", direction, wave.shape)
            measured = _plan(wave, direction, effort)
            assert measured is not None
            return measured
        finally:
            wave[...] = kept
            _replace(path, pyfftw.export_wisdom()[1])


def _plan(wave: np.ndarray, direction: str, flags: int) -> Plan | None:
    """Ask FFTW for a plan; None where it has no wisdom about the shape and must not measure."""
    data = wave.ctypes.data
    with _planner:
        address = _fftw().fftwf_plan_dft_2d(*wave.shape, data, data, _SIGNS[direction], flags)
    return Plan(address, wave) if address else None


def _destroy(address: int) -> None:
    with _planner:
        _fftw().fftwf_destroy_plan(address)


@functools.cache
def _fftw() -> ctypes.CDLL:
    """Return the FFTW that pyFFTW has loaded."""
    library = ctypes.CDLL(pyfftw.pyfftw.__file__)
    pointer, whole = ctypes.c_void_p, ctypes.c_int
    library.fftwf_plan_dft_2d.argtypes = (whole, whole, pointer, pointer, whole, ctypes.c_uint)
    library.fftwf_plan_dft_2d.restype = pointer
    for function in (library.fftwf_execute, library.fftwf_destroy_plan):
        function.argtypes = (pointer,)
        function.restype = None
    return library


def _replace(path: Path, content: bytes) -> None:
    """Keep wisdom for later processes; where the disk has no room they measure anew."""
    fresh = path.with_suffix(f".{os.getpid()}")
    try:
        fresh.write_bytes(content)
        fresh.replace(path)
    except OSError as error:
        _log.info("the measured plans are not kept: %s", error)
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
