"""The banner that shows an error, with what to do about it."""

from __future__ import annotations

from PyQt5.QtCore import QEvent, QSize, Qt
from PyQt5.QtGui import QPalette
from PyQt5.QtWidgets import QApplication, QFrame, QHBoxLayout, QPushButton, QVBoxLayout

from ptychogui.views.theme import icon
from ptychogui.views.widgets import label, tool_button


class Banner(QFrame):
    """One problem at a time; the newest replaces the one before. Hidden while there is none."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("banner")
        self.title = label("bannerTitle", wrap=True)
        self.text = label("text", wrap=True)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.copy = QPushButton("Copy details")
        self.copy.clicked.connect(self._copy)
        self.dismiss = tool_button("icon", tip="Dismiss")
        self.dismiss.setIconSize(QSize(16, 16))
        self.dismiss.clicked.connect(self.hide)
        self._details = ""
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(self.title)
        words.addWidget(self.text)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 8, 8, 8)
        row.addLayout(words, 1)
        row.addWidget(self.copy, 0, Qt.AlignmentFlag.AlignVCenter)
        row.addWidget(self.dismiss, 0, Qt.AlignmentFlag.AlignVCenter)
        self._draw_icon()
        self.hide()

    def show_problem(self, title: str, text: str, details: str = "") -> None:
        """Show a problem; the button copies its details, or title and text where there are none."""
        self.title.setText(title)
        self.text.setText(text)
        self._details = details or f"{title}\n{text}"
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
