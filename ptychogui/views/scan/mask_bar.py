"""The mask painter: marks bad pixels on a pattern by brush, box, ellipse, polygon or threshold; undo, load and save."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from PyQt5.QtCore import QSignalBlocker, pyqtSignal
from PyQt5.QtGui import QKeySequence
from PyQt5.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QPushButton,
    QSpinBox,
    QWidget,
)

from ptychogui.io.array_files import write_mask
from ptychogui.pictures.mask_drawing import MaskDrawing, Place, at_or_above, box, disc, ellipse, polygon
from ptychogui.views.dialog_paths import meant_path
from ptychogui.views.flow import FlowLayout
from ptychogui.views.plots.picture_box import Tool
from ptychogui.views.scan.pattern_card import PatternCard
from ptychogui.views.widgets import label, tool_button

_FILTER = "Masks (*.npy *.tif *.tiff);;All files (*)"
_BRUSH_PX = 5
_SHAPES = {
    "Brush": "Drag to mark pixels",
    "Box": "Drag a box",
    "Ellipse": "Drag the box of an ellipse",
    "Polygon": "Click its corners, and double-click to close it",
}
"""How pixels are marked with the mouse, and what the user does."""


class MaskBar(QWidget):
    """Draws a mask over a pattern.

    Signals:
        saveAsked(path, write): the mask is to be written by `write(path)`, and used from then on.
        loadAsked(path): a mask is to be read; `show_mask` takes it.
    """

    saveAsked = pyqtSignal(object, object)
    loadAsked = pyqtSignal(Path)

    def __init__(self, card: PatternCard) -> None:
        super().__init__()
        self._card, self.drawing = card, MaskDrawing((0, 0))
        self.shapes = {name: tool_button("tool", name, tip) for name, tip in _SHAPES.items()}
        self.width_px = QSpinBox()
        self.width_px.setAccessibleName("Width of the brush")
        self.width_px.setRange(1, 200)
        self.width_px.setValue(_BRUSH_PX)
        self.width_px.setSuffix(" px")
        self.width_px.setToolTip("Width of the brush")
        self.width_px.setButtonSymbols(QSpinBox.ButtonSymbols.NoButtons)
        self.erase = QCheckBox("Erase")
        self.erase.setToolTip("Mark pixels as good again")
        self.threshold = QSpinBox()
        self.threshold.setAccessibleName("Counts from which pixels are marked")
        self.threshold.setRange(0, 2_000_000_000)
        self.threshold.setSuffix(" counts")
        self.threshold.setToolTip("Mark every pixel of the pattern with so many counts or more")
        self.threshold.setButtonSymbols(QSpinBox.ButtonSymbols.NoButtons)
        self.threshold.setMaximumWidth(130)
        self.mark_above = QPushButton("Mark above")
        self.undo, self.redo, self.wipe = QPushButton("Undo"), QPushButton("Redo"), QPushButton("Clear")
        self.undo.setShortcut(QKeySequence("Ctrl+Z"))
        self.load, self.save = QPushButton("Load…"), QPushButton("Save and use…")
        self.save.setToolTip("Write the mask into a file, and leave its pixels out of every pattern from now on")
        self.state = label("muted")
        self._corners: list[Place] = []
        self._last: Place | None = None
        self._lay_out()
        self._connect()
        self.hide()

    def begin(self, shape: tuple[int, int]) -> None:
        """Draw a new mask, of a detector of so many rows and columns."""
        self.drawing = MaskDrawing(shape)
        self._show()

    def show_mask(self, bad: np.ndarray) -> None:
        """Go on with a mask, bool (rows, columns), that was read."""
        if bad.shape != self.drawing.bad.shape:
            sizes = [" × ".join(map(str, mask.shape)) for mask in (bad, self.drawing.bad)]
            self.state.setText(f"That mask has {sizes[0]} pixels, and the detector {sizes[1]}")
            return
        self.drawing.replace(bad)
        self._show()

    def set_active(self, on: bool) -> None:
        """Take the brush in hand, or put everything away."""
        self.setVisible(on)
        self._card.aim.setChecked(not on)
        self._choose("Brush" if on else "")

    def _choose(self, name: str) -> None:
        """Take a tool in hand; none with ""."""
        for shape, button in self.shapes.items():
            with QSignalBlocker(button):
                button.setChecked(shape == name)
        self._corners = []
        self._card.strip.mark.setData([], [])
        self._card.take_tool(Tool.PAINT if name and self.isVisibleTo(self.parentWidget()) else Tool.PAN)
        self._card.box.fits_on_double_click = name != "Polygon"

    @property
    def shape(self) -> str:
        """Name of the tool in hand; "" for none."""
        return next((name for name, button in self.shapes.items() if button.isChecked()), "")

    def _on_dragged(self, start: tuple[float, float], end: tuple[float, float], ended: bool) -> None:
        if self._card.box.tool is not Tool.PAINT or self.shape in ("", "Polygon"):
            return
        first, last = (start[1], start[0]), (end[1], end[0])
        if self.shape == "Brush":
            self._brush(self._last or first, last)
        elif ended:
            self._mark((box if self.shape == "Box" else ellipse)(self._size, first, last))
        self._outline(start, end, drawn=self.shape != "Brush" and not ended)
        self._last = None if ended else last

    def _on_clicked(self, place: tuple[float, float]) -> None:
        if self._card.box.tool is not Tool.PAINT:
            return
        at = (place[1], place[0])
        if self.shape == "Brush":
            self._mark(disc(self._size, at, self.width_px.value() / 2))
        elif self.shape == "Polygon":
            self._corners.append(at)
            rows, columns = np.array([*self._corners, self._corners[0]]).T
            self._card.strip.mark.setData(columns, rows)

    def _close_polygon(self) -> None:
        if self.shape == "Polygon" and self._corners:
            self._mark(polygon(self._size, self._corners))
            self._corners = []
            self._card.strip.mark.setData([], [])

    def _brush(self, first: Place, last: Place) -> None:
        """Mark all along the way of the mouse, which comes in steps; a stroke is undone as one."""
        steps = max(1, round(max(abs(first[0] - last[0]), abs(first[1] - last[1]))))
        marked = np.zeros(self._size, np.bool_)
        for part in np.linspace(0, 1, steps + 1):
            at = (first[0] + part * (last[0] - first[0]), first[1] + part * (last[1] - first[1]))
            marked |= disc(self._size, at, self.width_px.value() / 2)
        self._mark(marked, goes_on=self._last is not None)

    def _outline(self, start: tuple[float, float], end: tuple[float, float], drawn: bool) -> None:
        (left, top), (right, bottom) = start, end
        corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)] if drawn else []
        x, y = np.array(corners, float).reshape(-1, 2).T
        self._card.strip.mark.setData(x, y)

    def _mark_above(self) -> None:
        if self._card.picture is not None and self._card.picture.counts.shape == self._size:
            self._mark(at_or_above(self._card.picture.counts, self.threshold.value()))

    def _mark(self, pixels: np.ndarray, goes_on: bool = False) -> None:
        self.drawing.mark(pixels, not self.erase.isChecked(), goes_on)
        self._show()

    def _wipe(self) -> None:
        self.drawing.replace(np.zeros(self._size, np.bool_))
        self._show()

    def _step(self, way: Callable[[MaskDrawing], None]) -> None:
        way(self.drawing)
        self._show()

    @property
    def _size(self) -> tuple[int, int]:
        rows, columns = self.drawing.bad.shape
        return rows, columns

    def _show(self) -> None:
        self._card.show_drawn(self.drawing.bad)
        count = int(np.count_nonzero(self.drawing.bad))
        self.undo.setEnabled(self.drawing.can_undo)
        self.redo.setEnabled(self.drawing.can_redo)
        for button in (self.wipe, self.save):
            button.setEnabled(count > 0)
        self.state.setText(f"{count} pixels marked" if count else "")

    def _ask_load(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Load a mask", "", _FILTER)
        if name:
            self.loadAsked.emit(meant_path(name))

    def _ask_save(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self, "Save the mask", "mask.npy", _FILTER)
        if name:
            self.saveAsked.emit(meant_path(name), partial(write_mask, bad=self.drawing.bad.copy()))

    def _lay_out(self) -> None:
        row = FlowLayout(self)
        for button in self.shapes.values():
            button.setCheckable(True)
        for widget in (*self.shapes.values(), self.width_px, self.erase, self.threshold, self.mark_above, self.undo,
                       self.redo, self.wipe, self.load, self.save, self.state):  # fmt: skip
            row.addWidget(widget)

    def _connect(self) -> None:
        for name, button in self.shapes.items():
            button.toggled.connect(lambda on, name=name: self._choose(name if on else ""))
        self._card.box.dragged.connect(self._on_dragged)
        self._card.box.clicked.connect(self._on_clicked)
        self._card.box.doubleClicked.connect(self._close_polygon)
        self.mark_above.clicked.connect(self._mark_above)
        self.undo.clicked.connect(lambda: self._step(MaskDrawing.undo))
        self.redo.clicked.connect(lambda: self._step(MaskDrawing.redo))
        self.wipe.clicked.connect(self._wipe)
        self.load.clicked.connect(self._ask_load)
        self.save.clicked.connect(self._ask_save)
