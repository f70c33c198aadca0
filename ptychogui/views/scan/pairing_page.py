"""Which frame belongs to which position: the ways side by side, each with the picture that it makes of the sample."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg
from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from ptychogui.errors import Alternative
from ptychogui.jobs.prepare.pairing_pictures import ComparedWays, DrawnWay
from ptychogui.jobs.prepare.read_survey import ReadingProgress
from ptychogui.pictures.levels import robust_levels
from ptychogui.views.plots.color_maps import MAPS, drawn
from ptychogui.views.plots.plot_card import PlotCard
from ptychogui.views.widgets import Card, label, named

_WHAT = (
    "Files and positions can meet in more than one way, and none is better than the others. Each picture shows the "
    "counts of all frames where one way puts them: the right one looks like the sample; a wrong one is shifted, "
    "sheared or torn at the ends of lines. Where two look alike so will their results, in another place on the sample."
)
_COLUMNS = {1: 1, 2: 2, 3: 3, 4: 2}
"""Of so many ways; 3 of more."""
_LEAST_PX = 250
_OUTERMOST_PERCENT = 1
"""Part of the values at either end that the levels leave out."""


class WayCard(PlotCard):
    """One way: what it means, its picture, and the button that takes it. Announces `useAsked(values)`."""

    useAsked = pyqtSignal(object)

    def __init__(self, way: Alternative) -> None:
        super().__init__(_sentence(way.text))
        self.way = way
        self.title.setWordWrap(True)
        self.head.setStretch(0, 1)
        self.head.setStretch(1, 0)
        self.canvas.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Ignored)
        self.image = pg.ImageItem()
        self.plot.addItem(self.image)
        self.plot.setAspectLocked(True)
        self.plot.invertY(True)
        for name in ("left", "bottom"):
            self.plot.hideAxis(name)
        self.image.setColorMap(drawn(MAPS[0]))
        self.state = label("muted", way.options, wrap=True)
        self.use = named(QPushButton("Use this"), "primary")
        self.use.setToolTip(f"Set {way.options}")
        self.use.clicked.connect(self._ask_use)
        self.setMinimumHeight(_LEAST_PX)
        foot = QHBoxLayout()
        foot.setContentsMargins(12, 0, 10, 9)
        foot.addWidget(self.state, 1)
        foot.addWidget(self.use)
        self.column.addLayout(foot)

    def _ask_use(self) -> None:
        self.useAsked.emit(self.way.values)

    def show_drawn(self, drawn: DrawnWay, levels: tuple[float, float]) -> None:
        """Show the picture, or why there is none."""
        if drawn.counts is None:
            self.state.setText(f"{self.way.options}  ·  {drawn.problem}")
            return
        self.state.setText(f"{self.way.options}  ·  {drawn.pairs} pairs")
        rows, columns = drawn.counts.image.shape
        self.image.setImage(drawn.counts.image, levels=levels)
        self.plot.setRange(xRange=(0, columns), yRange=(0, rows), padding=0.04)


class PairingPage(QWidget):
    """The question. Announces `useAsked(values)`, parameter path -> value, of the way that is chosen."""

    useAsked = pyqtSignal(object)

    def __init__(self) -> None:
        super().__init__()
        self.cards: list[WayCard] = []
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(4)
        self.state = label("muted", wrap=True)
        self._grid = QGridLayout()
        self._grid.setSpacing(8)
        self._lay_out()

    def show_ways(self, ways: Sequence[Alternative]) -> None:
        """Ask, before anything is drawn."""
        for card in self.cards:
            self._grid.removeWidget(card)
            card.deleteLater()
        self.cards = [WayCard(way) for way in ways]
        columns = _COLUMNS.get(len(ways), 3)
        for place, card in enumerate(self.cards):
            self._grid.addWidget(card, *divmod(place, columns))
            card.useAsked.connect(self.useAsked)
        self.bar.setRange(0, 0)
        self.bar.show()
        self.state.setText("Reading all frames for the pictures")
        self.state.show()

    def show_told(self, told: ReadingProgress | ComparedWays) -> None:
        """Show how far the reading of frames is, and at last the pictures."""
        if isinstance(told, ReadingProgress):
            self.bar.setRange(0, told.total)
            self.bar.setValue(told.done)
            return
        levels = _levels(told)
        drawn = {str(one.way.values): one for one in told.ways}
        for card in self.cards:
            if str(card.way.values) in drawn:
                card.show_drawn(drawn[str(card.way.values)], levels)

    def show_ended(self, text: str) -> None:
        """Show that nothing is read any more, and why."""
        self.bar.hide()
        self.state.setText(text)
        self.state.setVisible(bool(text))

    def _lay_out(self) -> None:
        card = Card("Which frame belongs to which position?")
        body = QVBoxLayout()
        body.setContentsMargins(12, 2, 12, 10)
        body.setSpacing(8)
        for widget in (label("muted", _WHAT, wrap=True), self.bar, self.state):
            body.addWidget(widget)
        card.column.addLayout(body)
        ways = QWidget()
        ways.setLayout(self._grid)
        self._grid.setContentsMargins(0, 0, 0, 0)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(ways)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(card)
        column.addWidget(scroll, 1)


def _levels(told: ComparedWays) -> tuple[float, float]:
    """Return the same levels for all pictures."""
    images = [one.counts.image for one in told.ways if one.counts is not None]
    values = np.concatenate([image.ravel() for image in images]) if images else np.zeros(0)
    return robust_levels(values, percent=_OUTERMOST_PERCENT)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
