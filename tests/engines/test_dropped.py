"""An engine that is dropped lets go of all memory that it held, at once and without Python's collector of cycles."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from ptychogui.backends.cuda import CudaBackend, backend as backend_module
from ptychogui.backends.host import HostBackend
from ptychogui.engines import create_engine
from ptychogui.engines.memory import Extent
from ptychogui.engines.resident_patterns import memory_streamed
from ptychogui.params.reconstruction import Reconstruction
from tests.backends.fake_cupy import FakeMachine
from tests.backends.problems import narrow_beam

_PROBLEM = narrow_beam(16, 6, 9.0)
_ITERATIONS = 4

_BETWEEN: dict[str, Any] = {
    "orthogonalize_every": 2, "center_probe": "1", "keep_power": "1", "probe_support_m": 12.0, "probe_threshold": 0.01,
    "object_clamp": 1.2, "object_smoothness": 0.01, "phase_constraint": 99, "update_probe": "1", "update_modes": "1",
}  # fmt: skip
"""All constraints."""

_OPTIONS: dict[str, dict[str, Any]] = {
    "ePIE": {"engine": "epie"},
    "serial ePIE with graphs": {"engine": "epie", "batch_size": 1, "cuda_graphs": True},
    "ePIE with all": {"engine": "epie", "momentum": 0.3, "cuda_graphs": True, **_BETWEEN},
    "LSQML": {"engine": "lsqml", "batch_size": 5},
    "LSQML with all": {
        "engine": "lsqml", "batch_size": 9, "momentum": 0.5, "position_correction": "1", "noise_model": "poisson",
        "cuda_graphs": True, **_BETWEEN},
    "coupled positions": {"engine": "lsqml", "position_correction": "1", "position_coupled": True},
    "variable probe": {
        "engine": "lsqml", "batch_size": 7, "opr_modes": 2, "intensity_correction": True, "update_opr": "2",
        "cuda_graphs": True, **_BETWEEN},
    "DM": {"engine": "dm", "overlap_sweeps": 3},
    "DM with all": {"engine": "dm", "half_precision": True, "average_last": 0.5, **_BETWEEN},
    "RAAR": {"engine": "raar", **_BETWEEN},
}  # fmt: skip


@pytest.fixture
def _without_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def run(engine: Any) -> None:
    """Do what a job does with an engine."""
    for _ in range(_ITERATIONS):
        engine.step()
    engine.finish()
    engine.estimate()
    engine.positions_px()


def settings_of(sub_pixel: str, options: dict[str, Any]) -> Reconstruction:
    return Reconstruction.model_validate(
        {"noise_model": "gaussian", "iterations": _ITERATIONS, "sub_pixel": sub_pixel, **options}
    )


@pytest.fixture
def machine(machine: FakeMachine, monkeypatch: pytest.MonkeyPatch) -> FakeMachine:
    """A GPU whose batches are smaller than groups."""
    monkeypatch.setattr(backend_module, "_UNCACHED_BATCH", 1 << 14)
    return machine


@pytest.mark.usefixtures("_without_collector")
@pytest.mark.parametrize("sub_pixel", ["nearest", "fourier"])
@pytest.mark.parametrize("options", _OPTIONS.values(), ids=_OPTIONS.keys())
def test_a_gpu_holds_nothing_of_a_dropped_engine(machine: FakeMachine, options: dict[str, Any], sub_pixel: str) -> None:
    with CudaBackend(0) as gpu:
        check_nothing_is_held(machine, settings_of(sub_pixel, options), gpu)


@pytest.mark.usefixtures("_without_collector")
@pytest.mark.parametrize("name", ["ePIE with all", "LSQML with all"])
def test_a_gpu_holds_nothing_of_patterns_that_passed_through_it(machine: FakeMachine, name: str) -> None:
    settings = settings_of("fourier", _OPTIONS[name])
    extent = Extent.of(_PROBLEM, settings)
    with CudaBackend(0) as gpu:
        needed = memory_streamed(settings.engine, extent, settings, gpu, 5) + extent.one_pattern_bytes // 2
        machine.free_memory_bytes = int(needed / 0.9) - machine.free_bytes()
        check_nothing_is_held(machine, settings, gpu)
    assert "synchronize" in machine.log and not machine.page_locked


def check_nothing_is_held(machine: FakeMachine, settings: Reconstruction, gpu: CudaBackend) -> None:
    """Run an engine and check that no memory of the device is left when it is dropped."""
    engine = create_engine(_PROBLEM, settings, gpu)
    run(engine)
    assert len(machine.stream.memory) > 10 and machine.plans
    del engine
    assert [(array.shape, array.dtype) for array in machine.stream.memory.values()] == []


@pytest.mark.usefixtures("_without_collector")
@pytest.mark.parametrize("sub_pixel", ["nearest", "fourier"])
@pytest.mark.parametrize("options", _OPTIONS.values(), ids=_OPTIONS.keys())
def test_a_cpu_holds_nothing_of_a_dropped_engine(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], sub_pixel: str
) -> None:
    held: weakref.WeakValueDictionary[int, np.ndarray] = weakref.WeakValueDictionary()
    make = HostBackend.empty

    def noted(backend: HostBackend, *asked: Any) -> np.ndarray:
        array = make(backend, *asked)
        memory = array
        while isinstance(memory.base, np.ndarray):
            memory = memory.base
        held[id(memory)] = memory
        return array

    monkeypatch.setattr(HostBackend, "empty", noted)
    with HostBackend(2) as host:
        engine = create_engine(_PROBLEM, settings_of(sub_pixel, options), host)
        run(engine)
        assert len(held) > 5
        del engine
        assert [(array.shape, array.dtype) for array in held.values()] == []
