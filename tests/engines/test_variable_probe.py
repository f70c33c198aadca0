"""The variable probe against dense algebra, finite differences in double precision, and simulated truth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ptychogui.backends import Backend, open_backend
from ptychogui.backends.numpy_backend import NumpyBackend
from ptychogui.engines import Problem, create_engine
from ptychogui.engines.base import Estimate
from ptychogui.engines.constraints import Changes
from ptychogui.engines.exit_wave_batch import ExitWaveBatch
from ptychogui.engines.scan_arrays import ScanArrays
from ptychogui.engines.variable_probe import VariableProbe
from ptychogui.params.reconstruction import Reconstruction
from ptychogui.physics.metrics import align
from ptychogui.physics.pattern_storage import amplitudes_of
from ptychogui.physics.probe import shift_probe
from ptychogui.physics.probe_variation import ProbeVariation
from ptychogui.physics.scan import illumination
from ptychogui.physics.simulation import SimulatedScan, simulate
from tests.engines.scans import SMALL, TINY, errors_of, problem_of, settings

BOTH: dict[str, Any] = {"opr_modes": 2, "intensity_correction": True}


@pytest.fixture
def cpu() -> Iterator[Backend]:
    """The compiled kernels on two threads."""
    with open_backend("cpu", threads=2) as opened:
        yield opened


def asked(**values: Any) -> Reconstruction:
    return settings(**{"engine": "lsqml", "position_correction": "never", "update_opr": "3", **values})


def run(problem: Problem, backend: Backend, iterations: int, **values: Any) -> tuple[Estimate, list[float]]:
    """Do iterations and return the estimate and the errors."""
    engine = create_engine(problem, asked(iterations=iterations, **values), backend)
    errors = errors_of(engine, iterations)
    return engine.estimate(), errors


def parts(variation: ProbeVariation | None) -> dict[str, np.ndarray]:
    """Return what varies, by name."""
    assert variation is not None
    return {name: value for name, value in vars(variation).items() if value is not None}


def varied(problem: Problem, components: int = 2, seed: int = 0) -> Problem:
    """Give a problem a strong, random variation."""
    rng, (positions, n, _) = np.random.default_rng(seed), problem.patterns.shape
    drawn = rng.standard_normal((components, n, n)) + 1j * rng.standard_normal((components, n, n))
    planes = np.asarray(np.abs(problem.probe[0]) * drawn, np.complex64)
    flat = np.linalg.qr(planes.reshape(components, -1).view(np.float32).T)[0].T
    power = 0.1 * np.linalg.norm(problem.probe[0])
    variation = ProbeVariation(
        np.ascontiguousarray(flat).view(np.complex64).reshape(planes.shape),
        np.asarray(power * rng.standard_normal((positions, components)), np.float32),
        np.asarray(rng.uniform(0.5, 1.5, positions), np.float32),
    )
    return replace(problem, variation=variation)


class Bench:
    """A batch of all positions of a small scan with a known variation, taken as far as the probe's gradients."""

    def __init__(self, backend: Backend, sub_pixel: str, modes: int = 2) -> None:
        recipe = replace(TINY, mode_fractions=(1.0, 0.3, 0.1)[:modes], probe="gaussian")
        self.problem = varied(problem_of(simulate(recipe)))
        self.sub_pixel = sub_pixel == "fourier"
        chosen = asked(sub_pixel=sub_pixel, **BOTH)
        order = backend.empty((len(self.problem.patterns),), np.int32)
        self.scan = ScanArrays.of(self.problem, order, chosen, backend, chosen.position_correction != "never")
        self.count = len(self.scan.corners)
        self.scan.order[...] = backend.asarray(np.arange(self.count, dtype=np.int32)[::-1].copy())
        self.variable = VariableProbe(self.problem, chosen, backend)
        basis = self.variable.basis
        spectrum = backend.asarray(np.fft.fft2(basis).astype(np.complex64) / basis[0].size) if self.sub_pixel else None
        exit_waves = ExitWaveBatch(self.scan, basis, spectrum, self.count, backend, mix=self.variable.mix)
        self.sums = backend.empty((1, *basis.shape), np.complex64)
        gradients = self.variable.gradients(exit_waves.waves, self.sums, spectrum, self.scan)
        n = basis.shape[-1]
        pulls = backend.empty((self.count, n, n), np.complex64)
        exit_waves.revise(0, self.count)
        places = {"object": self.scan.object, "corners": self.scan.corners, "order": self.scan.order}
        project = backend.bind("lsq_gradients", waves=exit_waves.waves, pulls=pulls, probe=exit_waves.probe, **places)
        project(0, self.count, 0)
        self.waves = backend.to_numpy(exit_waves.waves)[::-1]
        if self.sub_pixel:
            exit_waves.fft.forward(self.count)
        gradients.project(0, self.count)
        gradients.add(0, self.count, 0, 1, 1)

    def window(self, i: int) -> np.ndarray:
        row, column = self.problem.geometry.corners[i]
        n = self.problem.probe.shape[-1]
        return self.problem.object[row : row + n, column : column + n].astype(np.complex128)

    def misfit(self, basis: np.ndarray, mix: np.ndarray) -> float:
        """Return sum (|model| - amplitude)^2 over all positions, written out in double precision."""
        modes, total = len(self.problem.probe), 0.0
        for i in range(self.count):
            probe = mix[i, 0] * basis[:modes]
            probe[0] += np.tensordot(mix[i, 1:], basis[modes:], 1)
            if self.sub_pixel:
                probe = shift_probe(probe, self.problem.geometry.fractions[i])
            far = np.fft.fft2(probe * self.window(i), norm="ortho")
            measured = amplitudes_of(self.problem.patterns[i]).astype(np.float64)
            model = np.sqrt((np.abs(far) ** 2).sum(axis=0))
            total += np.where(measured < 0, 0, (model - measured) ** 2).sum()
        return float(total)

    def slope(self, basis: np.ndarray, mix: np.ndarray) -> float:
        """Return the misfit's derivative along a change of basis and shares, by central differences."""
        base, shares = self.variable.basis.astype(np.complex128), self.variable.mix.astype(np.float64)
        h = 1e-5
        ends = [self.misfit(base + side * h * basis, shares + side * h * mix) for side in (1, -1)]
        return (ends[0] - ends[1]) / (2 * h)


