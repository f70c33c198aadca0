"""An engine that goes on from a state gives the bits of one never disturbed, and giving its state disturbs nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings as hypothesis_settings, strategies as st

from ptychogui.backends import Backend, open_backend
from ptychogui.backends.cuda import CudaBackend
from ptychogui.backends.numpy_backend import NumpyBackend
from ptychogui.engines import Engine, Problem, create_engine, likelihood
from ptychogui.engines.state import EngineState, in_order, joined, kept, numbered, part_of, put
from ptychogui.errors import DataError
from ptychogui.params.reconstruction import Reconstruction
from ptychogui.physics.simulation import Recipe, simulate
from tests.backends.fake_cupy import FakeMachine
from tests.backends.problems import held_out_of
from tests.engines.scans import problem_of, through_a_file

ITERATIONS = 8

_FIRST: dict[str, Any] = {"update_probe": 1, "update_modes": 2, "noise_model": "gaussian", "orthogonalize_every": 5}

KINDS: dict[str, dict[str, Any]] = {
    "epie": {"engine": "epie"},
    "epie one by one": {"engine": "epie", "batch_size": 1, "sub_pixel": "nearest"},
    "epie with momentum": {"engine": "epie", "momentum": 0.5, "center_probe": "3", "probe_threshold": 0.01},
    "epie on whole pixels": {"engine": "epie", "momentum": 0.3, "sub_pixel": "nearest", "keep_power": "2"},
    "dm": {"engine": "dm"},
    "dm in half precision": {"engine": "dm", "half_precision": True, "sub_pixel": "nearest", "average_last": 0.7},
    "dm in rounds": {"engine": "dm", "overlap_sweeps": 4, "overlap_tolerance": 1e-4, "center_probe": "2"},
    "raar": {"engine": "raar", "average_last": 0.5, "keep_power": "3"},
    "lsqml": {"engine": "lsqml"},
    "lsqml of photons": {"engine": "lsqml", "noise_model": "poisson", "sub_pixel": "nearest", "grouping": "compact"},
    "lsqml with momentum": {"engine": "lsqml", "momentum": 0.5, "grouping": "random", "center_probe": "7::4"},
    "lsqml with a probe that varies": {
        "engine": "lsqml", "opr_modes": 2, "intensity_correction": True, "update_opr": "2", "momentum": 0.3,
    },
    "lsqml with positions": {"engine": "lsqml", "position_correction": "3"},
    "lsqml with all": {
        "engine": "lsqml", "position_correction": "2", "position_coupled": True, "batch_size": 4, "momentum": 0.4,
        "opr_modes": 1, "update_opr": "3", "intensity_correction": True, "position_freedom": "affine",
    },
}  # fmt: skip


FLY = Recipe(
    n=32, scan_dims=(6, 6), scan="fly", probe_diameter_m=300e-9, overlap=0.5, detector_pixel_m=150e-6, distance_m=1.0,
    mode_fractions=(0.8, 0.2),
)  # fmt: skip

LATTICE = replace(FLY, scan_dims=(8, 8), scan="raster")


@cache
def problem(recipe: Recipe = FLY, iteration: int = 2) -> Problem:
    """Return a scan with held-out pixels that begins at a later iteration."""
    return replace(held_out_of(problem_of(simulate(recipe))), iteration=iteration)


@pytest.fixture(scope="module")
def cpu() -> Iterator[Backend]:
    with open_backend("cpu", threads=2) as opened:
        yield opened


def settings_of(kind: str, **values: Any) -> Reconstruction:
    return Reconstruction.model_validate({**_FIRST, "iterations": ITERATIONS, **KINDS[kind], **values})


def outcome(engine: Engine, before: tuple[Any, ...], iterations: int) -> list[Any]:
    """Do iterations, wound up in the last ones; return all that an engine tells, after what it told before."""
    told = [*before]
    for _ in range(iterations):
        step = engine.step()
        told.append((step.iteration, step.errors, step.free_errors, step.notes))
    end, estimate = engine.finish(), engine.estimate()
    varied = () if estimate.variation is None else vars(estimate.variation).values()
    arrays = [estimate.object, estimate.probe, engine.positions_px(), *varied]
    return [*told, end.errors, end.free_errors, *(None if array is None else array.tobytes() for array in arrays)]


def steps(engine: Engine, iterations: int) -> tuple[Any, ...]:
    done = [engine.step() for _ in range(iterations)]
    return tuple((step.iteration, step.errors, step.free_errors, step.notes) for step in done)


def check(problem: Problem, settings: Reconstruction, backend: Backend, at: int) -> None:
    """See that it makes no difference whether an engine goes on from its state at an iteration."""
    left = settings.passes - at
    undisturbed = outcome(create_engine(problem, settings, backend), (), settings.passes)
    engine = create_engine(problem, settings, backend)
    before = steps(engine, at)
    state, copy = through_a_file(engine.state(), backend), kept(engine.state())
    assert outcome(engine, before, left) == undisturbed, "giving the state disturbed it"
    engine.restore(copy)
    assert outcome(engine, before, left) == undisturbed, "it did not go back on its device"
    fresh = create_engine(problem, settings, backend)
    fresh.restore(state)
    assert fresh.iteration == problem.iteration + at
    assert outcome(fresh, before, left) == undisturbed


@pytest.mark.parametrize("at", [2, 5])
def test_it_is_known_since_when_photons_are_fitted(monkeypatch: pytest.MonkeyPatch, cpu: Backend, at: int) -> None:
    monkeypatch.setattr(likelihood, "_FITS", 100.0)  # from the first error on that is known
    check(problem(), settings_of("lsqml", noise_model="auto"), cpu, at)


def test_it_is_known_on_a_gpu_whose_errors_come_late(machine: FakeMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(likelihood, "_FITS", 100.0)
    with CudaBackend(0) as gpu:
        check(problem(), settings_of("lsqml", noise_model="auto", cuda_graphs="on"), gpu, 3)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("at", [1, 5])
def test_every_engine(cpu: Backend, kind: str, at: int) -> None:
    check(problem(), settings_of(kind), cpu, at)


@pytest.mark.parametrize(
    ("kind", "at", "iterations"),
    [("epie", 14, 20), ("dm in rounds", 6, 12), ("lsqml with momentum", 20, 26), ("lsqml", 40, 60)],
)
def test_late_enough_for_what_goes_by_all_iterations_before(cpu: Backend, kind: str, at: int, iterations: int) -> None:
    check(problem(iteration=0), settings_of(kind, iterations=iterations, overlap_tolerance=0.1), cpu, at)


@pytest.mark.parametrize("kind", ["epie", "dm", "lsqml with positions"])
def test_where_object_and_probe_trade_on_a_lattice(cpu: Backend, kind: str) -> None:
    scan = problem(LATTICE, iteration=17)
    told = [note for step in steps(create_engine(scan, settings_of(kind), cpu), 3) for note in step[3]]
    assert told and "lattice" in told[0], "it did not trade"
    check(scan, settings_of(kind), cpu, 4)


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"epie one by one", "epie on whole pixels"}))
def test_on_a_gpu_whose_errors_come_late(machine: FakeMachine, kind: str) -> None:
    with CudaBackend(0) as gpu:
        check(problem(), settings_of(kind, cuda_graphs="on"), gpu, 5)


@given(at=st.integers(0, ITERATIONS), kind=st.sampled_from(sorted(KINDS)))
@hypothesis_settings(max_examples=15)
def test_at_any_iteration(cpu: Backend, at: int, kind: str) -> None:
    check(problem(), settings_of(kind), cpu, at)


_NUMPY = NumpyBackend()


@pytest.mark.parametrize("kind", ["dm", "raar", "lsqml", "epie"])
def test_an_early_end_is_wound_up_as_it_was(cpu: Backend, kind: str) -> None:
    def wound_up() -> Engine:
        engine = create_engine(problem(), settings_of(kind, iterations=100), cpu)
        steps(engine, 4)
        engine.wind_up()
        steps(engine, 1)
        return engine

    first, again = wound_up(), create_engine(problem(), settings_of(kind, iterations=100), cpu)
    again.restore(through_a_file(first.state(), cpu))
    assert again.wind_up() == first.wind_up()
    assert outcome(again, (), 4) == outcome(first, (), 4)


def test_nothing_in_an_iteration_waits_for_the_gpu_because_of_it(machine: FakeMachine) -> None:
    with CudaBackend(0) as gpu:
        engine = create_engine(problem(), settings_of("dm"), gpu)
        steps(engine, 3)
        begun = len(machine.stream.waits)
        engine.state()
        asked = [wait.asked_at for wait in machine.stream.waits[begun:]]
        assert len(asked) == 3 and all(at <= len(machine.stream.work) for at in asked)


def spoiled(state: EngineState, change: Callable[[EngineState], Any]) -> EngineState:
    change(state)
    return state


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda state: state.pop("object"), r"'object' is not there, not complex64 \(\d+, \d+\)"),
        (lambda state: state.update(probe=state["probe"][:1]), r"'probe' is complex64 \(1, 32, 32\), not"),
        (lambda state: state.update(probe=state["probe"].astype(np.complex128)), "'probe' is complex128"),
    ],
)
def test_a_state_that_does_not_fit_is_refused(change: Callable[[EngineState], Any], what: str) -> None:
    engine = create_engine(problem(), settings_of("epie"), _NUMPY)
    state = spoiled(through_a_file(engine.state(), _NUMPY), change)
    with pytest.raises(DataError, match=what):
        engine.restore(state)


def test_names_of_parts() -> None:
    state = joined(one={"a": 1, "b.c": 2}, other=numbered("xyz"), none={})
    assert state == {"one.a": 1, "one.b.c": 2, "other.0": "x", "other.1": "y", "other.2": "z"}
    assert part_of(state, "one") == {"a": 1, "b.c": 2} and part_of(state, "none") == {}
    assert in_order(part_of(state, "other")) == ["x", "y", "z"]


def test_a_copy_stays_as_it_was() -> None:
    array = np.zeros(3)
    copy = kept({"array": array, "text": "b"})
    array += 1
    assert copy["text"] == "b" and not copy["array"].any()
    put({"array": array}, copy, _NUMPY)
    assert not array.any()


def test_the_owners_array_stays_where_kernels_know_it() -> None:
    engine = create_engine(problem(), settings_of("lsqml with all"), _NUMPY)
    before = {name: value for name, value in engine.state().items() if isinstance(value, np.ndarray)}
    engine.restore(through_a_file(engine.state(), _NUMPY))
    assert [name for name, value in engine.state().items() if before.get(name, value) is not value] == [
        "known", "movement.0"
    ]  # fmt: skip
