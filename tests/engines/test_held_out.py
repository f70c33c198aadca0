"""Engines tell the misfit of held-out pixels, and what they reconstruct does not depend on them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ptychogui.backends.base import Backend
from ptychogui.backends.cuda import CudaBackend, backend as backend_module
from ptychogui.backends.host import HostBackend
from ptychogui.backends.numpy_backend import NumpyBackend
from ptychogui.engines import ENGINES, Engine, Extent, Problem, Step, create_engine
from ptychogui.engines.resident_patterns import memory_streamed
from ptychogui.physics.amplitude_variance import expected_amplitude_variance
from ptychogui.physics.held_out import HeldOut
from ptychogui.physics.pattern_storage import amplitudes_of
from ptychogui.physics.simulation import intensities, simulate
from tests.backends.fake_cupy import FakeMachine
from tests.backends.problems import held_out_of, narrow_beam
from tests.engines.scans import TINY, problem_of, settings

_CASES: list[dict[str, Any]] = [
    *({"engine": engine} for engine in ENGINES),
    {"engine": "epie", "batch_size": 1, "sub_pixel": "nearest"},
    {"engine": "lsqml", "noise_model": "poisson"},
    {"engine": "lsqml", "opr_modes": 1, "intensity_correction": True},
    {"engine": "dm", "half_precision": True, "power_bound": 0.0},
]
_IDS = [" ".join(map(str, case.values())) for case in _CASES]

_Errors = tuple[tuple[float, ...], tuple[float, ...]]


def small() -> Problem:
    scan = simulate(replace(TINY, mode_fractions=(0.8, 0.2), dead_pixels=40))
    return held_out_of(problem_of(scan))


def told(engine: Engine, iterations: int = 3) -> _Errors:
    """Return the errors and the free errors of some iterations."""
    steps: list[Step] = [*(engine.step() for _ in range(iterations)), engine.finish()]
    return sum((step.errors for step in steps), ()), sum((step.free_errors for step in steps), ())


def results(problem: Problem, backend: Backend, **values: Any) -> tuple[list[np.ndarray], _Errors]:
    engine = create_engine(problem, settings(**values), backend)
    errors = told(engine)
    estimate = engine.estimate()
    return [estimate.object, estimate.probe, engine.positions_px()], errors


@pytest.mark.parametrize("case", _CASES, ids=_IDS)
def test_the_free_error_is_that_of_the_model_on_the_held_out_pixels(case: dict[str, Any]) -> None:
    problem = small()
    still = {"update_object": "never", "update_probe": "never", "position_correction": "never", "update_opr": "never"}
    with HostBackend(2) as host:
        engine = create_engine(problem, settings(**case, **still), host)
        errors, free_errors = told(engine, 1)
    nearest = case.get("sub_pixel") == "nearest"
    geometry = replace(problem.geometry, fractions=problem.geometry.fractions * (0 if nearest else 1))
    means = np.concatenate(list(intensities(problem.object, problem.probe, geometry)))
    known = amplitudes_of(problem.patterns)
    assert [*errors] == pytest.approx([error_of(means[known >= 0], known[known >= 0])], rel=1e-4)
    assert problem.held_out is not None
    pixels, there = problem.held_out.pixels, problem.held_out.pixels >= 0
    modelled = np.take_along_axis(means.reshape(len(means), -1), pixels.astype(np.int64), axis=1)[there]
    assert [*free_errors] == pytest.approx([error_of(modelled, problem.held_out.amplitudes[there])], rel=1e-4)


def error_of(means: np.ndarray, amplitudes: np.ndarray) -> float:
    """The error by its definition."""
    expected = expected_amplitude_variance((means + amplitudes**2) / 2).sum(dtype=np.float64)
    return float(np.sqrt(np.square(np.sqrt(means) - amplitudes).sum(dtype=np.float64) / expected))


@pytest.mark.parametrize("case", _CASES, ids=_IDS)
def test_held_out_pixels_have_no_influence(case: dict[str, Any]) -> None:
    problem = small()
    assert problem.held_out is not None
    other = HeldOut(problem.held_out.pixels, problem.held_out.amplitudes + 7)
    with HostBackend(2) as host:
        wanted, (errors, free_errors) = results(problem, host, **case)
        changed, (same_errors, higher) = results(replace(problem, held_out=other), host, **case)
        unseen, (as_before, none) = results(replace(problem, held_out=None), host, **case)
    for got in (changed, unseen):
        assert all(np.array_equal(one, same) for one, same in zip(got, wanted, strict=True))
    assert errors == same_errors == as_before and none == ()
    assert len(free_errors) == len(errors) == 3
    assert all(high != free for high, free in zip(higher, free_errors, strict=True))


@pytest.mark.parametrize("case", _CASES, ids=_IDS)
def test_free_errors_do_not_depend_on_threads_and_are_numpys(case: dict[str, Any]) -> None:
    found = set()
    for threads in (1, 3):
        with HostBackend(threads) as host:
            found.add(results(small(), host, **case)[1][1])
    (free_errors,) = found
    with NumpyBackend() as reference:
        _, (_, wanted) = results(small(), reference, **case)
    assert free_errors == pytest.approx(wanted, rel=1e-3)


@pytest.mark.parametrize("engine", ENGINES)
def test_free_errors_are_the_same_where_patterns_pass_through(
    machine: FakeMachine, monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    monkeypatch.setattr(backend_module, "_UNCACHED_BATCH", 1 << 14)
    problem = held_out_of(narrow_beam(16, 6, 9.0))
    asked = settings(engine=engine)
    with CudaBackend(0) as gpu:
        wanted, errors = results(problem, gpu, engine=engine)
        extent = Extent.of(problem, asked)
        needed = memory_streamed(engine, extent, asked, gpu, 11) + extent.one_pattern_bytes // 2
        machine.free_memory_bytes = int(needed / 0.9) - machine.free_bytes()
        got, streamed = results(problem, gpu, engine=engine)
        assert any(name == "fetch_patterns" for name, _ in machine.calls)
    assert errors == streamed
    assert len(errors[1]) == 3
    assert all(np.array_equal(ours, theirs) for ours, theirs in zip(got, wanted, strict=True))
