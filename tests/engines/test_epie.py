"""ePIE against the textbook written out, against simulated truth, and against itself on other devices and threads."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from ptychogui.backends import Backend, open_backend
from ptychogui.engines import Extent, Problem, create_engine, epie, memory_needed, partition
from ptychogui.engines.epie import EPIE
from ptychogui.errors import ParameterError
from ptychogui.params.reconstruction import Reconstruction
from ptychogui.physics.metrics import align
from ptychogui.physics.modes import add_modes
from ptychogui.physics.pattern_storage import amplitudes_of
from ptychogui.physics.probe import gaussian, scale_to_counts, shift_probe
from ptychogui.physics.scan import ScanGeometry
from ptychogui.physics.simulation import SimulatedScan, simulate
from tests.engines.scans import SMALL, TINY, errors_of, problem_of, settings


def run(problem: Problem, backend: Backend, iterations: int, **values: Any) -> tuple[EPIE, list[float]]:
    """Do iterations and return the engine and its errors."""
    engine = create_engine(problem, settings(**values), backend)
    assert isinstance(engine, EPIE)
    return engine, errors_of(engine, iterations)


@pytest.fixture
def cpu() -> Iterator[Backend]:
    """The compiled kernels on two threads."""
    with open_backend("cpu", threads=2) as opened:
        yield opened


def textbook_iteration(
    problem: Problem, order: np.ndarray, obj: np.ndarray, probe: np.ndarray, asked: Reconstruction
) -> tuple[np.ndarray, np.ndarray]:
    """Do Maiden & Rodenburg's equations (rPIE's for alpha < 1) one position after the other, in double precision."""
    obj, probe, alpha = obj.astype(np.complex128), probe.astype(np.complex128), asked.regularization
    n = probe.shape[-1]
    for i in order:
        row, column = problem.geometry.corners[i]
        fraction = problem.geometry.fractions[i] * (asked.sub_pixel == "fourier")
        window = obj[row : row + n, column : column + n]
        beam = shift_probe(probe, fraction)
        far = np.fft.fft2(beam * window, norm="ortho")
        modelled = np.sqrt((abs(far) ** 2).sum(axis=0))
        measured = amplitudes_of(problem.patterns[i])
        far *= np.where(measured < 0, 1, measured / (modelled + 1e-12))
        chi = np.fft.ifft2(far, norm="ortho") - beam * window
        power, brightness = (abs(beam) ** 2).sum(axis=0), abs(window) ** 2
        strongest = (abs(probe) ** 2).sum(axis=0).max()
        pull = (beam.conj() * chi).sum(axis=0) / ((1 - alpha) * power + alpha * strongest)
        turn = window.conj() * chi / ((1 - alpha) * brightness + alpha * brightness.max())
        window += asked.object_step * pull
        probe = probe + asked.probe_step * shift_probe(turn, -fraction)
    return obj, probe


SERIAL = {"batch_size": 1, "seed": 5, "orthogonalize_every": 99}


@pytest.mark.parametrize("device", ["cpu", "numpy"])
@pytest.mark.parametrize(
    ("modes", "integer", "asked"),
    [
        (1, True, {}),
        (1, False, {}),
        (3, False, {}),
        (3, False, {"regularization": 0.2}),
        (5, False, {"regularization": 0.2}),
        (1, False, {"sub_pixel": "nearest"}),
        (2, False, {"object_step": 0.5, "probe_step": 0.3}),
    ],
)
def test_serial_order_is_the_textbook(
    device: str, modes: int, integer: bool, asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partition, "_WORTH_A_WORKER", 1)  # every block of rows goes to its own worker
    scan = simulate(replace(TINY, integer_positions=integer, dead_pixels=9))
    problem = problem_of(scan, add_modes(scan.probe, modes))
    with open_backend(device, threads=3) as backend:
        engine, _ = run(problem, backend, 1, **SERIAL, **asked)
    order = np.random.default_rng(5).permutation(len(problem.patterns))
    obj, probe = textbook_iteration(problem, order, problem.object, problem.probe, settings(**asked))
    estimate = engine.estimate()
    assert abs(estimate.object - obj).max() < 2e-4
    assert abs(estimate.probe - probe).max() < 2e-4 * abs(probe).max()


def compact(scan: SimulatedScan, radius: float) -> np.ndarray:
    """Cut the probe off outside a disc: nothing is left to overlap."""
    n = scan.recipe.n
    rows, columns = np.mgrid[:n, :n] - n // 2
    return np.asarray(scan.probe * (rows**2 + columns**2 <= radius**2))


class FixedOrder:
    """Positions one by one in an order that is given."""

    def __init__(self, order: np.ndarray) -> None:
        self.order = order

    def draw(self) -> list[np.ndarray]:
        """Return every position alone."""
        return [np.array([i], dtype=np.int32) for i in self.order]


def test_a_group_updates_the_object_as_the_serial_order_does(cpu: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(epie, "SUPPORT_POWER", 1.0)
    scan = simulate(replace(TINY, integer_positions=True, scan_dims=(9, 9)))
    problem = problem_of(scan, compact(scan, 6))
    grouped = create_engine(problem, settings(update_probe=99, seed=3), cpu)
    assert isinstance(grouped, EPIE)
    drawn: list[np.ndarray] = []
    follow = EPIE._follow_probe

    def spy(engine: EPIE) -> None:
        follow(engine)
        groups = engine._grouping.draw()
        drawn.extend(groups)
        monkeypatch.setattr(engine._grouping, "draw", lambda: groups)

    monkeypatch.setattr(EPIE, "_follow_probe", spy)
    grouped.step()
    assert max(len(group) for group in drawn) > 3

    def one_by_one(engine: EPIE) -> None:
        engine._grouping = FixedOrder(np.concatenate(drawn))  # type: ignore[assignment]

    monkeypatch.setattr(EPIE, "_follow_probe", one_by_one)
    serial, _ = run(problem, cpu, 1, update_probe=99, batch_size=1)
    assert abs(serial.estimate().object - grouped.estimate().object).max() < 1e-6


def test_the_probe_takes_the_mean_of_what_a_group_gives(cpu: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    problem = problem_of(simulate(replace(TINY, scan_dims=(3, 3), overlap=-0.4)))
    positions = len(problem.patterns)
    monkeypatch.setattr(EPIE, "_follow_probe", lambda engine: None)

    def moved(members: list[int]) -> np.ndarray:
        engine = create_engine(problem, settings(probe_step=0.7), cpu)
        assert isinstance(engine, EPIE)
        engine._grouping = FixedGroup(members)  # type: ignore[assignment]
        engine.step()
        return np.asarray(engine.estimate().probe - problem.probe)

    together = moved(list(range(positions)))
    mean = np.mean([moved([i] * positions) for i in range(positions)], axis=0)
    assert abs(together - mean).max() < 1e-4 * abs(together).max()


class FixedGroup:
    """One group of given positions."""

    def __init__(self, members: list[int]) -> None:
        self.members = np.array(members, dtype=np.int32)

    def draw(self) -> list[np.ndarray]:
        """Return the group."""
        return [self.members]


@pytest.mark.parametrize("batch_size", [2, 5])
def test_no_group_is_larger_than_asked_for(cpu: Backend, batch_size: int) -> None:
    engine, _ = run(problem_of(simulate(replace(TINY, scan_dims=(16, 16)))), cpu, 1, batch_size=batch_size)
    assert max(len(group) for group in engine._grouping.draw()) == batch_size


def test_groups_follow_a_probe_that_grows(cpu: Backend) -> None:
    scan = simulate(replace(SMALL, probe="gaussian", probe_diameter_m=500e-9))
    start = scale_to_counts(gaussian(64, scan.object_pixel_m, 150e-9), 1e6)
    engine = create_engine(problem_of(scan, start), settings(), cpu)
    assert isinstance(engine, EPIE)
    engine.step()
    before = len(engine._grouping.draw())
    for _ in range(21):
        engine.step()
    assert len(engine._grouping.draw()) > 1.3 * before


def test_a_converged_probe_of_several_modes_goes_on_where_it_was(cpu: Backend) -> None:
    scan = simulate(replace(TINY, mode_fractions=(0.5, 0.3, 0.2)))
    engine, errors = run(problem_of(scan), cpu, 30)
    estimate = engine.estimate()
    again = replace(problem_of(scan, estimate.probe), object=estimate.object)
    _, later = run(again, cpu, 3, update_probe=2, update_modes=3)
    assert max(later) < 1.1 * errors[-1]


def test_memory_is_what_was_announced(cpu: Backend) -> None:
    problem = problem_of(simulate(replace(SMALL, mode_fractions=(0.7, 0.3))))
    announced = memory_needed("epie", Extent.of(problem, settings()), settings(), cpu)
    tracemalloc.start()
    try:
        run(problem, cpu, 2)
        peak = tracemalloc.get_traced_memory()[1] + problem.patterns.nbytes
    finally:
        tracemalloc.stop()
    assert 0.7 * announced < peak < 1.3 * announced


def test_same_seed_same_bits_for_any_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partition, "_WORTH_A_WORKER", 1)
    problem = problem_of(simulate(replace(TINY, mode_fractions=(1.0, 0.2))))
    results = []
    for threads in (1, 2, 3):
        with open_backend("cpu", threads=threads) as backend:
            results.append(run(problem, backend, 3, orthogonalize_every=2)[0].estimate())
    assert all(np.array_equal(a.object, b.object) and np.array_equal(a.probe, b.probe) for a, b in pairwise(results))


def test_another_seed_gives_another_order(cpu: Backend) -> None:
    problem = problem_of(simulate(TINY))
    first, second = (run(problem, cpu, 2, seed=seed)[0].estimate().object for seed in (1, 2))
    assert not np.array_equal(first, second)


def test_compiled_kernels_and_numpy_agree(cpu: Backend) -> None:
    problem = problem_of(simulate(replace(TINY, mode_fractions=(1.0, 0.2), dead_pixels=5)))
    with open_backend("numpy") as backend:
        plain, errors = run(problem, backend, 2)
    compiled, compiled_errors = run(problem, cpu, 2)
    assert compiled_errors == pytest.approx(errors, rel=1e-4)
    assert abs(compiled.estimate().object - plain.estimate().object).max() < 1e-3


def test_free_pixels_keep_what_the_model_says(cpu: Backend) -> None:
    problem = problem_of(simulate(TINY))
    free = replace(problem, patterns=np.full_like(problem.patterns, np.iinfo(problem.patterns.dtype).max))
    engine, errors = run(free, cpu, 2)
    estimate = engine.estimate()
    assert errors == [0.0, 0.0]
    assert abs(estimate.object - problem.object).max() < 1e-5
    assert abs(estimate.probe - problem.probe).max() < 1e-4 * abs(problem.probe).max()


def test_probe_and_modes_wait_for_their_iteration(cpu: Backend) -> None:
    scan = simulate(TINY)
    problem = problem_of(scan, add_modes(scan.probe, 3))
    engine = create_engine(problem, settings(update_probe=3, update_modes=4), cpu)
    changed = []
    for _ in range(4):
        before = engine.estimate().probe
        engine.step()
        pairs = zip(engine.estimate().probe, before, strict=True)
        changed.append([bool(abs(a - b).max() > 1e-3 * abs(b).max()) for a, b in pairs])
    assert changed == [[False] * 3, [False] * 3, [True, False, False], [True, True, True]]


def test_modes_stay_orthogonal_and_sorted(cpu: Backend) -> None:
    scan = simulate(replace(TINY, mode_fractions=(1.0, 0.5, 0.3)))
    engine, _ = run(problem_of(scan, add_modes(scan.probe[:1], 3)), cpu, 4, orthogonalize_every=2)
    modes = engine.estimate().probe.reshape(3, -1).astype(np.complex128)
    gram = modes @ modes.conj().T
    powers = gram.diagonal().real
    assert abs(gram - np.diag(powers)).max() < 1e-4 * powers[0]
    assert (np.diff(powers) <= 0).all()


def test_phase_constraint_keeps_the_phase_at_most_zero(cpu: Backend) -> None:
    engine, _ = run(problem_of(simulate(TINY)), cpu, 2, phase_constraint=2)
    assert np.angle(engine.estimate().object).max() < 1e-5


def test_an_engine_that_is_not_there_is_named(cpu: Backend) -> None:
    asked = settings().model_copy(update={"engine": "sirt"})
    with pytest.raises(ParameterError, match="'sirt' is not part of this version; choose epie"):
        create_engine(problem_of(simulate(TINY)), asked, cpu)


def scanned(geometry: ScanGeometry) -> np.ndarray:
    """Mark the object between the outermost window centers."""
    n = geometry.window_px
    first, last = geometry.corners.min(axis=0) + n // 2, geometry.corners.max(axis=0) + n // 2
    mask = np.zeros(geometry.object_shape)
    mask[first[0] : last[0] + 1, first[1] : last[1] + 1] = 1
    return mask


def test_noiseless_integer_scan_reaches_the_truth_within_one_percent(cpu: Backend) -> None:
    scan = simulate(replace(SMALL, scan="fly", noise=False, integer_positions=True, phantom="cells"))
    problem = problem_of(scan)
    engine, errors = run(problem, cpu, 200)
    truth = scan.object[: problem.object.shape[0], : problem.object.shape[1]]
    assert truth.shape == problem.object.shape
    assert align(engine.estimate().object, truth, scanned(problem.geometry)).error < 0.01
    assert errors[-1] < 0.05 * errors[0]


def test_with_photon_noise_the_error_settles_near_one(cpu: Backend) -> None:
    problem = problem_of(simulate(replace(SMALL, photons=1e5)))
    _, errors = run(problem, cpu, 60)
    assert 0.8 < errors[-1] < 1.2