@pytest.mark.parametrize("sub_pixel", ["nearest", "fourier"])
@pytest.mark.parametrize("modes", [1, 3])
def test_gradients_of_modes_and_components_are_the_misfits(cpu: Backend, sub_pixel: str, modes: int) -> None:
    bench = Bench(cpu, sub_pixel, modes)
    pull = np.fft.ifft2(bench.sums[0]) if bench.sub_pixel else bench.sums[0]
    rng = np.random.default_rng(3)
    for plane in range(len(pull)):
        change = np.zeros(pull.shape, np.complex128)
        change[plane] = np.abs(bench.problem.probe[0]) * np.exp(2j * np.pi * rng.random(pull.shape[1:]))
        wanted = bench.slope(change, np.zeros_like(bench.variable.mix))
        assert -2 * np.vdot(change, pull).real == pytest.approx(wanted, rel=2e-3)


@pytest.mark.parametrize("sub_pixel", ["nearest", "fourier"])
def test_pulls_on_the_shares_are_the_misfits(cpu: Backend, sub_pixel: str) -> None:
    bench = Bench(cpu, sub_pixel)
    pulls = bench.variable._pulls.sum(axis=1)
    largest = np.abs(pulls).max(axis=0)
    for i, k in ((0, 0), (7, 1), (24, 2)):
        mix = np.zeros(bench.variable.mix.shape)
        mix[i, k] = 1
        wanted = bench.slope(np.zeros_like(bench.variable.basis), mix)
        assert -2 * pulls[i, k] == pytest.approx(wanted, abs=2e-3 * float(largest[k]))


