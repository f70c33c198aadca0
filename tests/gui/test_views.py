"""Views on their own: what they show of what they are told, and what they announce."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from PyQt5.QtCore import QMimeData, QPointF, QSettings, Qt, QUrl
from PyQt5.QtGui import QColor, QDropEvent, QIcon, QPalette
from PyQt5.QtWidgets import QApplication, QToolTip
from pytestqt.qtbot import QtBot

from ptychogui.views.form.editors import TextEditor
from ptychogui.views.plots import ErrorCard, ImageCard, LogAxis
from ptychogui.views.run.probe import ProbeCard
from ptychogui.views.run.run_page import ProgressStrip, duration
from ptychogui.views.scan.positions_card import PositionsCard
from ptychogui.views.shell.drop_target import DropTarget
from ptychogui.views.shell.main_window import MainWindow
from ptychogui.views.shell.settings import WindowSettings
from ptychogui.views.theme import DARK, LIGHT, apply_theme, style_sheet


@pytest.fixture
def window(qtbot: QtBot, memory: WindowSettings) -> MainWindow:
    made = MainWindow(memory)
    qtbot.addWidget(made)
    made.show()
    return made


def _darkest(icon: QIcon) -> int:
    """Lightness of an icon's strokes: of the pixels that are wholly opaque, all of one color."""
    image = icon.pixmap(48, 48).toImage()
    colors = [image.pixelColor(x, y) for x in range(image.width()) for y in range(image.height())]
    return min(color.lightness() for color in colors if color.alpha() == 255)


class TestWindow:
    def test_it_begins_with_an_invitation_and_nothing_to_run(self, window: MainWindow) -> None:
        assert window.pages.currentWidget() is window.welcome
        assert window.tabs.isHidden() and window.strip.isHidden() and window.banner.isHidden()
        assert not window.commands.start.isEnabled() and not window.commands.stop.isEnabled()

    def test_run_and_stop_are_there_when_they_have_an_effect(self, window: MainWindow) -> None:
        commands = window.commands
        window.show_runnable(True)
        assert (commands.start.isEnabled(), commands.stop.isEnabled()) == (True, False)
        window.show_started("scan", 10)
        assert (commands.start.isEnabled(), commands.stop.isEnabled(), commands.simulate.isEnabled()) == (
            False, True, False,
        )  # fmt: skip
        window.show_stopping()
        assert not commands.stop.isEnabled()
        window.show_ended("Stopped", "done", Path("x-001.cxi"))
        assert (commands.start.isEnabled(), commands.stop.isEnabled()) == (True, False)

    def test_nonsense_in_the_form_keeps_run_away(self, qtbot: QtBot, window: MainWindow) -> None:
        window.show_runnable(True)
        editor = window.form.rows["experiment.energy_eV"].editor
        assert isinstance(editor, TextEditor)
        qtbot.keyClicks(editor.line, "bright")
        assert not window.commands.start.isEnabled()
        assert "red" in window.commands.start.toolTip()
        editor.setValue(None)
        assert window.commands.start.isEnabled()

    def test_nonsense_in_the_tool_bar_keeps_run_away_and_says_why(self, qtbot: QtBot, window: MainWindow) -> None:
        window.show()
        window.show_runnable(True)
        editor = window.quick["reconstruction.engine"]
        assert isinstance(editor, TextEditor)
        editor.line.clear()
        with qtbot.assertNotEmitted(window.edited):
            qtbot.keyClicks(editor.line, "lsqlm")
            window.commands.start.trigger()
        assert not window.commands.start.isEnabled()
        assert "did you mean 'lsqml'?" in QToolTip.text()
        editor.line.clear()
        qtbot.keyClicks(editor.line, "dm:5,lsqml")
        assert window.commands.start.isEnabled()

    def test_run_takes_what_is_being_typed(self, qtbot: QtBot, window: MainWindow) -> None:
        window.show_runnable(True)
        editor = window.quick["reconstruction.iterations"]
        assert isinstance(editor, TextEditor)
        editor.line.clear()
        qtbot.keyClicks(editor.line, "12")
        with qtbot.waitSignals([window.edited, window.runAsked], order="strict", timeout=1000) as signals:
            window.commands.start.trigger()
        assert signals.all_signals_and_args[0].args == ("reconstruction.iterations", 12)

    def test_shortcuts(self, window: MainWindow) -> None:
        commands = window.commands
        keys = {action.shortcut().toString() for action in (commands.open, commands.start, commands.stop)}
        assert keys == {"Ctrl+O", "Ctrl+R", "Esc"}

    def test_layout_theme_and_files_come_back(self, qtbot: QtBot, memory: WindowSettings, tmp_path: Path) -> None:
        file = tmp_path / "fly0012.cxi"
        file.touch()
        first = MainWindow(memory)
        qtbot.addWidget(first)
        first.form.sections["output"].head.setChecked(False)
        first.remember(file)
        first.remember(tmp_path / "gone.cxi")
        first.close()
        second = MainWindow(memory)
        qtbot.addWidget(second)
        assert not second.form.sections["output"].head.isChecked()
        assert memory.recent() == [file]
        assert memory.folder == str(tmp_path)
        with qtbot.waitSignal(second.openAsked, timeout=1000) as asked:
            second.commands.recent.actions()[0].trigger()
        assert asked.args == [file]

    def test_messages_and_problems(self, window: MainWindow) -> None:
        window.show_problem("This file can't be opened", "no positions", "the details")
        assert not window.banner.isHidden()
        assert window.banner.title.text() == "This file can't be opened"
        window.banner.copy.click()
        clipboard = QApplication.clipboard()
        assert clipboard is not None and clipboard.text() == "the details"
        assert "no positions" in window.messages.toPlainText()
        window.banner.dismiss.click()
        assert window.banner.isHidden()
        window.commands.messages.trigger()
        assert window.messages.isVisible()

    def test_closing_is_announced(self, qtbot: QtBot, window: MainWindow) -> None:
        with qtbot.waitSignal(window.closing, timeout=1000):
            window.close()

    @pytest.mark.parametrize("theme", ["light", "dark"])
    def test_themes_change_while_it_is_shown(
        self, qapp: QApplication, window: MainWindow, memory: WindowSettings, theme: str
    ) -> None:
        action = next(action for action in window.commands.themes.actions() if action.data() == theme)
        action.trigger()
        colors = {"light": LIGHT, "dark": DARK}[theme]
        assert qapp.palette().color(QPalette.ColorRole.Window).name() == colors.window
        assert window.run_page.phase.palette().color(QPalette.ColorRole.Base).name() == colors.surface
        assert memory.theme == theme
        for command in (window.commands.open, window.commands.simulate, window.commands.stop):
            command.setEnabled(True)
            assert _darkest(command.icon()) == pytest.approx(QColor(colors.text).lightness(), abs=12)
        apply_theme(qapp, "light")


