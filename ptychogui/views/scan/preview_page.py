"""The page of the open scan: a pattern and the positions; after a survey of all patterns, their maps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PyQt5.QtCore import QSignalBlocker, Qt, pyqtSignal
from PyQt5.QtGui import QResizeEvent
from PyQt5.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from ptychogui.jobs.prepare.read_survey import ReadingProgress, ScanSurvey
from ptychogui.pictures.levels import robust_levels
from ptychogui.views.plots.color_maps import DIFFERENCES, MAPS
from ptychogui.views.plots.image_card import ImageCard
from ptychogui.views.scan.pattern_card import PatternCard
from ptychogui.views.scan.positions_card import PositionsCard
from ptychogui.views.widgets import ElidedLabel, label

_STXM = "transmission (STXM)"
_MAPS = {
    _STXM: ("Counts of each pattern (STXM)", "counts", MAPS),
    "rows' deflection (DPC)": ("Deflection along rows (DPC)", "center of mass (px)", DIFFERENCES),
    "columns' deflection (DPC)": ("Deflection along columns (DPC)", "center of mass (px)", DIFFERENCES),
}
"""What a survey shows at scan positions: title, quantity and colors of each."""

_POWERS = {3: "10\u00b3", 6: "10\u2076"}

_OUTERMOST_PERCENT = 1
"""Part of the values at either end that the levels leave out."""

_SHORT, _CHOICE_PX = 8, 240
"""A choice of what is shown: characters that are always there, and its greatest width."""


class PreviewPage(QWidget):
    """A pattern and the scan side by side; after a survey of all patterns, what they show.

    Announces `surveyAsked` and `stopAsked`.
    """

    surveyAsked = pyqtSignal()
    stopAsked = pyqtSignal()

    def __init__(self) -> None:
        super().__init__()
        self.pattern = PatternCard()
        self.positions = PositionsCard()
        self.maps = {name: _map_card(name) for name in _MAPS}
        self.pattern_choice, self.scan_choice = QComboBox(), QComboBox()
        self.pattern_choice.setAccessibleName("Which pattern is shown")
        self.scan_choice.setAccessibleName("Which map of the scan is shown")
        self.survey = QPushButton("Survey all patterns")
        self.stop = QPushButton("Stop")
        self.state = ElidedLabel("muted", Qt.TextElideMode.ElideRight)
        self._patterns: dict[str, np.ndarray] = {}
        self._lay_out()
        self.pattern_choice.currentTextChanged.connect(self._show_pattern)
        self.scan_choice.currentIndexChanged.connect(self.scans.setCurrentIndex)
        self.survey.clicked.connect(self.surveyAsked)
        self.stop.clicked.connect(self.stopAsked)

    def show_preview(self, pattern: np.ndarray, frames: int, positions_m: np.ndarray | None) -> None:
        """Show the mean of some frames, float (rows, columns), and positions (n, 2) row and column in m, if known."""
        self._offer({f"mean of {frames} frames": pattern}, ["positions"])
        self.positions.show_positions(positions_m)
        self.show_ended("")

    def show_began(self) -> None:
        """Show that a survey has just begun."""
        self.survey.hide()
        self.stop.show()
        self.state.set_text("Opening the scan")

    def show_told(self, told: ReadingProgress | ScanSurvey) -> None:
        """Show how far a survey is, and at last what all patterns show."""
        if isinstance(told, ReadingProgress):
            self.state.set_text(f"{told.done} of {told.total} patterns read")
        else:
            self._show_surveyed(told)

    def _show_surveyed(self, found: ScanSurvey) -> None:
        """Show what all patterns show."""
        all_of = f"of all {found.patterns}"
        patterns = {
            f"mean {all_of}": found.mean,
            f"largest {all_of}": found.maximum,
            f"variance {all_of}": found.variance,
        }
        first = self.pattern_choice.itemText(0)
        self._offer({first: self._patterns[first]} | patterns, ["positions", *_MAPS])
        for name, drawn in zip(_MAPS, (found.stxm, found.dpc_rows_px, found.dpc_columns_px), strict=True):
            image, unit = _readable(drawn.image)
            levels = robust_levels(image, percent=_OUTERMOST_PERCENT, about_zero=name != _STXM)
            self.maps[name].show_image(image, drawn.pixel_m, levels, corner_m=drawn.corner_m)
            self.maps[name].show_quantity(f"{_MAPS[name][1]}{unit}")
        self.pattern_choice.setCurrentIndex(1)
        self.scan_choice.setCurrentIndex(1)

    def show_ended(self, text: str) -> None:
        """Show that no survey is under way, and why."""
        self.stop.hide()
        self.survey.show()
        self.state.set_text(text)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Keep the cards about square, as what they show is."""
        super().resizeEvent(event)
        for card in (self.pattern, self.scans):
            card.setMaximumHeight(self.width() // 2)

    def _offer(self, patterns: dict[str, np.ndarray], scans: Sequence[str]) -> None:
        """Offer pictures to choose from; the first of each is shown."""
        self._patterns = patterns
        with QSignalBlocker(self.pattern_choice):
            self.pattern_choice.clear()
            self.pattern_choice.addItems(list(patterns))
        self._show_pattern(self.pattern_choice.currentText())
        self.scan_choice.clear()
        self.scan_choice.addItems(list(scans))
        for choice in (self.pattern_choice, self.scan_choice):
            choice.setEnabled(choice.count() > 1)

    def _show_pattern(self, name: str) -> None:
        if name in self._patterns:
            self.pattern.show_pattern(self._patterns[name], name)

    def _lay_out(self) -> None:
        self.scans = QStackedWidget()
        for card in (self.positions, *self.maps.values()):
            self.scans.addWidget(card)
        tools = QHBoxLayout()
        tools.setSpacing(8)
        for title, choice, width_px in (("Pattern", self.pattern_choice, 176), ("Scan", self.scan_choice, 226)):
            choice.setFixedWidth(width_px)
            tools.addWidget(label("muted", title))
            choice.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            choice.setMinimumContentsLength(_SHORT)
            choice.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            choice.setMaximumWidth(_CHOICE_PX)
            tools.addWidget(choice, 2)
        tools.addSpacing(8)
        for button in (self.survey, self.stop):
            tools.addWidget(button)
        tools.addWidget(self.state, 1)
        tools.addStretch(1)
        self.survey.setToolTip(
            "Read all patterns once: what was transmitted (STXM) and deflected (DPC), and every pixel"
        )
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.pattern, 1)
        row.addWidget(self.scans, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addLayout(tools)
        column.addLayout(row)
        column.addStretch(1)


def _map_card(name: str) -> ImageCard:
    title, quantity, colors = _MAPS[name]
    return ImageCard(title, quantity, colors)


def _readable(image: np.ndarray) -> tuple[np.ndarray, str]:
    """Return an image in a unit that leaves few digits, and that unit."""
    largest = np.nanmax(np.abs(image), initial=0.0)
    power = next((power for power in (6, 3) if largest >= 10**power), 0)
    return image / np.float32(10**power), f" ({_POWERS[power]})" if power else ""
