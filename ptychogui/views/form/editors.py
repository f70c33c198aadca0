"""Editors of parameters, one for each kind of value. `make_editor` is the only place that knows which kind gets which.

An editor has value(), setValue() (silent), valueChanged, and edited with the parameter's path as well. Text that is no
value of its parameter is never announced: `reason` says what is wrong with it, and `reasonChanged` when that changes.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PyQt5.QtCore import QEvent, QSignalBlocker, Qt, pyqtSignal
from PyQt5.QtGui import QKeyEvent, QKeySequence, QWheelEvent
from PyQt5.QtWidgets import QCheckBox, QComboBox, QFileDialog, QHBoxLayout, QLineEdit, QWidget

from ptychogui.errors import ParameterError
from ptychogui.params import model
from ptychogui.params.commandline import format_text, parse_untitled
from ptychogui.params.reference import range_text
from ptychogui.params.spec import Param
from ptychogui.params.units import format_quantity
from ptychogui.views.dialog_paths import meant_path
from ptychogui.views.theme import restyle, tinted
from ptychogui.views.widgets import tool_button

_Keys = QKeySequence.StandardKey

_REQUIRED = "required"
"""What an empty editor says whose value is missing."""

_DEVICE = "devices.device"

_LONGEST = 240
"""Characters of a reason that are shown: it repeats what was typed."""

_DIGITS = 6
"""Significant digits that an editor shows; the value keeps all of its own until the text is edited."""


class Editor(QWidget):
    """Base of all editors: one widget in a row without margins."""

    valueChanged = pyqtSignal(object)
    edited = pyqtSignal(str, object)
    reasonChanged = pyqtSignal(str)

    def __init__(self, param: Param) -> None:
        super().__init__()
        self.param = param
        self.reason = ""
        self.valueChanged.connect(self._announce_edit)

    def value(self) -> Any:
        """Return the value last set or announced."""
        raise NotImplementedError

    def setValue(self, value: Any) -> None:
        """Show a value without announcing it; text under way is dropped."""
        raise NotImplementedError

    def commit(self) -> None:
        """Announce what is typed but not yet announced, if it is a value."""

    def show_missing(self, missing: bool) -> None:
        """Say that a reconstruction can't do without a value here, and there is none."""

    def _announce(self, value: Any) -> None:
        self.valueChanged.emit(value)

    def _announce_edit(self, value: Any) -> None:
        self.edited.emit(self.param.path, value)

    def _refuse(self, reason: str) -> None:
        if reason != self.reason:
            self.reason = reason
            self.reasonChanged.emit(reason)

    def _hold(self, *widgets: QWidget) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        for widget in widgets:
            widget.setAccessibleName(self.param.title)
            row.addWidget(widget)
        self.setFocusProxy(widgets[0])


class TextEditor(Editor):
    """Numbers with a unit, whole numbers, pairs and plain text: whatever `parse_text` reads."""

    def __init__(self, param: Param) -> None:
        super().__init__(param)
        self._value: Any = param.default
        self.line = _Line()
        self._empty = _empty_text(param)
        self.line.setPlaceholderText(self._empty)
        self.line.textEdited.connect(self._check)
        self.line.editingFinished.connect(self.commit)
        self.line.stepped.connect(self._step)
        self.line.abandoned.connect(self._restore)
        self._hold(self.line)

    def value(self) -> Any:
        return self._value

    def setValue(self, value: Any) -> None:
        self._value = value
        self.line.setText(shown_text(self.param, value))
        self.line.setCursorPosition(0)
        self._refuse("")

    def show_missing(self, missing: bool) -> None:
        self.line.setPlaceholderText(_REQUIRED if missing else self._empty)
        self.line.setProperty("missing", missing)
        restyle(self.line)

    def commit(self) -> None:
        if not self.line.isModified():
            return
        value, reason = self._read()
        if not reason:
            self._announce(value)

    def _announce(self, value: Any) -> None:
        changed = value != self._value
        self.setValue(value)
        if changed:
            self.valueChanged.emit(value)

    def _restore(self) -> None:
        self.setValue(self._value)

    def _step(self, steps: int) -> None:
        if self.param.kind is not int or self._value is None:
            return
        value = self._value + steps * (self.param.multiple_of or 1)
        if not refusal(self.param, value):
            self._announce(value)

    def _read(self) -> tuple[Any, str]:
        path = self.param.path
        try:
            value = parse_untitled(self.param, self.line.text())
        except ParameterError as error:
            return None, str(error)
        reason = refusal(self.param, value)
        return (None, reason) if reason else (model.Parameters().replace({path: value}).get(path), "")

    def _check(self) -> None:
        reason = self._read()[1]
        self._refuse(reason if len(reason) <= _LONGEST else f"{reason[:_LONGEST]}…")

    def _refuse(self, reason: str) -> None:
        _mark(self.line, reason)
        super()._refuse(reason)


