"""`ptychogui run`: the queue without a window, from jobs to results, with signals, kills and a second owner."""

from __future__ import annotations

import functools
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ptychogui.io.result import read_result
from ptychogui.queue.store.entry import Entry
from ptychogui.queue.store.store import Store
from ptychogui.states import State
from tests.cli.runs import FAST, refusal, run, start

LIMIT_S = 60.0
"""For what must come."""
LONG = (*FAST[:2], "--iterations", "100000")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PTYCHOGUI_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


def _jobs() -> list[dict[str, Any]]:
    return json.loads(run("queue", "list", "--json").stdout)  # type: ignore[no-any-return]


def _until(home: Path, job: int, is_so: Callable[[Entry], bool]) -> Entry:
    end_s = time.monotonic() + LIMIT_S
    with Store(home / "queue") as store:
        while time.monotonic() < end_s:
            entry = store.entry(job)
            if is_so(entry):
                return entry
            threading.Event().wait(0.05)
        raise AssertionError(f"it did not come to that: {store.entry(job)}")


def _ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=LIMIT_S)
    return process.returncode, out, err


def test_it_does_all_jobs_and_continues_one(scan: Path, tmp_path: Path) -> None:
    run("queue", "add", scan, scan, *FAST)
    run("queue", "add", scan, *FAST, "--device", "numpy", "--hold")
    outcome = run("run", "--until-empty", "--devices", "numpy")
    results = [str(tmp_path / name) for name in ("scan-result.cxi", "scan-result-001.cxi")]
    assert outcome.stdout.split() == results
    assert [job["state"] for job in _jobs()] == ["done", "done", "held"]
    assert "numpy: job 1 scan begins" in outcome.stderr and "numpy: job 2 scan done" in outcome.stderr
    assert run("queue", "continue", 1, "--engine", "epie", "--iterations", "2").stdout == "4\n"
    run("run", "--until-empty")
    continued = read_result(tmp_path / "scan-result-003.cxi")
    assert f"the log of this job is {tmp_path / 'home' / 'queue' / 'jobs' / '4' / 'log.txt'}" in continued.notes
    assert len(continued.errors) == 2 and continued.errors[0] < read_result(results[0]).errors[0]


def test_a_job_that_fails_is_named_and_the_next_is_done(scan: Path, tmp_path: Path) -> None:
    other = tmp_path / "folder" / "other.cxi"
    other.parent.mkdir()
    other.write_bytes(scan.read_bytes())
    run("queue", "add", other, scan, *FAST)
    other.unlink()
    other.parent.rmdir()
    outcome = run("run", "--until-empty", "--devices", "numpy")
    first, second = _jobs()
    assert first["state"] == "failed" and "other.cxi" in first["cause"] and second["state"] == "done"
    assert "job 1 other failed: " in outcome.stderr


def test_a_result_folder_that_can_not_be_made_fails_its_job_alone(scan: Path, tmp_path: Path) -> None:
    run("queue", "add", scan, *FAST, "-o", "results/one.cxi")
    run("queue", "add", scan, *FAST)
    for marker in (tmp_path / "results" / ".ptychogui-reserved").iterdir():
        marker.unlink()
    (tmp_path / "results" / ".ptychogui-reserved").rmdir()
    (tmp_path / "results").rmdir()
    (tmp_path / "results").write_text("no folder")
    run("run", "--until-empty", "--devices", "numpy")
    first, second = _jobs()
    assert first["state"] == "failed" and "one.cxi" in first["cause"] and second["state"] == "done"


def test_a_second_owner_is_told_who_the_first_is(scan: Path, home: Path) -> None:
    run("queue", "add", scan, *LONG)
    with start("run", "--devices", "numpy") as owner:
        _until(home, 1, lambda entry: entry.iteration > 0)
        second = start("run", "--devices", "numpy")
        status, out, err = _ended(second)
        assert (status, out) == (2, "") and f"process {owner.pid} of " in err
        owner.send_signal(signal.SIGTERM)
        assert _ended(owner)[0] == 0
    assert _jobs()[0]["state"] == "interrupted"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_is_no_failure(home: Path, number: signal.Signals) -> None:
    with start("run", "--devices", "numpy") as owner:
        assert owner.stderr is not None and "running the queue in" in owner.stderr.readline()
        owner.send_signal(number)
        assert _ended(owner)[0] == 0


def test_after_kill_9_of_the_owner_a_job_goes_on_once(scan: Path, home: Path, tmp_path: Path) -> None:
    run("queue", "add", scan, *LONG)
    with start("run", "--devices", "numpy") as owner:
        _until(home, 1, lambda entry: entry.iteration > 0)
        owner.kill()
        owner.wait()
    with Store(home / "queue") as store:
        child = json.loads(store.starts(1)[0].process)["pid"]
        assert store.entry(1).state is State.RUNNING
    with start("run", "--devices", "numpy", "--until-empty") as owner:
        _until(home, 1, lambda entry: entry.attempts == 2 and entry.iteration > 0)
        with pytest.raises(ProcessLookupError):
            os.kill(child, 0)
        run("queue", "stop", 1)
        assert _ended(owner)[0] == 0
    (job,) = _jobs()
    assert (job["state"], job["attempts"]) == ("stopped", 2) and (tmp_path / "scan-result.cxi").exists()


def _is_beyond(least: int, entry: Entry) -> bool:
    return entry.iteration > least


def test_a_job_that_was_broken_off_ends_with_the_bits_of_one_that_was_not(
    scan: Path, home: Path, tmp_path: Path
) -> None:
    values = ("--iterations", 300, "--engine", "lsqml", "--momentum", 0.5, "--device", "numpy")
    run("reconstruct", scan, "-o", "whole.cxi", *values, "--quiet")
    run("queue", "add", scan, *values, "--checkpoint-every", "0.2s")
    for number, least in ((signal.SIGTERM, 20), (signal.SIGKILL, 80)):
        with start("run", "--devices", "numpy") as owner:
            _until(home, 1, functools.partial(_is_beyond, least))
            owner.send_signal(number)
            owner.communicate(timeout=LIMIT_S)
    run("run", "--until-empty")
    assert _jobs()[0]["state"] == "done" and _jobs()[0]["attempts"] == 3
    whole, parts = read_result(tmp_path / "whole.cxi"), read_result(tmp_path / "scan-result.cxi")
    assert np.array_equal(whole.object, parts.object) and np.array_equal(whole.errors, parts.errors)
    assert not (home / "queue" / "jobs" / "1" / "checkpoint").exists()


def test_a_device_that_is_not_there_is_refused_with_those_that_are(scan: Path) -> None:
    assert "device 'tpu' does not exist; this machine can use" in refusal("run", "--devices", "tpu")
