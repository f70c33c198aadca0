"""`ptychogui orientation`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.runs import refusal, run


class TestOrientation:
    @pytest.fixture
    def scan(self, tmp_path: Path) -> Path:
        path = tmp_path / "scan.cxi"
        small = ("--n", 32, "--detector-pixel", "300um", "--probe-diameter", "0.4um", "--scan-dims", "6,6")
        run("simulate", path, *small, "--phantom", "cells")
        return path

    def test_the_answer_comes_first_and_every_case_is_listed(self, scan: Path) -> None:
        outcome = run("orientation", scan, "--rotate90", 1, "--threads", 2)
        answer, sign, mirror, *rest = outcome.stdout.splitlines()
        assert answer == "sure: take --rotate90 0"
        assert sign == "the sign of the phase: sure"
        assert "no measurement tells" in mirror
        rows = rest[rest.index("") + 2 :]
        assert len(rows) == 16
        assert rows[0].split("  ")[-1] == "to be taken"
        assert sum("as it is now" in row for row in rows) == 1
        assert outcome.stderr.splitlines()[-1].endswith("done")

    def test_json_has_it_all(self, scan: Path) -> None:
        told = json.loads(run("orientation", scan, "--json", "--threads", 2).stdout)
        assert (told["sure"], told["phase_sign"], told["options"], told["change"]) == ("sure", "sure", "", {})
        assert len(told["ranking"]) == 16
        assert told["ranking"][0]["is_current"]
        assert told["ranking"][0]["error"] < told["ranking"][-1]["error"]
        assert told["ranking"][0]["values"]["preprocessing.rotate90"] == 0

    def test_what_cant_be_read_is_refused(self, tmp_path: Path) -> None:
        assert "missing.cxi" in refusal("orientation", tmp_path / "missing.cxi")
        assert "no scan to reconstruct" in refusal("orientation")