@pytest.mark.parametrize("first", [0, 1])
def test_shares_solve_dense_least_squares(cpu: Backend, first: int) -> None:
    """On whole pixels: the columns are what each share adds to the exit waves, real and imaginary parts apart."""
    bench = Bench(cpu, "nearest")
    variable, modes = bench.variable, len(bench.problem.probe)
    before = variable.mix.copy()
    variable._solve(bench.count, first, 0.0)
    basis = variable.basis.astype(np.complex128)
    for i in range(bench.count):
        window = bench.window(i)
        columns = np.zeros((3, *basis[:modes].shape), complex)
        columns[0], columns[1:, 0] = basis[:modes] * window, basis[modes:] * window
        residual = bench.waves[i] / window.conj()  # the waves hold conj(object) chi
        dense, target = (np.stack([part.real, part.imag], -1) for part in (columns, residual))
        solved = np.linalg.lstsq(dense.reshape(3, -1)[first:].T, target.ravel(), rcond=None)[0]
        found = (variable.mix - before)[i]
        np.testing.assert_allclose(found[first:], solved, rtol=2e-3, atol=2e-3 * np.abs(solved).max())
        assert not found[:first].any()


def object_error(scan: SimulatedScan, problem: Problem, estimate: Estimate) -> float:
    light = illumination((np.abs(scan.probe) ** 2).sum(axis=0), problem.geometry)
    return align(estimate.object, scan.object, (light > 0.2 * light.max()).astype(float)).error


@pytest.fixture(scope="module")
def fluctuating() -> SimulatedScan:
    return simulate(replace(SMALL, intensity_rms=0.2))


@pytest.fixture(scope="module")
def wandering() -> SimulatedScan:
    return simulate(replace(SMALL, probe_variation=0.2))


@pytest.mark.parametrize("sub_pixel", ["nearest", "fourier"])
def test_intensities_are_found(cpu: Backend, fluctuating: SimulatedScan, sub_pixel: str) -> None:
    scan = simulate(replace(fluctuating.recipe, integer_positions=True)) if sub_pixel == "nearest" else fluctuating
    problem = problem_of(scan)
    plain, plain_errors = run(problem, cpu, 40, sub_pixel=sub_pixel)
    found, errors = run(problem, cpu, 40, sub_pixel=sub_pixel, intensity_correction=True)
    assert plain.variation is None and set(parts(found.variation)) == {"intensities"}
    intensities = parts(found.variation)["intensities"]
    assert np.corrcoef(intensities, parts(scan.variation)["intensities"])[0, 1] > 0.99
    assert intensities.mean() == pytest.approx(1, rel=1e-3)
    assert object_error(scan, problem, found) < object_error(scan, problem, plain) / 3
    assert errors[-1] < 1.05 < 2 < plain_errors[-1]


@pytest.mark.parametrize("components", [1, 3])
def test_a_varying_probe_is_found(cpu: Backend, wandering: SimulatedScan, components: int) -> None:
    problem = problem_of(wandering)
    plain, plain_errors = run(problem, cpu, 40)
    found, errors = run(problem, cpu, 40, opr_modes=components)
    assert object_error(wandering, problem, found) < object_error(wandering, problem, plain) / 5
    assert errors[-1] < 1.05 < 3 < plain_errors[-1]
    assert set(parts(found.variation)) == {"components", "coefficients"}
    coefficients, truth = (parts(variation)["coefficients"] for variation in (found.variation, wandering.variation))
    assert np.abs(np.corrcoef(coefficients[:, 0], truth[:, 0])[0, 1]) > 0.99


def test_a_varying_probe_is_found_from_a_wrong_one_with_modes(cpu: Backend) -> None:
    """Three components are asked for where one is true; the first probe has the phase of another beam."""
    scan = simulate(replace(SMALL, probe_variation=0.2, mode_fractions=(1.0, 0.1)))
    rows, columns = np.mgrid[:64, :64] / 64 - 0.5
    problem = problem_of(scan, (scan.probe * np.exp(4j * (rows**2 - rows * columns))).astype(np.complex64))
    plain, _ = run(problem, cpu, 50)
    found, errors = run(problem, cpu, 50, opr_modes=2, orthogonalize_every=5)
    assert object_error(scan, problem, found) < object_error(scan, problem, plain) / 2
    assert errors[-1] < 1.1


