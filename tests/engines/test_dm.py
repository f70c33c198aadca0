"""DM and RAAR against the textbook written out, against simulated truth, and against themselves on other threads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ptychogui.backends import Backend, open_backend
from ptychogui.engines import Problem, create_engine, spread
from ptychogui.engines.dm import DifferenceMap
from ptychogui.params.model import Reconstruction
from ptychogui.physics.compact import amplitudes_of
from ptychogui.physics.metrics import align
from ptychogui.physics.modes import add_modes
from ptychogui.physics.noise import expected_amplitude_variance
from ptychogui.physics.probe import gaussian, scale_to_counts, shift_probe
from ptychogui.physics.simulation import SimulatedScan, simulate
from tests.engines.scans import SMALL, TINY, errors_of, problem_of, settings

PLAIN: dict[str, Any] = {"engine": "dm", "orthogonalize_every": 99, "average_last": 0.0, "iterations": 9}


def made(problem: Problem, backend: Backend, **values: Any) -> DifferenceMap:
    """Make an engine that updates everything from the first iteration."""
    engine = create_engine(problem, settings(**{**PLAIN, **values}), backend)
    assert isinstance(engine, DifferenceMap)
    return engine


@pytest.fixture
def cpu() -> Iterator[Backend]:
    """The compiled kernels on two threads."""
    with open_backend("cpu", threads=2) as opened:
        yield opened


class Textbook:
    """The published iteration in double precision: exit waves in real space, one position after the other.

    The object is updated from every exit wave, then the probe; the object is the exact least squares. What the probe
    moves by divides by windows on whole pixels, so that with sub-pixel positions only its direction is textbook's.
    """

    def __init__(self, problem: Problem, asked: Reconstruction) -> None:
        self.object, self.probe = problem.object.astype(np.complex128), problem.probe.astype(np.complex128)
        self._asked, self._problem = asked, problem
        self._n = n = problem.probe.shape[-1]
        self._windows = [np.s_[row : row + n, column : column + n] for row, column in problem.geometry.corners]
        self._rests = problem.geometry.fractions * (asked.sub_pixel == "fourier")
        self.waves = self.products()
        light = len(self.waves) * (abs(self.probe) ** 2).sum() / self.object.size
        self._floor = asked.object_inertia * light

    def products(self) -> np.ndarray:
        """Return the exit waves of object and probe, (positions, modes, N, N)."""
        pairs = zip(self._rests, self._windows, strict=True)
        return np.stack([shift_probe(self.probe, rest) * self.object[window] for rest, window in pairs])

    def iterate(self) -> None:
        """psi = (1 - a - b) psi + a PO + b Pi_F(c PO + (1 - c) psi), and the object of these."""
        a, b, c = self._weights()
        products = self.products()
        reflected = self._with_modulus(c * products + (1 - c) * self.waves)
        self.waves = (1 - a - b) * self.waves + a * products + b * reflected
        self._solve_object()

    def _weights(self) -> tuple[float, float, float]:
        relaxation = self._asked.relaxation
        if self._asked.engine == "raar":
            beta = relaxation or 0.75
            return 1 - 2 * beta, beta, 2
        alpha = relaxation or 1
        return -alpha, 1, 1 + alpha

    def _with_modulus(self, waves: np.ndarray) -> np.ndarray:
        far = np.fft.fft2(waves, norm="ortho")
        for wave, pattern in zip(far, self._problem.patterns, strict=True):
            modulus, measured = np.sqrt((abs(wave) ** 2).sum(axis=0)), amplitudes_of(pattern).astype(np.float64)
            known = measured >= 0
            misfit = ((modulus - measured)[known] ** 2).sum()
            noise = expected_amplitude_variance((modulus**2 + measured**2)[known] / 2).sum()
            left = min(1.0, self._asked.power_bound * np.sqrt(noise / misfit))
            wave *= np.where(known, (measured + left * (modulus - measured)) / (modulus + 1e-9), 1)
        return np.asarray(np.fft.ifft2(far, norm="ortho"))

    def _solve_object(self) -> None:
        pull, light = self._floor * self.object, np.full(self.object.shape, self._floor)
        for wave, rest, window in zip(self.waves, self._rests, self._windows, strict=True):
            beam = shift_probe(self.probe, rest)
            pull[window] += (beam.conj() * wave).sum(axis=0)
            light[window] += (abs(beam) ** 2).sum(axis=0)
        self.object = pull / light


CASES: list[dict[str, Any]] = [
    {},
    {"sub_pixel": "nearest"},
    {"relaxation": 0.6},
    {"power_bound": 0.7},
    {"object_inertia": 0.1},
    {"engine": "raar"},
    {"engine": "raar", "relaxation": 0.9, "power_bound": 1.0, "sub_pixel": "nearest"},
]


@pytest.mark.parametrize("device", ["cpu", "numpy"])
@pytest.mark.parametrize("modes", [1, 3])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_iterations_are_the_textbook_for_a_known_probe(
    case: dict[str, Any], modes: int, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spread, "_WORTH_A_WORKER", 1)  # every block of rows goes to its own worker
    scan = simulate(replace(TINY, dead_pixels=9))
    problem = problem_of(scan, add_modes(scan.probe, modes))
    values = {"update_probe": "never", **case}
    textbook = Textbook(problem, settings(**{**PLAIN, **values}))
    with open_backend(device, threads=3) as backend:
        engine = made(problem, backend, **values)
        for _ in range(3):
            engine.step()
            textbook.iterate()
        estimate = engine.estimate()
    lit = abs(estimate.object) < 5  # the rim, hardly lit, amplifies rounding
    assert abs(estimate.object - textbook.object)[lit].max() < 2e-3
    assert lit.mean() > 0.9
