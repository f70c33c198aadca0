"""Whatever call of a GPU fails, in whatever job: the error is ours, nothing is held, and the next job is done."""

from __future__ import annotations

import gc
import re
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ptychogui.backends.cuda import CudaBackend
from ptychogui.engines import Engine, create_engine
from ptychogui.errors import DeviceError, DeviceLostError, MemoryBudgetError
from ptychogui.jobs import engine_chain, preflight as preflight_module
from ptychogui.jobs.bench import run_bench
from ptychogui.jobs.job import Job
from ptychogui.jobs.orientation.doctor import find_orientation
from ptychogui.jobs.preflight import Checker, Level
from ptychogui.jobs.runner import run_job
from ptychogui.jobs.stepped_job import SteppedJob
from ptychogui.states import State
from tests.backends.fake_cupy import FakeMachine
from tests.backends.faults import NATURES
from tests.jobs.fakes import make_job

KINDS = ("allocate", "pinned", "plan", "launch", "fft", "matmul", "xp", "copy", "event", "wait")
WAYS_OUT = {"lost": "see nvidia-smi", "memory": "take fewer", "failed": "see nvidia-smi|pip install"}
OURS = {"lost": DeviceLostError, "memory": MemoryBudgetError, "failed": DeviceError}


def all_engines(output: Path, **values: Any) -> Job:
    """Make a job that calls the GPU in every way."""
    asked: dict[str, Any] = {
        "reconstruction__engine": "epie:1,dm:1,lsqml:2", "reconstruction__opr_modes": 1,
        "reconstruction__update_opr": "3", "reconstruction__position_correction": "3",
        "reconstruction__cuda_graphs": True, "devices__device": "cuda:0", "output__save_every": 3,
    }  # fmt: skip
    return make_job(output, **asked, **values)


