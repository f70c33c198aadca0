"""The user guide: the pages of the docs, read from disk, in a window beside the work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PyQt5.QtCore import Qt, QUrl
from PyQt5.QtGui import QDesktopServices, QImage, QKeySequence, QTextCursor, QTextDocument
from PyQt5.QtWidgets import (
    QApplication,
    QComboBox,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QShortcut,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from ptychogui.paths import docs_folder
from ptychogui.views.widgets import label

PAGES = {
    "quickstart.md": "Quick start",
    "window.md": "The window",
    "parameters.md": "Parameters",
    "beamlines.md": "Beamlines",
    "orientation.md": "Orientation",
    "queue.md": "The queue",
    "catalog.md": "Past results",
    "mail.md": "Mail",
    "scripts.md": "Scripts",
    "conventions.md": "Conventions",
    "quality.md": "Quality",
    "performance.md": "Performance",
}
"""Pages of the guide by file, in the order in which they are offered; links lead to others as well."""

_PICTURE_PX = 740
"""How wide a picture is at most."""

FIRST = "quickstart.md"
HELP_PROPERTY = "help"
"""Property of a widget that names the page about it and what is inside: "parameters.md", or "parameters.md#Energy"."""


class HelpWindow(QWidget):
    """Shows a page at a time; links lead on, and a word is found in it. Nothing is fetched from a network."""

    def __init__(self) -> None:
        super().__init__()
        self.setWindowTitle("ptychogui: guide")
        self.resize(820, 680)
        self.choice = QComboBox()
        self.choice.setAccessibleName("Page of the guide")
        for name, title in PAGES.items():
            self.choice.addItem(title, name)
        self.back, self.forward = QPushButton("Back"), QPushButton("Forward")
        self.word = QLineEdit()
        self.word.setPlaceholderText("find in this page")
        self.word.setAccessibleName("Find in this page")
        self.text = Guide()
        self.text.setAccessibleName("Guide")
        self._lay_out()
        self.choice.activated.connect(lambda: self.show_page(self.choice.currentData()))
        self.back.clicked.connect(self.text.backward)
        self.forward.clicked.connect(self.text.forward)
        self.text.backwardAvailable.connect(self.back.setEnabled)
        self.text.forwardAvailable.connect(self.forward.setEnabled)
        self.text.sourceChanged.connect(self._show_choice)
        self.word.returnPressed.connect(self._find)
        QShortcut(QKeySequence("Esc"), self, self.close)

    def show_page(self, place: str) -> None:
        """Show a page, "queue.md", or the place in it where a word first stands, "parameters.md#Energy"."""
        name, _, word = place.partition("#")
        self.text.setSource(QUrl.fromLocalFile(str(docs_folder() / name)))
        if word:
            self.text.moveCursor(QTextCursor.MoveOperation.Start)
            self.text.find(word)
        self.show()
        self.raise_()
        self.activateWindow()

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.addWidget(label("muted", "Page"))
        for widget in (self.choice, self.back, self.forward):
            row.addWidget(widget)
        row.addWidget(self.word, 1)
        for button in (self.back, self.forward):
            button.setEnabled(False)
        column = QVBoxLayout(self)
        column.setContentsMargins(10, 8, 10, 10)
        column.addLayout(row)
        column.addWidget(self.text, 1)

    def _show_choice(self, source: QUrl) -> None:
        self.choice.setCurrentIndex(self.choice.findData(source.fileName()))

    def _find(self) -> None:
        """Go to the next place of a word, and from the last one to the first."""
        if not self.text.find(self.word.text()):
            self.text.moveCursor(QTextCursor.MoveOperation.Start)
            self.text.find(self.word.text())


class Guide(QTextBrowser):
    """A page of Markdown; pages beside it are shown here, addresses of the network by the user's browser."""

    def __init__(self) -> None:
        super().__init__()
        self.setOpenLinks(False)
        self.anchorClicked.connect(self._follow)

    def loadResource(self, kind: int, name: QUrl) -> Any:
        """Load a page or a picture; a picture is no wider than the page at first."""
        loaded = super().loadResource(kind, name)
        if kind != QTextDocument.ResourceType.ImageResource:
            return loaded
        image = QImage(self.source().resolved(name).toLocalFile())
        if image.width() <= _PICTURE_PX:
            return image
        return image.scaledToWidth(_PICTURE_PX, Qt.TransformationMode.SmoothTransformation)

    def _follow(self, link: QUrl) -> None:
        place = self.source().resolved(link)
        if place.isLocalFile() and Path(place.toLocalFile()).suffix == ".md":
            place.setFragment("")
            self.setSource(place)
        else:
            QDesktopServices.openUrl(place)


def help_about(widget: QWidget | None) -> str:
    """Return the page about a widget, or about the nearest one around it that has one."""
    while widget is not None:
        place = widget.property(HELP_PROPERTY)
        if place:
            return str(place)
        widget = widget.parentWidget()
    return FIRST


def help_about_focus() -> str:
    """Return the page about what the user is at."""
    return help_about(QApplication.focusWidget() or QApplication.activeWindow())
