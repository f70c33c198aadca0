"""LSQML against its equations written out, against dense algebra, against simulated truth, and against itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from ptychogui.backends import Backend, open_backend
from ptychogui.backends.cuda import CudaBackend
from ptychogui.engines import Problem, create_engine, lsqml, partition
from ptychogui.engines.group_growth import GroupGrowth
from ptychogui.engines.groups import draw_groups
from ptychogui.engines.likelihood import bind_likelihood
from ptychogui.engines.lsqml import LSQML, photons_per_pixel
from ptychogui.params.reconstruction import Reconstruction
from ptychogui.physics.metrics import align
from ptychogui.physics.modes import add_modes
from ptychogui.physics.pattern_storage import amplitudes_of
from ptychogui.physics.scan import illumination
from ptychogui.physics.simulation import SimulatedScan, simulate
from tests.backends.fake_cupy import FakeMachine
from tests.engines.scans import SMALL, TINY, errors_of, problem_of, settings, true_object
from tests.engines.textbook import FAINT, Group, inner, poisson_loss, real_least_squares

FIRST_DAMPING = 0.5
"""Of the first iteration, whatever the settings say."""


def asked_for(**values: Any) -> Reconstruction:
    """Return settings of LSQML that update everything but positions from the first iteration."""
    return settings(**{"engine": "lsqml", "position_correction": "never", "orthogonalize_every": 99, **values})


def run(problem: Problem, backend: Backend, iterations: int, **values: Any) -> tuple[LSQML, list[float]]:
    """Do iterations, which are all that the engine expects, and return it with its errors."""
    engine = create_engine(problem, asked_for(iterations=iterations, **values), backend)
    assert isinstance(engine, LSQML)
    return engine, errors_of(engine, iterations)


@pytest.fixture
def cpu() -> Iterator[Backend]:
    """The compiled kernels on two threads."""
    with open_backend("cpu", threads=2) as opened:
        yield opened


def start_of(modes: int, integer: bool = True, **recipe: Any) -> Problem:
    """Return a tiny problem with dead pixels and made-up further modes."""
    scan = simulate(replace(TINY, integer_positions=integer, dead_pixels=9, **recipe))
    return problem_of(scan, add_modes(scan.probe, modes, 0.1))


def textbook_iteration(problem: Problem, asked: Reconstruction, dense: bool) -> tuple[np.ndarray, np.ndarray]:
    """Do the first iteration group by group; the steps by dense least squares or from the two normal equations."""
    obj, probe = problem.object, problem.probe
    learned = 0 if asked.update_probe == "never" else 1 if asked.update_modes == "never" else len(probe)
    assert asked.batch_size
    rng = np.random.default_rng(asked.seed)
    for members in draw_groups(asked.grouping, problem.geometry.corners, asked.batch_size, rng):
        group = Group(problem, members, obj, probe, asked, FIRST_DAMPING, learned)
        matrix, pulls = group.normal()
        steps = np.array([0.0, 0.0])
        moving = [asked.update_object != "never", learned > 0]
        if dense:
            columns = [column for column, moves in zip(group.columns(), moving, strict=True) if moves]
            steps[moving] = real_least_squares(columns, group.chi)
        else:
            steps[moving] = np.linalg.solve(matrix[np.ix_(moving, moving)], pulls[moving])
        obj, probe = group.moved(steps * [asked.object_step, asked.probe_step])
    return obj, probe


@pytest.mark.parametrize(
    ("modes", "integer", "values"),
    [
        (1, True, {}),
        (3, True, {"grouping": "random"}),
        (1, False, {}),
        (3, False, {"grouping": "compact"}),
        (1, False, {"sub_pixel": "nearest"}),
        (2, True, {"update_modes": "never"}),
        (2, True, {"update_object": "never"}),
        (2, True, {"update_probe": "never"}),
        (2, True, {"object_step": 0.5, "probe_step": 0.3}),
        (1, True, {"noise_model": "poisson"}),
        (3, False, {"noise_model": "poisson"}),
    ],
)
@pytest.mark.parametrize("device", ["cpu", "numpy"])
def test_an_iteration_is_the_textbooks(
    device: str, modes: int, integer: bool, values: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partition, "_WORTH_A_WORKER", 1)  # every block of rows goes to its own worker
    problem, asked = start_of(modes, integer), asked_for(batch_size=7, seed=5, **values)
    with open_backend(device, threads=3) as backend:
        engine = create_engine(problem, asked, backend)
        engine.step()
        estimate = engine.estimate()
    obj, probe = textbook_iteration(problem, asked, dense=integer or asked.sub_pixel == "nearest")
    limit = 3e-4
    assert abs(estimate.object - obj).max() < limit
    assert abs(estimate.probe - probe).max() < limit * abs(probe).max()


@pytest.mark.parametrize("modes", [1, 3])
def test_the_poisson_step_is_where_the_likelihood_is_best(cpu: Backend, modes: int) -> None:
    problem = start_of(modes)
    count, n = 8, problem.patterns.shape[-1]
    waves = np.array(
        [np.fft.fft2(problem.probe * problem.object[r : r + n, c : c + n]) for r, c in problem.geometry.corners[:count]]
    )
    power = (abs(waves) ** 2).sum(axis=1) / n**2
    revised = waves.astype(np.complex64)
    order = np.arange(len(problem.patterns), dtype=np.int32)
    measured = {"patterns": problem.patterns, "places": order, "order": order}
    sums = {name: cpu.empty((len(order), n), np.float32) for name in ("misfit", "expected")}
    bind_likelihood("poisson", revised, measured, sums, cpu)(0, count)
    kept = (revised[:, 0] / waves[:, 0]).real * n**2
    for modelled, amplitudes, left in zip(power, amplitudes_of(problem.patterns[:count]), kept, strict=True):
        known = amplitudes >= 0
        modelled, counts = modelled[known], amplitudes[known].astype(np.float64) ** 2
        xi = (modelled - counts) / (modelled + FAINT)
        length = np.median((1 - left[known]) / xi)
        loss = partial(poisson_loss, modelled, counts, xi)
        best = minimize_scalar(loss, bounds=(0, 1), method="bounded", options={"xatol": 1e-6}).x
        assert length == pytest.approx(best, abs=3e-3)
        assert 0.1 < length < 0.9
        assert loss(length) < min(loss(0), loss(1))


def test_steps_are_those_of_dense_real_least_squares(cpu: Backend) -> None:
    """Where the directions beat with each other out of phase, a complex cross term overrates the steps.

    The peers keep it complex, solve the complex 2 x 2 system and take the real part of what they find.
    """
    rng = np.random.default_rng(3)
    n, count = 16, 5
    direction, obj = (normal_c64(rng, (40, 36)) for _ in range(2))
    probe = normal_c64(rng, (2, n, n))
    corners, order = rng.integers(0, 20, (count, 2)).astype(np.int32), rng.permutation(count).astype(np.int32)
    windows = [(slice(r, r + n), slice(c, c + n)) for r, c in corners]
    along = np.array([probe * direction[window] for window in windows])
    push = np.mean([0.9j * wave / obj[window] for wave, window in zip(along, windows, strict=True)], axis=0)
    of_probe = (push / abs(push)).astype(np.complex64) * 0.5
    across = np.array([of_probe * obj[window] for window in windows])
    chi = 0.7 * along + 0.4 * across + normal_c64(rng, along.shape)
    found = solved(cpu, along, across, chi, direction, obj, (probe * of_probe.conj()).sum(axis=0), corners, order)
    assert found == pytest.approx(real_least_squares([along, across], chi), rel=1e-4)
    assert not np.allclose(complex_steps(along, across, chi), found, rtol=0.02)


def normal_c64(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Draw complex numbers of variance 2."""
    return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(np.complex64)


