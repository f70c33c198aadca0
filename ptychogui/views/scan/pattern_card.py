"""A diffraction pattern as a picture: counts on a logarithmic scale, with axes in pixels."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg

from ptychogui.views.plots.color_maps import COUNTS, drawn
from ptychogui.views.plots.plot_card import PlotCard


class PatternCard(PlotCard):
    """The mean diffraction pattern on a logarithmic gray scale."""

    def __init__(self) -> None:
        super().__init__("Diffraction pattern")
        self.image = pg.ImageItem()
        self.plot.addItem(self.image)
        self.plot.setAspectLocked(True)
        self.plot.invertY(True)
        self.plot.setLabel("bottom", "column (px)")
        self.plot.setLabel("left", "row (px)")
        self.bar = pg.ColorBarItem(
            values=(0.0, 1.0), colorMap=drawn(COUNTS[0]), label="log\u2081\u2080(1 + counts)", width=14,
            interactive=False, colorMapMenu=False,
        )  # fmt: skip
        self.bar.setImageItem(self.image, insert_in=self.plot)
        self.add_bar(self.bar)

    def show_pattern(self, pattern: np.ndarray, what: str) -> None:
        """Show float (rows, columns) of counts, such as the "mean of 16 frames"."""
        shown = np.log10(1 + np.maximum(pattern, 0))
        self.title.setText(f"Diffraction pattern, {what}")
        self.image.setImage(shown, autoLevels=False)
        self.bar.setLevels((0.0, max(float(shown.max()), 0.1)))
        self.plot.autoRange(padding=0.02)
