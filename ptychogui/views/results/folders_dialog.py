"""The folders that are watched for results: added, left out, looked through."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PyQt5.QtCore import pyqtSignal
from PyQt5.QtWidgets import QDialog, QFileDialog, QHBoxLayout, QListWidget, QPushButton, QVBoxLayout, QWidget

from ptychogui.views.dialog_paths import meant_path
from ptychogui.views.widgets import label

_TEXT = (
    "What this program writes is here by itself. So are results in these folders, also those of other programs; their "
    "files stay as they are."
)


class FoldersDialog(QDialog):
    """Names the folders.

    Signals:
        added(folder), forgotten(folder): another one, and one less.
        lookAsked(): all are to be looked through for what changed.
    """

    added = pyqtSignal(object)
    forgotten = pyqtSignal(object)
    lookAsked = pyqtSignal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Folders of past results")
        self.list = QListWidget()
        self.list.setAccessibleName("Folders")
        self.state = label("muted", wrap=True)
        self.add, self.forget = QPushButton("Add a folder…"), QPushButton("Leave out")
        self.look, self.close_ = QPushButton("Look through now"), QPushButton("Close")
        self._folders: tuple[Path, ...] = ()
        self._lay_out()
        self.add.clicked.connect(self._ask)
        self.forget.clicked.connect(self._forget)
        self.look.clicked.connect(self.lookAsked)
        self.close_.clicked.connect(self.accept)
        self.list.currentRowChanged.connect(lambda row: self.forget.setEnabled(row >= 0))

    def show_folders(self, folders: Sequence[Path]) -> None:
        """Show which ones there are."""
        self._folders = tuple(folders)
        self.list.clear()
        self.list.addItems([str(folder) for folder in folders])
        self.forget.setEnabled(False)
        self.look.setEnabled(bool(folders))

    def show_looking(self, text: str) -> None:
        """Say how far the look through them is."""
        self.state.setText(text)

    def _ask(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "A folder that holds results")
        if chosen:
            self.added.emit(meant_path(chosen))

    def _forget(self) -> None:
        row = self.list.currentRow()
        if row >= 0:
            self.forgotten.emit(self._folders[row])

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        for button in (self.add, self.forget, self.look):
            buttons.addWidget(button)
        buttons.addStretch(1)
        buttons.addWidget(self.close_)
        column = QVBoxLayout(self)
        column.addWidget(label("muted", _TEXT, wrap=True))
        column.addWidget(self.list, 1)
        column.addWidget(self.state)
        column.addLayout(buttons)
        self.resize(640, 340)
