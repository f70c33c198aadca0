"""The trade on a lattice of positions: it changes no pattern, finds what it should, and keeps grids away."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ptychogui.backends import Backend, open_backend
from ptychogui.backends.cuda import CudaBackend
from ptychogui.engines import Problem, create_engine, lsqml, partition
from ptychogui.engines.constraints import TRADE_EVERY
from ptychogui.engines.lattice_trade import LatticeTrade, find_trade, lit_window
from ptychogui.engines.scan_arrays import ScanArrays
from ptychogui.physics.metrics import align
from ptychogui.physics.scan import illumination, place_windows
from ptychogui.physics.simulation import SimulatedScan, intensities, simulate
from tests.backends.fake_cupy import FakeMachine
from tests.backends.recording import record
from tests.engines.scans import SMALL, errors_of, problem_of, settings, true_object
from tests.engines.test_launches import cells

STEP_PX = 7.4
"""Of the scans here, which overlap by 70 %."""

RASTER = replace(SMALL, scan="raster", scan_dims=(12, 12), overlap=0.7, photons=1e6)


@pytest.fixture
def cpu() -> Iterator[Backend]:
    with open_backend("cpu", threads=2) as opened:
        yield opened


@pytest.fixture(scope="module")
def raster() -> SimulatedScan:
    return simulate(RASTER)


def exact(scan: SimulatedScan, step_px: float = STEP_PX) -> Problem:
    """Return the scan's beam on its sample, at positions on a lattice, object and probe the true ones."""
    rows, columns = np.mgrid[:12, :12].reshape(2, -1) * step_px
    geometry = place_windows(np.stack([rows, columns], axis=1), scan.recipe.n)
    obj = np.ascontiguousarray(scan.object[: geometry.object_shape[0], : geometry.object_shape[1]])
    assert obj.shape == geometry.object_shape
    return Problem(np.ones((144, 64, 64), np.float32), geometry, scan.probe, obj.astype(np.complex64))


def modulation(rows: np.ndarray, columns: np.ndarray, step_px: float = STEP_PX) -> np.ndarray:
    """Return a smooth function of the lattice's period, about 15 % deep."""
    one, other = np.exp(2j * np.pi * rows / step_px)[:, None], np.exp(2j * np.pi * columns / step_px)
    return np.asarray(np.exp(0.08 * one + 0.05j / other + 0.04j * one * other - 0.03 / one**2))


def trade_of(problem: Problem, backend: Backend, **values: Any) -> tuple[LatticeTrade | None, ScanArrays]:
    asked = settings(engine="lsqml", position_correction="never", **values)
    order = backend.asarray(np.arange(len(problem.patterns), dtype=np.int32))
    scan = ScanArrays.of(problem, order, asked, backend)
    return find_trade(problem, scan, asked, backend), scan


def traded(problem: Problem, backend: Backend) -> Problem:
    """Return the problem with what object and probe make of the trade."""
    trade, scan = trade_of(problem, backend)
    assert trade is not None
    probe = backend.asarray(problem.probe.copy())
    factors = trade.apply(probe)
    obj, probe = backend.to_numpy(scan.object), backend.to_numpy(probe)
    np.testing.assert_allclose(problem.object * backend.to_numpy(factors[0]), obj, atol=1e-5)
    np.testing.assert_allclose(problem.probe * backend.to_numpy(factors[1]), probe, atol=1e-5 * abs(probe).max())
    return replace(problem, object=obj, probe=probe)


def modulated(problem: Problem, step_px: float = STEP_PX) -> Problem:
    """Return the problem with its object multiplied by a function of the lattice's period, and its probe divided."""
    (height, width), n = problem.object.shape, problem.probe.shape[-1]
    corner = (problem.geometry.corners + problem.geometry.fractions)[0]
    rows, columns = np.arange(height), np.arange(width)
    obj = problem.object * modulation(rows - corner[0], columns - corner[1], step_px)
    probe = problem.probe / modulation(np.arange(n), np.arange(n), step_px)
    return replace(problem, object=obj.astype(np.complex64), probe=probe.astype(np.complex64))


