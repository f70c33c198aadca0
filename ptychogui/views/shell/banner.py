"""The banner that shows an error, with what to do about it."""

from __future__ import annotations

from PyQt5.QtCore import QEvent, QSize, Qt
from PyQt5.QtGui import QPalette
from PyQt5.QtWidgets import QApplication, QFrame, QHBoxLayout, QPlainTextEdit, QPushButton, QVBoxLayout

from ptychogui.views.theme import icon
from ptychogui.views.widgets import label, tool_button

_DETAILS_PX = 150


class Banner(QFrame):
    """One problem at a time; the newest replaces the one before. Hidden while there is none."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("banner")
        self.title = label("bannerTitle", wrap=True)
        self.text = label("text", wrap=True)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.more = QPushButton("Details")
        self.more.setCheckable(True)
        self.copy = QPushButton("Copy")
        self.copy.setToolTip("Copy what is said here, for a report")
        self.copy.clicked.connect(self._copy)
        self.trace = QPlainTextEdit()
        self.trace.setReadOnly(True)
        self.trace.setFixedHeight(_DETAILS_PX)
        self.trace.setAccessibleName("Details of the problem")
        self.more.toggled.connect(self.trace.setVisible)
        self.ends_with_edit = False
        self.dismiss = tool_button("icon", tip="Dismiss")
        self.dismiss.setIconSize(QSize(16, 16))
        self.dismiss.clicked.connect(self.hide)
        self._details = ""
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(self.title)
        words.addWidget(self.text)
        row = QHBoxLayout()
        row.addLayout(words, 1)
        for button in (self.more, self.copy, self.dismiss):
            row.addWidget(button, 0, Qt.AlignmentFlag.AlignVCenter)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 8, 8, 8)
        column.addLayout(row)
        column.addWidget(self.trace)
        self._draw_icon()
        self.hide()

    def show_problem(self, title: str, text: str, details: str = "", ends_with_edit: bool = False) -> None:
        """Show a problem.

        Args:
            title: what failed.
            text: why, and what to do.
            details: what one button shows and another one copies; title and text are copied where there are none.
            ends_with_edit: whether it means nothing any more once a value is changed.
        """
        self.title.setText(title)
        self.text.setText(text)
        self._details = details or f"{title}\n{text}"
        self.ends_with_edit = ends_with_edit
        self.more.setVisible(bool(details))
        self.more.setChecked(False)
        self.trace.setPlainText(details)
        self.trace.hide()
        self.show()

    def _copy(self) -> None:
        clipboard = QApplication.clipboard()
        assert clipboard is not None
        clipboard.setText(self._details)

    def _draw_icon(self) -> None:
        self.dismiss.setIcon(icon("close", self.palette().color(QPalette.ColorRole.WindowText)))

    def changeEvent(self, event: QEvent | None) -> None:
        super().changeEvent(event)
        if event is not None and event.type() == QEvent.Type.PaletteChange:
            self._draw_icon()
