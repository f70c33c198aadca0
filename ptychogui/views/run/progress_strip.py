"""The strip below the pages: what the run does, how far it is, and where its result is."""

from __future__ import annotations

from pathlib import Path

from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtWidgets import QFrame, QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout

from ptychogui.views.theme import restyle
from ptychogui.views.widgets import ElidedLabel, named
from ptychogui.window_state import StripState

_NAME_PX = 180
"""Of a name are always there."""
_STATE_PX = 200
"""Of the state."""
_DOT = "   ·   "


class ProgressStrip(QFrame):
    """Whose it is, state, iteration, error, speed and time left; then the result and the way to it.

    Announces `folderAsked(path)` of the result.
    """

    folderAsked = pyqtSignal(Path)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("progress")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(4)
        self.name = ElidedLabel("number", Qt.TextElideMode.ElideMiddle)
        self.state = ElidedLabel("text", Qt.TextElideMode.ElideRight)
        self.numbers = ElidedLabel("muted", Qt.TextElideMode.ElideRight)
        self.result = ElidedLabel("muted", Qt.TextElideMode.ElideMiddle)
        self.folder = named(QPushButton("Show folder"), "link")
        self._path = Path()
        self.folder.clicked.connect(self._ask_folder)
        row = QHBoxLayout()
        row.setContentsMargins(14, 4, 12, 6)
        row.setSpacing(14)
        for widget in (self.name, self.state, self.numbers):
            row.addWidget(widget)
        row.addStretch(1)
        for widget in (self.result, self.folder):
            row.addWidget(widget)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.bar)
        column.addLayout(row)
        self.hide()

    def show_strip(self, state: StripState | None) -> None:
        """Show how far the run is; nothing where there was none."""
        self.setVisible(state is not None)
        if state is None:
            return
        self.name.set_text(state.name)
        self.name.setMinimumWidth(min(self.name.sizeHint().width(), _NAME_PX))
        self.state.set_text(state.text)
        self.state.setMinimumWidth(min(self.state.sizeHint().width(), _STATE_PX))
        self.numbers.set_text(_DOT.join(state.numbers), state.tip)
        self.bar.setRange(0, state.total)
        self.bar.setValue(state.done)
        if state.kind != self.bar.property("state"):
            self.bar.setProperty("state", state.kind)
            restyle(self.bar)
        self._show_result(state.result)

    def _show_result(self, path: Path | None) -> None:
        self._path = path or Path()
        self.result.set_text(path.name if path else "", str(path or ""))
        self.folder.setVisible(path is not None)

    def _ask_folder(self) -> None:
        self.folderAsked.emit(self._path)
