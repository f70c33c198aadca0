"""An iteration that is broken off anywhere leaves the picture that was there, and no trace in a run that goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from ptychogui.backends import Backend, host as host_module, open_backend
from ptychogui.backends.breaking import BrokenOffError
from ptychogui.backends.cuda import CudaBackend
from ptychogui.engines import Engine, Estimate, create_engine
from tests.backends.fake_cupy import FakeMachine
from tests.engines.test_state import KINDS, problem, settings_of

BEFORE = 3
"""Iterations before the one that is broken off."""


@pytest.fixture(params=["at once", "in parts"])
def cpu(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Backend]:
    """Open the CPU, whose recordings are whole, or cut at every place that there is."""
    if request.param == "in parts":
        monkeypatch.setattr(host_module, "_PART_S", 1e-9)
    with open_backend("cpu", threads=2) as opened:
        yield opened


def _begun(kind: str, backend: Backend) -> Engine:
    engine = create_engine(problem(), settings_of(kind), backend)
    for _ in range(BEFORE):
        engine.step()
    return engine


def _pictures(engine: Engine, backend: Backend) -> list[Estimate]:
    """Return the picture at each point where an iteration may be broken off."""
    pictures: list[Estimate] = []

    def look() -> bool:
        pictures.append(engine.estimate())
        return False

    with backend.breakable(look):
        engine.step()
    return pictures


def _broken_at(place: int) -> Callable[[], bool]:
    left = iter(range(place))
    return lambda: next(left, None) is None


@pytest.mark.parametrize("kind", KINDS)
def test_the_picture_is_the_one_that_was_there(cpu: Backend, kind: str) -> None:
    whole = _begun(kind, cpu)
    pictures = _pictures(whole, cpu)
    assert pictures
    for place in {0, 1, 2, len(pictures) // 2, len(pictures) - 1} & {*range(len(pictures))}:
        engine = _begun(kind, cpu)
        positions = engine.positions_px()
        with pytest.raises(BrokenOffError), cpu.breakable(_broken_at(place)):
            engine.step()
        _assert_same(engine.estimate(), pictures[place])
        np.testing.assert_array_equal(engine.positions_px(), positions)
        assert np.isfinite(engine.finish().errors).all()
    undisturbed = _begun(kind, cpu)
    undisturbed.step()
    _assert_same(whole.estimate(), undisturbed.estimate())


def _assert_same(one: Estimate, two: Estimate) -> None:
    np.testing.assert_array_equal(one.object, two.object)
    np.testing.assert_array_equal(one.probe, two.probe)


@pytest.mark.parametrize("kind", ["epie", "dm", "lsqml"])
def test_nothing_waits_for_a_gpu_where_it_may_be_broken_off(machine: FakeMachine, kind: str) -> None:
    with CudaBackend(0) as gpu:
        engine = _begun(kind, gpu)
        queued, waits = len(machine.stream.work), len(machine.stream.waits)
        with pytest.raises(BrokenOffError), gpu.breakable(lambda: True):
            engine.step()
        assert all(wait.asked_at <= queued for wait in machine.stream.waits[waits:])
        assert np.isfinite(engine.estimate().object).all()
