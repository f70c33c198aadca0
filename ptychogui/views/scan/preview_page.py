"""The page of the open scan: patterns one by one or together, the positions, and maps of what all patterns show."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PyQt5.QtCore import QSignalBlocker, Qt, pyqtSignal
from PyQt5.QtGui import QKeySequence, QResizeEvent
from PyQt5.QtWidgets import (
    QBoxLayout,
    QComboBox,
    QHBoxLayout,
    QPushButton,
    QShortcut,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from ptychogui.jobs.prepare.read_survey import ReadingProgress, ScanSurvey
from ptychogui.params.model import Parameters
from ptychogui.params.preprocessing import numbers_in, numbers_text, without_number
from ptychogui.pictures.levels import robust_levels
from ptychogui.pictures.pattern_geometry import pattern_geometry
from ptychogui.pictures.pattern_picture import PatternPicture, pattern_picture
from ptychogui.views.flow import FlowLayout
from ptychogui.views.plots.color_maps import DIFFERENCES, MAPS
from ptychogui.views.plots.image_card import ImageCard
from ptychogui.views.scan.frame_bar import FrameBar
from ptychogui.views.scan.mask_bar import MaskBar
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

_FRAMES = "one by one"
"""The choice of a pattern that shows every frame."""

_POWERS = {3: "10\u00b3", 6: "10\u2076"}

_OUTERMOST_PERCENT = 1
"""Part of the values at either end that the levels leave out."""

_NARROW_PX = 560
"""Below this width pictures go one above the other."""
_CHOICE = 12
"""Characters of a choice of what is shown."""


class PreviewPage(QWidget):
    """Patterns and the scan side by side, each leading to the other.

    Signals:
        surveyAsked(), stopAsked(): all patterns are to be read, or no longer.
        frameAsked(row): the frame at this place of the stack is to be shown.
        edited(path, value): center or crop were dragged, or a frame is to be left out.
        saveAsked(path, write): as ImageCard has it.
        maskSaveAsked(path, write), maskLoadAsked(path): as MaskBar has them.
    """

    surveyAsked = pyqtSignal()
    stopAsked = pyqtSignal()
    frameAsked = pyqtSignal(int)
    edited = pyqtSignal(str, object)
    saveAsked = pyqtSignal(object, object)
    maskSaveAsked = pyqtSignal(object, object)
    maskLoadAsked = pyqtSignal(Path)

    def __init__(self) -> None:
        super().__init__()
        self.pattern = PatternCard()
        self.frames = FrameBar()
        self.painter = MaskBar(self.pattern)
        self.positions = PositionsCard()
        self.maps: dict[str, ImageCard] = {}
        self.pattern_choice, self.scan_choice = QComboBox(), QComboBox()
        self.pattern_choice.setAccessibleName("Which pattern is shown")
        self.scan_choice.setAccessibleName("Which map of the scan is shown")
        self.survey = QPushButton("Survey all")
        self.stop = QPushButton("Stop")
        self.draw_mask = QPushButton("Mask…")
        self.state = ElidedLabel("muted", Qt.TextElideMode.ElideRight)
        self._patterns: dict[str, PatternPicture | np.ndarray] = {}
        self._frame: PatternPicture | None = None
        self._rows, self._spots_m = np.empty(0, int), np.empty((0, 2))
        self._shape: tuple[int, ...] = (0, 0)
        self._excluded: tuple[range, ...] = ()
        self._lay_out()
        self._connect()

    def show_scan(
        self, pattern: PatternPicture, averaged: int, rows: np.ndarray, positions_m: np.ndarray | None
    ) -> None:
        """Show a scan that was opened.

        Args:
            pattern: the mean of some frames.
            averaged: how many.
            rows: int (positions,), the place of each one's frame in the stack of all frames.
            positions_m: float (positions, 2), row and column in m; None where there are none.
        """
        self._shape, self._frame = pattern.counts.shape, None
        self.pattern.clear()
        self.painter.begin((self._shape[0], self._shape[1]))
        self._take_spots(rows, positions_m)
        self.frames.offer(len(rows))
        self._offer({f"mean of {averaged} frames": pattern, _FRAMES: pattern}, ["positions"])
        self.positions.show_positions(positions_m)
        self.show_ended("")

    def show_parameters(self, parameters: Parameters) -> None:
        """Show what the values say of center and crop."""
        self.pattern.show_geometry(pattern_geometry(parameters, self._shape) if self._shape[0] else None)
        self._excluded = numbers_in(parameters.preprocessing.excluded_frames)
        self._show_excluded()

    def _show_excluded(self) -> None:
        left_out = np.zeros(len(self._rows), np.bool_)
        for numbers in self._excluded:
            left_out |= (self._rows + 1 >= numbers.start) & (self._rows + 1 < numbers.stop)
        self.positions.show_excluded(left_out)
        self.frames.show_excluded(bool(left_out[self.frames.place : self.frames.place + 1].any()))

    def _exclude(self, place: int, on: bool) -> None:
        """Announce that a frame is to be left out, or not any more."""
        number = int(self._rows[place]) + 1
        changed = (*self._excluded, range(number, number + 1)) if on else without_number(self._excluded, number)
        self.edited.emit("preprocessing.excluded_frames", numbers_text(changed))

    def show_frame(self, row: int, picture: PatternPicture) -> None:
        """Show a frame that was read."""
        self._frame = picture
        if self.pattern_choice.currentText() != _FRAMES:
            return
        place = self.frames.place
        self.pattern.show_pattern(picture, f"{place + 1} of {len(self._rows)}")
        self.positions.show_here(place)
        self._show_excluded()
        at = f"frame {row + 1}  ·  " if row != place else ""
        self.frames.show_read(f"{at}{picture.total:.6g} counts")

    def show_unread(self) -> None:
        """Show that a frame can't be read."""
        self.frames.stop()
        self.frames.show_read("can't be read")

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
        first = self.pattern_choice.itemText(0)
        patterns = {name: self._patterns[name] for name in (first, _FRAMES)}
        patterns |= {
            f"mean {all_of}": found.mean,
            f"largest {all_of}": found.maximum,
            f"variance {all_of}": found.variance,
        }
        self._take_spots(found.rows, found.positions_m)
        self.frames.offer(len(found.rows))
        self._offer(patterns, ["positions", *_MAPS])
        self.positions.show_positions(found.positions_m, found.counts)
        self._show_excluded()
        for name, drawn in zip(_MAPS, (found.stxm, found.dpc_rows_px, found.dpc_columns_px), strict=True):
            image, unit = _readable(drawn.image)
            levels = robust_levels(image, percent=_OUTERMOST_PERCENT, about_zero=name != _STXM)
            card = self._map_card(name)
            card.show_image(image, drawn.pixel_m, levels, corner_m=drawn.corner_m)
            card.show_quantity(f"{_MAPS[name][1]}{unit}")
        self.pattern_choice.setCurrentIndex(2)
        self.scan_choice.setCurrentIndex(1)

    def show_ended(self, text: str) -> None:
        """Show that no survey is under way, and why."""
        self.stop.hide()
        self.survey.show()
        self.state.set_text(text)

    def _take_spots(self, rows: np.ndarray, positions_m: np.ndarray | None) -> None:
        self._rows = np.asarray(rows, int)
        self._spots_m = np.empty((0, 2)) if positions_m is None else positions_m

    def _offer(self, patterns: dict[str, PatternPicture | np.ndarray], scans: Sequence[str]) -> None:
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
        one_by_one = name == _FRAMES
        self.frames.setVisible(one_by_one)
        if one_by_one:
            self.frames.choose(self.frames.place)
            return
        self.frames.stop()
        self.positions.show_here(None)
        found = self._patterns.get(name)
        if isinstance(found, PatternPicture):
            self.pattern.show_pattern(found, name)
        elif found is not None:
            self.pattern.show_pattern(pattern_picture(found), name, is_raw=False)

    def _ask_frame(self, place: int) -> None:
        if place < len(self._rows):
            self.frameAsked.emit(int(self._rows[place]))

    def _pick(self, place: int) -> None:
        """Show the frame of a position."""
        with QSignalBlocker(self.pattern_choice):
            self.pattern_choice.setCurrentText(_FRAMES)
        self.frames.show()
        self.frames.choose(place)

    def _pick_on_map(self, card: ImageCard, row: float, column: float) -> None:
        """Show the frame of the position nearest to a place of a map."""
        if len(self._spots_m):
            left, top = card.corner
            at_m = np.array([top + row * card.pixel, left + column * card.pixel]) * card.scale.unit_m
            self._pick(int(np.argmin(np.hypot(*(self._spots_m - at_m).T))))

    def _map_card(self, name: str) -> ImageCard:
        """Return the card of a map; it is made when there is something to show, since that is slow."""
        if name not in self.maps:
            card = self.maps[name] = ImageCard(*_MAPS[name])
            self.scans.addWidget(card)
            card.saveAsked.connect(self.saveAsked)
            card.pointed.connect(lambda row, column: self._pick_on_map(card, row, column))
        return self.maps[name]

    def _fit(self) -> None:
        self.pattern.fit()

    def _connect(self) -> None:
        self.pattern_choice.currentTextChanged.connect(self._show_pattern)
        self.scan_choice.currentIndexChanged.connect(self.scans.setCurrentIndex)
        self.survey.clicked.connect(self.surveyAsked)
        self.stop.clicked.connect(self.stopAsked)
        self.draw_mask.toggled.connect(self.painter.set_active)
        self.frames.frameAsked.connect(self._ask_frame)
        self.frames.excludeAsked.connect(self._exclude)
        self.positions.picked.connect(self._pick)
        self.pattern.edited.connect(self.edited)
        self.painter.saveAsked.connect(self.maskSaveAsked)
        self.painter.loadAsked.connect(self.maskLoadAsked)
        self.pattern.saveAsked.connect(self.saveAsked)
        QShortcut(QKeySequence("F"), self, self._fit, context=Qt.ShortcutContext.WidgetWithChildrenShortcut)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Lay the pictures side by side, or one above the other where the page is narrow."""
        super().resizeEvent(event)
        is_narrow = self.width() < _NARROW_PX and self.height() > self.width()
        way = QBoxLayout.Direction.TopToBottom if is_narrow else QBoxLayout.Direction.LeftToRight
        if self._pictures.direction() != way:
            self._pictures.setDirection(way)

    def _lay_out(self) -> None:
        self.scans = QStackedWidget()
        self.scans.addWidget(self.positions)
        tools = QWidget()
        line = FlowLayout(tools, 8)
        for title, choice in (("Pattern", self.pattern_choice), ("Scan", self.scan_choice)):
            choice.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            choice.setMinimumContentsLength(_CHOICE)
            line.addWidget(_titled(title, choice))
        for widget in (self.draw_mask, self.survey, self.stop, self.state):
            line.addWidget(widget)
        self.draw_mask.setCheckable(True)
        self.draw_mask.setToolTip("Draw a mask of bad pixels over the pattern")
        self.survey.setToolTip(
            "Read all patterns once: what was transmitted (STXM) and deflected (DPC), and every pixel"
        )
        self.pattern.column.addWidget(self.frames)
        row = self._pictures = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.pattern, 1)
        row.addWidget(self.scans, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(tools)
        column.addWidget(self.painter)
        column.addLayout(row, 1)


def _titled(title: str, choice: QComboBox) -> QWidget:
    """Return a choice with its title before it, which stay together."""
    both = QWidget()
    row = QHBoxLayout(both)
    row.setContentsMargins(0, 0, 4, 0)
    row.addWidget(label("muted", title))
    row.addWidget(choice)
    choice.setAccessibleName(title)
    return both


def _readable(image: np.ndarray) -> tuple[np.ndarray, str]:
    """Return an image in a unit that leaves few digits, and that unit."""
    largest = np.nanmax(np.abs(image), initial=0.0)
    power = next((power for power in (6, 3) if largest >= 10**power), 0)
    return image / np.float32(10**power), f" ({_POWERS[power]})" if power else ""