def solved(
    cpu: Backend, along: np.ndarray, across: np.ndarray, chi: np.ndarray, direction: np.ndarray, obj: np.ndarray,
    beat: np.ndarray, corners: np.ndarray, order: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Let the kernels find the steps; the sums of the directions come ready, spread over rows."""
    n, height, count = along.shape[-1], len(direction), len(order)
    object_sums, probe_sums = (
        np.repeat([[inner(column, chi)], [inner(column, column)]], rows, axis=1).astype(np.float32) / np.float32(rows)
        for column, rows in ((along, height), (across, n))
    )
    cross, steps = cpu.empty((count, n), np.float32), cpu.empty((2,), np.float32)
    places = {"corners": corners, "order": order}
    cpu.bind("cross_terms", cross=cross, turned=direction * obj.conj(), beat=beat, **places)(0, count)
    sums = {"object_sums": object_sums, "probe_sums": probe_sums, "cross": cross}
    cpu.bind("solve_steps", steps=steps, order=order, **sums)(0, count, 1.0, 1.0)
    return np.array(steps)


def complex_steps(along: np.ndarray, across: np.ndarray, chi: np.ndarray) -> np.ndarray:
    """Solve the normal equations with their complex cross term and take real parts."""
    columns = (along, across)
    matrix = np.array([[np.vdot(a, b) for b in columns] for a in columns])
    return np.asarray(np.linalg.solve(matrix, [np.vdot(column, chi).real for column in columns]).real)


@pytest.mark.parametrize("kind", ["random", "sparse", "compact"])
@pytest.mark.parametrize(("positions", "size"), [(100, 7), (100, 100), (33, 1), (41, 20)])
def test_groups_hold_every_position_once(kind: str, positions: int, size: int) -> None:
    rng = np.random.default_rng(1)
    corners = rng.integers(0, 90, (positions, 2))
    groups = draw_groups(kind, corners, size, rng)
    assert sorted(np.concatenate(groups).tolist()) == list(range(positions))
    sizes = [len(group) for group in groups]
    assert len(groups) == -(-positions // size)
    assert max(sizes) <= size
    assert max(sizes) - min(sizes) <= 1


def test_compact_groups_are_of_neighbors_and_sparse_ones_are_not() -> None:
    corners = np.stack(np.meshgrid(range(12), range(12)), axis=-1).reshape(-1, 2) * 5
    spread_px = {
        kind: np.mean(
            [corners[group].std(axis=0) for group in draw_groups(kind, corners, 12, np.random.default_rng(2))]
        )
        for kind in ("compact", "random", "sparse")
    }
    assert 2 * spread_px["compact"] < spread_px["random"]
    assert spread_px["sparse"] > 0.95 * corners.std(axis=0).mean()


def sizes_drawn(
    monkeypatch: pytest.MonkeyPatch, backend: Backend, iterations: int, begun: int = 0, **values: Any
) -> list[int]:
    """Return the largest group that each iteration asks for."""
    sizes = []

    def draw(kind: str, corners: np.ndarray, size: int, rng: np.random.Generator) -> list[np.ndarray]:
        sizes.append(size)
        return draw_groups(kind, corners, size, rng)

    monkeypatch.setattr(lsqml, "draw_groups", draw)
    problem = replace(problem_of(simulate(replace(SMALL, photons=1e6))), iteration=begun)
    run(problem, backend, iterations, batch_size=3, **values)
    return sizes


def test_a_longer_run_goes_through_the_same_sizes(monkeypatch: pytest.MonkeyPatch, cpu: Backend) -> None:
    short, long = (sizes_drawn(monkeypatch, cpu, iterations) for iterations in (40, 60))
    assert short[:37] == long[:37]
    assert long[:10] == [3] * 10
    assert sorted(set(long)) == [3, 10, 25, 50, 100]
    assert long == sorted(long)
    assert short[37:] == [100] * 3
    assert sizes_drawn(monkeypatch, cpu, 6, batch_growth=False) == [3] * 6


def test_groups_grow_by_all_errors_whenever_a_checkpoint_asks_for_them(
    machine: FakeMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A GPU gives an iteration's error with the next one, or when all is waited for: growth must get it either way."""
    known: list[tuple[int, int]] = []
    grow = GroupGrowth.size

    def size(growth: GroupGrowth, done: int, errors: list[float], goes_on: bool) -> int:
        known.append((done, len(errors)))
        return grow(growth, done, errors, goes_on)

    monkeypatch.setattr(GroupGrowth, "size", size)
    with CudaBackend(0) as gpu:
        engine = create_engine(start_of(1), asked_for(iterations=20), gpu)
        for _ in range(4):
            engine.step()
        engine.finish()
        for _ in range(3):
            engine.step()
    assert known == [(done, max(0, done - 2)) for done in range(7)]


def test_where_iterations_went_before_small_groups_are_tried_once(
    monkeypatch: pytest.MonkeyPatch, cpu: Backend
) -> None:
    assert sizes_drawn(monkeypatch, cpu, 20, begun=50)[:4] == [100, 3, 100, 100]


def test_a_run_that_is_to_end_early_takes_the_whole_scan_from_then_on(
    monkeypatch: pytest.MonkeyPatch, cpu: Backend
) -> None:
    sizes: list[int] = []

    def draw(kind: str, corners: np.ndarray, size: int, rng: np.random.Generator) -> list[np.ndarray]:
        sizes.append(size)
        return draw_groups(kind, corners, size, rng)

    monkeypatch.setattr(lsqml, "draw_groups", draw)
    scan = simulate(replace(SMALL, photons=1e6))
    problem = problem_of(scan)
    engine = create_engine(problem, asked_for(iterations=100, batch_size=2), cpu)
    assert isinstance(engine, LSQML)
    for _ in range(14):
        engine.step()
    before = error_against_truth(engine, problem, scan)
    more = engine.wind_up()
    assert more == 3
    for _ in range(more):
        engine.step()
    assert sizes == [2] * 14 + [100] * 3
    assert engine.wind_up() == 0
    assert error_against_truth(engine, problem, scan) < 0.8 * before


def test_it_is_steady_once_groups_are_the_whole_scan(cpu: Backend) -> None:
    problem = problem_of(simulate(replace(SMALL, photons=1e4)))
    engine = create_engine(problem, asked_for(iterations=100), cpu)
    since = []
    for _ in range(60):
        engine.step()
        since.append(engine.steady_since())
    first = next(value for value in since if value is not None)
    assert since == [None] * first + [first] * (60 - first) and first > 10
    assert create_engine(problem, asked_for(batch_growth=False), cpu).steady_since() == 0
    assert create_engine(problem, asked_for(engine="epie"), cpu).steady_since() == 0
    assert create_engine(problem, asked_for(engine="dm"), cpu).steady_since() is None


def test_photons_per_pixel_are_those_of_the_lit_object() -> None:
    scan = simulate(replace(SMALL, scan="fly"))
    problem = problem_of(scan)
    light = illumination((abs(scan.probe) ** 2).sum(axis=0), problem.geometry)
    assert photons_per_pixel(problem) == pytest.approx(light[light > 0.2 * light.max()].mean(), rel=0.2)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"position_correction": "1", "position_coupled": True, "batch_growth": True},
        {"noise_model": "poisson", "momentum": 0.5, "grouping": "compact"},
    ],
)
def test_same_seed_same_bits_for_any_number_of_threads(monkeypatch: pytest.MonkeyPatch, values: dict[str, Any]) -> None:
    monkeypatch.setattr(partition, "_WORTH_A_WORKER", 1)
    problem = problem_of(simulate(replace(TINY, mode_fractions=(1.0, 0.2))))
    results = []
    for threads in (1, 2, 3):
        with open_backend("cpu", threads=threads) as backend:
            engine, errors = run(problem, backend, 5, batch_size=9, **{"orthogonalize_every": 2, **values})
            results.append((engine.estimate(), engine.positions_px(), errors))
    for (one, at_one, errors), (other, at_other, same) in pairwise(results):
        assert np.array_equal(one.object, other.object)
        assert np.array_equal(one.probe, other.probe)
        assert np.array_equal(at_one, at_other)
        assert errors == same


