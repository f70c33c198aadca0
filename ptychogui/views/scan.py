"""The scan: its card on the left, and a look at its patterns and positions before the first run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyqtgraph as pg
from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtGui import QDragEnterEvent, QDropEvent, QPalette, QResizeEvent
from PyQt5.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from ptychogui.views.parts import Card, ElidedLabel, label
from ptychogui.views.plots import PlotCard

_Role = QPalette.ColorRole

_FACTS = 4
"""Lines of facts on the card; the tooltip has them all."""


class ScanCard(Card):
    """Name and summary of the open scan."""

    def __init__(self) -> None:
        super().__init__("Scan")
        self.name = ElidedLabel("scanName")
        self.facts = [ElidedLabel("muted", Qt.TextElideMode.ElideRight) for _ in range(_FACTS)]
        self.notes = label("warning", wrap=True)
        body = QVBoxLayout()
        body.setContentsMargins(12, 0, 10, 9)
        body.setSpacing(3)
        for widget in (self.name, *self.facts, self.notes):
            body.addWidget(widget)
        self.column.addLayout(body)
        self.clear()

    def clear(self) -> None:
        """Invite a scan."""
        self.show_scan(None, ("Drop a file anywhere in the window, or open one.",), ())

    def show_scan(self, path: Path | None, facts: Sequence[str], notes: Sequence[str]) -> None:
        """Show the name of a file, facts one a line, and what its reader noticed."""
        self.name.set_text(path.name if path else "")
        self.name.setToolTip(str(path or ""))
        for line, fact in zip(self.facts, (*facts, *[""] * _FACTS), strict=False):
            line.set_text(fact)
        self.setToolTip("\n".join(facts))
        self.notes.setText("\n".join(notes))
        self.notes.setVisible(bool(notes))


class PreviewPage(QWidget):
    """Mean pattern and scan positions side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.pattern = PatternCard()
        self.positions = PositionsCard()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self.pattern, 1)
        row.addWidget(self.positions, 1)
        row.setAlignment(Qt.AlignmentFlag.AlignTop)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Keep the cards about square, as what they show is."""
        super().resizeEvent(event)
        for card in (self.pattern, self.positions):
            card.setMaximumHeight(self.width() // 2)

    def show_preview(self, pattern: np.ndarray, frames: int, positions_m: np.ndarray | None) -> None:
        """Show the mean of some frames, float (rows, columns), and positions (n, 2) row and column in m, if known."""
        self.pattern.show_pattern(pattern, frames)
        self.positions.show_positions(positions_m)


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
            values=(0.0, 1.0), colorMap=pg.colormap.get("inferno"), label="log\u2081\u2080(1 + counts)", width=14,
            interactive=False, colorMapMenu=False,
        )  # fmt: skip
        self.bar.setImageItem(self.image, insert_in=self.plot)
        self.add_bar(self.bar)

    def show_pattern(self, pattern: np.ndarray, frames: int) -> None:
        """Show the mean of so many frames, float (rows, columns) of counts."""
        shown = np.log10(1 + np.maximum(pattern, 0))
        self.title.setText(f"Diffraction pattern, mean of {frames} frames")
        self.image.setImage(shown, autoLevels=False)
        self.bar.setLevels((0.0, max(float(shown.max()), 0.1)))
        self.plot.autoRange(padding=0.02)


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


class DropTarget(QWidget):
    """A widget that takes one dropped file, anywhere on it."""

    dropped = pyqtSignal(Path)

    def __init__(self) -> None:
        super().__init__()
        self.setAcceptDrops(True)

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:
        assert event is not None
        if _local_file(event) is not None:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent | None) -> None:
        assert event is not None
        path = _local_file(event)
        if path is not None:
            event.acceptProposedAction()
            self.dropped.emit(path)


def _local_file(event: QDropEvent) -> Path | None:
    data = event.mimeData()
    names = [url.toLocalFile() for url in data.urls() if url.isLocalFile()] if data is not None else []
    return Path(names[0]) if names else None
