"""The palette: what a few letters find, and that Enter does it."""

from __future__ import annotations

import pytest
from PyQt5.QtCore import Qt
from pytestqt.qtbot import QtBot

from ptychogui.views.shell.main_window import MainWindow
from ptychogui.views.shell.palette import NO_MATCH, Palette, match
from ptychogui.views.shell.settings import WindowSettings


@pytest.fixture
def window(qtbot: QtBot, window_settings: WindowSettings) -> MainWindow:
    made = MainWindow(window_settings)
    qtbot.addWidget(made)
    made.show()
    return made


def names(palette: Palette) -> list[str]:
    items = [palette.list.topLevelItem(place) for place in range(palette.list.topLevelItemCount())]
    return [item.text(0) for item in items if item is not None]


def test_letters_in_their_order_find_a_name_and_a_whole_word_finds_it_first() -> None:
    assert match("", "Run") == 0
    assert match("res", "View: Reset layout") < match("rsl", "View: Reset layout") < NO_MATCH
    assert match("xyz", "View: Reset layout") == NO_MATCH


def test_every_action_is_there_and_enter_does_the_one_that_is_found(qtbot: QtBot, window: MainWindow) -> None:
    window.commands["palette"].trigger()
    palette = window.palette_
    assert palette.isVisible() and "Run: Run" in names(palette) and "View, Theme: Dark" in names(palette)
    visible = [command for command in window.commands.by_key.values() if command.isVisible()]
    assert len(names(palette)) == len(visible) - 1
    qtbot.keyClicks(palette.word, "log")
    assert "View: Log" in names(palette) and "File: Open…" not in names(palette)
    palette.word.setText("view log")
    palette.word.setText("View: Log")
    qtbot.keyClick(palette.word, Qt.Key.Key_Return)
    assert not palette.isVisible() and window.messages.isVisible()


def test_what_can_not_be_done_stays_and_the_list_is_walked_from_the_field(qtbot: QtBot, window: MainWindow) -> None:
    window.commands["palette"].trigger()
    palette = window.palette_
    palette.word.setText("Run: Run")
    with qtbot.assertNotEmitted(window.runAsked):
        qtbot.keyClick(palette.word, Qt.Key.Key_Return)
    assert palette.isVisible()
    palette.word.clear()
    first = palette.list.currentItem()
    qtbot.keyClick(palette.word, Qt.Key.Key_Down)
    assert first is not None and palette.list.currentItem() is palette.list.itemBelow(first)
    palette.hide()
