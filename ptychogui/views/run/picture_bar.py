"""The bar above a run's pictures: what is done to the phase for display, and the way back in its history."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt5.QtCore import QSignalBlocker, Qt, pyqtSignal
from PyQt5.QtWidgets import QCheckBox, QHBoxLayout, QPushButton, QSlider, QWidget

from ptychogui.views.flow import FlowLayout
from ptychogui.views.widgets import ElidedLabel, label, named

_SLIDER_PX, _GAP_PX = 140, 14


class PictureBar(QWidget):
    """Announces `rampRemoved(on)`, `unwrapped(on)`, `spotsShown(on)`, and `pastAsked(iteration)`, -1 for the newest."""

    rampRemoved = pyqtSignal(bool)
    unwrapped = pyqtSignal(bool)
    spotsShown = pyqtSignal(bool)
    pastAsked = pyqtSignal(int)

    def __init__(self) -> None:
        super().__init__()
        self.ramp = QCheckBox("Remove ramp")
        self.ramp.setToolTip("Show the phase without the plane that fits it best; the result stays as it is")
        self.unwrap = QCheckBox("Unwrap phase")
        self.unwrap.setToolTip("Show the phase without jumps of a whole turn, where there is light")
        self.spots = QCheckBox("Positions")
        self.spots.setToolTip(
            "Show where the beam was, each in the color of its error, with arrows from where positions were at first"
        )
        self.told = ElidedLabel("muted", Qt.TextElideMode.ElideRight)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setAccessibleName("History of the run")
        self.slider.setToolTip("Look back at pictures of earlier iterations; some are kept, fewer the longer it runs")
        self.slider.setFixedWidth(_SLIDER_PX)
        self.at = label("muted")
        self.newest = named(QPushButton("Newest"), "link")
        self.newest.setToolTip("Show the newest picture again")
        self._kept: tuple[int, ...] = ()
        self._corrected = ""
        past = QWidget()
        row = QHBoxLayout(past)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(10)
        for widget in (self.slider, self.at, self.newest):
            row.addWidget(widget)
        line = FlowLayout(self, _GAP_PX)
        line.setContentsMargins(8, 0, 8, 0)
        for widget in (self.ramp, self.unwrap, self.spots, past, self.told):
            line.addWidget(widget)
        self.ramp.toggled.connect(self.rampRemoved)
        self.unwrap.toggled.connect(self.unwrapped)
        self.spots.toggled.connect(self._show_spots)
        self.slider.valueChanged.connect(self._ask_past)
        self.newest.clicked.connect(self._ask_newest)
        self.show_kept(())

    def show_kept(self, iterations: Sequence[int]) -> None:
        """Offer the pictures after these iterations; who looks at the newest goes on with it."""
        looks_back, chosen = self.looks_back, self._chosen()
        self._kept = tuple(iterations)
        last = max(len(self._kept) - 1, 0)
        place = max((i for i, iteration in enumerate(self._kept) if iteration <= chosen), default=last)
        with QSignalBlocker(self.slider):
            self.slider.setRange(0, last)
            self.slider.setValue(place if looks_back else last)
        self._show_place()

    def show_spots(self, corrected: str) -> None:
        """Say how far positions were corrected, where they are shown."""
        self._corrected = corrected
        self.told.set_text(corrected if self.spots.isChecked() else "")

    @property
    def looks_back(self) -> bool:
        """Whether another than the newest picture is shown."""
        return self.slider.value() < self.slider.maximum()

    def _chosen(self) -> int:
        return self._kept[self.slider.value()] if self._kept else -1

    def _show_place(self) -> None:
        for widget in (self.slider, self.at):
            widget.setVisible(len(self._kept) > 1)
        self.newest.setVisible(self.looks_back)
        self.at.setText(f"after iteration {self._chosen()}" if self.looks_back else "newest")

    def _show_spots(self, on: bool) -> None:
        self.show_spots(self._corrected)
        self.spotsShown.emit(on)

    def _ask_past(self, _place: int) -> None:
        self._show_place()
        self.pastAsked.emit(self._chosen() if self.looks_back else -1)

    def _ask_newest(self) -> None:
        self.slider.setValue(self.slider.maximum())
