"""The error of every iteration as a curve."""

from __future__ import annotations

import math

import numpy as np
import pyqtgraph as pg
from PyQt5.QtCore import Qt
from PyQt5.QtGui import QColor, QPalette

from ptychogui.params.chain import ENGINE_TITLES
from ptychogui.views.plots.plot_card import PlotCard
from ptychogui.views.widgets import label
from ptychogui.window_state import FREE_ERROR_TIP, ErrorCurve

_Role = QPalette.ColorRole

_LEGEND_PX = 40
"""Of the legend are always there."""


class ErrorCard(PlotCard):
    """The error of every iteration on a logarithmic axis, with the photon-noise limit at 1, and the free error."""

    def __init__(self) -> None:
        super().__init__("Error", left=LogAxis("left"))
        self.plot.setLogMode(y=True)
        self.plot.setLabel("bottom", "iteration")
        self.plot.setLabel("left", "error")
        self.setToolTip("Errors in units of photon noise: 1 means that only the photons are missing")
        self.plot.setMouseEnabled(x=False, y=False)
        self.plot.showGrid(y=True, alpha=0.15)
        self.free_curve, self.curve = self.plot.plot(), self.plot.plot()
        self.legend = label("muted")
        self.legend.setToolTip(FREE_ERROR_TIP)
        self.legend.setMinimumWidth(_LEGEND_PX)
        self.legend.hide()
        self.head.addWidget(self.legend)
        below = {"position": 0.995, "anchors": [(1.0, 0.0), (1.0, 0.0)]}
        self.limit = pg.InfiniteLine(0.0, angle=0, label="photon noise", labelOpts=below)
        self.plot.addItem(self.limit)
        self.begins: list[pg.InfiniteLine] = []
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
        self._show_stages(curve.stages)
        self.last.setData(iterations[-1:], np.log10(errors[-1:]))
        shown = (*errors, *free_errors)
        low, high = (min(shown, default=1.0), max(shown, default=10.0))
        bottom, top = math.log10(min(low, 1.0) / 1.8), math.log10(max(high, 2.0) * 1.2)
        self.plot.setRange(xRange=(0, curve.iterations), yRange=(bottom, top), padding=0.02)

    def _show_stages(self, stages: tuple[tuple[int, str], ...]) -> None:
        """Mark where each engine of a chain began; a single one needs no mark."""
        shown = [(start, ENGINE_TITLES.get(name, name)) for start, name in stages] if len(stages) > 1 else []
        if shown == [(line.value(), line.label.format) for line in self.begins]:
            return
        for line in self.begins:
            self.plot.removeItem(line)
        inside = {"position": 0.98, "anchors": [(0.0, 0.0), (0.0, 0.0)]}
        self.begins = [pg.InfiniteLine(start, angle=90, label=name, labelOpts=inside) for start, name in shown]
        for line in self.begins:
            self.plot.addItem(line)
        self._paint()

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
            for line in self.begins:
                line.setPen(pg.mkPen(text, width=1, style=Qt.PenStyle.DotLine))
                line.label.setColor(text)


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
