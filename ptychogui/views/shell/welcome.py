"""The welcome page: how to begin, shown until there is something to see."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from ptychogui.views.theme import app_icon
from ptychogui.views.widgets import label, named

_RECENT = 5
_HINT = "a CXI or MDA scan, raw frames, or a result to look at"


class WelcomePage(QWidget):
    """An invitation to drop a scan, the two ways to begin, and recent files."""

    openAsked = pyqtSignal()
    simulateAsked = pyqtSignal()
    recentAsked = pyqtSignal(Path)

    def __init__(self) -> None:
        super().__init__()
        mark = QLabel()
        mark.setPixmap(app_icon().pixmap(72, 72))
        self.hero = label("hero", "Drop a scan here")
        self.hint = label("muted", _HINT)
        self.open = QPushButton("Open a file…")
        self.simulate = named(QPushButton("Try it on a simulated scan"), "primary")
        self.open.clicked.connect(self.openAsked)
        self.simulate.clicked.connect(self.simulateAsked)
        buttons = QHBoxLayout()
        buttons.setSpacing(10)
        buttons.addStretch(1)
        buttons.addWidget(self.simulate)
        buttons.addWidget(self.open)
        buttons.addStretch(1)
        self._recent = QVBoxLayout()
        self._recent.setSpacing(1)
        column = QVBoxLayout(self)
        column.setSpacing(8)
        column.addStretch(3)
        for widget in (mark, self.hero, self.hint):
            column.addWidget(widget, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addSpacing(14)
        column.addLayout(buttons)
        column.addSpacing(18)
        column.addLayout(self._recent)
        column.addStretch(4)

    def show_recent(self, paths: Sequence[Path]) -> None:
        """List the files opened lately, the newest first."""
        while self._recent.count():
            item = self._recent.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.deleteLater()
        if paths:
            self._recent.addWidget(label("muted", "Recent"), 0, Qt.AlignmentFlag.AlignHCenter)
        for path in paths[:_RECENT]:
            button = RecentFile(path)
            button.asked.connect(self.recentAsked)
            self._recent.addWidget(button, 0, Qt.AlignmentFlag.AlignHCenter)


class RecentFile(QPushButton):
    """The name of a file. Announces `asked(path)` when it is clicked."""

    asked = pyqtSignal(Path)

    def __init__(self, path: Path) -> None:
        super().__init__(path.name)
        self.setObjectName("link")
        self.setToolTip(str(path))
        self._path = path
        self.clicked.connect(self._ask)

    def _ask(self) -> None:
        self.asked.emit(self._path)
