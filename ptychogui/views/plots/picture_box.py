"""The view of a picture: pans and zooms, fits on a double click, and lets a tool draw by dragging."""

from __future__ import annotations

from enum import Enum
from typing import Any

import pyqtgraph as pg
from PyQt5.QtCore import QPointF, Qt, pyqtSignal


class Tool(Enum):
    """What dragging with the left button does."""

    PAN = "pan"
    LINE = "line"
    RECTANGLE = "rectangle"
    PAINT = "paint"
    """Something of the card's own."""


class PictureBox(pg.ViewBox):
    """A view box without a menu.

    Signals, with x and y in its own coordinates:
        dragged(start, end, ended): with a tool in hand, the mouse was dragged; at last with `ended`.
        clicked(place): once.
        doubleClicked(): twice.
        fitAsked(): all is to be shown.
    """

    dragged = pyqtSignal(object, object, bool)
    clicked = pyqtSignal(object)
    doubleClicked = pyqtSignal()
    fitAsked = pyqtSignal()

    def __init__(self) -> None:
        super().__init__(enableMenu=False)
        self.tool, self.fits_on_double_click = Tool.PAN, True

    def mouseDragEvent(self, event: Any, axis: int | None = None) -> None:
        """Draw, or pan."""
        if self.tool is Tool.PAN or event.button() != Qt.MouseButton.LeftButton or axis is not None:
            super().mouseDragEvent(event, axis)
            return
        event.accept()
        start, end = (self.mapToView(place) for place in (event.buttonDownPos(), event.pos()))
        self.dragged.emit(_pair(start), _pair(end), bool(event.isFinish()))

    def mouseClickEvent(self, event: Any) -> None:
        """Fit on a double click, announce a single one."""
        if event.button() != Qt.MouseButton.LeftButton:
            super().mouseClickEvent(event)
        elif event.double():
            event.accept()
            self.doubleClicked.emit()
            if self.fits_on_double_click:
                self.fitAsked.emit()
        else:
            event.accept()
            self.clicked.emit(_pair(self.mapToView(event.pos())))


def _pair(place: QPointF) -> tuple[float, float]:
    """Return x and y."""
    return place.x(), place.y()
