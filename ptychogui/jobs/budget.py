"""Memory, asked for before it is used."""

from __future__ import annotations

import numpy as np
import psutil

from ptychogui.backends.base import Backend
from ptychogui.engines import memory_needed
from ptychogui.errors import MemoryBudgetError

_READING_BYTES = 100_000_000
"""Chunks of frames while they are prepared, and the result while it is written."""

_SHRINK = "crop the patterns (--size), use fewer probe modes, another device, or end other programs"
_CHECK_SCALE = "the object is large for so few patterns: check the unit of the positions, the energy and the distance"


def check_memory(
    positions: int,
    n: int,
    modes: int,
    object_shape: tuple[int, int],
    sub_pixel: bool,
    backend: Backend,
    scale: str = "",
) -> None:
    """Refuse a job that does not fit in the free memory of the computer and of its device.

    Args:
        positions: number of scan positions.
        n: rows and columns of a pattern.
        modes: probe modes.
        object_shape: rows and columns of the object.
        sub_pixel: whether the probe is shifted to sub-pixel positions.
        backend: the open device.
        scale: what sets the size of the object, in words.

    Raises:
        MemoryBudgetError: it does not fit; the message has the numbers and ways out.
    """
    on_device = memory_needed(positions, n, modes, object_shape, sub_pixel, backend)
    on_host = _host_bytes(positions, n, modes, object_shape)
    rows, columns = object_shape
    size = f"{positions} patterns of {n} x {n} pixels, {modes} probe modes and an object of {rows} x {columns}"
    large_object = rows * columns > positions * n * n
    facts = f"{size}; {_CHECK_SCALE} ({scale})" if large_object else f"{size}; {_SHRINK}"
    if backend.xp is np:
        frames = 4 * positions * n * n  # the engine works on the very array that was read
        _check("this computer's memory", on_device + on_host - frames, backend.memory_free_bytes(), facts)
        return
    _check("this computer's memory", on_host, int(psutil.virtual_memory().available), facts)
    _check(f"the memory of {backend.name}", on_device, backend.memory_free_bytes(), facts)


def _host_bytes(positions: int, n: int, modes: int, object_shape: tuple[int, int]) -> int:
    """Bytes of a job besides its engine: frames as float32, first guess, estimate and result as complex64."""
    return 4 * positions * n * n + 3 * 8 * (object_shape[0] * object_shape[1] + modes * n * n) + _READING_BYTES


def _check(where: str, needed: int, free: int, facts: str) -> None:
    if needed > free:
        raise MemoryBudgetError(
            f"the job needs {needed / 1e9:.2f} GB of {where}, of which {free / 1e9:.2f} GB are free, for {facts}"
        )
