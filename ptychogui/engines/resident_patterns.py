"""How many patterns stay on a device, and what memory an engine takes there if not all do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ptychogui.backends.base import Array, Backend
from ptychogui.engines.base import Problem
from ptychogui.engines.device_patterns import DevicePatterns
from ptychogui.engines.memory import Extent, memory_needed
from ptychogui.params.reconstruction import Reconstruction

_SPARE = 0.1
"""Part of a device's free memory that patterns are kept out of: for what the estimates miss."""


def resident_patterns(engine: str, extent: Extent, settings: Reconstruction, backend: Backend) -> int:
    """Return how many patterns there is room for on the device, beside all else and the ring that the others need.

    All of them, where they fit, where the device is the host, or where the ring would be as large.
    """
    ring = 2 * _batch(extent, backend)
    if backend.xp is np or ring >= extent.positions:
        return extent.positions
    rest = memory_needed(engine, extent, settings, backend) - extent.frame_bytes
    room = int((1 - _SPARE) * backend.memory_free_bytes()) - rest
    if extent.frame_bytes <= room:
        return extent.positions
    return max(0, room // extent.one_pattern_bytes - ring)


def memory_streamed(engine: str, extent: Extent, settings: Reconstruction, backend: Backend, resident: int) -> int:
    """Estimate the bytes that one stage allocates on the backend if only so many patterns stay there."""
    slots = resident if resident == extent.positions else resident + 2 * _batch(extent, backend)
    rest = memory_needed(engine, extent, settings, backend) - extent.frame_bytes
    return rest + slots * extent.one_pattern_bytes


def bring_patterns(
    problem: Problem, order: Array, sub_pixel: bool, settings: Reconstruction, backend: Backend
) -> DevicePatterns:
    """Bring as many patterns to the device as there is room for once an engine has all else that it needs.

    Args:
        problem: what the engine is made for; it allocates nothing large before this.
        order: int32 (positions,) on the device, in which an iteration visits the positions.
        sub_pixel: whether the engine shifts the probe.
        settings: of the stage.
        backend: the device.
    """
    extent = replace(Extent.of(problem, settings), sub_pixel=sub_pixel)
    resident = resident_patterns(settings.engine, extent, settings, backend)
    return DevicePatterns(problem.patterns, order, resident, _batch(extent, backend), backend)


def _batch(extent: Extent, backend: Backend) -> int:
    """Return the most positions of a batch: an engine that holds more of each than this has smaller ones."""
    return backend.batch_size(extent.probe_bytes * (2 if extent.sub_pixel else 1))
