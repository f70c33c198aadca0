"""What is said after a run that ends with a high error."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ptychogui.jobs.high_error import high_error_notes
from tests.jobs.fakes import make_job

JOB = replace(make_job(Path("result.cxi")), source=Path("night 1/scan.cxi"))


def test_causes_and_what_to_try_are_named() -> None:
    (note,) = high_error_notes(JOB, 100, 5.48)
    assert note.startswith("the error is still 5.48 after 100 iterations")
    for word in ("turned", "paired", "distance", "ptychogui orientation 'night 1/scan.cxi'", "--first-file"):
        assert word in note


@pytest.mark.parametrize(("iterations", "error"), [(100, 1.0), (100, 2.9), (5, 50.0), (100, float("nan"))])
def test_nothing_is_said_of_a_low_error_or_a_short_run(iterations: int, error: float) -> None:
    assert high_error_notes(JOB, iterations, error) == ()


def test_no_command_for_a_scan_without_a_file() -> None:
    (note,) = high_error_notes(replace(JOB, source=None), 100, 9.0)
    assert "ptychogui orientation" not in note
