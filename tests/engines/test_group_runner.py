"""Groups one after the other: replayed as a whole, a device does the same as piece by piece, and is asked for less."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from ptychogui.backends.base import Backend
from ptychogui.backends.cuda import CudaBackend, backend as backend_module
from ptychogui.backends.host import HostBackend
from ptychogui.backends.numpy_backend import NumpyBackend
from ptychogui.backends.worker_pool import Recording
from ptychogui.engines import Extent, create_engine
from ptychogui.engines.resident_patterns import memory_streamed
from ptychogui.params.reconstruction import Reconstruction
from tests.backends.fake_cupy import FakeMachine
from tests.backends.problems import narrow_beam

_PROBLEM = narrow_beam(16, 6, 9.0)
_ITERATIONS = 8

_OPTIONS: dict[str, dict[str, Any]] = {  # a damping of 0.5 stays: other things can change while graphs are replayed
    "ePIE": {"engine": "epie"},
    "serial ePIE": {"engine": "epie", "batch_size": 1},
    "ePIE with all": {
        "engine": "epie", "momentum": 0.3, "regularization": 0.5, "update_probe": "3", "update_modes": "5",
        "update_object": "1:6", "orthogonalize_every": 2, "center_probe": "1", "keep_power": "1", "object_clamp": 1.2},
    "LSQML": {"engine": "lsqml", "batch_size": 5},
    "LSQML, damped less and less": {"engine": "lsqml", "batch_size": 5, "batch_growth": False},
    "LSQML with all": {
        "engine": "lsqml", "batch_size": 9, "batch_growth": False, "damping": 0.5, "momentum": 0.5,
        "position_correction": "2:7:2", "update_object": "1:6", "update_modes": "4", "orthogonalize_every": 3,
        "noise_model": "poisson"},
    "coupled positions": {"engine": "lsqml", "batch_size": 7, "position_coupled": True, "position_freedom": "all"},
    "variable probe": {
        "engine": "lsqml", "batch_size": 7, "batch_growth": False, "damping": 0.5, "opr_modes": 2,
        "intensity_correction": True, "update_opr": "5"},
}  # fmt: skip


@pytest.fixture
def machine(machine: FakeMachine, monkeypatch: pytest.MonkeyPatch) -> FakeMachine:
    monkeypatch.setattr(backend_module, "_UNCACHED_BATCH", 1 << 14)
    return machine


class Run:
    """What an engine made of a few iterations, and what it took."""

    def __init__(self, backend: Backend, machine: FakeMachine, **values: Any) -> None:
        settings = Reconstruction.model_validate({"noise_model": "gaussian", "iterations": _ITERATIONS, **values})
        begin, calls, done = len(machine.stream.work), len(machine.calls), len(machine.stream.done)
        engine = create_engine(_PROBLEM, settings, backend)
        steps = [engine.step() for _ in range(_ITERATIONS)]
        self.notes = [note for step in steps for note in step.notes]
        errors = [error for step in (*steps, engine.finish()) for error in step.errors]
        self.asked = Counter(machine.stream.work[begin:])
        self.done, self.calls = machine.stream.done[done:], machine.calls[calls:]
        estimate = engine.estimate()
        self.results = [estimate.object, estimate.probe, engine.positions_px(), np.array(errors)]

    def gives_what(self, other: Run) -> bool:
        """Whether all results have the other's bits."""
        return all(np.array_equal(ours, theirs) for ours, theirs in zip(self.results, other.results, strict=True))

    @property
    def kernels(self) -> list[tuple[str, dict[str, float]]]:
        """Every kernel as the device did it, with its scalars but for where in the order its positions begin."""
        return [(name, {scalar: scalars[scalar] for scalar in scalars if scalar != "start"})
                for name, scalars in self.calls]  # fmt: skip


@pytest.mark.parametrize("sub_pixel", ["nearest", "fourier"])
@pytest.mark.parametrize("options", _OPTIONS.values(), ids=_OPTIONS.keys())
def test_the_device_does_the_same_with_graphs(machine: FakeMachine, options: dict[str, Any], sub_pixel: str) -> None:
    with CudaBackend(0) as gpu:
        plain = Run(gpu, machine, sub_pixel=sub_pixel, **options)
        graphs = Run(gpu, machine, sub_pixel=sub_pixel, cuda_graphs="on", **options)
    assert graphs.gives_what(plain) and graphs.notes == []
    assert graphs.kernels == plain.kernels
    assert [what for what in graphs.done if what != "xp copyto"] == [what for what in plain.done if what != "xp copyto"]
    assert graphs.asked["graph"] > 0 and plain.asked["graph"] == 0
    moved = Counter(graphs.done) - Counter(plain.done)
    assert set(moved) == {"xp copyto"} and moved["xp copyto"] >= graphs.asked["graph"]


def test_most_groups_of_a_run_are_replayed(machine: FakeMachine) -> None:
    with CudaBackend(0) as gpu:
        run = Run(gpu, machine, engine="epie", cuda_graphs="on", batch_size=1)
    assert run.asked["graph"] == _ITERATIONS * len(_PROBLEM.patterns) - 2 - 2  # the object alone, then the probe too


