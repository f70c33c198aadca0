"""A step costs no other step anything, however it ends, and what it found is kept."""

from __future__ import annotations

import importlib
import json
import os
from pathlib import Path
from typing import Any

import psutil
import pytest

from scripts.gpu import runner
from scripts.gpu.runner import Trial
from scripts.gpu.steps import STEPS, TOTAL_S, Step


def _step(work: str) -> Step:
    return Step(work, f"the step {work}", 300.0, f"tests.scripts.gpu.works:{work}")


def _run(folder: Path, *works: str, total_s: float = 3000.0) -> tuple[bool, dict[str, Any]]:
    is_well = Trial(folder, os.environ, total_s).run([_step(work) for work in works])
    return is_well, json.loads((folder / "gpu.json").read_text())["steps"]


def test_what_goes_wrong_in_a_step_leaves_the_next(tmp_path: Path) -> None:
    is_well, steps = _run(tmp_path, "find_wrong", "crash", "blunder", "crash_on_leaving", "be_skipped", "do_well")
    assert not is_well
    assert [(step["verdict"], step["words"]) for step in steps.values()] == [
        ("failed", "two is too many"), ("ended", "its process was ended by SIGABRT"),
        ("failed", "ZeroDivisionError: a bug"), ("ended", "its process was ended by SIGABRT"),
        ("skipped", "no star"), ("ok", ""),
    ]  # fmt: skip
    numbers = [step["figures"].get("number") for step in steps.values()]
    assert numbers == [2, 3, None, 4, None, 1]
    assert "in blunder" in steps["blunder"]["output"] and "in crash" in steps["crash"]["output"]
    page = (tmp_path / "gpu.md").read_text()
    assert all(f"the step {name}" in page for name in steps)
    assert "== crash: the step crash" in (tmp_path / "gpu.log").read_text()


def test_a_trial_is_well_where_nothing_failed(tmp_path: Path) -> None:
    assert _run(tmp_path, "do_well", "be_skipped")[0]


def test_a_step_that_hangs_is_ended_at_its_limit_with_all_that_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Clock:
        """Time that has run out as soon as the step has said something."""

        @staticmethod
        def monotonic() -> float:
            said = (tmp_path / "gpu.json").exists() and '"pid"' in (tmp_path / "gpu.json").read_text()
            return 1e6 * said

    monkeypatch.setattr(runner, "time", Clock)
    is_well, steps = _run(tmp_path, "hang", total_s=1e9)
    assert not is_well
    assert (steps["hang"]["verdict"], steps["hang"]["words"]) == ("ended", "after 300 s")
    pid = steps["hang"]["figures"]["pid"]
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_where_the_time_is_over_steps_are_left_out(tmp_path: Path) -> None:
    _, steps = _run(tmp_path, "do_well", total_s=0.0)
    assert (steps["do_well"]["verdict"], steps["do_well"]["words"]) == ("skipped", "no time is left")


def test_tables_that_fail_end_no_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_found: object) -> str:
        raise KeyError("a figure")

    monkeypatch.setattr(runner, "page", fail)
    assert _run(tmp_path, "do_well")[1]["do_well"]["figures"] == {"number": 1}


def test_all_steps_together_take_less_than_eight_minutes() -> None:
    assert sum(step.limit_s for step in STEPS) <= TOTAL_S < 8 * 60
    for step in STEPS:
        module, _, function = step.work.partition(":")
        assert callable(getattr(importlib.import_module(module), function))
