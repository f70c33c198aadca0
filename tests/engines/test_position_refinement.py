"""Refined positions: their least squares against dense algebra, and against simulated truth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ptychogui.backends import Backend, open_backend
from ptychogui.engines import Problem, create_engine
from ptychogui.engines.lsqml import LSQML
from ptychogui.errors import ParameterError
from ptychogui.physics.modes import add_modes
from ptychogui.physics.simulation import SimulatedScan, simulate
from tests.engines.scans import SMALL, TINY, problem_of
from tests.engines.test_lsqml import FIRST_DAMPING, asked_for, error_against_truth, run
from tests.engines.textbook import PRIOR_PX, Group, real_least_squares

CELLS = replace(SMALL, phantom="cells")
"""A sample with structure everywhere: where there is none, no position can be found."""

FLOOR = 0.5 / PRIOR_PX**2


@pytest.fixture
def cpu() -> Iterator[Backend]:
    """The compiled kernels on two threads."""
    with open_backend("cpu", threads=2) as opened:
        yield opened


def free(**values: Any) -> dict[str, Any]:
    """Return settings by which positions move as their least squares say, but for the mean shift."""
    return {"position_correction": "1", "position_freedom": "all", "position_limit_px": 16, **values}


def dense_shifts(group: Group, steps: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Fit shifts, and steps unless these are given as 0, to a group's exit waves by dense real least squares.

    The prior of the shifts is further rows of the system.

    Returns:
        steps (2,) and shifts (positions, 2).
    """
    count, slopes = len(group.windows), group.slopes()
    alone = [np.where(np.arange(count)[:, None, None, None] == i, slope, 0) for i in range(count) for slope in slopes]
    columns = [*(group.columns() if steps is None else ()), *alone]
    first = len(columns) - 2 * count
    prior = np.sqrt(FLOOR) * np.eye(len(columns))[:, first:]
    with_prior = [np.concatenate([column.ravel(), rows]) for column, rows in zip(columns, prior, strict=True)]
    found = real_least_squares(with_prior, np.concatenate([group.chi.ravel(), np.zeros(2 * count)]))
    return (found[:first] if steps is None else steps), found[first:].reshape(-1, 2)


def all_at_once(problem: Problem, **values: Any) -> dict[str, Any]:
    """Return settings by which all positions are one group."""
    return free(batch_size=len(problem.patterns), **values)


@pytest.mark.parametrize("modes", [1, 3])
@pytest.mark.parametrize("coupled", [False, True])
def test_shifts_are_those_of_dense_least_squares(cpu: Backend, modes: int, coupled: bool) -> None:
    scan = simulate(replace(TINY, integer_positions=True, photons=1e5, scan_dims=(3, 3)))
    problem = problem_of(scan, add_modes(scan.probe, modes, 0.2))
    asked = asked_for(**all_at_once(problem, position_coupled=coupled))
    engine = create_engine(problem, asked, cpu)
    before = engine.positions_px()
    engine.step()
    members = np.arange(len(problem.patterns))
    group = Group(problem, members, problem.object, problem.probe, asked, FIRST_DAMPING, modes)
    steps, shifts = dense_shifts(group, None if coupled else np.zeros(2))
    moved = engine.positions_px() - before
    assert abs(shifts).max() > 0.05
    assert abs(moved - (shifts - shifts.mean(axis=0))).max() < 1e-3 * abs(shifts).max()
    if coupled:
        obj, probe = group.moved(steps)
        assert abs(engine.estimate().object - obj).max() < 3e-4
        assert abs(engine.estimate().probe - probe).max() < 3e-4 * abs(probe).max()


def test_coupled_shifts_leave_what_the_steps_explain(cpu: Backend) -> None:
    """At true positions, and before the object is found, what is amiss is the object's."""
    problem = problem_of(simulate(replace(CELLS, integer_positions=True)))

    def moved(coupled: bool) -> float:
        engine, _ = run(problem, cpu, 1, **all_at_once(problem, position_coupled=coupled))
        return float(abs(engine.positions_px() - problem.geometry.corners).mean())

    assert moved(coupled=True) < 0.9 * moved(coupled=False)


def test_coupling_that_would_never_be_is_refused(cpu: Backend) -> None:
    problem = problem_of(simulate(TINY))
    asked = asked_for(position_correction="1", position_coupled=True, batch_growth=False, batch_size=5)
    with pytest.raises(ParameterError, match="position_coupled needs groups of half of the scan, 12 positions"):
        create_engine(problem, asked, cpu)
    with pytest.raises(ParameterError, match="no effect on positions that are never refined"):
        create_engine(problem, asked_for(position_coupled=True), cpu)


def test_windows_at_the_rim_are_refused_where_positions_move(cpu: Backend) -> None:
    scan = simulate(TINY)
    problem = problem_of(scan)
    geometry = problem.geometry
    tight = replace(geometry, corners=geometry.corners - geometry.corners.min(axis=0))
    at_the_rim = replace(problem, geometry=tight)
    with pytest.raises(ValueError, match="need a pixel of the object around their windows"):
        create_engine(at_the_rim, asked_for(**free()), cpu)
    create_engine(at_the_rim, asked_for(position_correction="never"), cpu).step()


def distances_px(engine: LSQML, problem: Problem, scan: SimulatedScan) -> np.ndarray:
    """Return how far positions are from the true ones, without what all have in common."""
    n = problem.geometry.window_px
    found = engine.positions_px() + n // 2 + problem.geometry.origin_px
    off = found - scan.true_positions_m / scan.object_pixel_m
    return np.asarray(np.hypot(*(off - off.mean(axis=0)).T))