class PathEditor(TextEditor):
    """A file: typed, browsed for, or dropped."""

    def __init__(self, param: Param) -> None:
        super().__init__(param)
        self.browse = tool_button("icon", tip=f"Choose a file for '{param.title}'")
        self._draw_icon()
        self.browse.clicked.connect(self._browse)
        layout = self.layout()
        assert layout is not None
        layout.addWidget(self.browse)

    def setValue(self, value: Any) -> None:
        super().setValue(value)
        self.line.setToolTip(self.line.text())  # which rarely fits; its end says most
        self.line.end(False)

    def _read(self) -> tuple[Any, str]:
        value, reason = super()._read()
        if value is not None and not os.path.isfile(os.path.expanduser(value)):
            reason = f"there is no file '{value}'"
        return value, reason

    def _draw_icon(self) -> None:
        self.browse.setIcon(tinted("folder", self.palette()))

    def changeEvent(self, event: QEvent | None) -> None:
        super().changeEvent(event)
        if event is not None and event.type() == QEvent.Type.PaletteChange and hasattr(self, "browse"):
            self._draw_icon()

    def _browse(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, self.param.title, str(self.value() or ""))
        if name:
            self._announce(meant_path(name))


class SuggestingEditor(TextEditor):
    """Free text with a list of words that it often is."""

    def __init__(self, param: Param) -> None:
        super().__init__(param)
        self.box = _Box()
        self.box.setEditable(True)
        self.box.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.box.addItems(param.suggestions)
        self.box.setLineEdit(self.line)
        self.box.setCompleter(None)
        self.box.setMinimumContentsLength(6)
        self.box.setAccessibleName(param.title)
        self.box.textActivated.connect(self._announce)
        layout = self.layout()
        assert layout is not None
        layout.addWidget(self.box)
        self.setFocusProxy(self.box)

    def setValue(self, value: Any) -> None:
        self.box.setCurrentIndex(self.box.findText(shown_text(self.param, value)))
        super().setValue(value)

    def _refuse(self, reason: str) -> None:
        _mark(self.box, reason)
        super()._refuse(reason)


class SwitchEditor(Editor):
    """Yes or no."""

    def __init__(self, param: Param) -> None:
        super().__init__(param)
        self.box = QCheckBox()
        self.box.toggled.connect(self._announce)
        self._hold(self.box)

    def value(self) -> bool:
        return self.box.isChecked()

    def setValue(self, value: Any) -> None:
        with QSignalBlocker(self.box):
            self.box.setChecked(bool(value))


class ChoiceEditor(Editor):
    """One of a few words."""

    def __init__(self, param: Param) -> None:
        super().__init__(param)
        self.box = _Box()
        self.box.addItems(param.choices)
        self.box.textActivated.connect(self._announce)
        self._hold(self.box)

    def value(self) -> str:
        return self.box.currentText()

    def setValue(self, value: Any) -> None:
        self.box.setCurrentText(str(value))


