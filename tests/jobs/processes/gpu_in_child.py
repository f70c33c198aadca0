"""A pretended GPU in child processes: what stands in for run_job and for preflight's work, and lets calls fail.

In a child, to import this is to install it. A folder that the environment names holds `plan.json`, the failures of the
children in their order of starting: [after how many iterations, which call from then on, its nature], or null.
"""

from __future__ import annotations

import itertools
import json
import multiprocessing
import os
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from ptychogui.backends import Backend
from ptychogui.jobs import runner
from ptychogui.jobs.job import Control, Job, Progress
from ptychogui.jobs.processes import preflight_process
from ptychogui.jobs.processes.child_main import Parent
from tests.backends.fake_cupy import FakeMachine, installed

FOLDER = "PTYCHOGUI_TEST_GPU"

_really_serve = preflight_process.serve


def plan_failures(monkeypatch: pytest.MonkeyPatch, folder: Path, *failures: tuple[int, int, str] | None) -> None:
    """Say which call fails in which child."""
    (folder / "plan.json").write_text(json.dumps(failures))
    monkeypatch.setenv(FOLDER, os.fspath(folder))


def _own_failure() -> tuple[int, int, str] | None:
    """Take the next failure that no child before has taken."""
    folder = Path(os.environ[FOLDER])
    planned = json.loads((folder / "plan.json").read_text())
    for number in itertools.count():
        try:
            (folder / f"child-{number}").touch(exist_ok=False)
        except FileExistsError:
            continue
        return planned[number] if number < len(planned) else None
    return None


class _Gpu:
    """The machine of a child, and its failure."""

    def __init__(self) -> None:
        self._installed = installed(pytest.MonkeyPatch())  # kept: with it the modules would go
        self.machine: FakeMachine = self._installed.__enter__()
        self._failure = _own_failure()
        self.done(-1)

    def done(self, iteration: int) -> None:
        """Let the failure come from now on, if it is time."""
        if self._failure is not None and self._failure[0] == iteration:
            self.machine.faults.plan(*self._failure[1:])
            self._failure = None


_gpu = _Gpu() if multiprocessing.parent_process() is not None and FOLDER in os.environ else None


def run_job(
    job: Job, backend: Backend, control: Control, wants: Callable[[int], bool]
) -> Generator[Progress, None, None]:
    """Do a job as the runner does."""
    assert _gpu is not None
    for progress in runner.run_job(job, backend, control, wants):
        _gpu.done(progress.iteration)
        yield progress


def serve(parent: Parent) -> None:
    """Do what a preflight process does."""
    _really_serve(parent)
