"""Scan positions as a plot: a dot each, joined in the order in which they were taken."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PyQt5.QtGui import QPalette

from ptychogui.views.plots.plot_card import PlotCard

_Role = QPalette.ColorRole


class PositionsCard(PlotCard):
    """Scan positions in the order in which they were taken."""

    def __init__(self) -> None:
        super().__init__("Scan positions")
        self.plot.setAspectLocked(True)
        self.plot.invertY(True)
        self.plot.setLabel("bottom", "x (µm)")
        self.plot.setLabel("left", "y (µm)")
        self.path = self.plot.plot()
        self.dots = pg.ScatterPlotItem(size=5, pen=None)
        self.plot.addItem(self.dots)
        self._paint()

    def show_positions(self, positions_m: np.ndarray | None) -> None:
        """Show positions (n, 2), row and column in m; None where the file has none."""
        y, x = np.empty((2, 0)) if positions_m is None else positions_m.T * 1e6
        self.title.setText(f"Scan positions, {len(x)}" if len(x) else "Scan positions: none in this file")
        self.path.setData(x, y)
        self.dots.setData(x, y)
        if len(x):
            self.plot.autoRange(padding=0.06)

    def _paint(self) -> None:
        super()._paint()
        if hasattr(self, "dots"):
            self.dots.setBrush(self.palette().color(_Role.Highlight))
            self.path.setPen(pg.mkPen(self.palette().color(_Role.Mid), width=1))