class DeviceEditor(ChoiceEditor):
    """One of the devices of this machine; another one, as of a result made elsewhere, is there while it is chosen."""

    def __init__(self, param: Param) -> None:
        super().__init__(param)
        self._devices: Mapping[str, DeviceChoice] = {}
        self.box.setMinimumContentsLength(6)
        self.setValue(param.default)

    def setValue(self, value: Any) -> None:
        if str(value) != self.box.currentText():
            self._fill(str(value))

    def show_devices(self, devices: Mapping[str, DeviceChoice]) -> None:
        """Offer the devices of this machine."""
        if devices != self._devices:
            self._devices = dict(devices)
            self._fill(self.box.currentText())

    def _fill(self, value: str) -> None:
        names = [self.param.default, *self._devices]
        with QSignalBlocker(self.box):
            self.box.clear()
            self.box.addItems(names if value in names else [*names, value])
            for place, device in enumerate(self._devices.values(), 1):
                self.box.setItemData(place, device.detail, Qt.ItemDataRole.ToolTipRole)
                if not device.is_usable:
                    self.box.setItemData(place, 0, _FLAGS_ROLE)
            self.box.setCurrentText(value)


@dataclass(frozen=True)
class DeviceChoice:
    """A device as it is offered: what it is or why it can't be used, and whether it can."""

    detail: str
    is_usable: bool


_FLAGS_ROLE = Qt.ItemDataRole.UserRole - 1
"""Role under which Qt's own model of a box keeps whether an item can be chosen."""


def _empty_text(param: Param) -> str:
    """Say what an empty editor means: a fact that is missing, or a choice that is left to the program."""
    if not param.optional:
        return ""
    if param.kind is Path:
        return "none"
    if param.none != "none":
        return param.none
    return "not known" if param.path.startswith("experiment.") else "automatic"


def make_editor(param: Param) -> Editor:
    """Make the editor of a parameter."""
    if param.path == _DEVICE:
        return DeviceEditor(param)
    if param.kind is bool:
        return SwitchEditor(param)
    if param.choices:
        return ChoiceEditor(param)
    if param.suggestions:
        return SuggestingEditor(param)
    return PathEditor(param) if param.kind is Path else TextEditor(param)


def shown_text(param: Param, value: Any) -> str:
    """Write a value for the eye: a readable unit, at most 6 significant digits, nothing for 'not known'."""
    if value is None:
        return ""
    if param.kind == "pair":
        return format_text(param, tuple(map(_rounded, value)))
    return format_text(param, _rounded(value))


def refusal(param: Param, value: Any) -> str:
    """Say why a user can't mean a value; "" if he can."""
    need, allowed = model.refusal(param.path, value), range_text(param)
    return f"allowed: {allowed}" if need and allowed else need or _unusual(param, value)


def _unusual(param: Param, value: Any) -> str:
    """Say what X-ray ptychography is done with, where a value is far from it."""
    if param.usual is None or value is None:
        return ""
    low, high = param.usual
    if all(low <= number <= high for number in (value if param.kind == "pair" else (value,))):
        return ""
    shown = shown_text(param, value)
    return f"{shown} can't be: X-ray ptychography has {_bound(param, low)} to {_bound(param, high)}"


def _bound(param: Param, number: float) -> str:
    return format_quantity(number, param.unit)


def _mark(widget: QWidget, reason: str) -> None:
    """Show that a text is wrong, or that it is not."""
    widget.setProperty("invalid", bool(reason))
    restyle(widget)


def _rounded(value: Any) -> Any:
    return float(f"{value:.{_DIGITS}g}") if isinstance(value, float) else value


class _Line(QLineEdit):
    """A line whose arrow keys step and whose Escape gives up what was typed."""

    stepped = pyqtSignal(int)
    abandoned = pyqtSignal()

    def event(self, event: QEvent | None) -> bool:
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.ShortcutOverride:
            if event.key() == Qt.Key.Key_Escape and self.isModified():
                event.accept()
            if not self.isModified() and (event.matches(_Keys.Undo) or event.matches(_Keys.Redo)):
                return False  # for the form, which knows what was typed before
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        assert event is not None
        if event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self.stepped.emit(1 if event.key() == Qt.Key.Key_Up else -1)
        elif event.key() == Qt.Key.Key_Escape and self.isModified():
            self.abandoned.emit()
        else:
            super().keyPressEvent(event)


class _Box(QComboBox):
    """A box that lets the wheel scroll the form instead of changing a value by accident."""

    def wheelEvent(self, event: QWheelEvent | None) -> None:
        assert event is not None
        event.ignore()