@pytest.mark.parametrize("sub_pixel", ["nearest", "fourier"])
def test_components_are_orthonormal_and_coefficients_uncorrelated(backend: Backend, sub_pixel: str) -> None:
    problem = problem_of(simulate(replace(TINY, probe_variation=0.3, intensity_rms=0.2)))
    found, _ = run(problem, backend, 5, opr_modes=3, intensity_correction=True, sub_pixel=sub_pixel)
    components, coefficients, intensities = parts(found.variation).values()
    flat = components.reshape(3, -1)
    np.testing.assert_allclose((flat @ flat.conj().T).real, np.eye(3), atol=1e-5)
    amplitudes = np.sqrt(intensities)
    shares = coefficients * amplitudes[:, None]
    gram = shares.T.astype(np.float64) @ shares
    np.testing.assert_allclose(gram, np.diag(np.diag(gram)), atol=1e-4 * gram[0, 0])
    assert list(np.diag(gram)) == sorted(np.diag(gram), reverse=True)
    assert np.abs(amplitudes @ shares).max() < 0.05 * np.sqrt(gram[0, 0]) * np.linalg.norm(amplitudes)


def test_orthogonalizing_changes_no_probe() -> None:
    problem = varied(problem_of(simulate(TINY)), 3)
    straight = parts(problem.variation)
    skew = {"components": straight["components"] + 0.4 * straight["components"][[1, 2, 0]]}
    problem = replace(problem, variation=ProbeVariation(**straight | skew))
    variable = VariableProbe(problem, asked(opr_modes=3, intensity_correction=True), NumpyBackend())
    before = variable.variation()
    variable._orthogonalize()
    now = variable.variation()
    assert before is not None and now is not None
    everywhere = slice(len(problem.patterns))
    wanted = before.probes(problem.probe, everywhere)
    np.testing.assert_allclose(now.probes(problem.probe, everywhere), wanted, atol=1e-5 * np.abs(wanted).max())
    assert np.abs(parts(now)["components"] - parts(before)["components"]).max() > 0.01


def test_components_follow_what_constraints_do() -> None:
    problem = varied(problem_of(simulate(replace(TINY, mode_fractions=(1.0, 0.3)))))
    variable = VariableProbe(problem, asked(**BOTH), NumpyBackend())
    everywhere, turn = slice(len(problem.patterns)), np.exp(0.7j)
    assert problem.variation is not None
    wanted = problem.variation.probes(problem.probe, everywhere)
    shift, rotation = np.array([2, -3]), np.diag([turn, 1.0])
    turned = (rotation @ problem.probe.reshape(2, -1)).reshape(problem.probe.shape)
    variable.probe[...] = 1.5 * 0.8 * np.roll(turned, tuple(shift), (1, 2))
    variable.follow(Changes(True, True, shift, rotation, np.float32(1.5)), np.float32(0.8))
    now = variable.variation()
    assert now is not None
    wanted = 1.2 * np.roll(wanted, tuple(shift), (2, 3)) * np.array([turn, 1])[:, None, None]
    np.testing.assert_allclose(now.probes(variable.probe, everywhere), wanted, atol=1e-5 * np.abs(wanted).max())


def test_a_rotation_leaves_what_stays_in_the_first_mode() -> None:
    problem = varied(problem_of(simulate(replace(TINY, mode_fractions=(1.0, 0.3)))))
    variable = VariableProbe(problem, asked(**BOTH), NumpyBackend())
    before = parts(variable.variation())
    variable.follow(Changes(True, rotation=np.array([[0.6, 0.8], [-0.8, 0.6]], complex)), None)
    now = parts(variable.variation())
    np.testing.assert_allclose(now["coefficients"], 0.6 * before["coefficients"], rtol=1e-5)
    np.testing.assert_array_equal(now["components"], before["components"])


def test_components_stay_in_the_support(cpu: Backend, wandering: SimulatedScan) -> None:
    found, _ = run(problem_of(wandering), cpu, 6, opr_modes=1, probe_support_m=30.0)
    outside = np.hypot(*(np.mgrid[:64, :64] - 32)) > 15
    components = parts(found.variation)["components"]
    assert not found.probe[:, outside].any() and not components[:, outside].any()
    assert components[:, ~outside].any()


def test_the_schedule_is_kept(cpu: Backend, wandering: SimulatedScan) -> None:
    engine = create_engine(problem_of(wandering), asked(update_opr="3:4", **BOTH, iterations=9), cpu)
    found = []
    for _ in range(6):
        engine.step()
        found.append(engine.estimate().variation)
    assert found[0] is None and found[1] is None and found[2] is not None
    for name in ("components", "coefficients", "intensities"):
        third, fourth, fifth, sixth = (getattr(variation, name) for variation in found[2:])
        assert not np.array_equal(third, fourth)
        assert np.array_equal(fourth, fifth) and np.array_equal(fifth, sixth)


