"""The check that a job fits in the memory of the computer and of its device, before any of it is used."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import psutil

from ptychogui.backends.base import Backend
from ptychogui.engines import Extent, memory_needed
from ptychogui.engines.resident_patterns import memory_streamed, resident_patterns
from ptychogui.errors import MemoryBudgetError
from ptychogui.jobs.stages import PlannedStage, planned_stages
from ptychogui.params.chain import ENGINE_TITLES
from ptychogui.params.reconstruction import Reconstruction

_READING_BYTES = 100_000_000
"""Chunks of frames while they are prepared, and the result while it is written."""

_ESTIMATES = 5
"""Objects and probes on the host: the first, the stage's first, the last good one, the present one, the result's."""

_SHRINK = "crop the patterns (--size), use fewer probe modes, another device, or end other programs"
_CHECK_SCALE = "the object is large for so few patterns: check the unit of the positions, the energy and the distance"


def check_memory(extent: Extent, settings: Reconstruction, backend: Backend, scale: str = "") -> tuple[str, ...]:
    """Refuse a job that does not fit in the free memory of the computer and of its device.

    Args:
        extent: of the job with whole patterns.
        settings: of the job.
        backend: the open device.
        scale: what sets the size of the object, in words.

    Returns:
        What is worth knowing about the memory, a sentence each.

    Raises:
        MemoryBudgetError: a stage does not fit; the message has the numbers and ways out.
    """
    notes = (_check_stage(stage, extent, settings, backend, scale) for stage in planned_stages(settings))
    return tuple(note for note in notes if note)


def _check_stage(stage: PlannedStage, whole: Extent, settings: Reconstruction, backend: Backend, scale: str) -> str:
    extent = _cropped(whole, stage.crop)
    on_device = memory_needed(stage.engine, extent, stage.settings(settings), backend)
    of_scan = extent.frame_bytes + extent.held_out_bytes
    on_host = _host_bytes(whole, settings) + (of_scan if stage.crop > 1 else 0)
    facts = f"{ENGINE_TITLES[stage.engine]} on {_facts(extent, scale)}"
    if backend.xp is np:
        # the engine works on the very patterns that are on the host
        _check("this computer's memory", on_device + on_host - of_scan, backend.memory_free_bytes(), facts)
        return ""
    asked = (stage.engine, extent, stage.settings(settings), backend)
    resident = resident_patterns(*asked)
    on_device = memory_streamed(*asked, resident)
    locked = (extent.positions - resident) * extent.one_pattern_bytes
    _check("this computer's memory", on_host + locked, int(psutil.virtual_memory().available), facts)
    _check(f"the memory of {backend.name}", on_device, backend.memory_free_bytes(), facts)
    return _streaming_note(stage, extent, resident, backend) if locked else ""


def _streaming_note(stage: PlannedStage, extent: Extent, resident: int, backend: Backend) -> str:
    return (
        f"{backend.name} holds {resident} of the {extent.positions} patterns ({extent.frame_bytes / 1e9:.2f} GB); "
        f"each iteration of {ENGINE_TITLES[stage.engine]} reads the others from this computer's memory"
    )


def _cropped(extent: Extent, crop: int) -> Extent:
    rows, columns = extent.object_shape
    held_out = -(-extent.held_out // crop**2)
    return replace(extent, n=extent.n // crop, object_shape=(rows // crop, columns // crop), held_out=held_out)


def _facts(extent: Extent, scale: str) -> str:
    """Say what the memory is for, and what can be done about it."""
    rows, columns = extent.object_shape
    size = (
        f"{extent.positions} patterns of {extent.n} x {extent.n} pixels, {extent.modes} probe modes and an object of "
        f"{rows} x {columns}"
    )
    large_object = rows * columns > extent.positions * extent.n**2
    return f"{size}; {_CHECK_SCALE} ({scale})" if large_object else f"{size}; {_SHRINK}"


def _host_bytes(extent: Extent, settings: Reconstruction) -> int:
    """Bytes of a job besides its engine: patterns, estimates, and what reading and writing take."""
    components = settings.components * extent.probe_bytes // extent.modes
    estimate = extent.object_bytes + extent.probe_bytes + components
    return extent.frame_bytes + extent.held_out_bytes + _ESTIMATES * estimate + _READING_BYTES


def _check(where: str, needed: int, free: int, facts: str) -> None:
    if needed > free:
        raise MemoryBudgetError(
            f"the job needs {needed / 1e9:.2f} GB of {where}, of which {free / 1e9:.2f} GB are free, for {facts}"
        )
