"""A picture with axes and color bar: zoomed, read, measured in, and saved."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg
from PyQt5.QtCore import QPoint, QSize, Qt, pyqtSignal
from PyQt5.QtGui import QImage, QPalette
from PyQt5.QtWidgets import QHBoxLayout

from ptychogui.pictures.figures import length_label
from ptychogui.pictures.illumination import opacity
from ptychogui.pictures.levels import Levels
from ptychogui.pictures.pyramid import Pyramid, pyramid
from ptychogui.views.plots.color_maps import MAPS, ColorMap, drawn
from ptychogui.views.plots.measure_strip import MICROMETERS, MeasureStrip, Scale
from ptychogui.views.plots.picture_box import PictureBox, Tool
from ptychogui.views.plots.picture_menu import PictureMenu
from ptychogui.views.plots.plot_card import PlotCard
from ptychogui.views.plots.scale_bar import ScaleBar
from ptychogui.views.theme import tinted
from ptychogui.views.widgets import ElidedLabel, tool_button

_Role = QPalette.ColorRole

_SAME_PLACE = 0.03
"""Part of its size by which a picture may move or grow and still lie where it lay."""
_FADED = 0.02
"""Change of light that is worth a new veil."""
_TURN: Levels = (-math.pi, math.pi)
_MICRO = 1e-6


class ImageCard(PlotCard):
    """A picture with a color bar, whose levels follow the data until the user holds them.

    Signals:
        saveAsked(path, write): something is to be written; `write(path)` does it, on any thread.
        looked(pixels): the picture would have to be so long, on its longer side, to be as sharp as the screen.
        pointed(row, column): the user has clicked there, in pixels of the picture.
    """

    saveAsked = pyqtSignal(object, object)
    looked = pyqtSignal(int)
    pointed = pyqtSignal(float, float)

    def __init__(
        self, title: str, quantity: str, maps: Sequence[ColorMap] = MAPS, unit: str = "", scale: Scale = MICROMETERS
    ) -> None:
        """Make a card without a picture.

        Args:
            title: of the card.
            quantity: what the color bar says.
            maps: color maps to choose from, the usual one first.
            unit: of its values.
            scale: of its axes.
        """
        self.box = PictureBox()
        super().__init__(title, self.box)
        self.scale, self.unit, self.maps = scale, unit, tuple(maps)
        self.image, self.veil = pg.ImageItem(), pg.ImageItem()
        for item in (self.image, self.veil):
            self.plot.addItem(item)
        self.plot.setAspectLocked(True)
        self.plot.invertY(True)
        for place, name in (("bottom", scale.column), ("left", scale.row)):
            self.plot.getAxis(place).enableAutoSIPrefix(False)
            self.plot.setLabel(place, f"{name} ({scale.unit})")
        self.bar = pg.ColorBarItem(
            values=(0.0, 1.0), colorMap=drawn(self.maps[0]), label=quantity, width=14, rounding=1e-3,
            pen="#888888", hoverPen="#2563d9", hoverBrush="#2563d930", colorMapMenu=False,
        )  # fmt: skip
        self.bar.setImageItem(self.image, insert_in=self.plot)
        self.scale_bar = ScaleBar(self.box, _MICRO, length_label) if scale.is_length else None
        self.readout = ElidedLabel("muted", Qt.TextElideMode.ElideRight)
        self.strip = MeasureStrip(self.plot, scale)
        self.menu = PictureMenu(self.maps)
        self.fit_button = tool_button("icon", "", "Show all of it (F, or a double click)")
        self.auto = tool_button("icon", "", "The levels are held. Let them follow the data again")
        self.more = tool_button("icon", "", "Colors, levels, measuring, saving")
        self._whole: Pyramid | None = None
        self._rect = (0.0, 0.0, 1.0, 1.0)
        self._region: tuple[float, float, float, float] | None = None
        self._auto_levels: Levels = (0.0, 1.0)
        self._veiled = np.empty((0, 0), np.float32)
        self._lay_out()
        self._connect()
        self.add_bar(self.bar)
        self.clear()

    # What it shows

    def show_image(  # noqa: PLR0913 - what there is to a picture
        self,
        data: np.ndarray | Pyramid,
        pixel_m: float,
        levels: Levels,
        region_m: tuple[float, float, float, float] | None = None,
        corner_m: tuple[float, float] = (0.0, 0.0),
        light: np.ndarray | None = None,
    ) -> None:
        """Show a picture.

        Args:
            data: float (rows, columns), in one size or many.
            pixel_m: size of a pixel; 1 where the axes are in pixels.
            levels: values of the color bar's ends, taken unless the user holds his own.
            region_m: top, left, bottom, right of what is seen at first; the whole picture when None.
            corner_m: row and column of the top left corner on the axes.
            light: how well each part of it is lit, (R, C) over the same region; what is not lit fades.
        """
        self._whole = data if isinstance(data, Pyramid) else pyramid(data)
        rows, columns = self._whole.whole.shape
        step, (top, left) = pixel_m / self.scale.unit_m, (edge / self.scale.unit_m for edge in corner_m)
        before, self._rect = self._rect, (left, top, columns * step, rows * step)
        self._auto_levels = levels
        self._show_values(True)
        self._show_veil(light)
        self._set_levels(self.bar.levels() if self.is_held else levels)
        bottom, right = corner_m[0] + rows * pixel_m, corner_m[1] + columns * pixel_m
        was_shown, self._region = self._region, region_m or (*corner_m, bottom, right)
        if was_shown is None or not _lies_there(before, self._rect):
            self.fit()
        self._draw()

    def clear(self) -> None:
        """Show no picture; where the next one lies is looked at anew."""
        self._whole, self._region = None, None
        self.image.clear()
        self.veil.clear()
        self._veiled = np.empty((0, 0), np.float32)
        self.readout.set_text("")
        self.strip.clear()
        self._show_values(False)

    def fit(self) -> None:
        """Show the region that is seen at first."""
        if self._region is not None:
            top, left, bottom, right = (edge / self.scale.unit_m for edge in self._region)
            self.plot.setRange(xRange=(left, right), yRange=(top, bottom), padding=0.06)

    def show_quantity(self, text: str) -> None:
        """Label the color bar anew."""
        self.bar.getAxis("left").setLabel(text)
        self._paint()

    def link(self, other: ImageCard) -> None:
        """Pan and zoom together with another picture."""
        self.plot.setXLink(other.plot)
        self.plot.setYLink(other.plot)

    @property
    def is_held(self) -> bool:
        """Whether the user holds the levels."""
        return self.auto.isVisibleTo(self)

    @property
    def values(self) -> np.ndarray | None:
        """The picture in its largest size; None where there is none."""
        return None if self._whole is None else self._whole.whole

    @property
    def pixel(self) -> float:
        """Size of a pixel in units of the axes."""
        return 1.0 if self._whole is None else self._rect[2] / self._whole.whole.shape[1]

    @property
    def corner(self) -> tuple[float, float]:
        """Left and top of the picture on the axes."""
        return self._rect[0], self._rect[1]

    def place_of(self, x: float, y: float) -> tuple[float, float]:
        """Return the row and column, 0 at the edge of the first pixel, of a place on the axes."""
        return (y - self._rect[1]) / self.pixel, (x - self._rect[0]) / self.pixel

    def grab_picture(self) -> QImage:
        """Return what is seen, with axes and color bar."""
        return QImage(self.canvas.grab().toImage())

    def describe(self, x: float, y: float) -> str:
        """Return what the read-out says of a place on the axes; "" outside of the picture."""
        value = self.value_at(x, y)
        if value is None:
            return ""
        shown = f"{value:.4g} {self.unit}".rstrip()
        return f"{shown}  at {self.scale.column} {x:.3f}, {self.scale.row} {y:.3f} {self.scale.unit}"

    def value_at(self, x: float, y: float) -> float | None:
        """Return the value at a place on the axes; None outside of the picture."""
        row, column = (math.floor(part) for part in self.place_of(x, y))
        values = self.values
        if values is None or not (0 <= row < values.shape[0] and 0 <= column < values.shape[1]):
            return None
        return float(values[row, column])

    # What the user does

    def set_color_map(self, chosen: ColorMap) -> None:
        """Show the values in other colors; a map of a whole turn has the levels of one."""
        self.bar.setColorMap(drawn(chosen))
        self.menu.show_map(chosen)
        if chosen.turns:
            self.hold(_TURN)
        elif self.is_held and tuple(self.bar.levels()) == _TURN:
            self.free()

    def hold(self, levels: Levels) -> None:
        """Keep these levels whatever the data."""
        self.auto.show()
        self._set_levels(levels)

    def free(self) -> None:
        """Let the levels follow the data again."""
        self.auto.hide()
        self._set_levels(self._auto_levels)

    def take_tool(self, tool: Tool) -> None:
        """Let dragging do something else; none of what was measured before stays."""
        self.box.tool = tool
        self.strip.begin(tool)
        self.menu.show_tool(tool)

    def _on_held(self) -> None:
        self.auto.show()
        self._show_levels()

    def _on_dragged(self, start: tuple[float, float], end: tuple[float, float], _ended: bool) -> None:
        if self._whole is not None and self.box.tool in (Tool.LINE, Tool.RECTANGLE):
            ends = [self.place_of(*place) for place in (start, end)]
            self.strip.measure(self._whole.whole, (start, end), (ends[0], ends[1]), self.pixel, self.unit)

    def _on_clicked(self, place: tuple[float, float]) -> None:
        if self._whole is not None:
            self.pointed.emit(*self.place_of(*place))

    def _on_moved(self, place: object) -> None:
        at = self.box.mapSceneToView(place)
        inside = self.box.sceneBoundingRect().contains(place)
        self.readout.set_text(self.describe(at.x(), at.y()) if inside else "")

    def _show_menu(self) -> None:
        self.menu.popup(self.more.mapToGlobal(QPoint(0, self.more.height())))

    # How it is drawn

    def _draw(self) -> None:
        """Give the screen the part that it shows, in about its density."""
        if self._whole is None:
            return
        (left, right), (top, bottom) = self.box.viewRange()
        box = (*self.place_of(left, top), *self.place_of(right, bottom))
        size = self.box.rect()
        part, cut = self._whole.part(box, (size.height(), size.width()))
        x, y, step = self._rect[0], self._rect[1], self.pixel
        self.image.setImage(part, levels=self.bar.levels(), autoLevels=False,
                            rect=(x + cut[1] * step, y + cut[0] * step, (cut[3] - cut[1]) * step,
                                  (cut[2] - cut[0]) * step))  # fmt: skip
        seen = max((right - left) / max(self._rect[2], 1e-30), 1e-6)
        self.looked.emit(round(min(size.width() * self.canvas.devicePixelRatioF() / seen, 1e6)))

    def _show_veil(self, light: np.ndarray | None) -> None:
        """Lay the ground's color over what is not lit."""
        if light is None:
            self.veil.clear()
            return
        if self._veiled.shape != light.shape or np.abs(self._veiled - light).max() > _FADED:
            self._veiled = light
            self.veil.setImage(np.rint(255 * (1 - opacity(light))).astype(np.uint8), autoLevels=False, levels=(0, 255),
                               rect=self._rect)  # fmt: skip
            self._paint_veil()
        self.veil.setRect(*self._rect)

    def _paint_veil(self) -> None:
        color = self.palette().color(_Role.Base)
        table = np.empty((256, 4), np.uint8)
        table[:, :3] = color.red(), color.green(), color.blue()
        table[:, 3] = np.arange(256)
        self.veil.setLookupTable(table)

    def _set_levels(self, levels: Levels) -> None:
        self.bar.rounding = 10.0 ** math.floor(math.log10(max(levels[1] - levels[0], 1e-9)) - 2)
        self.bar.setLevels(levels)
        self._show_levels()

    def _show_levels(self) -> None:
        self.menu.levels.show_levels(self.bar.levels(), not self.is_held)

    def _show_values(self, on: bool) -> None:
        """Show numbers on the axes and the color bar; without a picture they would mean nothing."""
        if self.plot.getAxis("left").style["showValues"] == on:
            return  # setting it anew would draw the axes anew
        for axis in (self.plot.getAxis("bottom"), self.plot.getAxis("left"), self.bar.getAxis("right")):
            axis.setStyle(showValues=on)
        if self.scale_bar is not None:
            self.scale_bar.setVisible(on)

    def _lay_out(self) -> None:
        for button in (self.auto, self.fit_button, self.more):
            button.setIconSize(QSize(14, 14))
            button.setAccessibleName(button.toolTip())
            self.head.addWidget(button)
        self.auto.hide()
        foot = QHBoxLayout()
        foot.setContentsMargins(12, 0, 8, 4)
        foot.addWidget(self.readout, 1)
        foot.addStrut(self.fontMetrics().height() + 2)
        self.column.addLayout(foot)
        self.column.addWidget(self.strip)
        self._paint()

    def _connect(self) -> None:
        self.bar.sigLevelsChangeFinished.connect(self._on_held)
        self.auto.clicked.connect(self.free)
        self.fit_button.clicked.connect(self.fit)
        self.more.clicked.connect(self._show_menu)
        self.box.fitAsked.connect(self.fit)
        self.box.dragged.connect(self._on_dragged)
        self.box.clicked.connect(self._on_clicked)
        self.box.sigRangeChanged.connect(lambda *_: self._draw())
        self.box.sigResized.connect(lambda *_: self._draw())
        self.canvas.scene().sigMouseMoved.connect(self._on_moved)
        self.menu.join(self)

    def _paint(self) -> None:
        super()._paint()
        if hasattr(self, "more"):
            for button, name in ((self.auto, "levels"), (self.fit_button, "fit"), (self.more, "dots")):
                button.setIcon(tinted(name, self.palette()))
            self._paint_veil()
            if self.scale_bar is not None:
                self.scale_bar.paint_in(self.palette().color(_Role.Text), self.palette().color(_Role.Base))


def _lies_there(before: tuple[float, ...], now: tuple[float, ...]) -> bool:
    """Whether a picture (left, top, width, height) lies about where the one before it lay."""
    size = max(before[2:])
    return all(abs(one - other) <= _SAME_PLACE * size for one, other in zip(before, now, strict=True))
