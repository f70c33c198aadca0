"""The soak in its short form: a few jobs, and kills of children and of `ptychogui run`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scripts.soak import arguments, soak


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_whatever_is_killed_every_job_ends_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PTYCHOGUI_HOME", "")
    given = arguments(["--jobs", "5", "--pause", "1.5", "--iterations", "60", "--seed", "3"])
    problems, table = soak(tmp_path, given)
    assert problems == []
    assert re.search(r"\| jobs \| 5 \|", table) and re.search(r"\| lost, doubled, or left \| 0 \|", table)
