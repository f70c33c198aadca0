"""The window on its own: what it shows of what it is told, and what it announces."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PyQt5.QtCore import QMimeData, QPoint, QPointF, QSettings, Qt, QUrl
from PyQt5.QtGui import QColor, QDesktopServices, QDragEnterEvent, QDropEvent, QIcon, QPalette
from PyQt5.QtWidgets import QApplication, QLabel, QToolTip
from pytestqt.qtbot import QtBot

from ptychogui.params.model import by_path
from ptychogui.session_state import MISSING, Obstacle, ScanSummary, SessionState
from ptychogui.views.form.editors import TextEditor
from ptychogui.views.queue.dialogs import Continuation
from ptychogui.views.run.run_page import RunPage
from ptychogui.views.shell.drop_target import DropTarget
from ptychogui.views.shell.main_window import MainWindow
from ptychogui.views.shell.pages import Page
from ptychogui.views.shell.settings import WindowSettings
from ptychogui.views.theme import DARK, LIGHT, apply_theme, style_sheet
from ptychogui.window_state import JobsState, RunState, window_state


@pytest.fixture
def window(qtbot: QtBot, window_settings: WindowSettings) -> MainWindow:
    made = MainWindow(window_settings)
    qtbot.addWidget(made)
    made.show()
    return made


class Told:
    """In place of the controllers: tells the window how session and run stand, and hears what is wrong in the form."""

    def __init__(self, window: MainWindow) -> None:
        self._window, self.session, self.run, self.jobs = window, SessionState(), RunState(), JobsState()
        window.wrongChanged.connect(self._take_wrong)

    def session_is(self, **changes: Any) -> None:
        self.session = replace(self.session, **changes)
        self._show()

    def jobs_are(self, **changes: Any) -> None:
        self.jobs = replace(JobsState(), **changes)
        self._show()

    def run_is(self, run: RunState) -> None:
        self.run = run
        self._show()

    def _take_wrong(self, wrong: list[str]) -> None:
        self.session_is(wrong=tuple(wrong))

    def _show(self) -> None:
        self._window.show_state(window_state(self.session, self.run, self.jobs))


@pytest.fixture
def told(window: MainWindow) -> Told:
    return Told(window)


def _darkest(icon: QIcon) -> int:
    """Lightness of an icon's strokes: of the pixels that are wholly opaque, all of one color."""
    image = icon.pixmap(48, 48).toImage()
    colors = [image.pixelColor(x, y) for x in range(image.width()) for y in range(image.height())]
    return min(color.lightness() for color in colors if color.alpha() == 255)


def test_it_begins_with_an_invitation_and_nothing_to_run(window: MainWindow) -> None:
    assert window.pages.current == ""
    assert window.pages.tabs.isHidden() and window.strip.isHidden() and window.banner.isHidden()
    assert not window.commands["run"].isEnabled() and not window.commands["stop"].isEnabled()


def test_run_is_there_while_jobs_run_and_job_actions_are_there_when_they_have_an_effect(
    window: MainWindow, told: Told
) -> None:
    commands = window.commands
    told.session_is(runnable=True)
    assert (commands["run"].isEnabled(), commands["stop"].isEnabled()) == (True, False)
    told.run_is(told.run.started("scan", 10))
    told.jobs_are(may=frozenset({"pause", "stop"}))
    assert (commands["run"].isEnabled(), commands["stop"].isEnabled(), commands["pause"].isEnabled()) == (
        True, True, True,
    )  # fmt: skip
    assert commands["pause"].isVisible() and not commands["resume"].isVisible()
    told.jobs_are(may=frozenset({"resume", "step"}))
    assert commands["resume"].isVisible() and not commands["pause"].isVisible()
    assert not commands["stop"].isEnabled() and commands["step"].isEnabled()
    told.jobs_are(closed="The queue can't be used: it is damaged")
    assert not commands["run"].isEnabled() and "damaged" in commands["run"].toolTip()


