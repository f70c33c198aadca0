"""Plots that follow the palette: an image with axes and color bar, linked to others, and a curve."""

from __future__ import annotations

import math

import numpy as np
import pyqtgraph as pg
from PyQt5.QtCore import QEvent, QSize, Qt
from PyQt5.QtGui import QColor, QFont, QPalette

from ptychogui.views.theme import tinted
from ptychogui.views.widgets import Card, label, small, tool_button
from ptychogui.window_state import FREE_ERROR_TIP, ErrorCurve

_TICK_DENSITY = 0.7
_Role = QPalette.ColorRole

pg.setConfigOption("imageAxisOrder", "row-major")


class PlotCard(Card):
    """A card with one pyqtgraph plot in the colors of the palette."""

    def __init__(self, title: str, **axes: pg.AxisItem) -> None:
        super().__init__(title)
        self.canvas = pg.GraphicsLayoutWidget()
        self.canvas.ci.layout.setContentsMargins(4, 4, 8, 4)
        self.plot = self.canvas.addPlot(axisItems=axes or None)
        self.plot.hideButtons()
        self.plot.setMenuEnabled(False)
        for name in ("left", "bottom"):
            self.plot.getAxis(name).setTickDensity(_TICK_DENSITY)
        self.column.addWidget(self.canvas, 1)
        self._bars: list[pg.ColorBarItem] = []
        self._paint()

    def add_bar(self, bar: pg.ColorBarItem) -> None:
        """Let a color bar of the plot follow the palette."""
        self._bars.append(bar)
        self._paint()

    def changeEvent(self, event: QEvent | None) -> None:
        super().changeEvent(event)
        if event is not None and event.type() == QEvent.Type.PaletteChange:
            self._paint()

    def _paint(self) -> None:
        palette = self.palette()
        self.canvas.setBackground(palette.color(_Role.Base))
        axes = [self.plot.getAxis(name) for name in ("left", "bottom")]
        for bar in self._bars:
            axes += [bar.getAxis(name) for name in ("left", "right", "top", "bottom")]
        for axis in axes:
            paint_axis(axis, palette)


