"""The run: object, probe and error while it goes on, and below them what is happening."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtWidgets import QFrame, QHBoxLayout, QProgressBar, QPushButton, QSplitter, QVBoxLayout, QWidget

from ptychogui.views.plots import ErrorCard, ImageCard
from ptychogui.views.run.probe import ProbeCard
from ptychogui.views.theme import restyle
from ptychogui.views.widgets import ElidedLabel, label, named

_DOT = "   ·   "


class RunPage(QSplitter):
    """Object phase and magnitude above, probe modes and error curve below."""

    def __init__(self) -> None:
        super().__init__(Qt.Orientation.Vertical)
        self.phase = ImageCard("Object phase", "phase (rad)", "viridis")
        self.magnitude = ImageCard("Object magnitude", "transmission", "CET-L1")
        self.magnitude.link(self.phase)
        self.probe = ProbeCard()
        self.error = ErrorCard()
        self.addWidget(_side_by_side(self.phase, self.magnitude))
        self.addWidget(_side_by_side(self.probe, self.error))
        self.setStretchFactor(0, 64)
        self.setStretchFactor(1, 36)
        self.setSizes([640, 360])
        self.setHandleWidth(8)
        self.setChildrenCollapsible(False)


class ProgressStrip(QFrame):
    """State, iteration, error, speed and time left; then the result and the way to it."""

    folderAsked = pyqtSignal(Path)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("progress")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(4)
        self.state = label("number")
        self.numbers = ElidedLabel("muted", Qt.TextElideMode.ElideRight)
        self.result = label("muted")
        self.folder = named(QPushButton("Show folder"), "link")
        self._path = Path()
        self.folder.clicked.connect(lambda: self.folderAsked.emit(self._path))
        row = QHBoxLayout()
        row.setContentsMargins(14, 4, 12, 6)
        row.setSpacing(14)
        for widget in (self.state, self.numbers):
            row.addWidget(widget)
        row.addStretch(1)
        for widget in (self.result, self.folder):
            row.addWidget(widget)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.bar)
        column.addLayout(row)
        self.hide()

    def show_state(self, text: str, kind: str = "") -> None:
        """Show what goes on; `kind` colors the bar: "done", "failed" or ""."""
        self.state.setText(text)
        self.bar.setProperty("state", kind)
        restyle(self.bar)
        self.show()

    def show_progress(
        self, iteration: int, iterations: int, error: float, positions_per_s: float, seconds_left: float
    ) -> None:
        """Show the numbers of one iteration."""
        self.bar.setRange(0, max(iterations, 1))
        self.bar.setValue(iteration)
        parts = [f"iteration {iteration} / {iterations}"]
        if math.isfinite(error) and iteration:
            parts.append(f"error {error:#.3g}")
        if positions_per_s > 0:
            parts.append(f"{grouped(positions_per_s)} positions/s")
        if math.isfinite(seconds_left) and iteration < iterations:
            parts.append(f"{duration(seconds_left)} left")
        self.show_numbers(parts)

    def show_numbers(self, parts: Sequence[str]) -> None:
        """Show a few short texts in a row."""
        self.numbers.set_text(_DOT.join(parts))

    def show_waiting(self) -> None:
        """Show that the run is under way without numbers yet."""
        self.bar.setRange(0, 0)
        self.show_numbers(())

    def show_result(self, path: Path | None) -> None:
        """Show where the result is; None takes it away."""
        self._path = path or Path()
        self.result.setText(path.name if path else "")
        self.result.setToolTip(str(path or ""))
        self.result.setVisible(path is not None)
        self.folder.setVisible(path is not None)

    def settle(self) -> None:
        """End what only a run that goes on has: the time left, the animation of a bar without numbers."""
        parts = self.numbers.whole_text().split(_DOT)
        self.show_numbers([part for part in parts if not part.endswith(" left")])
        if self.bar.maximum() == 0:
            self.bar.setRange(0, 1)
            self.bar.setValue(0)


def duration(seconds: float) -> str:
    """Write a time for the eye: "8 s", "3 min 20 s", "2 h 5 min"."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def grouped(number: float) -> str:
    """Write a whole number with thin gaps between thousands: "12 500"."""
    return f"{number:,.0f}".replace(",", "\u202f")


def _side_by_side(*widgets: QWidget) -> QWidget:
    holder = QWidget()
    row = QHBoxLayout(holder)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(8)
    for widget in widgets:
        row.addWidget(widget, 1)
    return holder
