"""The table of actions: complete, without clashes, and all of it in a menu."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from PyQt5.QtGui import QKeySequence
from PyQt5.QtWidgets import QToolButton, QWidget
from pytestqt.qtbot import QtBot

from ptychogui.paths import resources_folder
from ptychogui.session_state import Obstacle, ScanSummary, SessionState
from ptychogui.views.shell.actions import (
    ACTIONS,
    EDITORS,
    LINE,
    MENUS,
    QUEUE_BUTTONS,
    QUEUE_HEAD,
    RECENT,
    TOOL_BAR,
    Action,
    Menu,
    keys_of,
)
from ptychogui.views.shell.commands import Commands
from ptychogui.window_state import JobsState, RunState, WindowState, window_state

READY = SessionState(ScanSummary(Path("a.cxi")), runnable=True)
STARTED = RunState().started("a", 10)
RUNNING = JobsState(frozenset({"pause", "stop", "cancel", "log"}), has_waiting=True, is_busy=True)
OVER = JobsState(frozenset({"continue", "remove", "log"}), has_ended=True)
STATES = {
    "nothing is open": window_state(SessionState(), RunState()),
    "a scan is open": window_state(READY, RunState()),
    "a value is wrong": window_state(
        SessionState(READY.scan, runnable=True, wrong=(Obstacle("a.b", "B", "x"),)), RunState()
    ),
    "a value was changed": window_state(SessionState(READY.scan, runnable=True, undo="Iterations"), RunState()),
    "a run goes on": window_state(READY, STARTED, RUNNING),
    "a run is being stopped": window_state(READY, STARTED.stopping(), JobsState(frozenset({"cancel"}))),
    "a run is over": window_state(READY, STARTED.ended("Finished", "done", None), OVER),
    "a job is held": window_state(READY, STARTED, JobsState(frozenset({"release", "up"}), has_held=True)),
    "the queue is closed": window_state(READY, RunState(), JobsState(closed="it is damaged")),
}
OF_ALL = ("hold-all", "release-all")
NO_RUN = {"clear", "page-run", *OF_ALL}
OF_JOBS = {action.key for action in ACTIONS if action.job}
OF_FORM = ("undo", "redo")
DISABLED = {
    "nothing is open": {"run", "page-scan", *NO_RUN, *OF_FORM, *OF_JOBS},
    "a scan is open": {*NO_RUN, *OF_FORM, *OF_JOBS},
    "a value is wrong": {"run", *NO_RUN, *OF_FORM, *OF_JOBS},
    "a value was changed": {*NO_RUN, "redo", *OF_JOBS},
    "a run goes on": {"clear", "release-all", *OF_FORM, *OF_JOBS} - RUNNING.may,
    "a run is being stopped": {"clear", *OF_ALL, *OF_FORM, *OF_JOBS} - {"cancel"},
    "a run is over": {*OF_ALL, *OF_FORM, *OF_JOBS} - OVER.may,
    "a job is held": {"clear", "hold-all", *OF_FORM, *OF_JOBS} - {"release", "up"},
    "the queue is closed": {"run", "batch", *NO_RUN, *OF_FORM, *OF_JOBS},
}


def entries(menus: tuple[Menu, ...]) -> list[str]:
    return [key for _, key in keys_of(menus)]


@pytest.fixture
def commands(qtbot: QtBot) -> Iterator[Commands]:
    window = QWidget()
    qtbot.addWidget(window)
    yield Commands(window)


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.key)
class TestEveryAction:
    def test_it_has_a_text_and_a_tooltip(self, action: Action) -> None:
        assert action.text and action.tip and not action.tip.endswith(".")

    def test_it_has_a_shortcut(self, action: Action) -> None:
        assert action.shortcut and action.shortcut in action.full_tip
        assert QKeySequence(action.shortcut).toString() == action.shortcut

    def test_its_icon_exists(self, action: Action) -> None:
        assert not action.icon or (resources_folder() / "icons" / f"{action.icon}.svg").is_file()
        assert action.icon or not action.primary

    def test_it_is_in_one_menu(self, action: Action) -> None:
        assert entries(MENUS).count(action.key) == 1

    @pytest.mark.parametrize("state", STATES)
    def test_its_state_follows_from_what_is_shown(self, commands: Commands, action: Action, state: str) -> None:
        shown: WindowState = STATES[state]
        commands.show_state(shown)
        command = commands[action.key]
        assert command.isEnabled() == action.enabled(shown) == (action.key not in DISABLED[state])
        assert command.toolTip() == (action.hint(shown) or action.full_tip)


def test_no_key_and_no_shortcut_is_there_twice() -> None:
    keys = Counter(action.key for action in ACTIONS)
    shortcuts = Counter(action.shortcut for action in ACTIONS if action.shortcut)
    assert not [name for name, times in (keys + shortcuts).items() if times > 1]


def test_menus_and_tool_bar_hold_actions_that_exist() -> None:
    keys = {action.key for action in ACTIONS}
    assert set(entries(MENUS)) <= keys
    assert set(TOOL_BAR) <= keys | {LINE, EDITORS}
    assert {*QUEUE_HEAD, *(key for keys in QUEUE_BUTTONS for key in keys)} <= keys


def test_the_menu_bar_is_that_of_the_table(qtbot: QtBot, commands: Commands) -> None:
    bar = commands.menu_bar()
    qtbot.addWidget(bar)
    assert [action.text() for action in bar.actions()] == [menu.title for menu in MENUS]
    menu = bar.actions()[0].menu()
    assert menu is not None
    texts = [action.text() for action in menu.actions()]
    assert texts == ["Open…", RECENT.title, "Batch…", "", "Try it on a simulated scan", "", "Mail…", "", "Quit"]


def test_the_one_that_matters_most_is_a_button_of_its_own(qtbot: QtBot, commands: Commands) -> None:
    bar = commands.tool_bar([])
    qtbot.addWidget(bar)
    buttons = bar.findChildren(QToolButton, "primary")
    assert [button.defaultAction() for button in buttons] == [commands["run"]]
    assert not commands["run"].isIconVisibleInMenu(), "white on white"


def test_an_action_of_a_page_asks_for_it(qtbot: QtBot, commands: Commands) -> None:
    with qtbot.waitSignal(commands.pageAsked, timeout=1000) as asked:
        commands["orientation"].trigger()
    assert asked.args == ["orientation"]
    with qtbot.assertNotEmitted(commands.pageAsked):
        commands["open"].trigger()


def test_an_action_of_a_dock_asks_for_it_and_follows_it(qtbot: QtBot, commands: Commands) -> None:
    commands.show_dock("log", False)
    with qtbot.waitSignal(commands.dockAsked, timeout=1000) as asked:
        commands["dock-log"].trigger()
    assert asked.args == ["log", True]
    commands.show_dock("log", False)
    assert not commands["dock-log"].isChecked() and commands["dock-queue"].isCheckable()


def test_an_action_on_jobs_says_which_it_is(qtbot: QtBot, commands: Commands) -> None:
    with qtbot.waitSignal(commands.jobAsked, timeout=1000) as asked:
        commands["retry"].trigger()
    assert asked.args == ["retry"]
    with qtbot.assertNotEmitted(commands.jobAsked):
        commands["clear"].trigger()


def test_a_switch_follows_what_is_shown(commands: Commands) -> None:
    for follows in (True, False):
        commands.show_state(window_state(READY, RunState(), JobsState(follows=follows)))
        assert commands["follow"].isChecked() is follows


def test_of_a_choice_one_is_chosen(commands: Commands) -> None:
    for value in ("dark", "light"):
        commands.choose("theme", value)
        assert [action.data() for action in commands.choices["theme"].actions() if action.isChecked()] == [value]
