"""The page of a run: object, probe and error while it goes on, or of a result that was opened."""

from __future__ import annotations

from PyQt5.QtCore import Qt
from PyQt5.QtWidgets import QHBoxLayout, QSplitter, QWidget

from ptychogui.pictures.live_picture import LivePicture
from ptychogui.views.plots import ErrorCard, ImageCard
from ptychogui.views.run.probe_card import ProbeCard
from ptychogui.window_state import ErrorCurve, WindowState


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
        self._curve = ErrorCurve()

    def show_picture(self, picture: LivePicture) -> None:
        """Show object and probe."""
        self.phase.show_image(picture.phase, picture.pixel_m, picture.phase_levels, picture.scanned_m)
        self.magnitude.show_image(picture.magnitude, picture.pixel_m, picture.magnitude_levels, picture.scanned_m)
        self.probe.show_modes(picture.modes, picture.mode_pixel_m, picture.powers)

    def show_state(self, state: WindowState) -> None:
        """Show the errors so far."""
        if state.curve is not self._curve:
            self._curve = state.curve
            self.error.show_curve(state.curve)


def _side_by_side(*widgets: QWidget) -> QWidget:
    holder = QWidget()
    row = QHBoxLayout(holder)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(8)
    for widget in widgets:
        row.addWidget(widget, 1)
    return holder