def test_an_action_on_jobs_is_announced_and_continue_asks_how_far(qtbot: QtBot, window: MainWindow, told: Told) -> None:
    told.jobs_are(may=frozenset({"stop", "continue"}))
    with qtbot.waitSignal(window.jobAsked, timeout=1000) as asked:
        window.commands["stop"].trigger()
    assert asked.args == ["stop"]
    told.run_is(replace(told.run.started("scan", 40), name="scan (job 3)"))
    with qtbot.assertNotEmitted(window.jobAsked):
        window.commands["continue"].trigger()
    assert window.more.isVisible() and "scan (job 3)" in window.more.title.text()
    assert window.more.number.value() == 40
    window.more.number.setValue(7)
    window.more.engine.setCurrentIndex(window.more.engine.findData("dm"))
    window.more.with_form.setChecked(True)
    with qtbot.waitSignal(window.continueAsked, timeout=1000) as more:
        window.more.go_on.click()
    assert more.args == [Continuation(7, "dm", True)] and not window.more.isVisible()


def test_a_window_whose_jobs_run_asks_before_it_goes_and_escape_stays(
    qtbot: QtBot, window: MainWindow, told: Told
) -> None:
    told.jobs_are(is_busy=True)
    with qtbot.waitSignal(window.closeAsked, timeout=1000), qtbot.assertNotEmitted(window.closing):
        window.close()
    assert window.isVisible()
    window.ending.ask(["scan (job 3)"], 2)
    assert "scan (job 3) is still running" in window.ending.title.text()
    assert "2 more wait" in window.ending.text.text()
    with qtbot.waitSignal(window.endAnswered, timeout=1000) as answered:
        qtbot.keyClick(window.ending, Qt.Key.Key_Escape)
    assert answered.args == ["stay"] and not window.ending.isVisible() and window.isVisible()
    window.ending.ask(["a (job 3)", "b (job 4)"], 0)
    with qtbot.waitSignal(window.endAnswered, timeout=1000) as answered:
        window.ending.go_on.click()
    assert answered.args == ["go-on"]
    window.ending.show_busy("Handing over")
    assert not window.ending.go_on.isEnabled() and not window.ending.stay.isEnabled()
    window.ending.hide()
    with qtbot.waitSignal(window.closing, timeout=1000):
        window.go()
    assert not window.isVisible()


def test_nonsense_in_the_form_keeps_run_away(qtbot: QtBot, window: MainWindow, told: Told) -> None:
    told.session_is(runnable=True)
    editor = window.form.rows["experiment.energy_eV"].editor
    assert isinstance(editor, TextEditor)
    qtbot.keyClicks(editor.line, "bright")
    assert not window.commands["run"].isEnabled()
    assert "red" in window.commands["run"].toolTip()
    editor.setValue(None)
    assert window.commands["run"].isEnabled()


def test_what_is_missing_is_named_once_and_a_click_leads_to_its_field(
    qtbot: QtBot, window: MainWindow, told: Told
) -> None:
    paths = ("experiment.distance_m", "experiment.positions_file")
    missing = tuple(Obstacle(path, by_path()[path].title, MISSING) for path in paths)
    told.session_is(runnable=True, missing=missing)
    obstacles, rows = window.panel.obstacles, window.form.rows
    assert not window.commands["run"].isEnabled() and "Position list" in window.commands["run"].toolTip()
    assert obstacles.isVisible() and obstacles.text.accessibleName() == (
        "Detector distance is missing; Position list is missing"
    )
    assert [path for path, row in rows.items() if row.tag.text() == "required"] == list(paths)
    editor = rows["experiment.positions_file"].editor
    assert isinstance(editor, TextEditor) and editor.line.property("missing")
    assert not editor.isVisible(), "behind 'More'"
    obstacles.text.linkActivated.emit("experiment.positions_file")
    assert editor.isVisible() and editor.line.hasFocus()
    told.session_is(missing=())
    assert not obstacles.isVisible() and window.commands["run"].isEnabled()
    assert not editor.line.property("missing") and rows["experiment.positions_file"].tag.text() == ""


