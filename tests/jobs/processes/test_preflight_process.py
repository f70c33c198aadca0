"""Preflight's own process: answers, refusals, and an end at any moment."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ptychogui.errors import DataError, DeviceError
from ptychogui.jobs.job import Job
from ptychogui.jobs.preflight import TITLES, Level
from ptychogui.jobs.processes import preflight_process
from ptychogui.jobs.processes.preflight_process import PreflightProcess
from tests.jobs.fakes import make_job
from tests.jobs.processes import gpu_in_child


@pytest.fixture
def process() -> Iterator[PreflightProcess]:
    made = PreflightProcess()
    yield made
    made.close(for_good=True)


def small(**values: Any) -> Job:
    return make_job(Path("result.cxi"), **values)


def pid(process: PreflightProcess) -> int:
    child = process._current._child
    assert child is not None
    return child.pid


def test_jobs_are_checked_one_after_the_other_in_the_same_process(process: PreflightProcess, tmp_path: Path) -> None:
    found = process.check(small())
    assert found is not None and {finding.check for finding in found.findings} == set(TITLES)
    first = pid(process)
    with pytest.raises(DataError, match=r"letter\.txt"):
        letter = tmp_path / "letter.txt"
        letter.write_text("Dear all,")
        process.check(Job("1", letter, small().parameters, tmp_path / "r.cxi"))
    assert process.check(small()) is not None
    assert pid(process) == first


def test_it_can_be_closed_in_mid_check_and_goes_on_after(process: PreflightProcess) -> None:
    answers: list[object] = []
    thread = threading.Thread(target=lambda: answers.append(process.check(small(experiment__scan_dims=(40, 40)))))
    thread.start()
    while process._current._child is None:
        thread.join(0.01)
    first = pid(process)
    process.close()
    thread.join(10)
    assert answers == [None] and not thread.is_alive()
    assert process.check(small()) is not None
    assert pid(process) != first


def test_after_the_end_nothing_is_started(process: PreflightProcess) -> None:
    process.close(for_good=True)
    assert process.check(small()) is None
    assert process._current._child is None


def test_a_killed_process_is_said_and_replaced(process: PreflightProcess) -> None:
    process.check(small())
    os.kill(pid(process), signal.SIGKILL)
    with pytest.raises(DeviceError, match=r"ended by itself: killed by signal 9"):
        process.check(small())
    assert process.check(small()) is not None


def test_a_lost_device_is_said_and_its_process_replaced(
    process: PreflightProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu_in_child.plan_failures(monkeypatch, tmp_path, (-1, 100, "lost"))
    monkeypatch.setattr(preflight_process, "serve", gpu_in_child.serve)
    found = process.check(small(devices__device="cuda:0"))
    assert found is not None
    assert "cuda:0 failed and is lost to this process" in found.of("time")[0].reason
    assert found.of("values")[0].level is not Level.UNKNOWN
    assert process._current._child is None
    again = process.check(small(devices__device="cuda:0"))
    assert again is not None and again.device_error is None
