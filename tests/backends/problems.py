"""What tests of backends do on several of them: FFTs, and small reconstructions whose sizes matter."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import scipy.fft

from ptychogui.backends import Backend
from ptychogui.engines import Estimate, Problem, create_engine
from ptychogui.params.reconstruction import Reconstruction
from ptychogui.physics.held_out import hold_out
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


def held_out_of(problem: Problem, share: float = 0.05) -> Problem:
    """Hold pixels out of a copy of a problem's patterns."""
    patterns = problem.patterns.copy()
    return replace(problem, patterns=patterns, held_out=hold_out(patterns, np.arange(len(patterns)), share, 0))


def check_ffts(backend: Backend) -> None:
    """Check that FFTs are in place, not normalised, and of the slots that are asked for."""
    rng = np.random.default_rng(0)
    before = (rng.standard_normal((4, 2, 9, 9)) + 1j * rng.standard_normal((4, 2, 9, 9))).astype(np.complex64)
    array = backend.asarray(before)
    pair = backend.fft_pair(array)
    pair.forward(3)
    np.testing.assert_allclose(backend.to_numpy(array)[:3], scipy.fft.fft2(before[:3]), atol=1e-4)
    pair.inverse(3)
    np.testing.assert_allclose(backend.to_numpy(array)[:3], 81 * before[:3], atol=1e-3)
    assert np.array_equal(backend.to_numpy(array)[3], before[3])


_FIRST = {"engine": "epie", "noise_model": "gaussian", "update_probe": 1, "update_modes": 2}


def epie_settings(**values: Any) -> Reconstruction:
    """Return settings of ePIE by which probe and modes change from the start."""
    return Reconstruction.model_validate({**_FIRST, **values})


def reconstructed(backend: Backend, settings: Reconstruction) -> Estimate:
    """Return what three iterations on the narrow beam give."""
    engine = create_engine(narrow_beam(16, 4, 5.0), settings, backend)
    for _ in range(3):
        engine.step()
    return engine.estimate()


def raiser(error: Exception) -> Any:
    """Return a function that raises."""

    def fail(*_: object) -> None:
        raise error

    return fail