def test_words_find_parameters_and_escape_forgets_them(qtbot: QtBot, window: MainWindow) -> None:
    find, rows = window.panel.finder, window.form.rows
    window.commands["find"].trigger()
    assert find.line.hasFocus()
    qtbot.keyClicks(find.line, "noise model")
    assert rows["reconstruction.noise_model"].isVisible() and not rows["experiment.energy_eV"].isVisible()
    window.panel.obstacles.asked.emit("experiment.energy_eV")
    assert rows["experiment.energy_eV"].isVisible() and not find.line.text()
    qtbot.keyClicks(find.line, "noise model")
    qtbot.keyClick(find.line, Qt.Key.Key_Escape)
    assert rows["experiment.energy_eV"].isVisible() and find.line.text() == ""


def test_undo_is_the_forms_where_nothing_is_being_typed(qtbot: QtBot, window: MainWindow, told: Told) -> None:
    told.session_is(undo="Iterations")
    editor = window.form.rows["reconstruction.iterations"].editor
    assert isinstance(editor, TextEditor)
    window.activateWindow()
    editor.line.setFocus()
    with qtbot.waitSignal(window.commands["undo"].triggered, timeout=1000):
        qtbot.keyClick(editor.line, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClicks(editor.line, "12")
    with qtbot.assertNotEmitted(window.commands["undo"].triggered):
        qtbot.keyClick(editor.line, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)


def test_nonsense_in_the_tool_bar_keeps_run_away_and_says_why(qtbot: QtBot, window: MainWindow, told: Told) -> None:
    window.show()
    told.session_is(runnable=True)
    editor = window.quick.editors["reconstruction.engine"]
    assert isinstance(editor, TextEditor)
    editor.line.clear()
    with qtbot.assertNotEmitted(window.edited):
        qtbot.keyClicks(editor.line, "lsqlm")
        window.commands["run"].trigger()
    assert not window.commands["run"].isEnabled()
    assert "did you mean 'lsqml'?" in QToolTip.text()
    editor.line.clear()
    qtbot.keyClicks(editor.line, "dm:5,lsqml")
    assert window.commands["run"].isEnabled()


def test_run_takes_what_is_being_typed(qtbot: QtBot, window: MainWindow, told: Told) -> None:
    told.session_is(runnable=True)
    editor = window.quick.editors["reconstruction.iterations"]
    assert isinstance(editor, TextEditor)
    editor.line.clear()
    qtbot.keyClicks(editor.line, "12")
    with qtbot.waitSignals([window.edited, window.runAsked], order="strict", timeout=1000) as signals:
        window.commands["run"].trigger()
    assert signals.all_signals_and_args[0].args == ("reconstruction.iterations", 12)


def test_shortcuts(window: MainWindow) -> None:
    commands = window.commands
    keys = {action.shortcut().toString() for action in (commands["open"], commands["run"], commands["stop"])}
    assert keys == {"Ctrl+O", "Ctrl+R", "Ctrl+."}
    assert "Esc" not in {action.shortcut().toString() for action in commands.by_key.values()}


def test_layout_theme_and_files_come_back(qtbot: QtBot, window_settings: WindowSettings, tmp_path: Path) -> None:
    file = tmp_path / "fly0012.cxi"
    file.touch()
    first = MainWindow(window_settings)
    qtbot.addWidget(first)
    first.form.sections["output"].head.setChecked(False)
    first.remember(file)
    first.remember(tmp_path / "gone.cxi")
    first.close()
    second = MainWindow(window_settings)
    qtbot.addWidget(second)
    assert not second.form.sections["output"].head.isChecked()
    assert window_settings.recent() == [file]
    assert window_settings.folder == str(tmp_path)
    with qtbot.waitSignal(second.openAsked, timeout=1000) as asked:
        second.commands.recent.actions()[0].trigger()
    assert asked.args == [file]


def test_messages_and_problems(window: MainWindow) -> None:
    window.show_problem("This file can't be opened", "no positions", "the details")
    assert not window.banner.isHidden()
    assert window.banner.title.text() == "This file can't be opened"
    window.banner.copy.click()
    clipboard = QApplication.clipboard()
    assert clipboard is not None and clipboard.text() == "the details"
    assert "no positions" in window.messages.text.toPlainText()
    assert "no positions" in window.status.message.whole_text()
    window.banner.dismiss.click()
    assert window.banner.isHidden()
    assert not window.messages.isVisible()
    window.status.details.click()
    assert window.messages.isVisible() and window.commands["dock-log"].isChecked()
    window.commands["dock-log"].trigger()
    assert not window.messages.isVisible()


def test_the_details_of_a_problem_are_shown_where_there_are_any(window: MainWindow) -> None:
    window.show_problem("This file can't be opened", "no positions")
    assert not window.banner.more.isVisible()
    window.show_problem("Something went wrong", "a defect", "the traceback")
    assert not window.banner.trace.isVisible()
    window.banner.more.click()
    assert window.banner.trace.isVisible() and window.banner.trace.toPlainText() == "the traceback"
    window.show_problem("Something else went wrong", "a defect", "another traceback")
    assert not window.banner.trace.isVisible()


def test_what_is_wrong_with_values_is_said_until_one_is_changed(window: MainWindow) -> None:
    window.show_problem("This can't be reconstructed yet", "no energy", ends_with_edit=True)
    window.edited.emit("experiment.energy_eV", 8800.0)
    assert window.banner.isHidden()
    window.show_problem("This file can't be opened", "no positions")
    window.edited.emit("experiment.energy_eV", 8800.0)
    assert not window.banner.isHidden()


def test_where_there_is_no_file_manager_the_folder_is_said(
    window: MainWindow, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda _url: False)
    window.strip.folderAsked.emit(tmp_path / "a-result.cxi")
    assert str(tmp_path) in window.status.message.whole_text()


def test_closing_is_announced(qtbot: QtBot, window: MainWindow) -> None:
    with qtbot.waitSignal(window.closing, timeout=1000):
        window.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_themes_change_while_it_is_shown(
    qapp: QApplication, window: MainWindow, window_settings: WindowSettings, theme: str
) -> None:
    page = RunPage()
    window.pages.add(Page("run", "Reconstruction", page))
    action = next(action for action in window.commands.choices["theme"].actions() if action.data() == theme)
    action.trigger()
    colors = {"light": LIGHT, "dark": DARK}[theme]
    assert qapp.palette().color(QPalette.ColorRole.Window).name() == colors.window
    assert page.phase.palette().color(QPalette.ColorRole.Base).name() == colors.surface
    assert window_settings.theme == theme
    for command in (window.commands["open"], window.commands["simulate"], window.commands["stop"]):
        command.setEnabled(True)
        assert _darkest(command.icon()) == pytest.approx(QColor(colors.text).lightness(), abs=12)
    apply_theme(qapp, "light")


def test_what_goes_well_takes_the_last_problem_away(window: MainWindow, told: Told) -> None:
    window.show_problem("This file can't be opened", "no positions")
    told.session_is(opening="Opening a.cxi")
    assert not window.banner.isHidden()
    told.session_is(opening="", scan=ScanSummary(Path("a.cxi"), ("196 patterns",), ("one was repaired",)))
    assert window.banner.isHidden() and window.windowTitle() == "a.cxi — ptychogui"
    assert (window.scan.name.whole_text(), window.scan.notes.text()) == ("a.cxi", "one was repaired")
    window.show_problem("This can't be reconstructed yet", "no energy")
    told.session_is(runnable=True)
    assert not window.banner.isHidden()
    told.run_is(told.run.started("a", 10))
    assert not window.banner.isHidden(), "the next job of the queue takes nothing away that nobody has read"
    window.commands["run"].trigger()
    assert window.banner.isHidden() and window.strip.isVisible()


def test_broken_settings_are_empty_ones(tmp_path: Path) -> None:
    file = tmp_path / "settings.ini"
    file.write_text("[layout]\ngeometry=nonsense\n[General]\ntheme=purple\nrecent=nowhere.cxi\n")
    stored = WindowSettings(QSettings(str(file), QSettings.Format.IniFormat))
    assert (stored.theme, stored.recent(), stored.bytes("geometry").size()) == ("system", [], 0)


def test_the_style_sheet_has_no_hole() -> None:
    assert "$" not in style_sheet(LIGHT)


def drag(window: MainWindow, paths: list[Path], kind: type[QDropEvent]) -> bool:
    """Drag files over the window, or drop them; whether it takes them."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    where: Any = QPoint(1, 1) if kind is QDragEnterEvent else QPointF(1, 1)
    event = kind(where, Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(window, event)
    return event.isAccepted()


def test_what_is_dragged_over_the_window_is_named_and_opened(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    target = window.findChild(DropTarget)
    assert target is not None
    assert drag(window, [tmp_path / "a.cxi"], QDragEnterEvent)
    assert target.isVisible() and target.text.text() == "Open a.cxi"
    with qtbot.waitSignal(window.openAsked, timeout=1000) as opened:
        drag(window, [tmp_path / "a.cxi"], QDropEvent)
    assert opened.args == [tmp_path / "a.cxi"] and not target.isVisible()


def test_several_dropped_files_are_a_batch(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    paths = [tmp_path / "a.cxi", tmp_path / "b.mda"]
    drag(window, paths, QDragEnterEvent)
    with qtbot.waitSignals([window.commands["batch"].triggered, window.batch.lookAsked], timeout=1000) as asked:
        drag(window, paths, QDropEvent)
    assert asked.all_signals_and_args[1].args[0] == [str(path) for path in paths]


def test_docks_are_closed_moved_and_called_back(qtbot: QtBot, window_settings: WindowSettings) -> None:
    first = MainWindow(window_settings)
    qtbot.addWidget(first)
    first.show()
    first.docks["queue"].titleBarWidget().close_.click()  # type: ignore[union-attr]
    assert not first.queue.isVisible() and not first.commands["dock-queue"].isChecked()
    first.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, first.docks["preflight"])
    first.close()
    second = MainWindow(window_settings)
    qtbot.addWidget(second)
    second.show()
    assert not second.queue.isVisible() and not second.commands["dock-queue"].isChecked()
    assert second.dockWidgetArea(second.docks["preflight"]) == Qt.DockWidgetArea.RightDockWidgetArea
    second.commands["reset"].trigger()
    assert second.queue.isVisible() and second.commands["dock-queue"].isChecked()
    assert second.dockWidgetArea(second.docks["preflight"]) == Qt.DockWidgetArea.LeftDockWidgetArea
    second.close()


def test_ctrl_tab_goes_through_the_pages_from_a_field(qtbot: QtBot, window: MainWindow) -> None:
    for name in ("one", "two", "three"):
        window.pages.add(Page(name, name, QLabel(name)))
        window.pages.turn_to(name)
    with qtbot.waitActive(window):
        window.activateWindow()
    editor = window.form.rows["experiment.energy_eV"].editor
    assert isinstance(editor, TextEditor)
    editor.line.setFocus()
    for pages in ("one", "two"):
        qtbot.keyClick(editor.line, Qt.Key.Key_Tab, Qt.KeyboardModifier.ControlModifier)
        assert window.pages.current == pages
    qtbot.keyClick(
        editor.line, Qt.Key.Key_Backtab, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    )
    assert window.pages.current == "one"
