"""Patterns that do not fit a device pass through it: nothing changes, nothing is read too early or lost too soon."""

from __future__ import annotations

import gc
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from ptychogui.backends.base import Backend
from ptychogui.backends.cuda import CudaBackend, backend as backend_module
from ptychogui.backends.host import HostBackend
from ptychogui.backends.numpy_backend import NumpyBackend
from ptychogui.engines import ENGINES, Engine, Extent, create_engine, memory_needed
from ptychogui.engines.device_patterns import DevicePatterns, evenly
from ptychogui.engines.resident_patterns import memory_streamed, resident_patterns
from ptychogui.params.reconstruction import Reconstruction
from tests.backends.fake_cupy import FakeMachine, Queued
from tests.backends.problems import narrow_beam
from tests.backends.recording import record

_PROBLEM = narrow_beam(16, 6, 9.0)
_POSITIONS = len(_PROBLEM.patterns)
_READERS = ("modulus", "dm_reflected", "dm_update")
"""Kernels that read patterns."""


@pytest.fixture
def machine(machine: FakeMachine, monkeypatch: pytest.MonkeyPatch) -> FakeMachine:
    monkeypatch.setattr(backend_module, "_UNCACHED_BATCH", 1 << 14)
    return machine


def settings_of(engine: str, **values: Any) -> Reconstruction:
    asked = {"update_probe": 1, "update_modes": 1, "orthogonalize_every": 2, "iterations": 20}
    return Reconstruction.model_validate({"engine": engine, "noise_model": "gaussian", **asked, **values})


def leave_room(machine: FakeMachine, settings: Reconstruction, resident: int, gpu: CudaBackend) -> None:
    """Set the free memory so that just as many patterns can stay on the device, if the probe is shifted."""
    extent = Extent.of(_PROBLEM, settings)
    needed = memory_streamed(settings.engine, extent, settings, gpu, resident) + extent.one_pattern_bytes // 2
    machine.free_memory_bytes = int(needed / 0.9) - machine.free_bytes()


def streamed(machine: FakeMachine, settings: Reconstruction, resident: int, gpu: CudaBackend) -> Engine:
    """Return an engine that keeps few patterns on the device."""
    leave_room(machine, settings, resident, gpu)
    return create_engine(_PROBLEM, settings, gpu)


def results(engine: Engine) -> list[np.ndarray]:
    """Do some iterations and return all that is reconstructed."""
    errors = [*(engine.step().errors for _ in range(4)), engine.finish().errors]
    estimate = engine.estimate()
    return [estimate.object, estimate.probe, engine.positions_px(), np.array(sum(errors, ()))]


@pytest.mark.parametrize("sub_pixel", ["nearest", "fourier"])
@pytest.mark.parametrize("batch_size", [1, 9])
@pytest.mark.parametrize("engine", ENGINES)
def test_streaming_changes_not_a_bit(machine: FakeMachine, engine: str, sub_pixel: str, batch_size: int) -> None:
    settings = settings_of(engine, sub_pixel=sub_pixel, batch_size=batch_size)
    with CudaBackend(0) as gpu:
        wanted = results(create_engine(_PROBLEM, settings, gpu))
        assert not any(name == "fetch_patterns" for name, _ in machine.calls)
        for resident in (0, 11):
            got = results(streamed(machine, settings, resident, gpu))
            assert all(np.array_equal(ours, theirs) for ours, theirs in zip(got, wanted, strict=True))
            assert kept(machine) == resident


def kept(machine: FakeMachine) -> int:
    """Return the number of patterns that the last streaming engine kept on the device."""
    return int([scalars["kept"] for name, scalars in machine.calls if name == "fetch_patterns"][-1])


@pytest.mark.parametrize("engine", ENGINES)
def test_every_pattern_comes_once_an_iteration_and_nothing_waits(machine: FakeMachine, engine: str) -> None:
    with CudaBackend(0) as gpu:
        plain = record(create_engine(_PROBLEM, settings_of(engine), gpu), machine, 4)
        iterations = record(streamed(machine, settings_of(engine), 11, gpu), machine, 4)
    for iteration, unstreamed in zip(iterations, plain, strict=True):
        fetched = iteration.spans("fetch_patterns")
        assert fetched[0][0] == 0 and fetched[-1][1] == _POSITIONS
        assert all(before[1] == after[0] < after[1] for before, after in pairwise(fetched))
        assert len(fetched) <= len(iteration.spans("exit_wave"))
        assert iteration.blocking == []
        assert iteration.work - unstreamed.work == {"fetch_patterns": len(fetched)}


