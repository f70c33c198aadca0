"""The form's values as code: the command line and the script that do what Run does."""

from __future__ import annotations

from PyQt5.QtGui import QFontDatabase
from PyQt5.QtWidgets import (
    QApplication,
    QDialog,
    QHBoxLayout,
    QPlainTextEdit,
    QPushButton,
    QTabBar,
    QVBoxLayout,
    QWidget,
)

from ptychogui.views.widgets import label, named


class CodeDialog(QDialog):
    """Command line and script, one at a time, to be copied."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("These values as code")
        self.tabs = QTabBar()
        self.tabs.setDrawBase(False)
        for title in ("Command line", "Python"):
            self.tabs.addTab(title)
        self.text = QPlainTextEdit()
        self.text.setAccessibleName("Code")
        self.text.setReadOnly(True)
        self.text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.copy = named(QPushButton("Copy"), "primary")
        self.told = label("muted")
        self._texts = ("", "")
        buttons = QHBoxLayout()
        buttons.addWidget(self.told, 1)
        buttons.addWidget(self.copy)
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 10, 14, 12)
        column.setSpacing(8)
        column.addWidget(self.tabs)
        column.addWidget(self.text)
        column.addLayout(buttons)
        self.resize(720, 320)
        self.tabs.currentChanged.connect(self._show)
        self.copy.clicked.connect(self._copy)

    def show_code(self, command: str, script: str) -> None:
        """Show both, the one first that was looked at last."""
        self._texts = (command, script)
        self._show()
        self.show()
        self.raise_()

    def _show(self) -> None:
        self.text.setPlainText(self._texts[self.tabs.currentIndex()])
        self.told.setText("")

    def _copy(self) -> None:
        clipboard = QApplication.clipboard()
        assert clipboard is not None
        clipboard.setText(self.text.toPlainText())
        self.told.setText("Copied")
