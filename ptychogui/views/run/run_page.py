"""The page of a run: object, probe and error while it goes on, or of a result that was opened."""

from __future__ import annotations

from pathlib import Path

from PyQt5.QtCore import QSize, Qt, pyqtSignal
from PyQt5.QtGui import QImage, QKeySequence, QPixmap, QResizeEvent
from PyQt5.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QShortcut,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from ptychogui.pictures.live_picture import LivePicture
from ptychogui.views.plots.color_maps import MAGNITUDES, PHASES
from ptychogui.views.plots.error_card import ErrorCard
from ptychogui.views.plots.image_card import ImageCard
from ptychogui.views.plots.probe_card import ProbeCard
from ptychogui.views.run.findings import RunFindings
from ptychogui.views.run.picture_bar import PictureBar
from ptychogui.views.run.spots import Spots
from ptychogui.views.theme import restyle
from ptychogui.views.widgets import ElidedLabel, label
from ptychogui.window_state import ErrorCurve, ShownJob, WindowState


class RunPage(QWidget):
    """Whose picture it is; then object phase and magnitude above, probe modes and error curve below.

    Signals:
        saveAsked(path, write): as ImageCard has it.
        looked(pixels): the object's picture would have to be so long to be as sharp as the screen.
    """

    saveAsked = pyqtSignal(object, object)
    looked = pyqtSignal(int)

    def __init__(self) -> None:
        super().__init__()
        self.shown = ShownLine()
        self.findings = RunFindings()
        self.bar = PictureBar()
        self.phase = ImageCard("Object phase", "phase (rad)", PHASES, "rad")
        self.magnitude = ImageCard("Object magnitude", "transmission", MAGNITUDES)
        self.magnitude.link(self.phase)
        self.spots = Spots(self.phase.plot)
        self.probe = ProbeCard()
        self.error = ErrorCard()
        self.preview = PreviewLabel()
        self._pictures = QStackedWidget()
        self._pictures.addWidget(_side_by_side(self.phase, self.magnitude))
        self._pictures.addWidget(self.preview)
        self._curve = ErrorCurve()
        self._lay_out()

    def show_picture(self, picture: LivePicture) -> None:
        """Show object and probe."""
        for card, data, levels in ((self.phase, picture.phase, picture.phase_levels),
                                   (self.magnitude, picture.magnitude, picture.magnitude_levels)):  # fmt: skip
            card.show_image(data, picture.pixel_m, levels, picture.scanned_m, light=picture.light)
        self.probe.show_modes(picture.modes, picture.mode_pixel_m, picture.powers)
        self.bar.show_spots(self.spots.show_spots(picture.positions_m, picture.moved_m, picture.errors))
        self._pictures.setCurrentIndex(0)

    def show_preview(self, path: Path, name: str) -> None:
        """Show a small picture of a job that is done elsewhere, or has left no result, in place of the large ones."""
        self.preview.show_file(path, name)
        self._pictures.setCurrentWidget(self.preview)

    def clear(self) -> None:
        """Show no picture: that of before is another job's."""
        self.phase.clear()
        self.magnitude.clear()
        self.probe.clear()
        self.bar.show_spots(self.spots.show_spots(None, None))
        self._pictures.setCurrentIndex(0)

    def show_state(self, state: WindowState) -> None:
        """Show whose pictures these are, and the errors so far."""
        self.shown.show_job(state.shown)
        self.findings.show_findings(state.shown.findings)
        if state.curve is not self._curve:
            self._curve = state.curve
            self.error.show_curve(state.curve)

    def _fit(self) -> None:
        """Show all of the object; the other picture goes along."""
        self.phase.fit()

    def _lay_out(self) -> None:
        for card in (self.phase, self.magnitude):
            card.saveAsked.connect(self.saveAsked)
        self.phase.looked.connect(self.looked)
        QShortcut(QKeySequence("F"), self, self._fit, context=Qt.ShortcutContext.WidgetWithChildrenShortcut)
        self.bar.spotsShown.connect(self.spots.set_visible)
        split = QSplitter(Qt.Orientation.Vertical)
        split.addWidget(self._pictures)
        split.addWidget(_side_by_side(self.probe, self.error))
        split.setStretchFactor(0, 64)
        split.setStretchFactor(1, 36)
        split.setSizes([640, 360])
        split.setHandleWidth(8)
        split.setChildrenCollapsible(False)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(self.shown)
        column.addWidget(self.findings)
        column.addWidget(self.bar)
        column.addWidget(split, 1)


class ShownLine(QFrame):
    """Names the job whose pictures and curve are below, and says so where its scan is not the open one."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("shownJob")
        self.name = ElidedLabel("scanName", Qt.TextElideMode.ElideMiddle)
        self.text = ElidedLabel("muted", Qt.TextElideMode.ElideRight)
        self.other = label("warning", "another scan than the open one")
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 2, 8, 2)
        row.setSpacing(12)
        row.addWidget(self.name)
        row.addWidget(self.text, 1)
        row.addWidget(self.other)
        self.show_job(ShownJob())

    def show_job(self, shown: ShownJob) -> None:
        """Name a job; none hides the line."""
        self.setVisible(bool(shown.name))
        self.name.set_text(shown.name)
        self.text.set_text(shown.text)
        self.other.setVisible(shown.is_of_another_scan)
        if bool(self.property("other")) != shown.is_of_another_scan:
            self.setProperty("other", shown.is_of_another_scan)
            restyle(self)


class PreviewLabel(QLabel):
    """A picture from a file, as large as there is room for it."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("preview")
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setMinimumSize(120, 120)
        self._image = QImage()

    def show_file(self, path: Path, name: str) -> None:
        """Show the picture in a file, or say that there is none."""
        self._image = QImage(str(path))
        self.setToolTip(f"Small picture of the phase of {name}, renewed every few seconds while it runs")
        self._fit()

    def _fit(self) -> None:
        if self._image.isNull():
            self.setText("No picture was kept")
            return
        side = min(self.width(), self.height()) - 24
        size = QSize(max(side, 32), max(side, 32))
        kept, smooth = Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
        self.setPixmap(QPixmap.fromImage(self._image.scaled(size, kept, smooth)))

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        super().resizeEvent(event)
        self._fit()


def _side_by_side(*widgets: QWidget) -> QWidget:
    holder = QWidget()
    row = QHBoxLayout(holder)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(8)
    for widget in widgets:
        row.addWidget(widget, 1)
    return holder