class ImageCard(PlotCard):
    """An image in µm with a color bar. Levels follow the data until the user moves the bar's handles."""

    def __init__(self, title: str, quantity: str, color_map: str) -> None:
        super().__init__(title)
        self.image = pg.ImageItem()
        self.plot.addItem(self.image)
        self.plot.setAspectLocked(True)
        self.plot.invertY(True)
        self.plot.setLabel("bottom", "x (µm)")
        self.plot.setLabel("left", "y (µm)")
        self.bar = pg.ColorBarItem(
            values=(0.0, 1.0), colorMap=pg.colormap.get(color_map), label=quantity, width=14, rounding=1e-3,
            pen="#888888", hoverPen="#2563d9", hoverBrush="#2563d930", colorMapMenu=False,
        )  # fmt: skip
        self.bar.setImageItem(self.image, insert_in=self.plot)
        self.bar.sigLevelsChangeFinished.connect(self._hold_levels)
        self.auto = tool_button("icon", "Auto levels", "Let the levels follow the scanned region again")
        self.auto.setIconSize(QSize(14, 14))
        self.auto.clicked.connect(self._free_levels)
        self.auto.hide()
        self.head.addWidget(self.auto)
        self._auto_levels = (0.0, 1.0)
        self._shown: tuple[float, ...] = ()
        self.add_bar(self.bar)

    def show_image(
        self,
        data: np.ndarray,
        pixel_m: float,
        levels: tuple[float, float],
        region_m: tuple[float, float, float, float] | None = None,
        corner_m: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        """Show an image.

        Args:
            data: float (rows, columns).
            pixel_m: size of a pixel.
            levels: values of the color bar's ends, taken unless the user holds his own.
            region_m: top, left, bottom, right of what is seen at first; the whole image when None.
            corner_m: row and column of the top left corner on the axes.
        """
        rows, columns = data.shape
        step, (top, left) = pixel_m * 1e6, (edge * 1e6 for edge in corner_m)
        self._auto_levels = levels
        kept = self.bar.levels() if self.auto.isVisibleTo(self) else levels
        self.image.setImage(data, levels=kept, rect=(left, top, columns * step, rows * step))
        self._set_levels(kept)
        place = (rows, columns, step, top, left)
        if place != self._shown:
            self._shown = place
            bottom, right = corner_m[0] + rows * pixel_m, corner_m[1] + columns * pixel_m
            self._look_at(region_m or (*corner_m, bottom, right))

    def clear(self) -> None:
        """Show no image; where the next one lies is looked at anew."""
        self.image.clear()
        self._shown = ()

    def show_quantity(self, text: str) -> None:
        """Label the color bar anew."""
        self.bar.getAxis("left").setLabel(text)
        self._paint()

    def link(self, other: ImageCard) -> None:
        """Pan and zoom together with another image."""
        self.plot.setXLink(other.plot)
        self.plot.setYLink(other.plot)

    def _look_at(self, region_m: tuple[float, float, float, float]) -> None:
        top, left, bottom, right = (edge * 1e6 for edge in region_m)
        self.plot.setRange(xRange=(left, right), yRange=(top, bottom), padding=0.12)

    def _hold_levels(self) -> None:
        self.auto.show()

    def _free_levels(self) -> None:
        self.auto.hide()
        self._set_levels(self._auto_levels)

    def _set_levels(self, levels: tuple[float, float]) -> None:
        self.bar.rounding = 10.0 ** math.floor(math.log10(max(levels[1] - levels[0], 1e-9)) - 2)
        self.bar.setLevels(levels)

    def _paint(self) -> None:
        super()._paint()
        if hasattr(self, "auto"):
            self.auto.setIcon(tinted("levels", self.palette()))


class ErrorCard(PlotCard):
    """The error of every iteration on a logarithmic axis, with the photon-noise limit at 1, and the free error."""

    def __init__(self) -> None:
        super().__init__("Error", left=LogAxis("left"))
        self.plot.setLogMode(y=True)
        self.plot.setLabel("bottom", "iteration")
        self.plot.setLabel("left", "error (photon noise)")
        self.plot.setMouseEnabled(x=False, y=False)
        self.plot.showGrid(y=True, alpha=0.15)
        self.free_curve, self.curve = self.plot.plot(), self.plot.plot()
        self.legend = label("muted")
        self.legend.setToolTip(FREE_ERROR_TIP)
        self.legend.hide()
        self.head.addWidget(self.legend)
        below = {"position": 0.01, "anchors": [(0.0, 0.0), (0.0, 0.0)]}
        self.limit = pg.InfiniteLine(0.0, angle=0, label="photon noise", labelOpts=below)
        self.plot.addItem(self.limit)
        self.last = pg.ScatterPlotItem(size=7)
        self.plot.addItem(self.last)
        self._paint()

    def show_curve(self, curve: ErrorCurve) -> None:
        """Show the errors so far, on an axis of all iterations."""
        iterations, errors = np.array(curve.points, dtype=float).reshape(-1, 2).T
        free_iterations, free_errors = np.array(curve.free, dtype=float).reshape(-1, 2).T
        self.curve.setData(iterations, errors)
        self.free_curve.setData(free_iterations, free_errors)
        self.legend.setVisible(len(curve.free) > 0)
        self.last.setData(iterations[-1:], np.log10(errors[-1:]))
        shown = (*errors, *free_errors)
        low, high = (min(shown, default=1.0), max(shown, default=10.0))
        bottom, top = math.log10(min(low, 1.0) / 1.5), math.log10(max(high, 2.0) * 1.2)
        self.plot.setRange(xRange=(0, curve.iterations), yRange=(bottom, top), padding=0.02)

    def _paint(self) -> None:
        super()._paint()
        if hasattr(self, "last"):
            accent, text = (
                self.palette().color(_Role.Highlight),
                self.palette().color(_Role.PlaceholderText),
            )
            self.curve.setPen(pg.mkPen(accent, width=2))
            self.free_curve.setPen(pg.mkPen(text, width=1.5))
            self.legend.setText(f"{_line(accent)} error &nbsp; {_line(text)} free error")
            self.last.setBrush(accent)
            self.last.setPen(pg.mkPen(None))
            self.limit.setPen(pg.mkPen(text, width=1, style=Qt.PenStyle.DashLine))
            self.limit.label.setColor(text)


def _line(color: QColor) -> str:
    """Return a short line for a legend, as rich text."""
    return f'<b style="color: {color.name()}">—</b>'


class LogAxis(pg.AxisItem):
    """An axis of powers of ten with plain numbers at 1, 2 and 5, so that less than a decade still has ticks."""

    def tickValues(self, low: float, high: float, size: float) -> list[tuple[float, list[float]]]:
        decades = range(math.floor(low), math.ceil(high) + 1)
        factors = (1, 2, 5) if high - low < 2.5 else (1,)
        step = 1 if high - low < 8 else math.ceil((high - low) / 8)
        ticks = [decade + math.log10(factor) for decade in decades if decade % step == 0 for factor in factors]
        return [(1.0, [tick for tick in ticks if low <= tick <= high])]

    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:
        return [f"{10.0**value:.3g}" for value in values]


def paint_axis(axis: pg.AxisItem, palette: QPalette) -> None:
    """Give an axis the palette's colors and the application's font, a little smaller."""
    font, color = small(QFont()), palette.color(_Role.PlaceholderText)
    axis.setPen(palette.color(_Role.Mid))
    axis.setTextPen(color)
    axis.setTickFont(font)
    axis.setLabel(axis.labelText, **{"color": color.name(), "font-size": f"{font.pointSizeF()}pt"})
    axis.showLabel(bool(axis.labelText))