def numbers(calls: list[str], kind: str) -> list[int]:
    """Return a middle and the last call of a kind, counted from 1."""
    found = [number for number, called in enumerate(calls, 1) if called == kind]
    return sorted({found[len(found) // 2], found[-1]})


def failure(work: Callable[[], object]) -> tuple[type[BaseException] | None, str]:
    """Return the kind and the text of the error that a work ends with, and hold nothing of it."""
    try:
        work()
    except DeviceError as error:
        return type(error), str(error)
    return None, ""


@pytest.fixture
def engines_held(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], int]]:
    """Count the engines made in a test that are still there, with the collector of cycles off."""
    refs: list[weakref.ref[Engine]] = []

    def create(*arguments: Any) -> Engine:
        engine = create_engine(*arguments)
        refs.append(weakref.ref(engine))
        return engine

    monkeypatch.setattr(engine_chain, "create_engine", create)
    gc.disable()
    yield lambda: sum(ref() is not None for ref in refs)
    gc.enable()


_calls: dict[str, list[str]] = {}


def calls_of(machine: FakeMachine, name: str, work: Callable[[], object]) -> list[str]:
    """Return the kinds of the calls of a work in which nothing fails, once what is remembered of the scan is known."""
    if name not in _calls:
        work()
        machine.faults.mend()
        work()
        _calls[name] = list(machine.faults.calls)
    return _calls[name]


@pytest.mark.parametrize("nature", NATURES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_job_on_an_open_device(
    machine: FakeMachine, output: Path, engines_held: Callable[[], int], kind: str, nature: str
) -> None:
    job = all_engines(output)
    with CudaBackend(0) as gpu:
        calls = calls_of(machine, "job", lambda: list(run_job(job, gpu)))
    for number in numbers(calls, kind):
        machine.faults.mend()
        gpu = CudaBackend(0).__enter__()
        machine.faults.plan(number, nature)
        error, text = failure(lambda: list(run_job(job, gpu)))  # noqa: B023 - called at once
        assert machine.faults.calls[number - 1] == kind and engines_held() == 0
        if error is None:  # a capture was given up, which costs nothing
            assert nature != "lost" and kind in ("launch", "fft")
            continue
        assert error is OURS[nature] and text.startswith("cuda:0"), text
        assert re.search(WAYS_OUT[nature], text), text
        if nature == "lost":
            machine.faults.mend()
            gpu = CudaBackend(0).__enter__()
    assert list(run_job(job, gpu))[-1].state is State.DONE


@pytest.mark.parametrize("nature", NATURES)
@pytest.mark.parametrize("kind", ["open", "compile", "copy", "wait"])
def test_a_job_that_a_script_steps(machine: FakeMachine, output: Path, kind: str, nature: str) -> None:
    job = all_engines(output)

    def stepped() -> None:
        with SteppedJob(job) as stepping:
            while not stepping.run.done:
                stepping.step()
            assert len(stepping.positions_m) == 12
            stepping.save(job.output)
            stepping.finish()

    calls = calls_of(machine, "stepped", stepped)
    machine.faults.plan(numbers(calls, kind)[-1], nature)
    error, text = failure(stepped)
    assert error is OURS[nature] or (error is None and nature != "lost" and kind in ("launch", "fft")), text
    machine.faults.mend()
    stepped()


@pytest.mark.parametrize("nature", NATURES)
def test_preflight_says_it_and_opens_the_device_anew(machine: FakeMachine, output: Path, nature: str) -> None:
    job = all_engines(output)
    with Checker() as checker:

        def check() -> None:
            checker.speeds.known.clear()
            assert checker.check(job).device_error is None

        calls = calls_of(machine, "preflight", check)
        for kind in ("plan", "xp", "wait"):
            machine.faults.plan(numbers(calls, kind)[-1], nature)
            checker.speeds.known.clear()
            found = checker.check(job)
            finding = found.of("time")[0]
            assert finding.level is Level.UNKNOWN and finding.reason.startswith("cuda:0")
            assert type(found.device_error) is OURS[nature]
            assert found.device_error.__traceback__ is None, "it would hold the engine"
            machine.faults.mend()
            check()
            assert machine.faults.calls[0] == "open"


@pytest.mark.parametrize("nature", NATURES)
def test_preflight_on_a_device_that_does_not_open(machine: FakeMachine, output: Path, nature: str) -> None:
    with Checker() as checker:
        machine.faults.plan(1, nature)
        found = checker.check(all_engines(output))
        assert found.of("memory")[0].level is Level.STOP
        assert type(found.device_error) is OURS[nature]
        machine.faults.mend()
        assert checker.check(all_engines(output)).of("memory")[0].level is Level.GOOD


def test_preflight_on_a_device_of_another_process(machine: FakeMachine, output: Path) -> None:
    busy = machine.modules["cupy.cuda.runtime"].CUDARuntimeError(
        "cudaErrorDevicesUnavailable: CUDA-capable device(s) is/are busy or unavailable"
    )
    with Checker() as checker, pytest.MonkeyPatch.context() as patch:
        patch.setattr(machine.faults, "call", lambda kind: _raise(busy))
        found = checker.check(all_engines(output))
        assert {found.of(name)[0].level for name in ("memory", "time")} == {Level.UNKNOWN}
        assert "held by another process, of this program or another" in found.of("memory")[0].reason
        patch.undo()
        assert checker.check(all_engines(output)).device_error is None


def _raise(error: Exception) -> None:
    raise error


def test_benchmark(machine: FakeMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ptychogui.jobs.bench._COPIED_BYTES", 1000)
    monkeypatch.setattr("ptychogui.jobs.bench._WARM_UP", 1)
    gpu = CudaBackend(0).__enter__()

    def row() -> None:
        next(run_bench(gpu, sizes=(16,), modes=(1,), rounds=1))

    row()
    number = numbers(machine.faults.calls, "launch")[-1]
    for nature, ours in OURS.items():
        machine.faults.plan(number, nature)
        assert failure(row)[0] is ours
        machine.faults.mend()
    row()


@pytest.mark.parametrize("nature", NATURES)
def test_orientation(machine: FakeMachine, output: Path, nature: str) -> None:
    machine.faults.plan(500, nature)
    gpu = CudaBackend(0).__enter__()
    assert failure(lambda: find_orientation(all_engines(output), gpu))[0] is OURS[nature]


def test_preflight_says_that_the_memory_of_the_computer_is_used_up(
    output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hungry(_scan: object) -> Iterator[Any]:
        raise MemoryError("Unable to allocate 9 TiB")

    monkeypatch.setitem(preflight_module._CHECKS, "mask", hungry)
    with Checker() as checker:
        finding = checker.check(make_job(output)).of("mask")[0]
    assert finding.reason.startswith("the memory of this computer was used up (Unable to allocate 9 TiB)")
