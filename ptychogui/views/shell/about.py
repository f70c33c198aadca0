"""About the program: its version and those of what it is made of, and the devices of this computer."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtWidgets import QDialog, QFormLayout, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from ptychogui.views.theme import app_icon
from ptychogui.views.widgets import label, named


class AboutDialog(QDialog):
    """Facts by name. Announces `copyAsked()` where more of them are wanted, for a report."""

    copyAsked = pyqtSignal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("About ptychogui")
        mark = QLabel()
        mark.setPixmap(app_icon().pixmap(48, 48))
        self.title = label("hero", "ptychogui")
        self.facts = QFormLayout()
        self.facts.setHorizontalSpacing(14)
        self.copy = QPushButton("Copy support bundle")
        self.copy.setToolTip("Copy versions, devices, settings and the end of the log, for a report")
        self.close_ = named(QPushButton("Close"), "primary")
        self.copy.clicked.connect(self.copyAsked)
        self.close_.clicked.connect(self.accept)
        head, end = QHBoxLayout(), QHBoxLayout()
        head.addWidget(mark)
        head.addWidget(self.title, 1)
        end.addStretch(1)
        end.addWidget(self.copy)
        end.addWidget(self.close_)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 18, 20, 16)
        column.setSpacing(12)
        column.addLayout(head)
        column.addWidget(label("muted", "A workstation for X-ray ptychography"))
        column.addLayout(self.facts)
        column.addLayout(end)
        self.setMinimumWidth(560)

    def show_facts(self, facts: Sequence[tuple[str, str]]) -> None:
        """Show facts by name."""
        while self.facts.rowCount():
            self.facts.removeRow(0)
        for name, text in facts:
            value = label("text", text, wrap=True)
            value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            self.facts.addRow(label("muted", name), value)
        self.adjustSize()