@pytest.mark.parametrize(
    "options",
    [{"engine": "epie", "batch_size": 1}, {"engine": "lsqml", "batch_size": 4, "batch_growth": False, "damping": 0.5}],
)
def test_graphs_are_found_out_to_pay_where_the_device_waits_for_the_host(
    machine: FakeMachine, options: dict[str, Any]
) -> None:
    with CudaBackend(0) as gpu:
        plain, slow = (Run(gpu, machine, cuda_graphs=mode, **options) for mode in ("off", "auto"))
        machine.is_quick = True
        quick = Run(gpu, machine, cuda_graphs="auto", **options)
    assert slow.asked["graph"] == 0 and quick.asked["graph"] > len(_PROBLEM.patterns) // 4
    assert all(run.gives_what(plain) and run.notes == [] for run in (slow, quick))


def test_few_large_groups_are_not_watched(machine: FakeMachine) -> None:
    machine.is_quick = True
    with CudaBackend(0) as gpu:
        run = Run(gpu, machine, engine="lsqml", batch_size=6, cuda_graphs="auto")
    assert run.asked["graph"] == 0


def test_what_is_found_out_for_itself_fails_in_silence(machine: FakeMachine) -> None:
    machine.is_quick, machine.capture_error = True, "cudaErrorStreamCaptureUnsupported"
    with CudaBackend(0) as gpu:
        plain, graphs = (Run(gpu, machine, engine="epie", batch_size=1, cuda_graphs=mode) for mode in ("off", "auto"))
    assert graphs.gives_what(plain) and graphs.asked["graph"] == 0 and graphs.notes == []


def test_where_capturing_fails_the_engine_goes_on_and_says_so_once(machine: FakeMachine) -> None:
    machine.capture_error = "cudaErrorStreamCaptureUnsupported: operation not permitted when stream is capturing"
    with CudaBackend(0) as gpu:
        plain = Run(gpu, machine, engine="lsqml", batch_size=5)
        graphs = Run(gpu, machine, engine="lsqml", batch_size=5, cuda_graphs="on")
    assert graphs.gives_what(plain) and graphs.asked["graph"] == 0
    (note,) = graphs.notes
    assert "no CUDA graphs" in note and "cudaErrorStreamCaptureUnsupported" in note


def test_patterns_that_do_not_stay_leave_graphs_out(machine: FakeMachine) -> None:
    settings = Reconstruction(engine="lsqml", noise_model="gaussian", batch_size=5)
    extent = Extent.of(_PROBLEM, settings)
    with CudaBackend(0) as gpu:
        plain = Run(gpu, machine, engine="lsqml", batch_size=5)
        needed = memory_streamed("lsqml", extent, settings, gpu, 11) + extent.one_pattern_bytes // 2
        machine.free_memory_bytes = int(needed / 0.9) - machine.free_bytes()
        graphs = Run(gpu, machine, engine="lsqml", batch_size=5, cuda_graphs="on")
    assert graphs.asked["fetch_patterns"] and graphs.gives_what(plain) and graphs.asked["graph"] == 0
    assert graphs.notes == ["CUDA graphs are left out: the patterns do not all stay in the GPU's memory"]


@pytest.mark.parametrize("kind", [HostBackend, NumpyBackend])
@pytest.mark.parametrize("engine", ["epie", "lsqml"])
def test_cuda_graphs_mean_nothing_to_a_cpu(
    machine: FakeMachine, kind: type[HostBackend | NumpyBackend], engine: str
) -> None:
    with kind() as backend:
        plain, graphs = (Run(backend, machine, engine=engine, cuda_graphs=mode) for mode in ("off", "on"))
    assert graphs.gives_what(plain) and graphs.notes == []


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("sub_pixel", ["nearest", "fourier"])
@pytest.mark.parametrize("options", _OPTIONS.values(), ids=_OPTIONS.keys())
def test_a_cpu_does_the_same_with_recordings(
    machine: FakeMachine, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], sub_pixel: str, threads: int
) -> None:
    launched: list[Recording] = []
    launch = Recording.launch

    def counted(recording: Recording) -> None:
        launched.append(recording)
        launch(recording)

    monkeypatch.setattr(Recording, "launch", counted)
    with HostBackend(threads) as host:
        recorded = Run(host, machine, sub_pixel=sub_pixel, **options)
        assert bool(launched) == ("opr_modes" not in options)
        launched.clear()
        monkeypatch.setattr(host, "replays", lambda *_: None)
        plain = Run(host, machine, sub_pixel=sub_pixel, **options)
    assert not launched and recorded.gives_what(plain) and recorded.notes == []


@pytest.mark.gpu
@pytest.mark.parametrize("sub_pixel", ["nearest", "fourier"])
@pytest.mark.parametrize("options", _OPTIONS.values(), ids=_OPTIONS.keys())
def test_graphs_on_a_gpu_change_not_a_bit(options: dict[str, Any], sub_pixel: str) -> None:
    with CudaBackend(0) as real:
        plain, graphs = (
            Run(real, FakeMachine(), sub_pixel=sub_pixel, cuda_graphs=mode, **options) for mode in ("off", "on")
        )
    assert graphs.gives_what(plain) and graphs.notes == []
