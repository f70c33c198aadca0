"""Memory and time of a run are told before it, and what does not fit is made to."""

from __future__ import annotations

import pytest

from ptychogui.backends import open_backend
from ptychogui.backends.base import Backend
from ptychogui.jobs.preflight import TITLES, Level
from ptychogui.jobs.preflight.cost_checks import time_text
from tests.jobs.preflight.scans import Check, dataset, only


class TestCost:
    def test_memory_and_time_of_a_small_scan(self, check: Check, backend: Backend) -> None:
        found = check(dataset(), backend, reconstruction__iterations=7)
        assert only(found, "memory").level is Level.GOOD and backend.name in only(found, "memory").reason
        time_found = only(found, "time")
        assert "estimate" in time_found.reason and "7 iterations" in time_found.reason
        assert time_found.level is (Level.LOOK if backend.name == "numpy" else Level.GOOD)
        assert [finding.check for finding in found.findings] == list(TITLES)

    @pytest.mark.parametrize("engine", ["epie", "dm", "raar", "lsqml", "dm:3/2,lsqml"])
    def test_every_engine_is_timed(self, check: Check, engine: str) -> None:
        with open_backend("cpu", 2) as backend:
            found = check(dataset(), backend, reconstruction__engine=engine, experiment__probe_modes=2)
        assert only(found, "time").title.startswith("About ")
        assert found.level is Level.GOOD

    def test_what_does_not_fit_is_made_to_fit(self, check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
        wrong = {"reconstruction__engine": "dm", "experiment__probe_modes": 4}
        with open_backend("numpy") as backend:
            monkeypatch.setattr(backend, "memory_free_bytes", lambda: 115_000_000)
            finding = only(check(dataset(), backend, **wrong), "memory")
            assert finding.level is Level.STOP and "GB" in finding.reason and finding.fix
            fix = {path.replace(".", "__"): value for path, value in finding.fix.items()}
            assert only(check(dataset(), backend, **{**wrong, **fix}), "memory").level is Level.GOOD
            monkeypatch.setattr(backend, "memory_free_bytes", lambda: 1000)
            assert only(check(dataset(), backend, **wrong), "memory").fix is None

    def test_a_step_is_not_timed_where_its_engine_would_not_fit(
        self, check: Check, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked = {"reconstruction__engine": "dm", "experiment__probe_modes": 4}
        with open_backend("cpu", 2) as backend:
            monkeypatch.setattr(backend, "memory_free_bytes", lambda: 16_000_000)
            finding = only(check(dataset(), backend, **asked), "time")
        assert finding.level is Level.UNKNOWN and "no room" in finding.reason

    def test_a_time_limit_that_is_too_short(self, check: Check) -> None:
        wrong = {"reconstruction__iterations": 1_000_000, "reconstruction__time_limit_s": 2.0}
        with open_backend("cpu", 2) as backend:
            finding = only(check(dataset(), backend, **wrong), "time")
        assert finding.level is Level.LOOK and finding.fix == {"reconstruction.time_limit_s": None}

    @pytest.mark.parametrize(("seconds", "text"), [(0.2, "1 s"), (59, "59 s"), (600, "10 min"), (7200, "2.0 h")])
    def test_times_are_written_as_said(self, seconds: float, text: str) -> None:
        assert time_text(seconds) == text
