"""The bar below a pattern: which frame is shown, and a way to see one after the other."""

from __future__ import annotations

from PyQt5.QtCore import QEvent, QSignalBlocker, QSize, Qt, QTimer, pyqtSignal
from PyQt5.QtWidgets import QHBoxLayout, QSlider, QSpinBox, QVBoxLayout, QWidget

from ptychogui.views.theme import tinted
from ptychogui.views.widgets import ElidedLabel, label, tool_button

_STEP_MS = 60


class FrameBar(QWidget):
    """Announces `frameAsked(place)`, from 0, of a frame among those of the scan, and `excludeAsked(place, on)`."""

    frameAsked = pyqtSignal(int)
    excludeAsked = pyqtSignal(int, bool)

    def __init__(self) -> None:
        super().__init__()
        self.play = tool_button("icon", "", "Show one frame after the other")
        self.play.setCheckable(True)
        self.play.setIconSize(QSize(14, 14))
        self.play.setAccessibleName("Play")
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setAccessibleName("Frame")
        self.number = QSpinBox()
        self.number.setAccessibleName("Number of the frame")
        self.number.setToolTip("Number of the frame, in the order of the scan's positions")
        self.number.setKeyboardTracking(False)
        self.number.setButtonSymbols(QSpinBox.ButtonSymbols.NoButtons)
        self.of = label("muted")
        self.exclude = tool_button("tool", "Exclude", "Leave this frame and its position out of reconstructions")
        self.exclude.setCheckable(True)
        self.told = ElidedLabel("muted", Qt.TextElideMode.ElideRight)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_STEP_MS)
        column = QVBoxLayout(self)
        column.setContentsMargins(10, 0, 10, 6)
        column.setSpacing(2)
        for widgets in ((self.play, self.slider, self.number, self.of), (self.exclude, self.told)):
            row = QHBoxLayout()
            row.setSpacing(8)
            for widget in widgets:
                row.addWidget(widget, 1 if widget in (self.slider, self.told) else 0)
            column.addLayout(row)
        self.slider.valueChanged.connect(self._ask)
        self.number.valueChanged.connect(lambda number: self.slider.setValue(number - 1))
        self.play.toggled.connect(self._play)
        self.exclude.clicked.connect(lambda on: self.excludeAsked.emit(self.place, on))
        self._timer.timeout.connect(self._step)
        self.draw_icon()
        self.offer(0)

    @property
    def place(self) -> int:
        """Place of the frame that is asked for, from 0."""
        return self.slider.value()

    def offer(self, frames: int) -> None:
        """Let one of so many frames be chosen; the first is."""
        self.stop()
        with QSignalBlocker(self.slider), QSignalBlocker(self.number):
            self.slider.setRange(0, max(frames - 1, 0))
            self.number.setRange(1, max(frames, 1))
            self.slider.setValue(0)
            self.number.setValue(1)
        self.of.setText(f"of {frames}")
        self.told.set_text("")
        self.setEnabled(frames > 0)

    def choose(self, place: int) -> None:
        """Choose a frame; it is asked for also where it is chosen already."""
        if place == self.place:
            self._ask(place)
        self.slider.setValue(place)

    def show_read(self, text: str) -> None:
        """Say what the frame has; where one after the other is shown, the next comes now."""
        self.told.set_text(text)
        if self.play.isChecked():
            self._timer.start()

    def show_excluded(self, on: bool) -> None:
        """Show whether the frame is left out."""
        self.exclude.setChecked(on)

    def stop(self) -> None:
        """Show no other frame by itself."""
        self.play.setChecked(False)

    def _ask(self, place: int) -> None:
        with QSignalBlocker(self.number):
            self.number.setValue(place + 1)
        if not self.told.whole_text():
            self.told.set_text("reading")
        self.frameAsked.emit(place)

    def _play(self, on: bool) -> None:
        self.draw_icon()
        if on:
            self._step()
        else:
            self._timer.stop()

    def _step(self) -> None:
        last = self.slider.maximum()
        self.choose(0 if self.place >= last else self.place + 1)

    def changeEvent(self, event: QEvent | None) -> None:
        super().changeEvent(event)
        if event is not None and event.type() == QEvent.Type.PaletteChange:
            self.draw_icon()

    def draw_icon(self) -> None:
        """Draw the button in the theme's colors."""
        self.play.setIcon(tinted("pause" if self.play.isChecked() else "run", self.palette()))
