"""Cards with a plot in the colors of the palette."""

from __future__ import annotations

import pyqtgraph as pg
from PyQt5.QtCore import QEvent
from PyQt5.QtGui import QFont, QPalette

from ptychogui.views.widgets import Card, small

_TICK_DENSITY = 0.7
_TITLE_PX = 60
"""Of a title are always there."""
_Role = QPalette.ColorRole

pg.setConfigOption("imageAxisOrder", "row-major")


class PlotCard(Card):
    """A card with one pyqtgraph plot in the colors of the palette."""

    def __init__(self, title: str, box: pg.ViewBox | None = None, **axes: pg.AxisItem) -> None:
        """Make an empty plot.

        Args:
            title: of the card.
            box: in which the plot draws; a usual one when None.
            axes: in place of the usual ones, by "left" and "bottom".
        """
        super().__init__(title)
        self.title.setMinimumWidth(_TITLE_PX)
        self.canvas = pg.GraphicsLayoutWidget()
        self.canvas.ci.layout.setContentsMargins(4, 4, 8, 4)
        self.plot = self.canvas.addPlot(viewBox=box, axisItems=axes or None)
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


def paint_axis(axis: pg.AxisItem, palette: QPalette) -> None:
    """Give an axis the palette's colors and the application's font, a little smaller."""
    font, color = small(QFont()), palette.color(_Role.PlaceholderText)
    axis.setPen(palette.color(_Role.Mid))
    axis.setTextPen(color)
    axis.setTickFont(font)
    axis.setLabel(axis.labelText, **{"color": color.name(), "font-size": f"{font.pointSizeF()}pt"})
    axis.showLabel(bool(axis.labelText))
