"""Second tries: what a job takes over from the checkpoint that it left when it lost its device."""

from __future__ import annotations

import numpy as np

from ptychogui.engines.base import Estimate, Problem
from ptychogui.errors import DataError
from ptychogui.io.result import Result, read_result
from ptychogui.jobs.checkpoints.standing import Standing
from ptychogui.jobs.job import Job
from ptychogui.jobs.stages import total_iterations
from ptychogui.params.reconstruction import Reconstruction
from ptychogui.physics.probe_variation import ProbeVariation
from ptychogui.physics.scan import ScanGeometry, coarser, move_windows

_UNMOVED_PX = 1e-4
"""Devices keep positions in float32; a refined scan has moved farther."""


def checkpoint_of(job: Job) -> Result | None:
    """Return what the first try of a job left; None where it left nothing, or there was none.

    Raises:
        DataError: the checkpoint can't be read.
    """
    first = job.first_try
    return None if first is None or first.checkpoint is None else read_result(first.checkpoint)


def standing_of(checkpoint: Result, problem: Problem, settings: Reconstruction) -> Standing:
    """Return where a checkpoint stands.

    Args:
        checkpoint: of the same job.
        problem: the job's, with whole patterns and the first guesses.
        settings: the job's.

    Raises:
        DataError: the checkpoint does not fit the job, such as one whose scan has changed.
    """
    iteration, crop = len(checkpoint.errors), round(checkpoint.object_pixel_m / problem.object_pixel_m)
    n = problem.geometry.window_px
    fits = crop > 0 and n % crop == 0 and 0 < iteration < total_iterations(settings)
    geometry = coarser(problem.geometry, crop) if fits else problem.geometry
    wanted = geometry.object_shape, (len(problem.probe), geometry.window_px, geometry.window_px), geometry.corners.shape
    if not fits or wanted != (checkpoint.object.shape, checkpoint.probe.shape, checkpoint.positions_m.shape):
        raise DataError("the checkpoint does not fit the job any more: start the job again")
    moved = _moved(checkpoint, geometry) * crop
    whole = move_windows(problem.geometry, moved) if moved.any() else problem.geometry
    return Standing(iteration, crop, _estimate(checkpoint), whole)


def _moved(checkpoint: Result, geometry: ScanGeometry) -> np.ndarray:
    """Return how far refinement had moved the windows, float64 (positions, 2) in pixels of the checkpoint.

    An engine that shifts no probe by parts of a pixel says whole positions: that is no refinement.
    """
    first_px = checkpoint.positions_m / checkpoint.object_pixel_m - geometry.window_px // 2 - geometry.origin_px
    ways = [np.asarray(first_px - geometry.corners - part) for part in (geometry.fractions, 0.0)]
    is_unmoved = any(np.abs(way).max() < _UNMOVED_PX for way in ways)
    return np.zeros_like(first_px) if is_unmoved else ways[0]


def _estimate(checkpoint: Result) -> Estimate:
    varying = checkpoint.components, checkpoint.coefficients, checkpoint.intensities
    variation = None if all(part is None for part in varying) else ProbeVariation(*varying)
    return Estimate(checkpoint.object, checkpoint.probe, variation)
