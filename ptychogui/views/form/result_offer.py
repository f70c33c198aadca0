"""What is said of the result whose values the form shows, and the ways to go on from there."""

from __future__ import annotations

import os
from pathlib import Path

from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout

from ptychogui.io.raw.file_series import is_pattern
from ptychogui.views.widgets import ElidedLabel, label, small


class ResultOffer(QFrame):
    """Says whose values the form shows. Hidden where they are no result's.

    Announces `goOnAsked()` when the next job is to begin at the result's object and probe.
    """

    goOnAsked = pyqtSignal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("card")
        self.path: Path | None = None
        self.title = ElidedLabel("cardTitle", Qt.TextElideMode.ElideMiddle)
        self.text = label("muted", wrap=True)
        self.text.setFont(small(self.text.font()))
        self.go_on = QPushButton("Go on from it")
        self.go_on.setToolTip("Let the next job begin at the object, probe and positions of this result")
        self.go_on.clicked.connect(self.goOnAsked)
        words = QVBoxLayout()
        words.setSpacing(1)
        words.addWidget(self.title)
        words.addWidget(self.text)
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 6, 8, 6)
        row.addLayout(words, 1)
        row.addWidget(self.go_on, 0, Qt.AlignmentFlag.AlignVCenter)
        self.hide()

    def show_result(self, path: Path, source: Path | None) -> None:
        """Say whose values are shown, and what can be done with them.

        Args:
            path: the result.
            source: its scan; None where it was simulated.
        """
        self.path = path
        is_there = source is None or is_pattern(source) or os.path.exists(source)
        self.title.set_text(f"Values of {path.name}", str(path))
        self.text.setText("Run makes it again." if is_there else f"Its scan is not there any more: {source}")
        self.go_on.setEnabled(is_there)
        self.show()