def test_a_broken_memory_is_an_empty_one(tmp_path: Path) -> None:
    file = tmp_path / "settings.ini"
    file.write_text("[layout]\ngeometry=nonsense\n[General]\ntheme=purple\nrecent=nowhere.cxi\n")
    memory = WindowSettings(QSettings(str(file), QSettings.Format.IniFormat))
    assert (memory.theme, memory.recent(), memory.bytes("geometry").size()) == ("system", [], 0)


def test_the_style_sheet_has_no_hole() -> None:
    assert "$" not in style_sheet(LIGHT)


def test_a_dropped_file_is_announced(qtbot: QtBot, tmp_path: Path) -> None:
    target = DropTarget()
    qtbot.addWidget(target)
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(tmp_path / "a.cxi"))])
    event = QDropEvent(
        QPointF(1, 1), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    with qtbot.waitSignal(target.dropped, timeout=1000) as dropped:
        target.dropEvent(event)
    assert dropped.args == [tmp_path / "a.cxi"]


class TestImage:
    @pytest.fixture
    def card(self, qtbot: QtBot) -> ImageCard:
        made = ImageCard("Object phase", "phase (rad)", "viridis")
        qtbot.addWidget(made)
        return made

    def test_it_lies_in_micrometers_from_the_top_left(self, card: ImageCard) -> None:
        card.show_image(np.zeros((10, 20), np.float32), 1e-7, (0.0, 1.0))
        rectangle = card.image.mapRectToParent(card.image.boundingRect())
        assert (rectangle.left(), rectangle.top()) == (0, 0)
        assert (rectangle.width(), rectangle.height()) == pytest.approx((2.0, 1.0))
        assert card.plot.getViewBox().yInverted() and card.plot.getViewBox().state["aspectLocked"] == 1

    def test_levels_follow_until_the_user_holds_them(self, card: ImageCard) -> None:
        data = np.zeros((4, 4), np.float32)
        card.show_image(data, 1e-7, (-1.0, 1.0))
        assert card.bar.levels() == (-1.0, 1.0)
        card.bar.setLevels((-0.25, 0.25))
        card.bar.sigLevelsChangeFinished.emit(card.bar)
        card.show_image(data, 1e-7, (-2.0, 2.0))
        assert card.bar.levels() == (-0.25, 0.25)
        card.auto.click()
        assert card.bar.levels() == (-2.0, 2.0)
        assert card.auto.isHidden()

    def test_the_users_view_stays_while_the_image_keeps_its_size(self, card: ImageCard) -> None:
        data = np.zeros((50, 50), np.float32)
        card.show_image(data, 1e-7, (0.0, 1.0))
        card.plot.setRange(xRange=(1, 2), yRange=(1, 2), padding=0)
        seen = card.plot.viewRange()
        card.show_image(data + 1, 1e-7, (0.0, 1.0))
        assert card.plot.viewRange() == seen


class TestError:
    def test_what_is_no_error_is_left_out(self, qtbot: QtBot) -> None:
        card = ErrorCard()
        qtbot.addWidget(card)
        card.start(10)
        for iteration, error in enumerate((5.0, math.nan, math.inf, 0.0, 2.0), 1):
            card.add(iteration, error)
        x, y = card.curve.getOriginalDataset()
        assert (list(x), list(y)) == ([1, 5], [5.0, 2.0])

    def test_iterations_that_are_done_again_take_the_place_of_what_came_to_nothing(self, qtbot: QtBot) -> None:
        card = ErrorCard()
        qtbot.addWidget(card)
        card.start(4)
        for iteration, error in ((1, 5.0), (2, 3.0), (3, 80.0), (2, 3.0), (3, 2.0), (3, 2.0)):
            card.add(iteration, error)
        x, y = card.curve.getOriginalDataset()
        assert (list(x), list(y)) == ([1, 2, 3], [5.0, 3.0, 2.0])

    def test_less_than_a_decade_still_has_ticks(self) -> None:
        axis = LogAxis("left")
        ((_, ticks),) = axis.tickValues(-0.1, 0.8, 200)
        assert axis.tickStrings(ticks, 1, 1) == ["1", "2", "5"]
        ((_, ticks),) = axis.tickValues(-2, 4, 200)
        assert axis.tickStrings(ticks, 1, 1) == ["0.01", "0.1", "1", "10", "100", "1e+03", "1e+04"]


def test_modes_have_their_share_below(qtbot: QtBot) -> None:
    card = ProbeCard()
    qtbot.addWidget(card)
    card.resize(500, 200)
    card.show_modes(np.zeros((2, 8, 8, 3), np.uint8), 1e-8, (0.75, 0.25))
    assert card.strip._captions == ["1  ·  75.0 %", "2  ·  25.0 %"]
    assert not card.grab().isNull()


def test_positions_that_the_file_does_not_have(qtbot: QtBot) -> None:
    card = PositionsCard()
    qtbot.addWidget(card)
    card.show_positions(None)
    assert "none" in card.title.text()
    card.show_positions(np.array([[0.0, 1e-6], [2e-6, 0.0]]))
    assert list(card.dots.getData()[0]) == [1.0, 0.0]


def test_the_strip_says_what_goes_on(qtbot: QtBot) -> None:
    strip = ProgressStrip()
    qtbot.addWidget(strip)
    strip.show_progress(5, 20, 1.234, 12345.0, 61.0)
    for part in ("iteration 5 / 20", "error 1.23", "12\u202f345 positions/s", "1 min 1 s left"):
        assert part in strip.numbers.whole_text()
    strip.settle()
    assert "left" not in strip.numbers.whole_text()
    strip.show_result(Path("/data/scan-001.cxi"))
    with qtbot.waitSignal(strip.folderAsked, timeout=1000) as asked:
        strip.folder.click()
    assert asked.args == [Path("/data/scan-001.cxi")]


@pytest.mark.parametrize(("seconds", "text"), [(-1, "0 s"), (59.4, "59 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")])
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
