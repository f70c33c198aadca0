"""Bytes that are asked for, against those that are taken."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from typing import Any

import pytest

from ptychogui.backends.cuda import CudaBackend
from ptychogui.backends.host import HostBackend
from ptychogui.engines import ENGINES, Extent, create_engine, memory_needed
from ptychogui.engines.memory import NEEDS
from ptychogui.params.reconstruction import Reconstruction
from ptychogui.physics.simulation import simulate
from tests.backends.fake_cupy import FakeMachine
from tests.backends.problems import held_out_of
from tests.engines.scans import SMALL, problem_of

VARIANTS: list[dict[str, Any]] = [
    {"engine": "epie"},
    {"engine": "epie", "batch_size": 4, "momentum": 0.3},
    {"engine": "dm"},
    {"engine": "dm", "half_precision": True},
    {"engine": "raar", "average_last": 0},
    {"engine": "lsqml"},
    {"engine": "lsqml", "position_correction": "never"},
    {"engine": "lsqml", "position_correction": "1", "position_coupled": True, "noise_model": "poisson"},
    {"engine": "lsqml", "momentum": 0.5},
    {"engine": "lsqml", "scan": "raster"},
    {"engine": "dm", "scan": "raster"},
    {"engine": "lsqml", "opr_modes": 3, "update_opr": "1"},
    {"engine": "lsqml", "opr_modes": 16, "intensity_correction": True, "update_opr": "1"},
]


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: " ".join(map(str, variant.values())))
@pytest.mark.parametrize("sub_pixel", ["fourier", "nearest"])
@pytest.mark.parametrize("modes", [1, 3])
def test_an_engine_takes_what_was_announced(variant: dict[str, Any], sub_pixel: str, modes: int) -> None:
    fractions = (1.0, 0.2, 0.1)[:modes]
    recipe = replace(SMALL, mode_fractions=fractions, scan=variant.get("scan", SMALL.scan))
    problem = problem_of(simulate(recipe))
    variant = {name: value for name, value in variant.items() if name != "scan"}
    settings = Reconstruction.model_validate(
        {"noise_model": "gaussian", "iterations": 2, "update_probe": "1", "sub_pixel": sub_pixel, **variant}
    )
    with HostBackend(2) as backend:
        announced = memory_needed(settings.engine, Extent.of(problem, settings), settings, backend)
        tracemalloc.start()
        try:
            engine = create_engine(problem, settings, backend)
            for _ in range(2):
                engine.step()
            peak = tracemalloc.get_traced_memory()[1] + problem.patterns.nbytes
        finally:
            tracemalloc.stop()
    assert 0.7 * announced < peak < 1.3 * announced


@pytest.mark.parametrize("engine", ENGINES)
def test_held_out_pixels_are_announced(engine: str) -> None:
    problem = problem_of(simulate(SMALL))
    settings = Reconstruction(engine=engine)
    held = held_out_of(problem)
    assert held.held_out is not None
    with HostBackend(2) as backend:
        without, announced = (
            memory_needed(engine, Extent.of(some, settings), settings, backend) for some in (problem, held)
        )
    arrays = held.held_out.pixels.nbytes + held.held_out.amplitudes.nbytes
    assert announced - without == arrays + 8 * len(problem.patterns)


@pytest.mark.parametrize("engine", ENGINES)
def test_work_areas_of_fft_plans_are_announced(
    machine: FakeMachine, monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    extent = Extent(4000, 128, 2, (900, 900), True, 2)
    settings, machine.l2_bytes = Reconstruction(engine=engine), 50 << 20
    with CudaBackend(0) as gpu:
        announced = memory_needed(engine, extent, settings, gpu)
        monkeypatch.setattr(CudaBackend, "fft_work_bytes", lambda *_: 0)
        areas = announced - memory_needed(engine, extent, settings, gpu)
    assert 0.6 * (25 << 20) < areas < 1.1 * (25 << 20)


def test_every_engine_announces_what_it_needs() -> None:
    assert set(NEEDS) == set(ENGINES)


@pytest.mark.parametrize("engine", ENGINES)
def test_more_of_everything_needs_more(engine: str) -> None:
    small = Extent(400, 128, 1, (300, 300), False, 1)
    settings = Reconstruction(engine=engine)
    with HostBackend(2) as backend:
        least = memory_needed(engine, small, settings, backend)
        for more in ({"positions": 800}, {"object_shape": (900, 900)}, {"modes": 4}, {"pattern_bytes": 4}, {"n": 256}):
            assert memory_needed(engine, replace(small, **more), settings, backend) > least
