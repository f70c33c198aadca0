"""Jobs that ran out of memory: how that is told of a child that was killed, and what is tried then."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ptychogui.jobs.job import Job
from ptychogui.jobs.processes.messages import INTERNAL, Failed
from ptychogui.params.chain import engines_of

_COUNTS = Path("/proc/vmstat")
_BATCH = "reconstruction.batch_size"
_USUAL_SIZE = 16
"""Positions that a group of ePIE may have even on small scans, where nobody says how many."""
_ENGINES_WITH_GROUPS = {"epie"}
"""Engines that take the less memory the smaller their groups are; that of the others does not depend on it."""


def kills_so_far() -> int:
    """Return how many processes the system has killed for want of memory; 0 where it does not say."""
    try:
        lines = _COUNTS.read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)


def is_out_of_memory(failed: Failed) -> bool:
    """Whether a job failed for want of memory, of the device or of the computer."""
    return failed.kind == "MemoryBudgetError" or (failed.kind == INTERNAL and "MemoryError:" in failed.message)


def with_smaller_batch(job: Job) -> Job:
    """Return a job that updates half as many positions together, where that saves memory; itself elsewhere."""
    settings = job.parameters.reconstruction
    if _ENGINES_WITH_GROUPS.isdisjoint(engines_of(settings.engine)):
        return job
    size = max(1, (settings.batch_size or _USUAL_SIZE) // 2)
    return replace(job, parameters=job.parameters.replace({_BATCH: size}))
