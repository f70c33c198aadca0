"""Findings of the convergence watch: shown with their job, and applied to the form."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from ptychogui.app import Workstation
from ptychogui.controllers.loading import LoadedResult, load
from ptychogui.io.result import write_result
from ptychogui.jobs.job import Progress
from ptychogui.jobs.run_findings import RunFinding, from_dicts, to_json
from ptychogui.session_state import SessionState
from ptychogui.views.run.findings import RunFindings
from ptychogui.window_state import RunState, window_state
from tests.io.makers import make_result

STEPS = {"reconstruction.object_step": 0.5, "reconstruction.probe_step": 0.5}
RISES = RunFinding("rise", 40, "the error has risen from 1.2 to 3.4", STEPS, "smaller steps")
DRIFTS = RunFinding("probe drift", 60, "the probe has moved by 30 pixels", {}, "check the positions")


def test_they_are_kept_with_their_run_and_each_is_said_once() -> None:
    told = [Progress("a", 1, 9, 2.0, 0.0, 0.0, 0.0, findings=found) for found in ((RISES,), (RISES, DRIFTS))]
    run = RunState().started("a", 9).progressed(*told)
    assert run.findings == (RISES, DRIFTS)
    assert window_state(SessionState(), run).shown.findings == (RISES, DRIFTS)
    assert run.started("b", 9).findings == ()


def test_they_come_back_from_a_result(tmp_path: Path) -> None:
    for name, text in (("good", to_json([RISES, DRIFTS])), ("none", ""), ("bad", "[1"), ("odd", '[{"kind": 1}]')):
        write_result(tmp_path / f"{name}.cxi", make_result(findings=text))
        loaded = load(tmp_path / f"{name}.cxi")
        assert isinstance(loaded, LoadedResult)
        assert loaded.findings == ((RISES, DRIFTS) if name == "good" else ())
    assert from_dicts([{**RISES.as_dict(), "kind": "of a later version"}]) == ()


@pytest.fixture
def shown(qtbot: QtBot) -> RunFindings:
    made = RunFindings()
    qtbot.addWidget(made)
    return made


def test_the_latest_is_first_and_what_mends_it_can_be_applied(qtbot: QtBot, shown: RunFindings) -> None:
    shown.show_findings((RISES, DRIFTS))
    assert not shown.isHidden() and [row.finding for row in shown.rows] == [DRIFTS, RISES]
    assert shown.rows[0].apply.isHidden()
    assert shown.rows[1].text.text().endswith("Try smaller steps: Object step: 0.5, Probe step: 0.5")
    with qtbot.waitSignal(shown.applyAsked, timeout=1000) as asked:
        shown.rows[1].apply.click()
    assert asked.args == [STEPS, "what may mend: the error rises"]
    shown.show_findings(())
    assert shown.isHidden()


def test_apply_puts_the_values_into_the_form_and_undo_takes_them_back(workstation: Workstation) -> None:
    window = workstation.window
    workstation.live.shown.emit(RunState().started("a", 9).with_findings((RISES,)))
    (row,) = workstation.run_page.findings.rows
    row.apply.click()
    editor = window.form.rows["reconstruction.object_step"].editor
    assert editor.value() == 0.5 and window.state.undo == "what may mend: the error rises"
    assert editor.isVisible(), "behind 'More' before"
    window.commands["undo"].trigger()
    assert editor.value() == 1.0
