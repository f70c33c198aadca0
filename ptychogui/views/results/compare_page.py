"""The page of a comparison: two results side by side, in turns, split or subtracted, and how alike they are."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PyQt5.QtCore import Qt, QTimer, pyqtSignal
from PyQt5.QtGui import QPalette
from PyQt5.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QHBoxLayout,
    QSlider,
    QSplitter,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from ptychogui.jobs.past.side_by_side import Pair, SideBySide
from ptychogui.params.units import format_quantity
from ptychogui.views.plots.color_maps import DIFFERENCES, MAPS
from ptychogui.views.plots.image_card import ImageCard
from ptychogui.views.plots.plot_card import PlotCard
from ptychogui.views.widgets import ElidedLabel, label, list_widget, tool_button

_Role = QPalette.ColorRole
_FLICKER_MS = 600
_WAYS = (("Side by side", "Both, with the same zoom and levels"), ("Flicker", "One after the other in one place"),
         ("Split", "The first one on the left, the second on the right of a line"),
         ("Difference", "The second less the first"))  # fmt: skip
_SIDE, _FLICKER, _SPLIT, _DIFFERENCE = range(4)


class ComparePage(QWidget):
    """Compares two results. Announces `saveAsked(path, write)` as ImageCard has it."""

    saveAsked = pyqtSignal(object, object)

    def __init__(self) -> None:
        super().__init__()
        self.title = ElidedLabel("scanName", Qt.TextElideMode.ElideMiddle)
        self.figures = label("text", wrap=True)
        self.notes = label("muted", wrap=True)
        self.first = ImageCard("First", "phase (rad)", MAPS, "rad")
        self.second = ImageCard("Second", "phase (rad)", MAPS, "rad")
        self.between = ImageCard("Second less first", "phase (rad)", DIFFERENCES, "rad")
        self.rings = RingCard()
        self.values = list_widget(("Parameter", "First", "Second", "From", "From"))
        self.ways, self.quantity, self.edge = QButtonGroup(self), QComboBox(), QSlider(Qt.Orientation.Horizontal)
        self._shown: SideBySide | None = None
        self._turn = QTimer(self)
        self._turn.setInterval(_FLICKER_MS)
        self._is_second = False
        self._lay_out()
        self._connect()
        self._take_way()

    def show_reading(self, text: str) -> None:
        """Say that something is on its way, or why it is not."""
        self.figures.setText(text)

    def show_compared(self, shown: SideBySide) -> None:
        """Show two results."""
        self._shown = shown
        self.title.set_text(" and ".join(path.stem for path in shown.paths), "\n".join(map(str, shown.paths)))
        self.figures.setText("  ·  ".join(_figures(shown)))
        self.notes.setText("\n".join(shown.notes))
        self.notes.setVisible(bool(shown.notes))
        self.rings.show_rings(shown)
        self.values.clear()
        for one in shown.differences:
            row = [one.title, one.first, one.second, one.first_origin, one.second_origin]
            self.values.addTopLevelItem(QTreeWidgetItem(row))
        for column in range(3):
            self.values.resizeColumnToContents(column)
        self._show()

    @property
    def way(self) -> int:
        """How the two are shown."""
        return self.ways.checkedId()

    def _pair(self) -> Pair | None:
        if self._shown is None:
            return None
        return self._shown.magnitude if self.quantity.currentIndex() else self._shown.phase

    def _show(self) -> None:
        """Show both as is wanted."""
        pair, shown, way = self._pair(), self._shown, self.way
        self.first.setVisible(way != _DIFFERENCE)
        self.second.setVisible(way == _SIDE)
        self.between.setVisible(way == _DIFFERENCE)
        self.edge.setVisible(way == _SPLIT)
        if way == _FLICKER and shown is not None:
            self._turn.start()
        else:
            self._turn.stop()
            self._is_second = False
        if pair is None or shown is None:
            return
        pixel_m = shown.pixel_m or 1e-6
        self._name_cards(shown)
        self.first.show_image(self._first_picture(pair), pixel_m, pair.levels)
        self.second.show_image(pair.second, pixel_m, pair.levels)
        self.between.show_image(pair.difference, pixel_m, pair.difference_levels)

    def _take_way(self) -> None:
        """Show both in another way, with the zoom of the first one; one that is hidden would bend it."""
        self._show()
        is_side = self.way == _SIDE
        for link in (self.second.plot.setXLink, self.second.plot.setYLink):
            link(self.first.plot if is_side else None)
        if self.way == _DIFFERENCE:
            left, top = self.first.plot.viewRange()
            self.between.plot.setRange(xRange=left, yRange=top, padding=0)

    def _first_picture(self, pair: Pair) -> np.ndarray:
        """Return what the first card shows."""
        if self.way == _SPLIT:
            column = round(self.edge.value() / self.edge.maximum() * pair.first.shape[1])
            return np.concatenate([pair.first[:, :column], pair.second[:, column:]], axis=1)
        return pair.second if self._is_second else pair.first

    def _name_cards(self, shown: SideBySide) -> None:
        names = [path.stem for path in shown.paths]
        first = f"{names[0]}  |  {names[1]}" if self.way == _SPLIT else names[self._is_second]
        self.first.title.setText(first)
        self.second.title.setText(names[1])
        quantity = "transmission" if self.quantity.currentIndex() else "phase (rad)"
        for card in (self.first, self.second, self.between):
            card.show_quantity(quantity)

    def _flicker(self) -> None:
        self._is_second = not self._is_second
        self._show()

    def _hold_same(self, one: ImageCard, other: ImageCard) -> None:
        """Give both the levels that the user holds in one."""
        if one.is_held and tuple(other.bar.levels()) != tuple(one.bar.levels()):
            other.hold(tuple(one.bar.levels()))

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.addWidget(self.title, 100)
        for place, (text, tip) in enumerate(_WAYS):
            button = tool_button("chip", text, tip)
            button.setCheckable(True)
            button.setChecked(place == _SIDE)
            self.ways.addButton(button, place)
            head.addWidget(button)
        self.quantity.addItems(["Phase", "Magnitude"])
        self.quantity.setAccessibleName("Quantity")
        head.addWidget(self.quantity)
        head.addStretch(1)
        self.edge.setAccessibleName("Where the split is")
        self.edge.setRange(0, 200)
        self.edge.setValue(100)
        pictures = QWidget()
        row = QHBoxLayout(pictures)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        for card in (self.first, self.second, self.between):
            row.addWidget(card, 1)
        below = QSplitter()
        below.addWidget(self.rings)
        below.addWidget(self.values)
        below.setSizes([400, 400])
        below.setHandleWidth(8)
        split = QSplitter(Qt.Orientation.Vertical)
        split.addWidget(pictures)
        split.addWidget(below)
        split.setSizes([600, 400])
        split.setHandleWidth(8)
        split.setChildrenCollapsible(False)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(5)
        column.addLayout(head)
        for widget in (self.figures, self.notes, self.edge):
            column.addWidget(widget)
        column.addWidget(split, 1)

    def _connect(self) -> None:
        self.ways.idClicked.connect(lambda _way: self._take_way())
        self.quantity.activated.connect(lambda _place: self._show())
        self.edge.valueChanged.connect(lambda _value: self._show())
        self._turn.timeout.connect(self._flicker)
        self.first.bar.sigLevelsChangeFinished.connect(lambda _bar: self._hold_same(self.first, self.second))
        self.second.bar.sigLevelsChangeFinished.connect(lambda _bar: self._hold_same(self.second, self.first))
        for card in (self.first, self.second, self.between):
            card.saveAsked.connect(self.saveAsked)


class RingCard(PlotCard):
    """The Fourier ring correlation with both thresholds."""

    def __init__(self) -> None:
        super().__init__("Ring correlation")
        self.plot.setLabel("bottom", "spatial frequency (1/µm)")
        self.plot.setLabel("left", "correlation")
        self.plot.setMouseEnabled(x=False, y=False)
        self.plot.getAxis("bottom").enableAutoSIPrefix(False)
        self.legend = label("muted", "dashes: half a bit, dots: one")
        self.head.addWidget(self.legend)
        self.curve, self.half_bit, self.one_bit = (self.plot.plot() for _ in range(3))
        self._paint()

    def show_rings(self, shown: SideBySide) -> None:
        """Show the curves of a comparison."""
        rings, is_known = shown.rings, shown.object_pixel_m > 0
        per_pixel = 1e-6 / shown.object_pixel_m if is_known else 1.0
        self.plot.setLabel("bottom", f"spatial frequency (1/{'µm' if is_known else 'px'})")
        for curve, values in ((self.curve, rings.correlation), (self.half_bit, rings.threshold),
                              (self.one_bit, rings.one_bit_threshold)):  # fmt: skip
            curve.setData(rings.frequency * per_pixel, values)
        self.plot.setRange(xRange=(0, 0.5 * per_pixel), yRange=(min(0.0, rings.correlation.min()), 1), padding=0.03)
        self._paint()

    def _paint(self) -> None:
        super()._paint()
        if hasattr(self, "one_bit"):
            muted = self.palette().color(_Role.PlaceholderText)
            self.curve.setPen(pg.mkPen(self.palette().color(_Role.Highlight), width=2))
            self.half_bit.setPen(pg.mkPen(muted, width=1, style=Qt.PenStyle.DashLine))
            self.one_bit.setPen(pg.mkPen(muted, width=1, style=Qt.PenStyle.DotLine))


def _figures(shown: SideBySide) -> list[str]:
    """Return the numbers of a comparison in words."""
    told = [f"Aligned error {shown.error:.3g}"]
    for name, length_m in (("Resolution", shown.resolution_m), ("by one bit", shown.one_bit_resolution_m)):
        if length_m is not None:
            told.append(f"{name} {format_quantity(float(f'{length_m:.3g}'), 'm')}")
    return [*told, f"shifted by {shown.shift_px[0]:.2f}, {shown.shift_px[1]:.2f} px"]
