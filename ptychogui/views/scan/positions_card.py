"""Scan positions as a plot: a dot each, joined in the order in which they were taken, colored by their counts."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PyQt5.QtCore import pyqtSignal
from PyQt5.QtGui import QPalette

from ptychogui.pictures.levels import robust_levels
from ptychogui.views.plots.color_maps import MAPS, drawn
from ptychogui.views.plots.picture_box import PictureBox
from ptychogui.views.plots.plot_card import PlotCard

_Role = QPalette.ColorRole

_MICRO = 1e6
_COLORS = 64
_HERE = "#ff4d6a"


class PositionsCard(PlotCard):
    """Scan positions in the order in which they were taken. Announces `picked(place)` of the one nearest to a click."""

    picked = pyqtSignal(int)

    def __init__(self) -> None:
        self.box = PictureBox()
        super().__init__("Scan positions", self.box)
        self.plot.setAspectLocked(True)
        self.plot.invertY(True)
        for place, name in (("bottom", "x"), ("left", "y")):
            self.plot.getAxis(place).enableAutoSIPrefix(False)
            self.plot.setLabel(place, f"{name} (µm)")
        self.path = self.plot.plot()
        self.dots = pg.ScatterPlotItem(size=5, pen=None)
        self.here = pg.ScatterPlotItem(size=13, brush=None, pen=pg.mkPen(_HERE, width=2))
        self.left_out = pg.ScatterPlotItem(size=8, symbol="x", brush=None)
        for item in (self.dots, self.left_out, self.here):
            self.plot.addItem(item)
        self._places = np.empty((0, 2))
        self._counts: np.ndarray | None = None
        self.box.clicked.connect(self._pick)
        self.box.fitAsked.connect(self._fit)
        self._paint()
        self.show_positions(None)

    def show_positions(self, positions_m: np.ndarray | None, counts: np.ndarray | None = None) -> None:
        """Show positions (n, 2), row and column in m, and the counts of each if known; None for no positions."""
        before = len(self._places)
        self._places = np.empty((0, 2)) if positions_m is None else positions_m * _MICRO
        self._counts = counts
        y, x = self._places.T
        by = ", colored by counts" if counts is not None else ""
        self.title.setText(f"Scan positions, {len(x)}{by}" if len(x) else "Scan positions: none in this file")
        self.setToolTip("Click on a position to see its frame" if len(x) else "")
        self.path.setData(x, y)
        for marks in (self.here, self.left_out):
            marks.setData([], [])
        self._show_dots()
        for name in ("left", "bottom"):
            self.plot.getAxis(name).setStyle(showValues=len(x) > 0)
        if len(x) != before or counts is None:
            self._fit()

    def show_here(self, place: int | None) -> None:
        """Mark the position whose frame is shown."""
        spot = self._places[place : place + 1] if place is not None else np.empty((0, 2))
        self.here.setData(spot[:, 1], spot[:, 0])

    def show_excluded(self, excluded: np.ndarray) -> None:
        """Cross out positions that are left out: bool (n,)."""
        crossed = self._places[excluded] if len(excluded) == len(self._places) else np.empty((0, 2))
        self.left_out.setData(crossed[:, 1], crossed[:, 0])

    def _show_dots(self) -> None:
        y, x = self._places.T
        if self._counts is None or len(self._counts) != len(x):
            self.dots.setData(x, y, brush=self.palette().color(_Role.Highlight))
            return
        low, high = robust_levels(self._counts)
        shades = np.clip((self._counts - low) / (high - low) * _COLORS, 0, _COLORS - 1).astype(int)
        table = [pg.mkBrush(*color) for color in drawn(MAPS[0]).getLookupTable(nPts=_COLORS)]
        self.dots.setData(x, y, brush=[table[shade] for shade in shades])

    def _pick(self, place: tuple[float, float]) -> None:
        if len(self._places):
            away = np.hypot(self._places[:, 1] - place[0], self._places[:, 0] - place[1])
            self.picked.emit(int(np.argmin(away)))

    def _fit(self) -> None:
        if len(self._places):
            (top, left), (bottom, right) = self._places.min(axis=0), self._places.max(axis=0)
            self.plot.setRange(xRange=(left, right), yRange=(top, bottom), padding=0.06)

    def _paint(self) -> None:
        super()._paint()
        if hasattr(self, "here"):
            self._show_dots()
            self.left_out.setPen(pg.mkPen(self.palette().color(_Role.Text), width=1.5))
            self.path.setPen(pg.mkPen(self.palette().color(_Role.Mid), width=1))