def affine_part(moves: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return the scale, rotation and shear (2, 2) that moves hold."""
    centered = places - places.mean(axis=0)
    return np.asarray(np.linalg.lstsq(centered, moves - moves.mean(axis=0), rcond=None)[0])


def less_affine(moves: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return moves without their mean, scale, rotation and shear."""
    centered = places - places.mean(axis=0)
    return np.asarray(moves - moves.mean(axis=0) - centered @ affine_part(moves, places))


@pytest.mark.parametrize("coupled", [False, True])
def test_random_errors_are_found(cpu: Backend, coupled: bool) -> None:
    scan = simulate(replace(CELLS, position_error_m=1.5 * CELLS.object_pixel_m))
    problem = problem_of(scan)
    engine, errors = run(problem, cpu, 80, position_correction="5", position_coupled=coupled)
    places = scan.true_positions_m / scan.object_pixel_m
    found = engine.positions_px() + problem.geometry.origin_px
    off = np.hypot(*less_affine(found - places, places).T)
    told = np.hypot(*less_affine(scan.positions_m / scan.object_pixel_m - places, places).T)
    assert np.median(told) > 1.4
    assert np.median(off) < 0.06
    assert off.max() < 0.3
    assert errors[-1] < 1.1


def test_the_object_hardly_suffers_from_errors_that_are_found(cpu: Backend) -> None:
    right, wrong = (simulate(replace(CELLS, position_error_m=px * CELLS.object_pixel_m)) for px in (0.0, 1.5))
    least, refined, kept = (
        object_error(cpu, scan, schedule) for scan, schedule in ((right, "never"), (wrong, "5"), (wrong, "never"))
    )
    assert refined < 2 * least
    assert kept > 5 * least


def object_error(backend: Backend, scan: SimulatedScan, schedule: str) -> float:
    """Return the object's relative error after 80 iterations."""
    problem = problem_of(scan)
    return error_against_truth(run(problem, backend, 80, position_correction=schedule)[0], problem, scan)


def stretched(scan: SimulatedScan, scale: float, turn_rad: float) -> SimulatedScan:
    """Return the scan with positions that are told scaled and turned about their center."""
    matrix = scale * np.array([[np.cos(turn_rad), np.sin(turn_rad)], [-np.sin(turn_rad), np.cos(turn_rad)]])
    center = scan.positions_m.mean(axis=0)
    return replace(scan, positions_m=(scan.positions_m - center) @ matrix + center)


@pytest.mark.parametrize("freedom", ["affine", "all"])
def test_a_wrong_scale_and_rotation_of_the_scan_are_found(cpu: Backend, freedom: str) -> None:
    """That is slow in small groups: object and probe follow a wrong scale for long."""
    scan = stretched(simulate(CELLS), 1.02, 0.02)
    problem = problem_of(scan)
    together = {"batch_size": len(problem.patterns), "position_coupled": True}
    engine, _ = run(problem, cpu, 150, position_correction="5", position_freedom=freedom, **together)
    off = distances_px(engine, problem, scan)
    before = np.hypot(*((scan.positions_m - scan.true_positions_m) / scan.object_pixel_m).T)
    assert np.median(before) > 0.5
    assert np.median(off) < 0.2 * np.median(before)


@pytest.mark.parametrize("freedom", ["local", "affine"])
def test_positions_keep_to_their_freedom(cpu: Backend, freedom: str) -> None:
    scan = stretched(simulate(replace(CELLS, position_error_m=0.5 * CELLS.object_pixel_m)), 1.02, 0.02)
    problem = problem_of(scan)
    engine, _ = run(problem, cpu, 12, position_correction="2", position_freedom=freedom)
    places = problem.geometry.positions_px
    moved = engine.positions_px() - (problem.geometry.corners + problem.geometry.fractions)
    assert abs(moved).max() > 0.1
    assert abs(moved.mean(axis=0)).max() < 1e-3
    kept = affine_part(moved, places) * np.ptp(places) if freedom == "local" else less_affine(moved, places)
    assert abs(kept).max() < 5e-3


def test_no_position_moves_farther_than_the_limit(cpu: Backend) -> None:
    problem = problem_of(simulate(replace(CELLS, position_error_m=1.5 * CELLS.object_pixel_m)))
    engine, _ = run(problem, cpu, 1, **free(position_limit_px=0.05))
    moved = engine.positions_px() - (problem.geometry.corners + problem.geometry.fractions)
    assert 0.05 <= abs(moved).max() < 0.1 + 1e-5  # the mean of all moves is taken off


def test_nearest_positions_move_by_whole_pixels_of_the_window(cpu: Backend) -> None:
    scan = simulate(replace(CELLS, position_error_m=2 * CELLS.object_pixel_m, integer_positions=True))
    problem = problem_of(scan)
    engine, _ = run(problem, cpu, 60, position_correction="5", sub_pixel="nearest")
    assert np.median(distances_px(engine, problem, scan)) < 0.6


def test_positions_stay_where_they_are_told_outside_their_schedule(cpu: Backend) -> None:
    problem = problem_of(simulate(replace(CELLS, position_error_m=CELLS.object_pixel_m)))
    told = problem.geometry.corners + problem.geometry.fractions
    engine = create_engine(problem, asked_for(position_correction="3:4", iterations=6), cpu)
    moved = []
    for _ in range(6):
        before = engine.positions_px()
        engine.step()
        moved.append(bool(abs(engine.positions_px() - before).max() > 0))
    assert abs(told - told.round()).max() > 0.1
    assert moved == [False, False, True, True, False, False]