def test_components_wait_for_the_probe(cpu: Backend, wandering: SimulatedScan) -> None:
    problem = varied(problem_of(wandering))
    found, _ = run(problem, cpu, 3, update_opr="1", update_probe="never", **BOTH)
    np.testing.assert_array_equal(found.probe, problem.probe)
    before, now = parts(problem.variation), parts(found.variation)
    np.testing.assert_array_equal(now["components"], before["components"])
    assert not np.allclose(now["coefficients"], before["coefficients"])
    assert not np.allclose(now["intensities"], before["intensities"])


def test_an_engine_goes_on_from_a_variation(cpu: Backend, wandering: SimulatedScan) -> None:
    problem, steady = problem_of(wandering), {"opr_modes": 1, "batch_growth": False}
    found, errors = run(problem, cpu, 20, **steady)
    again = replace(problem, object=found.object, probe=found.probe, iteration=20)
    _, kept = run(replace(again, variation=found.variation), cpu, 1, **steady)
    _, lost = run(again, cpu, 1, **steady)
    assert kept[0] < 1.1 * errors[-1] < 2 < lost[0]


def test_what_is_known_of_a_variation_is_taken(cpu: Backend) -> None:
    problem = varied(problem_of(simulate(TINY)))
    known = parts(problem.variation)
    for other, taken in (
        ({"opr_modes": 3}, {"intensities"}),
        ({"intensity_correction": False}, {"components", "coefficients"}),
        ({}, set(known)),
    ):
        found = parts(create_engine(problem, asked(**{**BOTH, **other}), cpu).estimate().variation)
        assert set(found) == taken
        for name, value in found.items():
            np.testing.assert_allclose(value, known[name], rtol=1e-6)
    assert create_engine(problem, asked(), cpu).estimate().variation is None


def test_intensities_are_found_with_a_known_probe(cpu: Backend, fluctuating: SimulatedScan) -> None:
    """Components wait for an update of the probe; intensities do not."""
    found, errors = run(problem_of(fluctuating), cpu, 30, update_probe="never", **BOTH)
    assert set(parts(found.variation)) == {"intensities"}
    truth = parts(fluctuating.variation)["intensities"]
    assert np.corrcoef(parts(found.variation)["intensities"], truth)[0, 1] > 0.99
    assert errors[-1] < 1.1


@pytest.mark.parametrize("sub_pixel", ["nearest", "fourier"])
def test_the_same_bits_for_any_number_of_threads(sub_pixel: str) -> None:
    problem = problem_of(simulate(replace(SMALL, probe_variation=0.2, intensity_rms=0.1, scan_dims=(5, 5))))
    found = []
    for threads in (1, 2, 3):
        with open_backend("cpu", threads=threads) as backend:
            found.append(run(problem, backend, 5, sub_pixel=sub_pixel, update_opr="1", **BOTH)[0])
    for other in found[1:]:
        assert np.array_equal(found[0].object, other.object) and np.array_equal(found[0].probe, other.probe)
        for name in ("components", "coefficients", "intensities"):
            assert np.array_equal(getattr(found[0].variation, name), getattr(other.variation, name))


@pytest.mark.parametrize("sub_pixel", ["nearest", "fourier"])
def test_compiled_kernels_and_their_twins_agree(cpu: Backend, sub_pixel: str) -> None:
    problem = varied(problem_of(simulate(replace(TINY, mode_fractions=(1.0, 0.2)))))
    one, other = (
        run(problem, backend, 2, sub_pixel=sub_pixel, update_opr="1", **BOTH)[0] for backend in (cpu, NumpyBackend())
    )
    shares, others = parts(one.variation), parts(other.variation)
    pairs = [(one.object, other.object), (one.probe, other.probe)]
    for first, second in (*pairs, *((shares[name], others[name]) for name in ("coefficients", "intensities"))):
        np.testing.assert_allclose(first, second, atol=1e-3 * np.abs(second).max())
