"""Where results go: a line that says so, and a button to choose a folder."""

from __future__ import annotations

import os
from pathlib import Path

from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtWidgets import QFileDialog, QFrame, QHBoxLayout, QMenu, QPushButton

from ptychogui.views.dialog_paths import meant_path
from ptychogui.views.widgets import ElidedLabel, named

_BESIDE = "beside each scan"
_BESIDE_TIP = (
    "Where nothing may be written beside a scan: in ptychogui in your documents. A job's tooltip has its path."
)


class ResultsLine(QFrame):
    """Says where results of Run go. Announces `chosen(folder)`, "" for beside each scan."""

    chosen = pyqtSignal(str)

    def __init__(self) -> None:
        super().__init__()
        self.place = ElidedLabel("muted", Qt.TextElideMode.ElideMiddle)
        self.change = named(QPushButton("Change"), "link")
        self.change.setToolTip("Choose where results of Run go")
        self.change.setAccessibleName("Change where results go")
        self.menu = QMenu(self)
        self.folder = self.menu.addAction("In a folder…")
        self.beside = self.menu.addAction("Beside each scan")
        self.change.clicked.connect(self._open_menu)
        assert self.folder is not None and self.beside is not None
        self.folder.triggered.connect(self._choose)
        self.beside.triggered.connect(lambda: self.chosen.emit(""))
        self._folder = ""
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 0, 8, 0)
        row.setSpacing(4)
        row.addWidget(self.place, 1)
        row.addWidget(self.change)
        self.show_folder("")

    def show_folder(self, folder: str) -> None:
        """Show a folder; "" for beside each scan."""
        self._folder = folder
        home = str(Path.home())
        short = f"~{folder[len(home) :]}" if folder.startswith(home + os.sep) else folder
        self.place.set_text(f"Results: {short or _BESIDE}", folder or _BESIDE_TIP)

    def _open_menu(self) -> None:
        self.menu.popup(self.change.mapToGlobal(self.change.rect().bottomLeft()))

    def _choose(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "Folder of the results", self._folder)
        if name:
            self.chosen.emit(str(meant_path(name)))
