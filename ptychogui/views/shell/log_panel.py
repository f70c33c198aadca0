"""The log: what happened, line by line; the level chooses how much of it is shown, and a word which lines."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from PyQt5.QtCore import QSize, pyqtSignal
from PyQt5.QtWidgets import QComboBox, QFrame, QHBoxLayout, QLineEdit, QPlainTextEdit, QPushButton, QVBoxLayout

from ptychogui.views.widgets import label

_KEPT_LINES = 2000
LEVELS = ("all", "messages", "warnings", "errors")
"""From which level on lines are shown: what modules note, what the window says, and worse."""
_RANKS = {"info": 0, "message": 1, "warning": 2, "error": 3}


class Line(NamedTuple):
    """A line of the log.

    Attributes:
        level: "info", "message", "warning" or "error".
        text: what happened.
        time: when, "" for now.
    """

    level: str
    text: str
    time: str = ""


class LogPanel(QFrame):
    """The newest lines of the log. Announces `said(level, text)` for each line that is more than a note."""

    said = pyqtSignal(str, str)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("log")
        self._lines: deque[Line] = deque(maxlen=_KEPT_LINES)
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setMaximumBlockCount(_KEPT_LINES)
        self.text.setAccessibleName("Log")
        self.level = QComboBox()
        self.level.addItems(list(LEVELS))
        self.level.setCurrentText("messages")
        self.level.setAccessibleName("Level of the log")
        self.level.setToolTip("From which level on lines are shown")
        self.word = QLineEdit()
        self.word.setPlaceholderText("only lines with …")
        self.word.setAccessibleName("Word that lines must have")
        self.word.setClearButtonEnabled(True)
        self.clear = QPushButton("Clear")
        self.clear.setToolTip("Take all lines away; the log's file keeps them")
        self._lay_out()
        self.level.currentIndexChanged.connect(self._show_all)
        self.word.textChanged.connect(self._show_all)
        self.clear.clicked.connect(self._clear)

    def add(self, text: str, level: str = "message") -> None:
        """Append what happens now."""
        self.add_lines([Line(level, text)])

    def add_lines(self, lines: Sequence[Line]) -> None:
        """Append lines, many at a time."""
        now = f"{datetime.now():%H:%M:%S}"
        timed = [line if line.time else line._replace(time=now) for line in lines]
        self._lines.extend(timed)
        shown = [_written(line) for line in timed if self._is_shown(line)]
        if shown:
            self.text.appendPlainText("\n".join(shown))
        for line in timed:
            if line.level != "info":
                self.said.emit(line.level, line.text)

    def sizeHint(self) -> QSize:
        return QSize(super().sizeHint().width(), 170)

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.addWidget(label("muted", "Show"))
        row.addWidget(self.level)
        row.addWidget(self.word, 1)
        row.addWidget(self.clear)
        column = QVBoxLayout(self)
        column.setContentsMargins(10, 2, 10, 8)
        column.setSpacing(4)
        column.addLayout(row)
        column.addWidget(self.text, 1)

    def _is_shown(self, line: Line) -> bool:
        return _RANKS[line.level] >= self.level.currentIndex() and self.word.text().lower() in line.text.lower()

    def _show_all(self) -> None:
        self.text.setPlainText("\n".join(_written(line) for line in self._lines if self._is_shown(line)))
        bar = self.text.verticalScrollBar()
        if bar is not None:
            bar.setValue(bar.maximum())

    def _clear(self) -> None:
        self._lines.clear()
        self.text.clear()


def _written(line: Line) -> str:
    mark = f"{line.level}: " if line.level in ("warning", "error") else ""
    return f"{line.time}  {mark}{line.text}"
