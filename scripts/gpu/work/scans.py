"""Simulated scans that a GPU is tried on."""

from __future__ import annotations

import numpy as np

from ptychogui.engines import Problem
from ptychogui.physics.pattern_storage import compact
from ptychogui.physics.simulation import Recipe, simulate


def problem(n: int, side: int, modes: int) -> Problem:
    """Return a scan of side x side positions with patterns of n x n, its true probe and an object with some speckle.

    An empty object would leave far-field pixels that are zero but for rounding, and their phases to chance.
    """
    recipe = Recipe(
        n=n, scan_dims=(side, side), scan="fly", probe="gaussian", probe_diameter_m=n / 4 * Recipe(n=n).object_pixel_m,
        overlap=0.7, mode_fractions=(1.0, *[0.2] * (modes - 1)),
    )  # fmt: skip
    scan = simulate(recipe)
    amplitudes = np.sqrt(np.fft.ifftshift(scan.counts, axes=(1, 2)), dtype=np.float32)
    speckle = np.random.default_rng(0).standard_normal(scan.object.shape)
    return Problem(compact(amplitudes), scan.geometry, scan.probe, np.exp(0.3j * speckle).astype(np.complex64))
