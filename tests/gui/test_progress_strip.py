"""The strip below the pages."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from ptychogui.views.run.progress_strip import ProgressStrip
from ptychogui.window_state import StripState

RESULT = Path("/data/scan-001.cxi")
RUNNING = StripState("Running", "", ("iteration 5 / 20", "error 1.23"), 5, 20, None)


@pytest.fixture
def strip(qtbot: QtBot) -> ProgressStrip:
    made = ProgressStrip()
    qtbot.addWidget(made)
    return made


def test_it_is_there_only_where_there_is_something_to_say(strip: ProgressStrip) -> None:
    assert strip.isHidden()
    strip.show_strip(RUNNING)
    assert not strip.isHidden()
    strip.show_strip(None)
    assert strip.isHidden()


def test_it_says_whose_it_is_and_what_goes_on(strip: ProgressStrip) -> None:
    strip.show_strip(RUNNING)
    assert strip.name.isHidden()
    strip.show_strip(replace(RUNNING, name="fly0012 (job 7)"))
    assert strip.name.whole_text() == "fly0012 (job 7)"
    assert strip.state.whole_text() == "Running"
    assert strip.numbers.whole_text() == "iteration 5 / 20   ·   error 1.23"
    assert (strip.bar.value(), strip.bar.maximum(), strip.bar.property("state")) == (5, 20, "")
    assert strip.result.isHidden() and strip.folder.isHidden()


def test_the_tooltip_of_the_numbers_says_all_of_them_and_what_is_to_be_known(strip: ProgressStrip) -> None:
    strip.show_strip(RUNNING)
    assert strip.numbers.toolTip() == "iteration 5 / 20   ·   error 1.23"
    strip.show_strip(replace(RUNNING, tip="of held-out pixels"))
    assert strip.numbers.toolTip() == "iteration 5 / 20   ·   error 1.23\nof held-out pixels"


def test_the_bar_swings_while_the_end_is_not_known(strip: ProgressStrip) -> None:
    strip.show_strip(StripState("Preparing scan", "", (), 0, 0, None))
    assert (strip.bar.minimum(), strip.bar.maximum()) == (0, 0)
    strip.show_strip(StripState("Cancelled", "done", (), 0, 1, None))
    assert (strip.bar.value(), strip.bar.maximum(), strip.bar.property("state")) == (0, 1, "done")


def test_it_leads_to_the_result(qtbot: QtBot, strip: ProgressStrip) -> None:
    strip.show_strip(StripState("Finished", "done", (), 20, 20, RESULT))
    assert strip.result.whole_text() == RESULT.name and str(RESULT) in strip.result.toolTip()
    with qtbot.waitSignal(strip.folderAsked, timeout=1000) as asked:
        strip.folder.click()
    assert asked.args == [RESULT]


def test_a_long_reason_widens_no_window(strip: ProgressStrip) -> None:
    strip.show_strip(RUNNING)
    width = strip.minimumSizeHint().width()
    reason = "second try, begun at the last checkpoint; the first ended: " + 10 * "cuda:0 failed and is lost "
    strip.show_strip(StripState(reason, "", (), 0, 0, None))
    assert strip.minimumSizeHint().width() <= width + 130
    assert strip.state.toolTip() == reason
    strip.show_strip(replace(RUNNING, name=40 * "a long name "))
    assert strip.minimumSizeHint().width() <= width + 220
