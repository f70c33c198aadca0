"""Doubts that a run tells before it spends time on a scan, by preflight's checks, and what makes it refuse."""

from __future__ import annotations

import logging
from dataclasses import replace

from ptychogui.errors import DataError
from ptychogui.io.dataset import Dataset
from ptychogui.jobs.job import Control, Job
from ptychogui.jobs.preflight import check_opened
from ptychogui.jobs.preflight.findings import Level
from ptychogui.jobs.prepare.careful_frames import StoppableFrames

_log = logging.getLogger(__name__)


def doubts_of(job: Job, dataset: Dataset, control: Control) -> tuple[str, ...]:
    """Look at a few frames of an open scan, and say all that gives reason to doubt it, a sentence each.

    What a run notes anyway is not repeated; memory and time are left to `preflight`.

    Raises:
        StoppedEarlyError: the job was stopped meanwhile.
        PtychoError: nothing can come of the job; or, where it is strict, a finding says 'stop'.
    """
    findings = check_opened(job, replace(dataset, frames=StoppableFrames(dataset.frames, control)))
    stops = [finding for finding in findings if finding.level is Level.STOP]
    for finding in stops:
        if finding.error is not None:
            others = "; ".join(other.text for other in stops if other.error is None)
            is_plain = type(finding.error) is DataError
            raise DataError(f"{finding.error}; also: {others}") if others and is_plain else finding.error
    if stops and job.parameters.preprocessing.strict:
        raise DataError(f"refused, as --strict asks: {'; '.join(finding.text for finding in stops)}")
    doubted = (finding for finding in findings if finding.level in (Level.LOOK, Level.STOP))
    doubts = tuple(finding.text for finding in doubted if not finding.is_noted)
    for doubt in doubts:
        _log.info("%s: %s", job.title, doubt)
    return doubts
