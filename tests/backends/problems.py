"""Small reconstructions whose sizes matter and whose values don't."""

from __future__ import annotations

import numpy as np

from ptychogui.engines import Problem
from ptychogui.physics.scan import place_windows


def narrow_beam(n: int, side: int, step_px: float) -> Problem:
    """Return a scan of side x side positions whose narrow probe has two modes, so that groups form; 5 % is free."""
    rng = np.random.default_rng(1)
    grid = np.stack(np.meshgrid(np.arange(side), np.arange(side), indexing="ij"), axis=-1).reshape(-1, 2) * step_px
    geometry = place_windows(grid + rng.uniform(-0.5, 0.5, grid.shape), n)
    radius = np.hypot(*(np.mgrid[:n, :n] - n // 2))
    probe = 20 * np.exp(-((radius / 2) ** 2)) * np.exp(1j * rng.uniform(-1, 1, (2, n, n)))
    counts = rng.poisson(4.0, (len(grid), n, n))
    patterns = np.where(rng.random(counts.shape) < 0.05, -1, np.sqrt(counts)).astype(np.float32)
    start = np.exp(0.1j * rng.standard_normal(geometry.object_shape))
    return Problem(patterns, geometry, probe.astype(np.complex64), start.astype(np.complex64))
