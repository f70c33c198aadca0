"""The line that says where results go."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from ptychogui.views.queue.results_line import ResultsLine


def test_it_says_where_results_go_and_a_folder_can_be_chosen(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = ResultsLine()
    qtbot.addWidget(line)
    assert line.place.whole_text() == "Results: beside each scan"
    monkeypatch.setattr("PyQt5.QtWidgets.QFileDialog.getExistingDirectory", lambda *_: str(tmp_path))
    assert line.folder is not None and line.beside is not None
    with qtbot.waitSignal(line.chosen, timeout=1000) as chosen:
        line.folder.trigger()
    assert chosen.args == [str(tmp_path)]
    line.show_folder(str(tmp_path))
    assert line.place.whole_text() == f"Results: {tmp_path}"
    line.show_folder(str(Path.home() / "results"))
    assert line.place.whole_text() == "Results: ~/results"
    with qtbot.waitSignal(line.chosen, timeout=1000) as chosen:
        line.beside.trigger()
    assert chosen.args == [""]
