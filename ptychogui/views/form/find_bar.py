"""The line above the form that finds parameters by their words, and those that were changed."""

from __future__ import annotations

from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtGui import QKeyEvent
from PyQt5.QtWidgets import QHBoxLayout, QLineEdit, QWidget

from ptychogui.views.widgets import tool_button


class FindBar(QWidget):
    """Announces `asked(words, only changed)` whenever other parameters are looked for."""

    asked = pyqtSignal(str, bool)

    def __init__(self) -> None:
        super().__init__()
        self.line = _FindLine()
        self.line.setAccessibleName("Find a parameter")
        self.line.setPlaceholderText("Find a parameter")
        self.line.setToolTip("By its name, its option, its ptychopy flag, or words of its explanation")
        self.line.setClearButtonEnabled(True)
        self.changed = tool_button(
            "chip", "0 changed", "Show only what you have changed, or what is from the last scan"
        )
        self.changed.setCheckable(True)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        row.addWidget(self.line, 1)
        row.addWidget(self.changed)
        self.line.textChanged.connect(self._announce)
        self.changed.toggled.connect(self._announce)

    def show_changes(self, count: int) -> None:
        """Say how many parameters the user has changed."""
        self.changed.setText(f"{count} changed")
        self.changed.setEnabled(count > 0 or self.changed.isChecked())

    def clear(self) -> None:
        """Look for nothing."""
        self.line.clear()
        self.changed.setChecked(False)

    def begin(self) -> None:
        """Have words typed."""
        self.line.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.line.selectAll()

    def _announce(self) -> None:
        self.asked.emit(self.line.text(), self.changed.isChecked())


class _FindLine(QLineEdit):
    """A line that Escape empties."""

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        assert event is not None
        if event.key() == Qt.Key.Key_Escape and self.text():
            self.clear()
        else:
            super().keyPressEvent(event)
