"""The probe: every mode on the color wheel of complex numbers, with its share of the power."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PyQt5.QtCore import QPointF, QRectF, QSize, Qt, pyqtSignal
from PyQt5.QtGui import QColor, QImage, QPainter, QPainterPath, QPaintEvent, QPalette, QPen, QResizeEvent
from PyQt5.QtWidgets import QFrame, QScrollArea, QSizePolicy, QWidget

from ptychogui.params.units import format_quantity
from ptychogui.pictures.colors import complex8
from ptychogui.pictures.figures import nice_length
from ptychogui.views.widgets import Card

_Role = QPalette.ColorRole

_GAP, _CAPTION = 10, 20
_WHEEL_PX = 64
_NARROW_PX = 240
_SMALLEST_PX = 48
_FITTED = 4
"""So many modes are shown side by side before the strip scrolls."""


class ProbeCard(Card):
    """The probe modes side by side, the color wheel in the head."""

    def __init__(self) -> None:
        super().__init__("Probe modes")
        self.title.setMinimumWidth(_SMALLEST_PX)
        self.strip = ModeStrip()
        area = QScrollArea()
        area.setWidget(self.strip)
        area.setWidgetResizable(True)
        area.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFrameShape(QFrame.Shape.NoFrame)
        self.strip.claimed.connect(self._fit)
        self.head.addWidget(ColorWheel())
        self.column.addWidget(area, 1)

    def show_modes(self, modes: np.ndarray, pixel_m: float, powers: Sequence[float]) -> None:
        """Show uint8 RGB (modes, n, n, 3) with a pixel size and each mode's share of the power."""
        self.strip.show_modes(modes, pixel_m, powers)

    def clear(self) -> None:
        """Show no modes."""
        self.strip.clear()

    def _fit(self, width_px: int) -> None:
        """Take no more width than the modes need: the rest is the neighbor's."""
        self.setMaximumWidth(max(_NARROW_PX, width_px + 2 * self.frameWidth() + 2))


class ModeStrip(QWidget):
    """Square tiles as high as the strip, or as a few of them fit in its width, and a caption under each."""

    claimed = pyqtSignal(int)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("page")
        self._images: list[QImage] = []
        self._captions: list[str] = []
        self._width_m = 0.0
        self.setSizePolicy(QSizePolicy.Policy.MinimumExpanding, QSizePolicy.Policy.Expanding)

    def show_modes(self, modes: np.ndarray, pixel_m: float, powers: Sequence[float]) -> None:
        """Show uint8 RGB (modes, n, n, 3) with a pixel size and each mode's share of the power."""
        self._images = [_image(mode) for mode in modes]
        self._captions = [f"{number}  ·  {100 * share:.1f} %" for number, share in enumerate(powers, 1)]
        self._width_m = pixel_m * modes.shape[2]
        self._claim()
        self.update()

    def clear(self) -> None:
        """Show no modes."""
        self._images, self._captions = [], []
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(self._width(self._side()), 150)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        side = self._side()
        top = (self.height() - _CAPTION - side) / 2
        for number, (image, caption) in enumerate(zip(self._images, self._captions, strict=True)):
            tile = QRectF(_GAP + number * (side + _GAP), top, side, side)
            painter.drawImage(tile, image)
            painter.setPen(self.palette().color(_Role.WindowText if number == 0 else _Role.PlaceholderText))
            painter.drawText(QRectF(tile.left(), tile.bottom(), side, _CAPTION), Qt.AlignmentFlag.AlignCenter, caption)
        if self._images and self._width_m > 0:
            self._draw_scale(painter, QRectF(_GAP, top, side, side))
        painter.end()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        super().resizeEvent(event)
        self._claim()

    def _claim(self) -> None:
        self.setMinimumWidth(self._width(self._side()))
        self.claimed.emit(self._width(self._tallest()))

    def _width(self, side: int) -> int:
        return len(self._images) * (side + _GAP) + _GAP if self._images else 0

    def _tallest(self) -> int:
        return max(_SMALLEST_PX, self.height() - _CAPTION - 10)

    def _side(self) -> int:
        """Side of a tile: as tall as there is room, or less where that lets a few modes be seen without scrolling."""
        viewport = self.parentWidget()
        count = min(max(len(self._images), 1), _FITTED)
        room = viewport.width() if viewport is not None else self.width()
        return max(_SMALLEST_PX, min(self._tallest(), (room - _GAP) // count - _GAP))

    def _draw_scale(self, painter: QPainter, tile: QRectF) -> None:
        length_m = nice_length(self._width_m / 3)
        length = tile.width() * length_m / self._width_m
        start = QPointF(tile.left() + 8, tile.bottom() - 9)
        painter.setPen(QPen(QColor("white"), 2.5, Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap))
        painter.drawLine(start, start + QPointF(length, 0))
        painter.drawText(QPointF(start.x(), start.y() - 6), format_quantity(length_m, "m"))


class ColorWheel(QWidget):
    """The legend: hue is the phase, brightness the magnitude."""

    def __init__(self) -> None:
        super().__init__()
        rows, columns = (np.indices((_WHEEL_PX, _WHEEL_PX)) - (_WHEEL_PX - 1) / 2) / (_WHEEL_PX / 2)
        field = columns - 1j * rows
        self._wheel = _image(complex8(field))
        self.setFixedSize(108, 22)
        self.setToolTip("Hue is the phase (red at 0, counter-clockwise), brightness the magnitude of each mode")

    def paintEvent(self, event: QPaintEvent | None) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(self.palette().color(_Role.PlaceholderText))
        painter.drawText(QRectF(0, 0, 82, 22), Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, "phase")
        circle = QRectF(88, 2, 18, 18)
        disc = QPainterPath()
        disc.addEllipse(circle)
        painter.setClipPath(disc)
        painter.drawImage(circle, self._wheel)
        painter.end()


def _image(rgb: np.ndarray) -> QImage:
    """Copy uint8 RGB (rows, columns, 3) to an image that owns its pixels."""
    rows, columns, _ = rgb.shape
    return QImage(np.ascontiguousarray(rgb).tobytes(), columns, rows, 3 * columns, QImage.Format.Format_RGB888).copy()