def far_fields(problem: Problem) -> np.ndarray:
    return np.concatenate(list(intensities(problem.object, problem.probe, problem.geometry)))


def error_of(problem: Problem, truth: Problem) -> float:
    """Compare objects where there is light."""
    return align(problem.object, truth.object, lit_window(truth) > 0.5).error


@pytest.mark.parametrize(("step_px", "limit"), [(7.0, 1e-5), (STEP_PX, 0.02)])
def test_a_function_of_the_period_goes_from_the_object_to_the_probe_and_patterns_stay(
    raster: SimulatedScan, cpu: Backend, step_px: float, limit: float
) -> None:
    """To rounding on whole pixels; what shifts a probe by parts of pixels takes a window for periodic, and f is not."""
    truth = exact(raster, step_px)
    spoiled = modulated(truth, step_px)
    mended = traded(spoiled, cpu)
    assert error_of(spoiled, truth) > 0.1
    assert error_of(mended, truth) < 0.04
    before, after = far_fields(spoiled), far_fields(mended)
    assert abs(after - before).max() < limit * before.max()
    assert abs(far_fields(truth) - before).max() < limit * before.max(), "the data can't tell"


def test_an_object_without_a_grid_is_left_as_it_is(raster: SimulatedScan, cpu: Backend) -> None:
    truth = exact(raster)
    once = traded(truth, cpu)
    assert error_of(once, truth) < 0.04
    assert error_of(traded(once, cpu), once) < 0.01


def test_whole_pixels_and_any_number_of_threads(raster: SimulatedScan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partition, "_WORTH_A_WORKER", 1)
    whole = modulated(exact(raster, 7.0), 7.0)
    found = []
    for threads in (1, 3):
        with open_backend("cpu", threads=threads) as backend:
            found.append(traded(whole, backend))
    with open_backend("numpy") as twin:
        slow = traded(whole, twin)
    assert error_of(found[0], exact(raster, 7.0)) < 0.04
    assert found[0].object.tobytes() == found[1].object.tobytes()
    assert found[0].probe.tobytes() == found[1].probe.tobytes()
    assert abs(found[0].object - slow.object).max() < 1e-4


def test_the_probe_takes_the_phase_at_which_positions_stand_now(raster: SimulatedScan, cpu: Backend) -> None:
    problem = modulated(exact(raster, 7.0), 7.0)
    trade, scan = trade_of(problem, cpu)
    assert trade is not None

    def factors() -> list[np.ndarray]:
        scan.object[...] = problem.object
        return [factor.copy() for factor in trade.apply(problem.probe.copy())]

    first = factors()
    scan.corners[...] += 1
    second = factors()
    np.testing.assert_allclose(second[0], first[0], atol=1e-6)
    np.testing.assert_allclose(second[1][:-1, :-1], first[1][1:, 1:], atol=1e-4)
    scan.corners[...] += np.random.default_rng(2).integers(0, 7, scan.corners.shape, np.int32)
    for factor in factors():
        np.testing.assert_allclose(factor, 1, atol=1e-6, err_msg="positions are on no lattice any more")


def test_no_trade_without_a_lattice_or_where_one_of_both_is_given(raster: SimulatedScan, cpu: Backend) -> None:
    problem = exact(raster)
    jittered = problem.geometry.corners + np.random.default_rng(1).uniform(-2, 2, problem.geometry.corners.shape)
    elsewhere = replace(problem, geometry=place_windows(jittered, 64))
    assert trade_of(problem, cpu)[0] is not None
    assert trade_of(replace(elsewhere, object=np.ones(elsewhere.geometry.object_shape, np.complex64)), cpu)[0] is None
    for given in ({"update_probe": "never"}, {"update_object": "never"}, {"object_clamp": 1.2}):
        assert trade_of(problem, cpu, **given)[0] is None


