"""Help: the guide and which page of it, what a report needs, and what this is."""

from __future__ import annotations

from pathlib import Path

import pytest
from PyQt5.QtCore import QUrl
from PyQt5.QtGui import QDesktopServices, QTextDocument
from PyQt5.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from ptychogui.controllers.support import bundle, without_secrets
from ptychogui.paths import docs_folder
from ptychogui.views.form.editors import TextEditor
from ptychogui.views.shell.actions import ACTIONS
from ptychogui.views.shell.help_window import PAGES, HelpWindow, help_about
from ptychogui.views.shell.main_window import MainWindow
from ptychogui.views.shell.settings import WindowSettings


@pytest.fixture
def window(qtbot: QtBot, window_settings: WindowSettings) -> MainWindow:
    made = MainWindow(window_settings)
    qtbot.addWidget(made)
    made.show()
    return made


def test_the_guide_has_every_page_for_users() -> None:
    there = {path.name for path in docs_folder().glob("*.md")}
    assert there - set(PAGES) == {"architecture.md"}


def test_pages_and_the_links_between_them(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[QUrl] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", opened.append)
    guide = HelpWindow()
    qtbot.addWidget(guide)
    guide.show_page("quickstart.md")
    assert "Quick start" in guide.text.toPlainText() and guide.choice.currentText() == "Quick start"
    guide.text.anchorClicked.emit(QUrl("queue.md#watching-a-folder"))
    assert guide.choice.currentText() == "The queue" and guide.back.isEnabled()
    picture = guide.text.loadResource(QTextDocument.ResourceType.ImageResource, QUrl("images/window.png"))
    assert picture.width() == 740
    guide.back.click()
    assert guide.choice.currentText() == "Quick start"
    guide.text.anchorClicked.emit(QUrl("https://example.org/page"))
    assert [url.host() for url in opened] == ["example.org"], "by the browser, not here"
    guide.show_page("parameters.md#Photon energy")
    assert guide.text.textCursor().selectedText() == "Photon energy"
    guide.word.setText("iterations")
    guide.word.returnPressed.emit()
    assert guide.text.textCursor().selectedText().lower() == "iterations"
    guide.close()


def test_f1_shows_the_page_about_what_the_user_is_at(qtbot: QtBot, window: MainWindow) -> None:
    editor = window.form.rows["experiment.energy_eV"].editor
    assert isinstance(editor, TextEditor)
    assert help_about(editor.line) == "parameters.md#Photon energy"
    assert help_about(window.queue.list) == help_about(window.batch.folder) == "queue.md"
    assert help_about(window.strip) == help_about(None) == "quickstart.md"
    window.commands["help"].trigger()
    assert window.guide.isVisible()
    window.close()
    assert not window.guide.isVisible()


def test_every_action_says_what_it_is(window: MainWindow) -> None:
    assert all(action.tip in window.commands[action.key].whatsThis() for action in ACTIONS)


def test_every_parameter_says_what_it_is(window: MainWindow) -> None:
    assert all(row.editor.whatsThis() for row in window.form.rows.values())


def test_about_shows_facts_by_name(window: MainWindow) -> None:
    window.about.show_facts([("ptychogui", "1.0"), ("cpu", "a processor")])
    window.about.show_facts([("ptychogui", "1.0")])
    assert window.about.facts.rowCount() == 1


def test_a_bundle_has_versions_devices_settings_and_the_log(home: Path) -> None:
    log = home / "logs" / "ptychogui.log"
    log.parent.mkdir(parents=True)
    log.write_text("a line of long ago\nthe password=hunter2 was refused\n")
    text = bundle("cpu", [("reconstruction.iterations", "60")])
    for part in ("ptychogui: ", "Qt: ", "cpu: ", "reconstruction.iterations = 60", "devices in use: cpu", "long ago"):
        assert part in text
    assert "hunter2" not in text


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("POST https://hooks.example.org/T0/s3cret failed", "POST https://hooks.example.org/(left out) failed"),
        ("token: abc", "token: (left out)"),
        ("API_KEY=abc x", "API_KEY=(left out) x"),
        ("/data/scan.cxi was read", "/data/scan.cxi was read"),
    ],
)
def test_what_is_secret_is_left_out(text: str, left: str) -> None:
    assert without_secrets(text) == left


def test_a_text_is_copied(window: MainWindow) -> None:
    window.copy("a bundle")
    clipboard = QApplication.clipboard()
    assert clipboard is not None and clipboard.text() == "a bundle"
