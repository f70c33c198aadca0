"""The warm-up meets every kind of array expression that the job will, and says so where that takes long."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ptychogui.backends.base import Backend
from ptychogui.backends.cuda import CudaBackend
from ptychogui.backends.numpy_backend import NumpyBackend
from ptychogui.engines import Problem, create_engine
from ptychogui.jobs import job_run
from ptychogui.jobs.job import Control
from ptychogui.jobs.prepare.warm_up import warm_up
from ptychogui.jobs.runner import run_job
from ptychogui.params.reconstruction import Reconstruction
from tests.backends.fake_cupy import FakeMachine
from tests.backends.problems import held_out_of, narrow_beam
from tests.jobs.fakes import make_job

_PROBLEM = held_out_of(narrow_beam(16, 6, 9.0))
_ALL = {"center_probe": "4::5", "keep_power": "7:9", "orthogonalize_every": 3, "probe_threshold": 0.1,
        "object_clamp": 1.2, "object_smoothness": 0.1, "phase_constraint": 2, "probe_support_m": 1e-6}  # fmt: skip
_OPTIONS: dict[str, dict[str, Any]] = {
    "ePIE": {"engine": "epie"},
    "ePIE with all": {"engine": "epie", "momentum": 0.3, **_ALL},
    "LSQML": {"engine": "lsqml"},
    "LSQML with all": {"engine": "lsqml", "momentum": 0.5, "position_coupled": True, "position_freedom": "all", **_ALL},
    "LSQML, large groups": {"engine": "lsqml", "batch_size": 1000, "batch_growth": False, "position_coupled": True},
    "variable probe": {"engine": "lsqml", "opr_modes": 2, "intensity_correction": True, "update_opr": "5"},
    "DM": {"engine": "dm"},
    "DM with all": {"engine": "dm", "half_precision": True, "overlap_sweeps": 3, **_ALL},
    "RAAR": {"engine": "raar", "average_last": 0.0},
    "a chain": {"engine": "dm:6,lsqml:6"},
}


@pytest.fixture
def gpu(machine: FakeMachine) -> Iterator[CudaBackend]:
    with CudaBackend(0) as backend:
        yield backend


def _expressions(machine: FakeMachine, work: Callable[[], object]) -> set[str]:
    begin = len(machine.stream.work)
    work()
    return {what for what in machine.stream.work[begin:] if what.startswith("xp ")}


@pytest.mark.parametrize("sub_pixel", ["nearest", "fourier"])
@pytest.mark.parametrize("options", _OPTIONS.values(), ids=_OPTIONS.keys())
def test_a_job_needs_no_expression_that_was_not_met(
    machine: FakeMachine, gpu: CudaBackend, options: dict[str, Any], sub_pixel: str
) -> None:
    settings = Reconstruction.model_validate(
        {"iterations": 12, "noise_model": "gaussian", "sub_pixel": sub_pixel, **options}
    )

    def reconstruct() -> None:
        for name in settings.engine.replace(":6", "").split(","):
            engine = create_engine(_PROBLEM, settings.model_copy(update={"engine": name}), gpu)
            with np.errstate(all="ignore"):
                for _ in range(12):
                    engine.step()

    met = _expressions(machine, lambda: warm_up(_PROBLEM, settings, gpu, pytest.fail, clock_s=lambda: 0.0))
    assert _expressions(machine, reconstruct) <= met


def test_a_job_is_warmed_up_before_its_first_iteration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    said: list[object] = []

    def warm(_problem: Problem, settings: Reconstruction, _backend: Backend, tell: Callable[[str], None]) -> None:
        said.append(settings)
        tell("a while")

    monkeypatch.setattr(job_run, "warm_up", warm)
    job = make_job(tmp_path / "result.h5", reconstruction__iterations=2, reconstruction__noise_model="gaussian")
    for progress in run_job(job, NumpyBackend(), Control(on_waiting=said.append)):
        said.append(progress.iteration)
    assert said == [job.parameters.reconstruction, "a while", 0, 1, 2, 2]


def test_it_is_said_once_where_it_takes_long(gpu: CudaBackend) -> None:
    said: list[str] = []
    clock = itertools.count(0.0, 0.3)
    warm_up(_PROBLEM, Reconstruction(engine="dm:3,raar:3"), gpu, said.append, clock_s=lambda: next(clock))
    (text,) = said
    assert text.startswith("Compiling") and text.endswith("once")


def test_a_host_has_nothing_to_compile() -> None:
    with NumpyBackend() as host:
        warm_up(_PROBLEM, Reconstruction(), host, pytest.fail, clock_s=lambda: pytest.fail("it did not begin"))
