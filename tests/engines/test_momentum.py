"""Momentum that needs leave: its formula in double precision, its gate, and what it does for LSQML."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from ptychogui.backends import Backend, open_backend
from ptychogui.engines.gated_momentum import Gate, GatedMomentum
from ptychogui.physics.simulation import simulate
from tests.engines.scans import SMALL, problem_of
from tests.engines.test_lsqml import error_against_truth, run

GAIN = 0.5


@pytest.fixture
def cpu() -> Iterator[Backend]:
    """The compiled kernels on two threads."""
    with open_backend("cpu", threads=2) as opened:
        yield opened


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Return Re <one, other> over both lengths."""
    return float(np.vdot(one, other).real / np.linalg.norm(one) / np.linalg.norm(other))


def textbook(updates: list[np.ndarray], misfits: list[float], weight: np.ndarray) -> list[np.ndarray]:
    """Return what momentum adds after each update, by polynomial fit and norms."""
    velocity, added = np.zeros_like(updates[0]), []
    for k, update in enumerate(updates):
        add = np.zeros_like(update)
        if k >= 2:
            agreed = [correlation(update, updates[k - back]) for back in (1, 2)]
            if min(agreed) > 0 and misfits[k - 2] > misfits[k - 1] > misfits[k]:
                slope = np.polyfit([0, 1, 2], [0, *np.log(agreed)], 1)[0]
                velocity = (1 - 0.5 * max(-slope, 0)) * velocity + update
                add = GAIN * weight * velocity
            else:
                velocity = velocity / 2
        added.append(add)
    return added


def added_by(backend: Backend, updates: list[np.ndarray], misfits: list[float], weight: np.ndarray) -> list[np.ndarray]:
    """Return what the engine's momentum adds after each update."""
    values = np.zeros(updates[0].shape, np.complex64)
    gate, momentum, added = Gate(backend), GatedMomentum(values, GAIN, backend), []
    for update, misfit in zip(updates, misfits, strict=True):
        values += update
        before = values.copy()
        gate.take(np.float64(misfit))
        momentum.step(gate, len(values), weight)
        added.append(values - before)
    return added


def drift(seed: int, wander: float, count: int = 8) -> list[np.ndarray]:
    """Return updates that have a direction in common, and each some of its own."""
    rng = np.random.default_rng(seed)
    draw = rng.standard_normal((count + 1, 9, 7, 2)) @ [1, 1j]
    return [(draw[0] + wander * one).astype(np.complex64) for one in draw[1:]]


@pytest.mark.parametrize("wander", [0.3, 1.0, 4.0])
def test_it_is_its_formula(cpu: Backend, wander: float) -> None:
    updates, weight = drift(1, wander), np.random.default_rng(2).uniform(0, 1, (9, 7)).astype(np.float32)
    misfits = [9.0, 8.0, 7.0, 6.0, 6.5, 5.0, 4.0, 3.0]
    for got, wanted in zip(added_by(cpu, updates, misfits, weight), textbook(updates, misfits, weight), strict=True):
        assert abs(got - wanted).max() < 1e-5


def test_it_adds_nothing_while_the_error_rises_or_updates_disagree(cpu: Backend) -> None:
    ones, weight = drift(1, 0.1), np.ones((9, 7), np.float32)
    rising = added_by(cpu, ones, [float(k) for k in range(8)], weight)
    turning = added_by(cpu, [(-1) ** k * one for k, one in enumerate(ones)], [float(-k) for k in range(8)], weight)
    assert all((added == 0).all() for added in (*rising, *turning))


def test_it_moves_only_what_is_learned(cpu: Backend) -> None:
    values = np.zeros((2, 4, 4), np.complex64)
    gate, momentum = Gate(cpu), GatedMomentum(values, GAIN, cpu)
    for k in range(4):
        values += 1
        gate.take(np.float64(-k))
        momentum.step(gate, 1)
    assert (values[0].real > 4).all()
    assert (values[1] == 4).all()


def test_it_helps_where_all_positions_move_together(cpu: Backend) -> None:
    scan = simulate(SMALL)
    problem = problem_of(scan)
    together = {"batch_size": len(problem.patterns)}
    plain, fast = (
        error_against_truth(run(problem, cpu, 60, momentum=gain, **together)[0], problem, scan) for gain in (0, GAIN)
    )
    assert fast < 0.8 * plain


def test_it_does_no_harm_to_growing_groups(cpu: Backend) -> None:
    scan = simulate(replace(SMALL, photons=1e5))
    problem = problem_of(scan)
    plain, fast = (error_against_truth(run(problem, cpu, 60, momentum=gain)[0], problem, scan) for gain in (0, GAIN))
    assert fast < 1.05 * plain
