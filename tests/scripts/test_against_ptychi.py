"""The comparison with pty-chi: its command line, which setting is timed, what is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scripts.against_ptychi import arguments
from scripts.evidence import duel
from scripts.evidence.duel import RIVALS, Quality, Times, best_settings, kept_settings
from scripts.evidence.rival import SETTINGS
from scripts.evidence.runs import cached


def test_quality_and_times_can_be_asked_for_apart() -> None:
    assert arguments([]).parts == ["quality", "times"]
    assert arguments(["times", "--turns", "5"]).parts == ["times"]
    assert arguments(["quality"]).iterations == 100
    assert arguments(["contests"]).parts == ["contests"]


def test_the_setting_of_the_smallest_last_error_is_timed() -> None:
    found = [
        Quality("pty-chi", setting.engine, setting.label, [5, 100], [0.1 * place, 1.0 / (1 + place)], 1.0)
        for place, setting in enumerate(SETTINGS)
    ]
    last = {setting.engine: setting for setting in SETTINGS}
    assert best_settings(found) == [last[engine] for engine in RIVALS]


def test_how_many_times_faster_is_of_medians() -> None:
    times = Times("epie", "nearest", "", 2, [10.0, 11.0, 500.0], [90.0, 110.0, 130.0], [], "cpu", "", {})
    assert times.ratio == 10


def test_times_alone_do_not_wait_for_settings_that_were_not_tried(tmp_path: Path) -> None:
    first = {setting.engine: setting for setting in reversed(SETTINGS)}
    assert kept_settings(tmp_path) == SETTINGS
    for setting in first.values():
        duel._kept_at(tmp_path, setting).write_text("{}")
    assert {setting.label for setting in kept_settings(tmp_path)} == {found.label for found in first.values()}


def test_what_was_measured_is_read_again_until_the_question_changes(tmp_path: Path) -> None:
    calls = []

    def measure() -> dict[str, Any]:
        calls.append(1)
        return {"error": len(calls)}

    path = tmp_path / "found.json"
    assert cached(path, {"size": (2, 3)}, measure) == {"error": 1}
    assert cached(path, {"size": (2, 3)}, measure) == {"error": 1}
    assert cached(path, {"size": (2, 4)}, measure) == {"error": 2}
