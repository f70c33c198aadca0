"""What several tests of preflight ask for."""

from __future__ import annotations

from typing import Any

import pytest

from ptychogui.backends.base import Backend
from ptychogui.io.dataset import Dataset
from ptychogui.jobs.preflight import Preflight, preflight
from ptychogui.jobs.prepare import open_scan as opening
from tests.jobs.preflight.scans import SOUND, Check, job


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch) -> Check:
    def run(source: Dataset, backend: Backend | None = None, **values: Any) -> Preflight:
        monkeypatch.setattr(opening, "open_dataset", lambda *_: source)
        return preflight(job(source, {**SOUND, **values}), backend)

    return run
