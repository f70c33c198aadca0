"""That the kernels are compiled is said while the CPU is being opened, and once it is open no more."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from ptychogui.controllers import compiling
from ptychogui.controllers.compiling import CompilingController
from ptychogui.session_state import SessionState
from ptychogui.window_state import JobsState, RunState, window_state


class Now:
    """In place of the threads: work is done at once."""

    def start(self, work: Any, done: Any, failed: Any) -> None:
        done(work())


def opening(devices: set[str]) -> Any:
    return SimpleNamespace(opening=frozenset(devices), state=SimpleNamespace(groups=("cpu",)))


def test_it_is_said_how_far_it_is_until_the_cpu_is_open(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "cached_kernels", lambda: None)
    clock = iter([100.0, 108.0, 134.0])
    monkeypatch.setattr("time.monotonic", lambda: next(clock, 134.0))
    queue, background, told = opening({"cpu:0"}), Now(), list[str]()
    controller = CompilingController(queue, background)  # type: ignore[arg-type]
    controller.told.connect(told.append)
    controller.start()
    controller.look()
    controller.look()
    queue.opening = frozenset()
    controller.look()
    assert told == [
        "compiling for this processor, once: 8 s of about 20 s", "compiling for this processor, once: 34 s so far", "",
    ]  # fmt: skip


def test_where_nothing_is_to_be_compiled_nothing_is_said(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "cached_kernels", object)
    monkeypatch.setattr(compiling, "_EVERY_MS", 0)
    controller = CompilingController(opening({"cpu"}), Now())  # type: ignore[arg-type]
    with qtbot.assertNotEmitted(controller.told, wait=20):
        controller.start()


def test_a_job_that_waits_for_the_kernels_says_so_and_one_that_runs_does_not() -> None:
    jobs, run = JobsState(compiling="compiling for this processor, once: 8 s of about 20 s"), RunState()
    waiting = window_state(SessionState(), run.started("scan", 10), jobs).strip
    assert waiting is not None and waiting.text == "Compiling for this processor, once: 8 s of about 20 s"
    running = window_state(SessionState(), run.started("scan", 10).resumed(), jobs).strip
    assert running is not None and running.text == "Running"
