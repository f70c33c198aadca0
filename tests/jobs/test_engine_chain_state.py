"""A chain that goes on from its state gives the bits of one that was never disturbed, in whatever stage it stood."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings as hypothesis_settings, strategies as st

from ptychogui.backends import Backend, open_backend
from ptychogui.engines.state import EngineState
from ptychogui.errors import DataError, DivergedError
from ptychogui.jobs.engine_chain import EngineChain
from ptychogui.jobs.prepare.prepared_job import PreparedJob, prepare
from tests.engines.scans import through_a_file
from tests.jobs.fakes import make_job
from tests.jobs.scripted_engines import BACKEND, BAD, GOOD, Script, chain_of

CHAINS: dict[str, dict[str, Any]] = {
    "stages": {"engine": "dm:3,epie:3,lsqml:4"},
    "one stage alone": {"engine": "raar", "iterations": 11},
    "coarse levels": {"engine": "epie", "coarse_levels": 1, "iterations": 6},
    "a cropped stage": {"engine": "lsqml:4/2,dm:3"},
    "positions through stages": {"engine": "lsqml:4,epie:2,lsqml:3", "position_correction": "2"},
    "a probe that varies": {
        "engine": "lsqml:3/2,lsqml:4", "opr_modes": 1, "update_opr": "1", "intensity_correction": True,
    },
}  # fmt: skip


@cache
def prepared(name: str) -> PreparedJob:
    changes = {f"reconstruction.{path}": value for path, value in CHAINS[name].items()}
    return prepare(make_job(Path("result.cxi"), experiment__probe_modes=2, **changes))


def chain(name: str, backend: Backend) -> EngineChain:
    found = prepared(name)
    return EngineChain(found.problem, found.decide(found.parameters.reconstruction), backend)


@pytest.fixture(scope="module")
def cpu() -> Iterator[Backend]:
    with open_backend("cpu", threads=2) as opened:
        yield opened


def outcome(chain: EngineChain) -> list[Any]:
    """Go on to the end; return all that a result has of it."""
    passed = [chain.iteration]
    try:
        while chain.iteration < chain.iterations:
            chain.step()
            passed.append(chain.iteration)
        chain.settle()
    except DivergedError as error:
        return [str(error), passed, chain.notes]
    estimate = chain.estimate()
    varied = () if estimate.variation is None else vars(estimate.variation).values()
    arrays = [estimate.object, estimate.probe, chain.positions_m(), *(array for array in varied if array is not None)]
    errors = repr(chain.errors), repr(chain.free_errors)
    return [passed, chain.steps, chain.notes, *errors, chain.pixel_m, *(array.tobytes() for array in arrays)]


def after(steps: int, chain: EngineChain) -> EngineChain:
    for _ in range(steps):
        chain.step()
    return chain


def check(first: EngineChain, again: EngineChain, backend: Backend) -> None:
    """See that a fresh chain goes on as the first does."""
    again.restore(through_a_file(first.state(), backend))
    assert outcome(again) == outcome(first)


@pytest.mark.parametrize("name", CHAINS)
def test_giving_its_state_changes_nothing(cpu: Backend, name: str) -> None:
    asked, undisturbed = chain(name, cpu), outcome(chain(name, cpu))
    told: list[EngineState] = []
    passed = [asked.iteration]
    while asked.iteration < asked.iterations:
        told.append(asked.state())
        asked.step()
        passed.append(asked.iteration)
    assert [passed, *outcome(asked)[1:]] == undisturbed


@given(name=st.sampled_from(sorted(CHAINS)), at=st.integers(0, 11))
@hypothesis_settings(max_examples=25)
def test_it_goes_on_in_any_stage(cpu: Backend, name: str, at: int) -> None:
    steps = min(at, chain(name, cpu).iterations)
    check(after(steps, chain(name, cpu)), chain(name, cpu), cpu)


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("at", [0, 9, 10, 12, 15, 16, 19])
def test_it_goes_back_to_the_same_where_it_diverges(script: Script, late: bool, at: int) -> None:
    script.late = late
    script.error = lambda it, settings: BAD if it in (4, 17) and settings.object_step > 0.3 else GOOD
    first = after(at, chain_of("lsqml:18,epie:5"))
    check(first, chain_of("lsqml:18,epie:5"), BACKEND)


@pytest.mark.parametrize("at", [0, 3, 40])
def test_it_remembers_how_often_it_went_back(script: Script, at: int) -> None:
    script.error = lambda it, _settings: BAD if it == 15 else GOOD
    with pytest.raises(DivergedError):
        after(1000, chain_of("epie:20"))
    first = after(at, chain_of("epie:20"))
    check(first, chain_of("epie:20"), BACKEND)


def test_a_picture_before_and_a_picture_after_are_the_same(cpu: Backend) -> None:
    first, again = after(4, chain("a probe that varies", cpu)), chain("a probe that varies", cpu)
    first.estimate()
    again.restore(through_a_file(first.state(), cpu))
    assert again.estimate().object.tobytes() == first.estimate().object.tobytes()
    assert outcome(again) == outcome(first)


def test_what_was_noticed_is_not_said_again(script: Script) -> None:
    first, again = after(2, chain_of("epie:4")), chain_of("epie:4")
    first.notes.clear()
    again.restore(through_a_file(first.state(), BACKEND))
    again.step()
    assert again.notes == ["step 3"]


def test_the_free_error_is_watched_on(script: Script) -> None:
    script.error = lambda it, _settings: 3.0 - 0.01 * it
    script.free_error = lambda it: 3.0 + 0.05 * it
    first = after(25, chain_of("epie:60", held_out=0.1))
    again = chain_of("epie:60", held_out=0.1)
    again.restore(through_a_file(first.state(), BACKEND))
    told = [note for note in outcome(again)[2] if "free error" in note]
    assert told and outcome(first)[2].count(told[0]) == 1


def test_a_state_of_another_scan_is_refused(cpu: Backend) -> None:
    other = prepare(make_job(Path("result.cxi"), experiment__scan_dims=(4, 4), reconstruction__engine="epie"))
    state = EngineChain(other.problem, other.parameters.reconstruction, cpu).state()
    refused = prepare(make_job(Path("result.cxi"), reconstruction__engine="epie"))
    with pytest.raises(DataError, match="the state is of another scan"):
        EngineChain(refused.problem, refused.parameters.reconstruction, cpu).restore(state)
