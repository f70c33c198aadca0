"""The editor of a picture's levels: two numbers, and whether they follow the data."""

from __future__ import annotations

from PyQt5.QtCore import QSignalBlocker, pyqtSignal
from PyQt5.QtGui import QDoubleValidator
from PyQt5.QtWidgets import QCheckBox, QGridLayout, QLineEdit, QWidget

from ptychogui.pictures.levels import Levels
from ptychogui.views.widgets import label


class LevelsEditor(QWidget):
    """Announces `held(levels)` that the user has typed, and `freed()` where they are to follow the data."""

    held = pyqtSignal(object)
    freed = pyqtSignal()

    def __init__(self) -> None:
        super().__init__()
        self.lowest, self.highest = QLineEdit(), QLineEdit()
        self.follow = QCheckBox("Follow the data")
        self.follow.setToolTip("All but the outermost values of what is well lit; without it the levels stay")
        grid = QGridLayout(self)
        grid.setContentsMargins(12, 6, 12, 6)
        for row, (name, editor) in enumerate((("highest", self.highest), ("lowest", self.lowest))):
            editor.setValidator(QDoubleValidator())
            editor.setMaximumWidth(120)
            editor.setAccessibleName(f"{name} level")
            editor.editingFinished.connect(self._hold)
            grid.addWidget(label("muted", name), row, 0)
            grid.addWidget(editor, row, 1)
        grid.addWidget(self.follow, 2, 0, 1, 2)
        self.follow.toggled.connect(self._follow)
        self._levels: Levels = (0.0, 1.0)

    def show_levels(self, levels: Levels, follows: bool) -> None:
        """Show levels, and whether they follow the data."""
        self._levels = levels
        for editor, value in ((self.lowest, levels[0]), (self.highest, levels[1])):
            if not (editor.hasFocus() and editor.isModified()):
                editor.setText(f"{value:.5g}")
        with QSignalBlocker(self.follow):
            self.follow.setChecked(follows)

    def _hold(self) -> None:
        try:
            levels = float(self.lowest.text()), float(self.highest.text())
        except ValueError:
            levels = self._levels
        shown = tuple(float(f"{level:.5g}") for level in self._levels)
        if levels[0] < levels[1] and levels != shown:
            self._levels = levels
            self.held.emit(levels)
        self.lowest.setModified(False)
        self.highest.setModified(False)

    def _follow(self, on: bool) -> None:
        if on:
            self.freed.emit()
        else:
            self.held.emit(self._levels)