def test_resident_patterns_are_where_they_are_and_are_not_page_locked(machine: FakeMachine) -> None:
    with CudaBackend(0) as gpu:
        order = gpu.asarray(np.random.default_rng(0).permutation(_POSITIONS).astype(np.int32))
        before, resident = machine.taken_bytes, evenly(10, _POSITIONS)
        patterns = DevicePatterns(_PROBLEM.patterns, order, 10, 4, gpu)
        assert machine.taken_bytes - before == 18 * _PROBLEM.patterns[0].nbytes + 2 * 4 * _POSITIONS
        for start in range(0, _POSITIONS, 4):
            patterns.bring(start, start + 4)
            places, chosen = gpu.to_numpy(patterns.places), gpu.to_numpy(order)[start : start + 4]
            assert np.array_equal(gpu.to_numpy(patterns.slots)[places[chosen]], _PROBLEM.patterns[chosen])
            assert places[resident].tolist() == list(range(10)) and (places[chosen[~resident[chosen]]] >= 10).all()
        assert np.array_equal(gpu.to_numpy(patterns.slots)[:10], _PROBLEM.patterns[resident])
        (frames,) = machine.page_locked
        assert np.array_equal(frames, _PROBLEM.patterns[~resident])


@pytest.mark.parametrize(("chosen", "among"), [(0, 7), (7, 7), (3, 100), (999, 1000), (512, 1536), (300, 1000)])
def test_residents_are_spread_evenly(chosen: int, among: int) -> None:
    resident = evenly(chosen, among)
    assert resident.shape == (among,) and resident.sum() == chosen
    window = 20
    for first in range(0, among - window, 7):
        assert abs(resident[first : first + window].sum() - window * chosen / among) <= 1


def test_a_batch_that_the_ring_has_no_room_for_is_a_bug(machine: FakeMachine) -> None:
    with CudaBackend(0) as gpu:
        patterns = DevicePatterns(_PROBLEM.patterns, gpu.empty((_POSITIONS,), np.int32), 10, 4, gpu)
        with pytest.raises(AssertionError, match="more positions than the ring"):
            patterns.bring(0, 5)


def test_page_locked_memory_goes_with_the_engine(machine: FakeMachine) -> None:
    with CudaBackend(0) as gpu:
        one = streamed(machine, settings_of("lsqml"), 5, gpu)
        one.step()
        assert "synchronize" not in machine.log
        del one
        gc.collect()
        assert "synchronize" in machine.log


@dataclass
class Order:
    """What is known to be done before what: for both streams, how much of itself and of the other is behind it.

    A launch on one stream comes after another on the other only if the first waited for an event behind it.
    """

    behind: dict[bool, dict[bool, int]] = field(default_factory=lambda: {s: {False: 0, True: 0} for s in (False, True)})
    events: dict[int, dict[bool, int]] = field(default_factory=dict)

    def take(self, queued: Queued) -> None:
        here = self.behind[queued.beside]
        here[queued.beside] += 1
        if queued.what == "record":
            self.events[queued.event] = dict(here)
        elif queued.what == "wait":
            there = self.events[queued.event]
            here.update({stream: max(here[stream], there[stream]) for stream in here})

    def is_behind(self, beside: bool, other: tuple[bool, int]) -> bool:
        """Tell whether what is queued next comes after launch number `other[1]` of a stream."""
        return self.behind[beside][other[0]] >= other[1]


@pytest.mark.parametrize("batch_size", [1, 9])
@pytest.mark.parametrize("engine", ENGINES)
def test_slots_are_filled_before_they_are_read_and_read_before_they_are_filled_again(
    machine: FakeMachine, engine: str, batch_size: int
) -> None:
    with CudaBackend(0) as gpu:
        one = streamed(machine, settings_of(engine, batch_size=batch_size), 5, gpu)
        machine.queued.clear()
        for _ in range(3):
            one.step()
    order, ring = Order(), int(next(q.scalars["ring"] for q in machine.queued if q.what == "fetch_patterns"))
    filled: dict[int, tuple[bool, int]] = {}
    read: dict[int, tuple[bool, int]] = {}
    wrote_order = (False, 0)
    for queued in machine.queued:
        if queued.what == "fetch_patterns":
            assert queued.beside and order.is_behind(True, wrote_order)
            for slot in slots_of(queued, ring):
                assert slot not in read or order.is_behind(True, read[slot]), "a pattern is lost before it is used"
        if queued.what in _READERS:
            assert all(order.is_behind(False, filled[slot]) for slot in slots_of(queued, ring))
        order.take(queued)
        moment = (queued.beside, order.behind[queued.beside][queued.beside])
        if queued.what == "fetch_patterns":
            filled.update(dict.fromkeys(slots_of(queued, ring), moment))
        elif queued.what in _READERS:
            read.update(dict.fromkeys(slots_of(queued, ring), moment))
    assert len(filled) == len(read) == min(ring, _POSITIONS)


