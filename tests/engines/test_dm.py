"""DM and RAAR against the textbook written out, against simulated truth, and against themselves on other threads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ptychogui.backends import Backend, open_backend
from ptychogui.engines import Problem, create_engine, partition
from ptychogui.engines.dm import DifferenceMap
from ptychogui.engines.dm_worker import bound_at
from ptychogui.params.reconstruction import Reconstruction
from ptychogui.physics.amplitude_variance import expected_amplitude_variance
from ptychogui.physics.metrics import align
from ptychogui.physics.modes import add_modes
from ptychogui.physics.pattern_storage import amplitudes_of
from ptychogui.physics.probe import scale_to_counts, shift_probe
from ptychogui.physics.scan import illumination
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
        self._done = 0
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
        self._done += 1

    def _bound(self) -> float:
        """Return what is asked for, or 0.5 rising with the square of the iteration to 1 at nine tenths of them."""
        if self._asked.power_bound is not None:
            return self._asked.power_bound
        return min(1.0, 0.5 + 0.5 * (self._done / (0.9 * self._asked.passes)) ** 2)

    def _weights(self) -> tuple[float, float, float]:
        relaxation = self._asked.relaxation
        if self._asked.engine == "raar":
            beta = relaxation or 0.75
            return 1 - 2 * beta, beta, 2
        alpha = relaxation or 1
        return -alpha, 1, 1 + alpha

    def _with_modulus(self, waves: np.ndarray) -> np.ndarray:
        """Give the waves the measured modulus, relaxed by what photon noise explains."""
        far, bound = np.fft.fft2(waves, norm="ortho"), self._bound()
        for wave, pattern in zip(far, self._problem.patterns, strict=True):
            modulus, measured = np.sqrt((abs(wave) ** 2).sum(axis=0)), amplitudes_of(pattern).astype(np.float64)
            known = measured >= 0
            misfit = ((modulus - measured)[known] ** 2).sum()
            noise = expected_amplitude_variance((modulus**2 + measured**2)[known] / 2).sum()
            left = min(1.0, bound * np.sqrt(noise / misfit))
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
    {"power_bound": 0.0},
    {"power_bound": 0.7},
    {"iterations": 2},
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
    monkeypatch.setattr(partition, "_WORTH_A_WORKER", 1)  # every block of rows goes to its own worker
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


def small(modes: int = 1, **recipe: Any) -> tuple[SimulatedScan, Problem]:
    """Return a simulated scan with photon noise and its problem, from a probe that is narrower than the true one."""
    fractions = (1.0, 0.3, 0.1)[:modes]
    scan = simulate(replace(SMALL, mode_fractions=fractions, **recipe))
    rows, columns = np.mgrid[: SMALL.n, : SMALL.n] - SMALL.n // 2
    blurred = scan.probe * np.exp(-(rows**2 + columns**2) / (2 * 14.0**2))
    guess = scale_to_counts(blurred, float((abs(scan.probe) ** 2).sum()))
    return scan, problem_of(scan, guess)


@pytest.mark.parametrize("engine", ["dm", "raar"])
def test_it_finds_the_object(engine: str, cpu: Backend) -> None:
    scan, problem = small()
    found = made(problem, cpu, engine=engine, iterations=60, average_last=0.1)
    errors = errors_of(found, 60)
    light = illumination((abs(scan.probe) ** 2).sum(axis=0), scan.geometry)
    assert align(found.estimate().object, scan.object, light > 0.1 * light.max()).error < 0.1
    assert errors[-1] < errors[0]


@pytest.mark.parametrize("modes", [1, 3])
@pytest.mark.parametrize("sub_pixel", ["nearest", "fourier"])
def test_the_probe_is_found_as_well_as_the_object(modes: int, sub_pixel: str, cpu: Backend) -> None:
    """Without noise a scan on whole pixels has an exact solution, and the iteration gets there."""
    scan = simulate(replace(TINY, integer_positions=True, noise=False, scan_dims=(7, 7)))
    probe = add_modes(scan.probe * np.exp(0.3j * np.random.default_rng(1).standard_normal(scan.probe.shape)), modes)
    errors = errors_of(made(problem_of(scan, probe.astype(np.complex64)), cpu, sub_pixel=sub_pixel), 40)
    assert errors[-1] < 0.1 * errors[0]


@pytest.mark.parametrize("values", [{}, {"half_precision": True, "overlap_sweeps": 3}, {"engine": "raar"}], ids=str)
def test_the_same_bits_for_any_number_of_threads(values: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partition, "_WORTH_A_WORKER", 1)
    scan = simulate(replace(TINY, mode_fractions=(0.8, 0.2)))
    asked = {"orthogonalize_every": 2, "center_probe": "1", "average_last": 0.5, "power_bound": 0.5, **values}
    found = []
    for threads in (1, 2, 3):
        with open_backend("cpu", threads=threads) as backend:
            engine = made(problem_of(scan), backend, **asked)
            errors = errors_of(engine, 5)
            found.append((errors, engine.estimate()))
    for errors, estimate in found[1:]:
        assert errors == found[0][0]
        assert np.array_equal(estimate.object, found[0][1].object)
        assert np.array_equal(estimate.probe, found[0][1].probe)


@pytest.mark.parametrize("modes", [1, 2])
def test_half_precision_is_close_to_full(modes: int, cpu: Backend) -> None:
    scan = simulate(replace(TINY, mode_fractions=(0.8, 0.2)[:modes]))
    whole, half = (made(problem_of(scan), cpu, half_precision=half) for half in (False, True))
    errors = errors_of(whole, 5), errors_of(half, 5)
    assert errors[1] == pytest.approx(errors[0], rel=1e-3)
    first, second = whole.estimate(), half.estimate()
    assert np.linalg.norm(first.probe - second.probe) < 2e-3 * np.linalg.norm(first.probe)
    assert errors[0] != errors[1]


def test_free_pixels_keep_what_the_model_says(cpu: Backend) -> None:
    """A pattern of free pixels only asks for nothing: its exit waves are those of object and probe."""
    scan = simulate(TINY)
    problem = problem_of(scan)
    free = replace(problem, patterns=np.full(problem.patterns.shape, -1, np.float32))
    engine = made(free, cpu)
    assert errors_of(engine, 3) == [0, 0, 0]
    estimate = engine.estimate()
    assert abs(estimate.probe - problem.probe).max() < 1e-4 * abs(problem.probe).max()
    assert abs(estimate.object - problem.object).max() < 1e-3


def test_the_result_is_the_mean_of_the_last_iterations(cpu: Backend) -> None:
    problem = problem_of(simulate(TINY))
    single, mean = made(problem, cpu, iterations=10), made(problem, cpu, iterations=10, average_last=0.3)
    seen = []
    for _ in range(10):
        single.step()
        mean.step()
        seen.append(single.estimate())
    wanted = np.mean([estimate.object for estimate in seen[-3:]], axis=0)
    assert abs(mean.estimate().object - wanted).max() < 1e-4 * abs(wanted).max()
    wanted = np.mean([estimate.probe for estimate in seen[-3:]], axis=0)
    assert abs(mean.estimate().probe - wanted).max() < 1e-5 * abs(wanted).max()


def off_center(problem: Problem, by: tuple[int, int]) -> Problem:
    """Move the first probe out of the center."""
    return replace(problem, probe=np.roll(problem.probe, by, axis=(1, 2)))


FRAMES: list[dict[str, Any]] = [
    {"center_probe": "2:2"},
    {"orthogonalize_every": 2},
    {"keep_power": "2"},
    {"center_probe": "2:2", "orthogonalize_every": 2},
]


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("frame", FRAMES, ids=str)
def test_a_new_frame_changes_no_pattern(frame: dict[str, Any], half: bool, cpu: Backend) -> None:
    """Probe and object move, turn their modes or trade scale; the exit waves follow, so that errors go on alike.

    What enters the object at its rim, when it moves, is new: errors then differ a little. Inertia is next to nothing,
    since after a scaling it would be another part of the light.
    """
    scan = simulate(replace(TINY, mode_fractions=(0.6, 0.4)))
    mixed = np.array([[0.8, 0.6], [-0.6, 0.8]]) @ scan.probe.reshape(2, -1)
    problem = off_center(problem_of(scan, mixed.reshape(scan.probe.shape).astype(np.complex64)), (3, -2))
    asked = {"object_inertia": 1e-6, "half_precision": half, "overlap_sweeps": 1}
    still, framed = made(problem, cpu, **asked), made(problem, cpu, **{**asked, **frame})
    errors = errors_of(still, 4), errors_of(framed, 4)
    assert abs(np.abs(still.estimate().probe) - np.abs(framed.estimate().probe)).max() > 1
    assert errors[1] == pytest.approx(errors[0], rel=0.06 if "center_probe" in frame else 5e-3)


@pytest.mark.parametrize("frame", [{"center_probe": "1"}, {"orthogonalize_every": 1}, {"keep_power": "1"}], ids=str)
def test_a_mean_follows_the_frame(frame: dict[str, Any], cpu: Backend) -> None:
    """Averaged over iterations that move the frame, the product fits as well as one of a single iteration."""
    scan = simulate(replace(TINY, mode_fractions=(0.6, 0.4), photons=1e7))
    problem = off_center(problem_of(scan), (2, 1))
    single, mean = (made(problem, cpu, iterations=30, average_last=part, **frame) for part in (0.0, 0.3))
    errors_of(single, 30), errors_of(mean, 30)
    assert misfit(mean, problem) < 1.1 * misfit(single, problem)


@pytest.mark.parametrize(("photons", "most"), [(1e4, 0.2), (1e6, 0.03), (1e7, 0.012)])
def test_the_rising_bound_works_at_every_dose(photons: float, most: float, cpu: Backend) -> None:
    """The object is near the truth, and nearer than with the bound that the iterations begin with."""
    scan, problem = small(photons=photons)
    light = illumination((abs(scan.probe) ** 2).sum(axis=0), scan.geometry)
    found = []
    for bound in (None, 0.5):
        engine = made(problem, cpu, iterations=40, average_last=0.1, power_bound=bound)
        errors_of(engine, 40)
        found.append(align(engine.estimate().object, scan.object, light > 0.1 * light.max()).error)
    assert found[0] < 0.9 * found[1]
    assert found[0] < most


@pytest.mark.parametrize("engine", ["dm", "raar"])
def test_a_bound_that_is_not_given_rises_once_in_a_stage(engine: str) -> None:
    asked = settings(engine=engine, iterations=50)
    bounds = [bound_at(i / 50, asked) for i in range(60)]
    assert bounds[0] == 0.5
    assert bounds == sorted(bounds)
    assert set(bounds[45:]) == {1.0} and max(bounds[:45]) < 1
    given = settings(engine=engine, power_bound=0.3)
    assert {bound_at(part, given) for part in (0.0, 0.5, 1.0)} == {0.3}


def misfit(engine: DifferenceMap, problem: Problem) -> float:
    """Return how far the far fields of an estimate are from the measured amplitudes, on the known pixels."""
    estimate, n = engine.estimate(), problem.probe.shape[-1]
    total = 0.0
    for (row, column), rest, pattern in zip(
        problem.geometry.corners, problem.geometry.fractions, problem.patterns, strict=True
    ):
        waves = shift_probe(estimate.probe, rest) * estimate.object[row : row + n, column : column + n]
        modulus = np.sqrt((abs(np.fft.fft2(waves, norm="ortho")) ** 2).sum(axis=0))
        measured = amplitudes_of(pattern)
        total += float(((modulus - measured)[measured >= 0] ** 2).sum())
    return total


def test_nothing_is_updated_where_nothing_is_due(cpu: Backend) -> None:
    problem = problem_of(simulate(TINY))
    engine = made(problem, cpu, update_object="3", update_probe="4")
    engine.step()
    engine.step()
    assert np.array_equal(engine.estimate().object, problem.object)
    engine.step()
    assert not np.array_equal(engine.estimate().object, problem.object)
    assert np.array_equal(engine.estimate().probe, problem.probe)
    engine.step()
    assert not np.array_equal(engine.estimate().probe, problem.probe)
