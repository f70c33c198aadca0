"""Reports as JSON."""

from __future__ import annotations

import json

from ptychogui.notify.report import JobLine, Report

BATCH = Report("u", "two scans", "failed", "a@b.org", error=1.5, parameters={"x": "1"}, noticed=("it rises",),
               jobs=(JobLine("one", "done", result="/r/\udce9.cxi"), JobLine("two", "failed", "why")))  # fmt: skip


def test_a_report_comes_back() -> None:
    assert Report.from_json(BATCH.to_json()) == BATCH


def test_a_report_of_another_version_is_read() -> None:
    told = json.loads(BATCH.to_json())
    del told["cause"]
    told["jobs"][0]["weather"] = told["weather"] = "fine"
    assert Report.from_json(json.dumps(told)) == BATCH