def error_against_truth(engine: LSQML, problem: Problem, scan: SimulatedScan) -> float:
    """Return the relative error of the object where it is lit, after scale, ramp and shift."""
    light = illumination((abs(scan.probe) ** 2).sum(axis=0), problem.geometry)
    return align(engine.estimate().object, true_object(problem, scan), light > 0.1 * light.max()).error


def test_it_reaches_the_truth_that_the_photons_allow(cpu: Backend) -> None:
    scan = simulate(SMALL)
    problem = problem_of(scan)
    engine, errors = run(problem, cpu, 60)
    assert error_against_truth(engine, problem, scan) < 0.016
    assert 0.9 < errors[-1] < 1.05


def test_three_modes_cost_little_quality(cpu: Backend) -> None:
    scan = simulate(replace(SMALL, mode_fractions=(0.7, 0.2, 0.1)))
    problem = problem_of(scan, add_modes(scan.probe[:1], 3, 0.05))
    engine, errors = run(problem, cpu, 100, orthogonalize_every=10)
    assert error_against_truth(engine, problem, scan) < 0.04
    assert errors[-1] < 1.1


@pytest.mark.parametrize(("photons", "auto_ratio"), [(1e3, 1.05), (1e6, 1.01)])
def test_poisson_is_better_with_few_photons_and_with_many(cpu: Backend, photons: float, auto_ratio: float) -> None:
    scan = simulate(replace(SMALL, phantom="cells", photons=photons))
    problem = problem_of(scan)
    of_amplitudes, of_photons, auto = (
        error_against_truth(run(problem, cpu, 50, noise_model=name)[0], problem, scan)
        for name in ("gaussian", "poisson", "auto")
    )
    assert of_photons < 0.95 * of_amplitudes
    assert auto < auto_ratio * of_photons


