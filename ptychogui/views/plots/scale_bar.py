"""The scale bar: a length that is a round number, drawn over a picture wherever it is zoomed to."""

from __future__ import annotations

from collections.abc import Callable

import pyqtgraph as pg
from PyQt5.QtCore import QLineF, QPointF, QRectF, Qt
from PyQt5.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPainterPath, QPen

from ptychogui.pictures.figures import nice_length
from ptychogui.views.widgets import small

_LEFT_PX, _BOTTOM_PX, _LINE_PX, _RIM_PX = 14, 12, 3, 3
_PART = 0.25
"""Of the view's width that it is at most."""


class ScaleBar(pg.GraphicsObject):
    """A bar in the lower left corner of a view with its length above, rimmed so that it is readable on any color."""

    def __init__(self, box: pg.ViewBox, unit_m: float, text: Callable[[float], str]) -> None:
        """Lay it over a view.

        Args:
            box: the view.
            unit_m: length of a unit of the view's axes.
            text: writes a length in m.
        """
        super().__init__()
        self._box, self._unit_m, self._text = box, unit_m, text
        self._color, self._rim = QColor("white"), QColor("black")
        self.setParentItem(box)
        self.setZValue(1e6)
        box.sigResized.connect(self._moved)
        box.sigRangeChanged.connect(self._moved)

    def paint_in(self, color: QColor, rim: QColor) -> None:
        """Take the colors of a theme."""
        self._color, self._rim = color, rim
        self.update()

    def boundingRect(self) -> QRectF:
        return QRectF(self._box.rect())

    def length(self) -> tuple[float, float]:
        """Return its length in m and in pixels of the screen; zeros where the view shows nothing."""
        unit_px = self._box.viewPixelSize()[0]
        width_px = self._box.rect().width()
        if not unit_px > 0 or width_px < 40:
            return 0.0, 0.0
        length_m = nice_length(width_px * _PART * unit_px * self._unit_m)
        return length_m, length_m / self._unit_m / unit_px

    def paint(self, painter: QPainter, *_options: object) -> None:
        """Draw the bar and its length."""
        length_m, length_px = self.length()
        if not length_px:
            return
        font = small(QFont())
        start = QPointF(_LEFT_PX, self._box.rect().height() - _BOTTOM_PX)
        line = QLineF(start, start + QPointF(length_px, 0))
        text = self._text(length_m)
        place = QPointF(start.x() + (length_px - QFontMetricsF(font).horizontalAdvance(text)) / 2, start.y() - 6)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        letters = QPainterPath()
        letters.addText(place, font, text)
        painter.strokePath(letters, QPen(self._rim, _RIM_PX, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        painter.fillPath(letters, self._color)
        for color, width in ((self._rim, _LINE_PX + _RIM_PX), (self._color, _LINE_PX)):
            painter.setPen(QPen(color, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.SquareCap))
            painter.drawLine(line)

    def _moved(self, *_moved: object) -> None:
        self.prepareGeometryChange()
        self.update()
