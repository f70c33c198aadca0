"""Complete results of a scan: those that are whole, of this very scan and of the values swept."""

from __future__ import annotations

import json
from pathlib import Path

from ptychogui.io.result import write_result
from ptychogui.io.result_header import SourceFile
from ptychogui.jobs.results.complete import complete_result
from ptychogui.states import State
from tests.io.makers import make_result


def test_only_a_whole_result_of_this_scan_and_these_values_counts(tmp_path: Path) -> None:
    scan, other = tmp_path / "a.cxi", tmp_path / "b.cxi"
    scan.touch()
    other.touch()
    assert complete_result(tmp_path, scan, "a") is None
    write_result(tmp_path / "a-result.cxi", make_result(sources=(SourceFile.of(scan),), state=State.STOPPED))
    write_result(tmp_path / "a-result-001.cxi", make_result(sources=(SourceFile.of(other),), state=State.DONE))
    assert complete_result(tmp_path, scan, "a") is None
    sweep = json.dumps({"group": "g", "values": {"experiment.probe_modes": 3}})
    done = make_result(sources=(SourceFile.of(scan),), state=State.DONE, sweep=sweep)
    write_result(tmp_path / "a-result-002.cxi", done)
    assert complete_result(tmp_path, scan, "a") == tmp_path / "a-result-002.cxi"
    assert complete_result(tmp_path, scan, "a", {"experiment.probe_modes": 1}) is None
    assert complete_result(tmp_path, scan, "a", {"experiment.probe_modes": 3}) == tmp_path / "a-result-002.cxi"
