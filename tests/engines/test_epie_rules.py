"""What surrounds ePIE's equations: momentum, schedules, constraints, groups that follow the probe, pattern types."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ptychogui.backends import Backend, open_backend
from ptychogui.engines import Estimate, Problem, create_engine
from ptychogui.engines.epie import EPIE
from ptychogui.physics.modes import add_modes
from ptychogui.physics.pattern_storage import KINDS, compact, widened
from ptychogui.physics.simulation import simulate
from tests.engines.scans import SMALL, TINY, errors_of, problem_of, settings


@pytest.fixture
def cpu() -> Iterator[Backend]:
    """The compiled kernels on two threads."""
    with open_backend("cpu", threads=2) as opened:
        yield opened


def engine_of(problem: Problem, backend: Backend, **values: Any) -> EPIE:
    """Return an engine whose every iteration takes all positions in their order, one by one."""
    engine = create_engine(problem, settings(batch_size=1, **values), backend)
    assert isinstance(engine, EPIE)
    engine._grouping = InOrder(len(problem.patterns))  # type: ignore[assignment]
    return engine


class InOrder:
    """The positions one by one."""

    def __init__(self, positions: int) -> None:
        self._positions = positions

    def draw(self) -> list[np.ndarray]:
        return [np.array([i], np.int32) for i in range(self._positions)]


def one_more(problem: Problem, start: Estimate, backend: Backend, **values: Any) -> Estimate:
    """Return what an iteration without momentum makes of an estimate."""
    engine = engine_of(replace(problem, object=start.object, probe=start.probe), backend, **values)
    engine.step()
    return engine.estimate()


@pytest.mark.parametrize("sub_pixel", ["fourier", "nearest"])
def test_momentum_is_its_formula(cpu: Backend, sub_pixel: str) -> None:
    scan = simulate(TINY)
    problem = problem_of(scan, add_modes(scan.probe, 2))
    share, asked = 0.6, {"sub_pixel": sub_pixel, "orthogonalize_every": 99}
    engine = engine_of(problem, cpu, momentum=share, **asked)
    past = {"object": problem.object, "probe": problem.probe}
    velocity = {name: np.zeros_like(array) for name, array in past.items()}
    for _ in range(3):
        plain = one_more(problem, Estimate(past["object"], past["probe"]), cpu, **asked)
        engine.step()
        got = engine.estimate()
        for name, array in past.items():
            moved = getattr(plain, name)
            velocity[name] = share * velocity[name] + (moved - array)
            wanted = moved + share * velocity[name]
            assert abs(getattr(got, name) - wanted).max() < 1e-3 * abs(wanted).max()
            assert abs(wanted - moved).max() > 0.01 * abs(wanted).max()
        past = {"object": got.object, "probe": got.probe}


def test_momentum_gets_further_in_as_many_iterations(cpu: Backend) -> None:
    problem = problem_of(simulate(replace(SMALL, noise=False)))
    plain, fast = (errors_of(create_engine(problem, settings(momentum=share), cpu), 30)[-1] for share in (0, 0.5))
    assert fast < 0.8 * plain


def test_momentum_leaves_alone_what_is_not_updated(cpu: Backend) -> None:
    scan = simulate(TINY)
    problem = problem_of(scan, add_modes(scan.probe, 2))
    schedules = {"update_probe": "1:4", "update_modes": "1:2", "update_object": "1:3"}
    engine = engine_of(problem, cpu, momentum=0.5, orthogonalize_every=99, **schedules)
    changed = []
    for _ in range(5):
        before = engine.estimate()
        engine.step()
        after = engine.estimate()
        parts = [(after.object, before.object), *zip(after.probe, before.probe, strict=True)]
        changed.append([bool(abs(a - b).max() > 1e-4 * abs(b).max()) for a, b in parts])
    assert changed == [[True] * 3, [True] * 3, [True, True, False], [False, True, False], [False] * 3]


@pytest.mark.parametrize("sub_pixel", ["fourier", "nearest"])
@pytest.mark.parametrize(
    "asked",
    [
        {"probe_support_m": 400e-9}, {"probe_threshold": 0.1}, {"center_probe": "1"}, {"keep_power": "1"},
        {"orthogonalize_every": 1}, {"object_clamp": 0.9}, {"momentum": 0.5}, {},
    ],
    ids=str,
)  # fmt: skip
def test_what_follows_from_the_probe_is_renewed_with_it(cpu: Backend, sub_pixel: str, asked: dict[str, Any]) -> None:
    scan = simulate(TINY)
    problem = problem_of(scan, np.roll(add_modes(scan.probe, 2), 3, axis=-1))
    problem = replace(problem, object_pixel_m=scan.object_pixel_m)
    engine = create_engine(problem, settings(sub_pixel=sub_pixel, **asked), cpu)
    assert isinstance(engine, EPIE)
    for _ in range(2):
        engine.step()
        held, probe = engine._pass, engine.estimate().probe
        strongest = (abs(probe) ** 2).sum(axis=0).max(axis=1)
        np.testing.assert_allclose(held._strongest[0], strongest, rtol=1e-4)
        assert (held._spectrum is not None) == (sub_pixel == "fourier")
        if held._spectrum is not None:
            spectrum = np.fft.fft2(probe) / probe.shape[-1] ** 2
            np.testing.assert_allclose(held._spectrum, spectrum, atol=1e-5 * abs(spectrum).max())


def test_constraints_hold_after_every_iteration(cpu: Backend) -> None:
    scan = simulate(TINY)
    problem = replace(problem_of(scan), object_pixel_m=scan.object_pixel_m)
    diameter_m = 10 * scan.object_pixel_m
    engine = create_engine(problem, settings(object_clamp=0.8, probe_support_m=diameter_m), cpu)
    outside = np.hypot(*(np.mgrid[:32, :32] - 16)) > 5
    for _ in range(2):
        engine.step()
        assert abs(engine.estimate().object).max() <= 0.8 * (1 + 1e-6)
        assert (engine.estimate().probe[:, outside] == 0).all()
        assert (engine.estimate().probe[:, ~outside] != 0).all()


def test_momentum_rests_when_modes_are_turned(cpu: Backend) -> None:
    scan = simulate(replace(TINY, mode_fractions=(0.6, 0.4)))
    problem = problem_of(scan)
    engine = engine_of(problem, cpu, momentum=0.5, orthogonalize_every=2)
    for _ in range(2):
        engine.step()
    after = engine.estimate()
    plain = one_more(problem, after, cpu, orthogonalize_every=99)
    engine.step()
    wanted = plain.object + 0.5 * (plain.object - after.object)
    assert abs(engine.estimate().object - wanted).max() < 1e-4


def test_object_waits_for_its_iteration(cpu: Backend) -> None:
    problem = problem_of(simulate(TINY))
    engine = create_engine(problem, settings(update_object="2:4:2"), cpu)
    changed = []
    for _ in range(5):
        before = engine.estimate().object
        engine.step()
        changed.append(not np.array_equal(engine.estimate().object, before))
    assert changed == [False, True, False, True, False]


def test_schedules_count_on_from_earlier_stages(cpu: Backend) -> None:
    problem = replace(problem_of(simulate(TINY)), iteration=40)
    engine = create_engine(problem, settings(update_object="42"), cpu)
    assert (engine.step().iteration, engine.step().iteration) == (41, 42)
    first = create_engine(problem, settings(update_object="42"), cpu)
    first.step()
    assert np.array_equal(first.estimate().object, problem.object)
    assert not np.array_equal(engine.estimate().object, problem.object)


def test_every_type_of_patterns_gives_the_same_bits(cpu: Backend) -> None:
    problem = problem_of(simulate(replace(TINY, dead_pixels=9, photons=2e3)))
    assert problem.patterns.dtype == np.uint8
    results, errors = [], []
    for kind in KINDS:
        engine = create_engine(replace(problem, patterns=widened(problem.patterns, kind)), settings(), cpu)
        errors.append(errors_of(engine, 3))
        results.append(engine.estimate())
    for other in results[1:]:
        assert np.array_equal(other.object, results[0].object) and np.array_equal(other.probe, results[0].probe)
    for same in errors[1:]:
        assert same == pytest.approx(errors[0], rel=1e-6)
    assert compact(widened(problem.patterns, KINDS[2])).dtype == np.uint8


def test_groups_follow_the_probe_of_one_iteration_ago(cpu: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[np.ndarray] = []
    monkeypatch.setattr(EPIE, "_group_for", lambda engine, probe: seen.append(probe))
    problem = problem_of(simulate(TINY))
    engine = create_engine(problem, settings(orthogonalize_every=7), cpu)
    assert isinstance(engine, EPIE)
    engine._grouping = InOrder(len(problem.patterns))  # type: ignore[assignment]
    probes = [engine.estimate().probe]
    for _ in range(9):
        engine.step()
        probes.append(engine.estimate().probe)
    assert len(seen) == 6
    for got, iteration in zip(seen, [0, 0, 1, 2, 3, 6], strict=True):
        assert np.array_equal(got, probes[iteration])


def test_a_serial_order_needs_no_probe(cpu: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EPIE, "_group_for", lambda engine, probe: pytest.fail("grouped"))
    engine = create_engine(problem_of(simulate(TINY)), settings(batch_size=1), cpu)
    for _ in range(3):
        engine.step()