def slots_of(queued: Queued, ring: int) -> list[int]:
    """Return the slots of the ring that a launch fills, or reads."""
    start, count = int(queued.scalars["start"]), int(queued.scalars["count"])
    return [place % ring for place in range(start, start + count)]


@pytest.mark.parametrize("batch_size", [1, 9])
@pytest.mark.parametrize("engine", ENGINES)
def test_patterns_of_the_next_batch_are_asked_for_before_a_batch_begins(
    machine: FakeMachine, engine: str, batch_size: int
) -> None:
    with CudaBackend(0) as gpu:
        one = streamed(machine, settings_of(engine, batch_size=batch_size), 5, gpu)
        one.step()
        machine.queued.clear()
        one.step()
    fetched, covered = 0, []
    for queued in machine.queued:
        start, count = int(queued.scalars.get("start", 0)), int(queued.scalars.get("count", 0))
        if queued.what == "fetch_patterns":
            fetched = start + count
        elif queued.what == "exit_wave":
            covered.append((start + count, fetched))
    assert len(covered) > 3
    for (_, ahead), (stop, _) in pairwise(covered):
        assert ahead >= stop


@pytest.mark.parametrize("engine", ENGINES)
def test_a_streaming_engine_takes_what_was_announced_and_what_is_there(machine: FakeMachine, engine: str) -> None:
    settings = settings_of(engine)
    with CudaBackend(0) as gpu:
        leave_room(machine, settings, 7, gpu)
        extent = Extent.of(_PROBLEM, settings)
        assert resident_patterns(engine, extent, settings, gpu) == 7
        before = machine.taken_bytes
        create_engine(_PROBLEM, settings, gpu).step()
        taken = machine.taken_bytes - before
        announced = memory_streamed(engine, extent, settings, gpu, 7)
        assert 0.7 * announced < taken < 1.3 * announced
        free = gpu.memory_free_bytes()
        assert announced < free and 0.9 * free < memory_needed(engine, extent, settings, gpu)


@pytest.mark.parametrize("backend", [HostBackend(2), NumpyBackend()], ids=lambda backend: backend.name)
def test_where_the_device_is_the_host_patterns_stay_where_they_are(backend: Backend) -> None:
    settings = settings_of("lsqml")
    extent = Extent(10**9, 512, 1, (10**4, 10**4), True)
    assert resident_patterns("lsqml", extent, settings, backend) == extent.positions
    patterns = DevicePatterns(_PROBLEM.patterns, backend.empty((_POSITIONS,), np.int32), _POSITIONS, 4, backend)
    assert patterns.slots is _PROBLEM.patterns
    assert patterns.places.tolist() == list(range(_POSITIONS))
    patterns.bring(0, 4)


def test_a_ring_works_without_a_second_queue() -> None:
    order = np.random.default_rng(1).permutation(_POSITIONS).astype(np.int32)
    patterns = DevicePatterns(_PROBLEM.patterns, order, 3, 5, NumpyBackend())
    for start, stop in pairwise([*range(0, _POSITIONS, 5), _POSITIONS]):
        patterns.bring(start, stop)
        chosen = order[start:stop]
        assert np.array_equal(patterns.slots[patterns.places[chosen]], _PROBLEM.patterns[chosen])


@pytest.mark.gpu
@pytest.mark.parametrize("engine", ENGINES)
def test_a_gpu_streams_without_changing_a_bit(monkeypatch: pytest.MonkeyPatch, engine: str) -> None:
    settings = settings_of(engine)
    extent = Extent.of(_PROBLEM, settings)
    monkeypatch.setattr(CudaBackend, "batch_size", lambda _gpu, _bytes: 3)
    with CudaBackend(0) as gpu:
        wanted = results(create_engine(_PROBLEM, settings, gpu))
        needed = memory_streamed(engine, extent, settings, gpu, 11) + extent.one_pattern_bytes // 2
        monkeypatch.setattr(CudaBackend, "memory_free_bytes", lambda _gpu: int(needed / 0.9))
        assert resident_patterns(engine, extent, settings, gpu) == 11
        got = results(create_engine(_PROBLEM, settings, gpu))
    assert all(np.array_equal(ours, theirs) for ours, theirs in zip(got, wanted, strict=True))
