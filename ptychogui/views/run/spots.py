"""Where the beam was: dots over a picture of the object, and arrows that say how far positions were corrected."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyqtgraph as pg
from PyQt5.QtGui import QColor

from ptychogui.params.units import format_quantity
from ptychogui.pictures.levels import robust_levels
from ptychogui.views.plots.color_maps import ERRORS, drawn

_MICRO = 1e6
_SHADES = 32
_HEAD = 0.3
"""Length of an arrow's head, as a part of the arrow."""
_SHOWN_M = 1e-12
"""Corrections below it are rounding."""
_LONGEST_PART = 0.08
"""Of the scan's size that the longest arrow takes: shorter ones are magnified, by a factor that is said."""
_DOT, _ARROW = QColor(255, 255, 255, 220), QColor(255, 80, 60)
_RIM = QColor(0, 0, 0, 160)


class Spots:
    """Dots and arrows over a plot in µm."""

    def __init__(self, plot: pg.PlotItem) -> None:
        self.arrows = pg.PlotDataItem(connect="pairs", pen=pg.mkPen(_ARROW, width=1.5))
        self.dots = pg.ScatterPlotItem(size=4, pen=pg.mkPen(_RIM), brush=pg.mkBrush(_DOT))
        for item in (self.dots, self.arrows):
            item.setZValue(50)
            item.hide()
            plot.addItem(item, ignoreBounds=True)
        self._brushes = [pg.mkBrush(*color) for color in drawn(ERRORS).getLookupTable(nPts=_SHADES)]
        self._places, self._lines = np.empty((0, 2)), np.empty((0, 2))
        self._errors: np.ndarray | None = None
        self._is_drawn = True

    def show_spots(
        self, positions_m: np.ndarray | None, moved_m: np.ndarray | None, errors: np.ndarray | None = None
    ) -> str:
        """Draw positions and say what is to be known of them.

        Args:
            positions_m: float (n, 2), row and column in m; None where they are not known.
            moved_m: how far each was corrected, likewise.
            errors: float (n,), of each by itself, in units of photon noise; they color the dots.
        """
        self._errors = errors if errors is not None and np.isfinite(errors).any() else None
        known = positions_m is not None and len(positions_m) > 0
        places = np.asarray(positions_m, np.float64) * _MICRO if known else np.empty((0, 2))
        lengths_m = np.zeros(1) if moved_m is None else np.hypot(*moved_m.T)
        if not known or moved_m is None or lengths_m.max() < _SHOWN_M:
            self._take(places, np.empty((0, 2)))
            return self._with_errors("not corrected") if known else "not known"
        room = _LONGEST_PART * max(np.ptp(places, axis=0).max(), 1e-9) / (lengths_m.max() * _MICRO)
        factor = max(1.0, float(f"{room:.0e}"))
        self._take(places, arrows(places - moved_m * _MICRO * factor, places))
        mean, largest = (format_quantity(float(f"{size:.3g}"), "m") for size in (lengths_m.mean(), lengths_m.max()))
        scaled = f", arrows {factor:.0f} × as long" if factor > 1 else ""
        return self._with_errors(f"corrected by {mean}, at most {largest}{scaled}")

    def set_visible(self, on: bool) -> None:
        """Show or hide them."""
        for item in (self.dots, self.arrows):
            item.setVisible(on)
        self._draw()

    def _take(self, places: np.ndarray, lines: np.ndarray) -> None:
        same = self._errors is None and np.array_equal(places, self._places) and np.array_equal(lines, self._lines)
        self._places, self._lines, self._is_drawn = places, lines, self._is_drawn and same
        self._draw()

    def _draw(self) -> None:
        """Draw what there is, once, and not while nobody sees it: thousands of dots take as long as a picture."""
        if self.dots.isVisible() and not self._is_drawn:
            self._is_drawn = True
            self.dots.setData(self._places[:, 1], self._places[:, 0], **self._look())
            self.arrows.setData(self._lines[:, 1], self._lines[:, 0])

    def _look(self) -> dict[str, Any]:
        """Return how dots look: larger and in colors of their errors, where these are known."""
        errors = self._errors
        if errors is None or len(errors) != len(self._places):
            return {"size": 4, "brush": pg.mkBrush(_DOT)}
        low, high = robust_levels(errors)
        shades = np.clip(np.nan_to_num((errors - low) / (high - low)) * len(self._brushes), 0, len(self._brushes) - 1)
        return {"size": 7, "brush": [self._brushes[int(shade)] for shade in shades]}

    def _with_errors(self, text: str) -> str:
        if self._errors is None:
            return text
        low, high = robust_levels(self._errors)
        return f"errors from {low:.3g} (dark) to {high:.3g} (bright), {text}"


def arrows(starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Return the lines of arrows from starts to ends, (n, 2) each: float64 (6 n, 2), two rows a line."""
    back = (starts - ends) * _HEAD
    aside = back[:, ::-1] * (-1, 1) * 0.5
    lines = np.stack([starts, ends, ends, ends + back + aside, ends, ends + back - aside], axis=1)
    return np.asarray(lines.reshape(-1, 2))