def test_auto_fits_photons_once_the_model_fits_and_says_so(cpu: Backend) -> None:
    scan = simulate(replace(SMALL, photons=1e4))
    problem = problem_of(scan)
    engine = create_engine(problem, asked_for(noise_model="auto", iterations=60), cpu)
    steps = [engine.step() for _ in range(60)]
    ((iteration, note),) = [(step.iteration, note) for step in steps for note in step.notes if "photons" in note]
    assert f"from iteration {iteration} on" in note
    assert iteration > 4
    steady = engine.steady_since()
    assert steady is not None and steady >= iteration - 1


def test_auto_keeps_amplitudes_where_the_model_stays_wrong(cpu: Backend) -> None:
    scan = simulate(replace(SMALL, mode_fractions=(0.8, 0.2)))
    problem = problem_of(scan, scan.probe[:1])
    one, other = (run(problem, cpu, 40, noise_model=name)[0].estimate().object for name in ("auto", "gaussian"))
    assert np.array_equal(one, other)


def test_photons_where_the_model_is_dark_do_not_upset_poisson(cpu: Backend) -> None:
    scan = simulate(replace(TINY, probe="gaussian", background_counts=0.02))
    problem = replace(problem_of(scan), object=np.ones(problem_of(scan).object.shape, np.complex64))
    power = abs(np.fft.fft2(problem.probe[0], norm="ortho")) ** 2
    lone = amplitudes_of(problem.patterns) > 0
    assert (lone & (power < 1e-6)).any()
    engine, errors = run(problem, cpu, 30, noise_model="poisson")
    assert errors[-1] < 0.5 * errors[0]
    assert abs(engine.estimate().object).max() < 3


def test_free_pixels_keep_what_the_model_says(cpu: Backend) -> None:
    problem = problem_of(simulate(TINY))
    free = replace(problem, patterns=np.full_like(problem.patterns, np.iinfo(problem.patterns.dtype).max))
    for noise_model in ("gaussian", "poisson"):
        engine, errors = run(free, cpu, 2, noise_model=noise_model)
        assert errors == [0.0, 0.0]
        assert abs(engine.estimate().object - problem.object).max() < 1e-4
