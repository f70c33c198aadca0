"""A diffraction pattern as a picture: counts on a logarithmic scale, the beam's center, the crop, and masks over it."""

from __future__ import annotations

import math

import numpy as np
import pyqtgraph as pg
from PyQt5.QtCore import QSignalBlocker, QSize, Qt, pyqtSignal

from ptychogui.pictures.pattern_geometry import PatternGeometry
from ptychogui.pictures.pattern_picture import PatternPicture
from ptychogui.views.plots.color_maps import COUNTS
from ptychogui.views.plots.image_card import ImageCard
from ptychogui.views.plots.measure_strip import PIXELS
from ptychogui.views.theme import tinted
from ptychogui.views.widgets import tool_button

_SMALLEST_PX, _LARGEST_PX = 16, 4096
_LINE = "#35c9ff"
_MASK_COLORS = ((0, 0, 0, 0), (255, 140, 0, 120), (255, 40, 70, 170))
"""Over pixels that are used, those that masks leave out, and those of the mask that is being drawn."""


class PatternCard(ImageCard):
    """A pattern on a logarithmic scale. Announces `edited(path, value)` where center or crop were dragged."""

    edited = pyqtSignal(str, object)

    def __init__(self) -> None:
        super().__init__("Diffraction pattern", "log\u2081\u2080(1 + counts)", COUNTS, "", PIXELS)
        self.overlay = pg.ImageItem(levels=(0, 2), lut=np.array(_MASK_COLORS, np.uint8))
        self.overlay.setZValue(10)
        self.center = pg.TargetItem(size=16, symbol="crosshair", pen=pg.mkPen(_LINE, width=1.5), movable=True)
        self.crop = pg.ROI((0, 0), (1, 1), pen=pg.mkPen(_LINE, width=1.5), movable=False, rotatable=False)
        for corner in ((0, 0), (1, 1)):
            self.crop.addScaleHandle(corner, (0.5, 0.5), lockAspect=True)
        for item in (self.overlay, self.center, self.crop):
            self.plot.addItem(item, ignoreBounds=True)
        self.center.setZValue(30)
        self.aim = tool_button("icon", "", "Show the beam's center and the crop; drag them to set them")
        self.aim.setCheckable(True)
        self.aim.setIconSize(QSize(14, 14))
        self.aim.setAccessibleName("Center and crop")
        self.aim.setChecked(True)
        self.aim.toggled.connect(self._show_aim)
        self.head.insertWidget(2, self.aim)
        self._paint()
        self.title.setToolTip("Log of the counts; orange: left out by masks, red: marked in the mask being drawn")
        self.picture: PatternPicture | None = None
        self.beam: PatternGeometry | None = None
        self._is_raw, self._drawn = True, np.zeros((0, 0), np.bool_)
        self.center.sigPositionChanged.connect(self._follow_center)
        self.center.sigPositionChangeFinished.connect(self._take_center)
        self.crop.sigRegionChangeFinished.connect(self._take_crop)
        self._show_aim()

    def show_pattern(self, picture: PatternPicture, what: str, is_raw: bool = True) -> None:
        """Show a pattern.

        Args:
            picture: the pattern.
            what: it is, such as "mean of 16 frames".
            is_raw: whether it is of the detector's pixels, not cut out and turned already.
        """
        self.picture, self._is_raw = picture, is_raw
        self.title.setText(f"Pattern, {what}")
        self.show_image(picture.logs, 1.0, picture.levels)
        self._show_overlay()
        self._show_aim()

    def show_geometry(self, geometry: PatternGeometry | None) -> None:
        """Show where the direct beam is and what is cut out; nothing where that is not known."""
        self.beam = geometry
        self._show_aim()

    def show_drawn(self, bad: np.ndarray) -> None:
        """Show the mask that is being drawn: bool (rows, columns)."""
        self._drawn = bad
        self._show_overlay()

    def describe(self, x: float, y: float) -> str:
        """Return pixel, counts, spatial frequency and resolution at a place; "" outside of the picture."""
        if self.value_at(x, y) is None or self.picture is None:
            return ""
        row, column = math.floor(y), math.floor(x)
        told = [f"{self.picture.counts[row, column]:.5g} counts", f"row {row}, column {column}"]
        per_m = self.beam.frequency(row, column) if self.beam is not None and self._is_raw else math.nan
        if per_m > 0:
            told += [f"{per_m * 1e-6:.3g} /µm", f"{0.5e9 / per_m:.3g} nm"]
        if self.picture.bad is not None and self.picture.bad[row, column]:
            told.append("masked")
        return " · ".join(told)

    def clear(self) -> None:
        """Show no pattern."""
        super().clear()
        if hasattr(self, "overlay"):
            self.picture = None
            self.overlay.clear()

    def _paint(self) -> None:
        super()._paint()
        if hasattr(self, "aim"):
            self.aim.setIcon(tinted("target", self.palette()))

    def _show_overlay(self) -> None:
        if self.picture is None:
            return
        shape = self.picture.counts.shape
        codes = np.zeros(shape, np.uint8)
        if self.picture.bad is not None:
            codes[self.picture.bad] = 1
        if self._is_raw and self._drawn.shape == shape:
            codes[self._drawn] = 2
        self.overlay.setVisible(bool(codes.any()))
        self.overlay.setImage(codes, autoLevels=False, levels=(0, 2))

    def _show_aim(self, _on: bool = True) -> None:
        shows = self.aim.isChecked() and self._is_raw and self.beam is not None and self.picture is not None
        self.aim.setEnabled(self._is_raw)
        for item in (self.center, self.crop):
            item.setVisible(shows)
        if self.beam is None or not shows:
            return
        row, column = self.beam.center_px
        dashes = Qt.PenStyle.SolidLine if self.beam.is_given else Qt.PenStyle.DashLine
        self.crop.setPen(pg.mkPen(_LINE, width=1.5, style=dashes))
        with QSignalBlocker(self.center), QSignalBlocker(self.crop):
            self.center.setPos(column + 0.5, row + 0.5)
            self._place_crop(column + 0.5, row + 0.5, self.beam.side_px)

    def _place_crop(self, x: float, y: float, side: float) -> None:
        self.crop.setSize((side, side), finish=False)
        self.crop.setPos((x - side / 2, y - side / 2), finish=False)

    def _follow_center(self) -> None:
        at = self.center.pos()
        with QSignalBlocker(self.crop):
            self._place_crop(at.x(), at.y(), self.crop.size().x())

    def _take_center(self) -> None:
        at = self.center.pos()
        self.edited.emit("preprocessing.center_px", (round(at.y() - 0.5, 1), round(at.x() - 0.5, 1)))

    def _take_crop(self) -> None:
        if self.beam is None:
            return
        size = 2 * round(self.crop.size().x() / self.beam.bin_px / 2)
        self.edited.emit("preprocessing.size_px", min(max(size, _SMALLEST_PX), _LARGEST_PX))
