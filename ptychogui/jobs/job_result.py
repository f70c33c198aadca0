"""The result of a job: what its file holds, put together of what was prepared and what the engines have found."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import numpy as np

from ptychogui.engines.base import Estimate
from ptychogui.io.result import Result
from ptychogui.jobs.engine_chain import EngineChain
from ptychogui.jobs.job import Job
from ptychogui.jobs.prepare.prepared_job import PreparedJob
from ptychogui.jobs.provenance import now, versions
from ptychogui.params.storage import to_json
from ptychogui.physics.probe_variation import ProbeVariation


def result_of(job: Job, prepared: PreparedJob, chain: EngineChain, estimate: Estimate, **facts: Any) -> Result:
    """Return the result as it stands.

    Args:
        job: that was done.
        prepared: what the engines started on.
        chain: of the engines.
        estimate: theirs.
        facts: what only the run knows, by the names that Result has for it.
    """
    experiment, variation = prepared.parameters.experiment, estimate.variation or ProbeVariation()
    assert experiment.energy_eV is not None and experiment.distance_m is not None
    return Result(
        object=estimate.object,
        probe=estimate.probe,
        object_pixel_m=chain.pixel_m,
        positions_m=chain.positions_m(),
        energy_eV=experiment.energy_eV,
        distance_m=experiment.distance_m,
        object_origin_m=chain.origin_m,
        detector_pixel_m=experiment.detector_pixel_m,
        frame_indices=prepared.frame_rows,
        parameters=to_json(prepared.parameters, job.origins),
        errors=np.array(chain.errors),
        free_errors=np.array(chain.free_errors),
        versions=versions(),
        command=job.command,
        finished=now(),
        title=job.title,
        components=variation.components,
        coefficients=variation.coefficients,
        intensities=variation.intensities,
        noise_model=prepared.noise_model_used,
        sweep="" if job.sweep is None else json.dumps(asdict(job.sweep), default=str),
        orientation=prepared.orientation,
        stxm=prepared.survey.stxm,
        dpc_px=prepared.survey.dpc_px,
        mean_pattern=prepared.survey.mean,
        **facts,
    )
