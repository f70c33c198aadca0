"""Measuring in a picture: a line with its profile and edges, or a rectangle with what is in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import pyqtgraph as pg
from PyQt5.QtCore import QEvent, Qt
from PyQt5.QtGui import QPalette
from PyQt5.QtWidgets import QVBoxLayout, QWidget

from ptychogui.pictures.measuring import Profile, line_profile, statistics
from ptychogui.views.plots.picture_box import Tool
from ptychogui.views.plots.plot_card import paint_axis
from ptychogui.views.widgets import label

_Role = QPalette.ColorRole
_Place: TypeAlias = tuple[float, float]

_PROFILE_PX = 110
_HINTS = {Tool.LINE: "Drag a line over the picture", Tool.RECTANGLE: "Drag a rectangle over the picture"}


@dataclass(frozen=True)
class Scale:
    """Axes of a picture.

    Attributes:
        unit: what their numbers are.
        unit_m: that unit in m; 1 where it is none of length.
        column, row: what the horizontal and the vertical axis show.
    """

    unit: str = "µm"
    unit_m: float = 1e-6
    column: str = "x"
    row: str = "y"

    @property
    def is_length(self) -> bool:
        """Whether the unit is one of length."""
        return self.unit_m != 1


MICROMETERS = Scale()
"""Axes of an object."""
PIXELS = Scale("px", 1.0, "column", "row")
"""Axes of a detector."""


class MeasureStrip(QWidget):
    """What was measured, below a picture: words, and of a line its profile. Hidden while there is no tool in hand."""

    def __init__(self, plot: pg.PlotItem, scale: Scale) -> None:
        super().__init__()
        self._scale, self._tool = scale, Tool.PAN
        self.mark = pg.PlotDataItem(pen=pg.mkPen("#ffffff", width=3))
        self.mark_rim = pg.PlotDataItem(pen=pg.mkPen("#000000", width=1, style=Qt.PenStyle.DotLine))
        for item in (self.mark, self.mark_rim):
            item.setZValue(100)
            plot.addItem(item, ignoreBounds=True)
        self.text = label("text", wrap=True)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.text.setContentsMargins(12, 0, 10, 5)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        self._column.addWidget(self.text)
        self.hide()

    @cached_property
    def profile(self) -> ProfilePlot:
        """The curve along a line; made when the first one is drawn, since it is slow to make."""
        plot = ProfilePlot()
        self._column.insertWidget(0, plot)
        return plot

    def begin(self, tool: Tool) -> None:
        """Take a tool in hand."""
        self._tool = tool
        self.clear()
        self.setVisible(tool in _HINTS)

    def clear(self) -> None:
        """Forget what was measured."""
        for item in (self.mark, self.mark_rim):
            item.setData([], [])
        if "profile" in vars(self):
            self.profile.hide()
        self.text.setText(_HINTS.get(self._tool, ""))

    def measure(
        self, image: np.ndarray, ends: tuple[_Place, _Place], places_px: tuple[_Place, _Place], pixel: float, unit: str
    ) -> None:
        """Measure with the tool in hand.

        Args:
            image: real (rows, columns).
            ends: x and y of both ends, on the axes.
            places_px: row and column of both, 0 at the edge of the first pixel.
            pixel: size of one on the axes.
            unit: of the values.
        """
        if self._tool is Tool.LINE:
            self._draw([ends[0], ends[1]])
            start, end = ((row - 0.5, column - 0.5) for row, column in places_px)
            self._show_profile(line_profile(image, start, end), pixel, unit)
        else:
            (left, top), (right, bottom) = ends
            self._draw([(left, top), (right, top), (right, bottom), (left, bottom), (left, top)])
            self._show_statistics(image, places_px, pixel, unit)

    def _draw(self, corners: list[_Place]) -> None:
        x, y = np.array(corners).T
        self.mark.setData(x, y)
        self.mark_rim.setData(x, y)

    def _show_profile(self, profile: Profile, pixel: float, unit: str) -> None:
        edges = [place * pixel for place in profile.edges_px]
        self.profile.show_curve(profile.distances_px * pixel, profile.values, edges)
        self.profile.setLabel("bottom", f"along the line ({self._scale.unit})")
        self.profile.setLabel("left", unit or "value")
        told = [f"Length {profile.distances_px[-1] * pixel:.4g} {self._scale.unit}"]
        if edges:
            told.append(f"edges at {_listed(edges)} {self._scale.unit}")
        if len(edges) > 1:
            told.append(f"apart by {_listed([after - before for before, after in pairwise(edges)])} {self._scale.unit}")
        self.text.setText("  ·  ".join(told))

    def _show_statistics(self, image: np.ndarray, places_px: tuple[_Place, _Place], pixel: float, unit: str) -> None:
        (top, bottom), (left, right) = (sorted((places_px[0][i], places_px[1][i])) for i in (0, 1))
        rows, columns = (slice(max(round(low), 0), max(round(high), 0)) for low, high in ((top, bottom), (left, right)))
        found = statistics(image[rows, columns])
        size = f"{(right - left) * pixel:.4g} × {(bottom - top) * pixel:.4g} {self._scale.unit}"
        if not found.pixels:
            self.text.setText(f"{size}  ·  nothing of the picture is in it")
            return
        self.text.setText(
            f"{size}  ·  {found.pixels} px  ·  mean {found.mean:.4g} ± {found.deviation:.3g} {unit}  ·  "
            f"{found.lowest:.4g} to {found.highest:.4g}  ·  sum {found.total:.5g}"
        )


class ProfilePlot(pg.PlotWidget):
    """Values along a line, with its edges."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedHeight(_PROFILE_PX)
        self.setMouseEnabled(x=False, y=False)
        self.hideButtons()
        self.setMenuEnabled(False)
        for name in ("left", "bottom"):
            self.getAxis(name).enableAutoSIPrefix(False)
        self.curve = self.plot()
        self.edges: list[pg.InfiniteLine] = []

    def show_curve(self, places: np.ndarray, values: np.ndarray, edges: Sequence[float]) -> None:
        """Show values at places along the line, and where its edges are."""
        self.curve.setData(places, values)
        for line in self.edges:
            self.removeItem(line)
        pen = pg.mkPen(self.palette().color(_Role.PlaceholderText), width=1, style=Qt.PenStyle.DashLine)
        self.edges = [pg.InfiniteLine(place, angle=90, pen=pen) for place in edges]
        for line in self.edges:
            self.addItem(line)
        self._paint()
        self.show()

    def changeEvent(self, event: QEvent | None) -> None:
        super().changeEvent(event)
        if event is not None and event.type() == QEvent.Type.PaletteChange and hasattr(self, "edges"):
            self._paint()

    def _paint(self) -> None:
        palette = self.palette()
        self.setBackground(palette.color(_Role.Base))
        self.curve.setPen(pg.mkPen(palette.color(_Role.Highlight), width=1.5))
        for name in ("left", "bottom"):
            paint_axis(self.getAxis(name), palette)


def _listed(lengths: list[float]) -> str:
    return ", ".join(f"{length:.4g}" for length in lengths)