def test_weights_are_1_in_the_middle_and_0_at_the_rim_of_what_is_lit(raster: SimulatedScan) -> None:
    problem = exact(raster)
    light = illumination((abs(problem.probe) ** 2).sum(axis=0), problem.geometry)
    weights = lit_window(problem)
    assert weights.shape == problem.object.shape
    assert not weights[light < 0.1 * light.max()].any()
    assert weights[tuple(side // 2 for side in weights.shape)] == 1
    assert abs(np.diff(weights, axis=0)).max() < 0.1
    wide = replace(problem.geometry, object_shape=(600, 700))
    coarse = lit_window(replace(problem, geometry=wide, object=np.ones((600, 700), np.complex64)))
    assert coarse.shape == (600, 700)
    assert not coarse[200:].any()
    assert coarse.max() == 1


def spike(problem: Problem, truth: Problem) -> float:
    """Return how far the strongest of the lattice's first waves stands out of what is wrong with the object."""
    found = align(problem.object, truth.object, lit_window(truth) > 0.5)
    window = lit_window(truth)
    wrong = np.where(window > 0, found.estimate - truth.object, 0) * window
    rows, columns = (np.arange(side) for side in wrong.shape)

    def height(row: float, column: float) -> float:
        wave = np.exp(-2j * np.pi * row * rows)[:, None] * np.exp(-2j * np.pi * column * columns)
        return float(abs((wrong * wave).sum()))

    step = 1 / SPACING_PX
    away = 3 / np.sqrt(window.sum())
    own = [height(*at) for at in ((step, 0.0), (0.0, step), (-step, 0.0), (0.0, -step))]
    beside = [height(step + a, b) for a in (-away, away) for b in (-away, away)]
    beside += [height(a, step + b) for a in (-away, away) for b in (-away, away)]
    return max(own) / float(np.mean(beside))


SPACING_PX = RASTER.step_m / RASTER.object_pixel_m


@pytest.mark.parametrize("engine", ["epie", "dm", "raar", "lsqml"])
def test_every_engine_trades(raster: SimulatedScan, cpu: Backend, engine: str) -> None:
    """From an object and a probe with the wrong f, which explain all patterns."""
    truth = exact(raster, 7.0)
    spoiled = replace(modulated(truth, 7.0), patterns=np.sqrt(far_fields(truth)))
    errors = []
    for iterations in (TRADE_EVERY - 1, TRADE_EVERY):
        made = create_engine(spoiled, settings(engine=engine, iterations=100), cpu)
        errors_of(made, iterations)
        errors.append(error_of(replace(spoiled, object=made.estimate().object), truth))
    assert errors[0] > 0.1
    assert errors[1] < 0.04


def test_a_raster_scan_gets_no_grid(raster: SimulatedScan, cpu: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    problem = problem_of(raster)
    truth = replace(problem, object=true_object(problem, raster))

    def grid() -> float:
        asked = settings(engine="lsqml", iterations=120, batch_size=5, batch_growth=False)
        made = create_engine(problem, asked, cpu)
        errors_of(made, 120)
        return spike(replace(problem, object=made.estimate().object), truth)

    with_trade = grid()
    monkeypatch.setattr(lsqml, "find_trade", lambda *_args: None)
    assert grid() > 5 * with_trade
    assert with_trade < 5


def test_launches_are_those_of_the_table_and_nothing_waits(machine: FakeMachine, repo_root: Path) -> None:
    kernels = {work.strip("`"): int(times) for work, times, _ in cells(repo_root, "What a lattice of positions adds")}
    rows, columns = np.mgrid[:8, :8].reshape(2, -1) * 4.0
    geometry = place_windows(np.stack([rows, columns], axis=1), 16)
    beam = np.exp(-(np.hypot(*(np.mgrid[:16, :16] - 8)) ** 2) / 12).astype(np.complex64)[None]
    problem = Problem(np.ones((64, 16, 16), np.float32), geometry, beam, np.ones(geometry.object_shape, np.complex64))
    for engine in ("epie", "lsqml", "dm"):
        with CudaBackend(0) as gpu:
            made = create_engine(problem, settings(engine=engine, iterations=100), gpu)
            done = record(made, machine, TRADE_EVERY + 1)
        assert {name: done[TRADE_EVERY - 1].work[name] for name in kernels} == kernels
        assert not any(done[TRADE_EVERY].work[name] for name in kernels)
        assert all(not iteration.blocking for iteration in done[TRADE_EVERY - 1 :])
