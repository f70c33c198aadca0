"""The log's dock and what it is fed with."""

from __future__ import annotations

import logging
import threading

import pytest
from pytestqt.qtbot import QtBot

from ptychogui.controllers.log_feed import LogFeed
from ptychogui.notify.log import TOLD
from ptychogui.views.shell.log_panel import Line, LogPanel


@pytest.fixture
def panel(qtbot: QtBot) -> LogPanel:
    made = LogPanel()
    qtbot.addWidget(made)
    return made


def test_the_level_and_a_word_choose_the_lines(panel: LogPanel) -> None:
    panel.add_lines([Line("info", "noted", "01:00:00"), Line("warning", "Look out", "01:00:01")])
    panel.add("scan (job 1) begins")
    panel.add("it broke", "error")

    def shown() -> list[str]:
        return [line.split("  ", 1)[1] for line in panel.text.toPlainText().splitlines()]

    assert shown() == ["warning: Look out", "scan (job 1) begins", "error: it broke"]
    panel.level.setCurrentText("all")
    assert shown()[0] == "noted"
    panel.level.setCurrentText("warnings")
    assert shown() == ["warning: Look out", "error: it broke"]
    panel.word.setText("look")
    assert shown() == ["warning: Look out"]
    panel.clear.click()
    panel.word.clear()
    assert not shown()


def test_what_is_more_than_a_note_is_announced(qtbot: QtBot, panel: LogPanel) -> None:
    with qtbot.waitSignal(panel.said, timeout=1000) as said:
        panel.add_lines([Line("info", "noted"), Line("warning", "look out")])
    assert said.args == ["warning", "look out"]


def test_the_log_of_all_threads_comes_in_one_go(qtbot: QtBot) -> None:
    feed, log = LogFeed(), logging.getLogger("ptychogui.some")
    feed.start()
    thread = threading.Thread(target=lambda: log.error("broken %d", 1))
    thread.start()
    thread.join()
    log.warning("look out")
    log.error("told in a banner", extra=TOLD)
    with qtbot.waitSignal(feed.told, timeout=1000) as told:
        pass
    assert [(level, text) for level, text, _ in told.args[0]] == [
        ("error", "broken 1"), ("warning", "look out"), ("info", "told in a banner"),
    ]  # fmt: skip
    feed.close()
    log.warning("after the end")
    with qtbot.assertNotEmitted(feed.told):
        feed.bring()
