"""The menu of a picture: colors, levels, measuring, saving and copying."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from PyQt5.QtCore import pyqtSignal
from PyQt5.QtGui import QImage
from PyQt5.QtWidgets import QAction, QActionGroup, QApplication, QFileDialog, QMenu, QWidget, QWidgetAction

from ptychogui.errors import OutputError
from ptychogui.io.export import write_data_tiff
from ptychogui.pictures.levels import Levels
from ptychogui.views.dialog_paths import meant_path
from ptychogui.views.plots.color_maps import ColorMap
from ptychogui.views.plots.levels_editor import LevelsEditor
from ptychogui.views.plots.measure_strip import Scale
from ptychogui.views.plots.picture_box import Tool


class Picture(Protocol):
    """What the menu is for: an ImageCard."""

    scale: Scale
    saveAsked: pyqtSignal

    @property
    def values(self) -> np.ndarray | None:
        """The picture."""

    @property
    def pixel(self) -> float:
        """Size of a pixel in units of the axes."""

    def fit(self) -> None: ...

    def hold(self, levels: Levels) -> None: ...

    def free(self) -> None: ...

    def take_tool(self, tool: Tool) -> None: ...

    def set_color_map(self, chosen: ColorMap) -> None: ...

    def grab_picture(self) -> QImage: ...


class PictureMenu(QMenu):
    """What can be done with a picture."""

    def __init__(self, maps: Sequence[ColorMap]) -> None:
        super().__init__()
        self.fit_all = self._add("Show all", "F")
        self.colors = QActionGroup(self)
        self.tools = QActionGroup(self)
        self.tools.setExclusionPolicy(QActionGroup.ExclusionPolicy.ExclusiveOptional)
        self.levels = LevelsEditor()
        colors = self._menu("Colors")
        self._maps: dict[QAction, ColorMap] = {}
        for chosen in maps:
            action = _switch(chosen.title, self.colors)
            colors.addAction(action)
            self._maps[action] = chosen
        self.show_map(maps[0])
        editor = QWidgetAction(self)
        editor.setDefaultWidget(self.levels)
        self._menu("Levels").addAction(editor)
        self.addSeparator()
        self._tools = {
            _switch("Line profile", self.tools): Tool.LINE,
            _switch("Rectangle statistics", self.tools): Tool.RECTANGLE,
        }
        self.addActions(self.tools.actions())
        self.addSeparator()
        self.save_picture = self._add("Save picture…")
        self.save_data = self._add("Save data…")
        self.copy = self._add("Copy picture")

    def join(self, picture: Picture) -> None:
        """Do what is chosen with a picture."""
        self.fit_all.triggered.connect(picture.fit)
        self.levels.held.connect(picture.hold)
        self.levels.freed.connect(picture.free)
        self.colors.triggered.connect(lambda action: picture.set_color_map(self._maps[action]))
        self.tools.triggered.connect(lambda _action: picture.take_tool(self._tool()))
        self.save_picture.triggered.connect(lambda: self._ask_picture(picture))
        self.save_data.triggered.connect(lambda: self._ask_data(picture))
        self.copy.triggered.connect(lambda: _copy(picture))

    def show_map(self, chosen: ColorMap) -> None:
        """Show which color map is in use."""
        next(action for action, its in self._maps.items() if its is chosen).setChecked(True)

    def show_tool(self, tool: Tool) -> None:
        """Show which tool is in hand."""
        for action, its in self._tools.items():
            action.setChecked(its is tool)

    def _tool(self) -> Tool:
        """Return what dragging is to do: what is checked, or else pan."""
        return next((tool for action, tool in self._tools.items() if action.isChecked()), Tool.PAN)

    def _ask_picture(self, picture: Picture) -> None:
        image = picture.grab_picture()
        _save(picture, "picture.png", "PNG (*.png)", lambda path: _write_image(image, path))

    def _ask_data(self, picture: Picture) -> None:
        values, pixel_m = picture.values, picture.pixel * picture.scale.unit_m
        if values is not None:
            data, known_m = np.asarray(values, np.float32), pixel_m if picture.scale.is_length else 0.0
            _save(picture, "data.tif", "TIFF (*.tif)", lambda path: write_data_tiff(path, data, known_m))

    def _add(self, text: str, keys: str = "") -> QAction:
        action = QAction(f"{text}\t{keys}" if keys else text, self)
        self.addAction(action)
        return action

    def _menu(self, title: str) -> QMenu:
        made = self.addMenu(title)
        assert made is not None
        return made


def _switch(text: str, group: QActionGroup) -> QAction:
    made = QAction(text, group)
    made.setCheckable(True)
    return made


def _save(picture: Picture, name: str, kind: str, write: Callable[[Path], None]) -> None:
    parent = picture if isinstance(picture, QWidget) else None
    chosen, _ = QFileDialog.getSaveFileName(parent, "Save", name, kind)
    if chosen:
        picture.saveAsked.emit(meant_path(chosen), write)  # type: ignore[attr-defined]


def _copy(picture: Picture) -> None:
    clipboard = QApplication.clipboard()
    assert clipboard is not None
    clipboard.setImage(picture.grab_picture())


def _write_image(image: QImage, path: Path) -> None:
    if not image.save(str(path), "PNG"):
        raise OutputError(f"{path} can't be written; is there room, and may you write there?")
