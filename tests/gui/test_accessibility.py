"""Every control of the window: a name for whoever hears it, and an icon that is seen in both themes."""

from __future__ import annotations

import pytest
from PyQt5.QtGui import QColor, QIcon
from PyQt5.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QTableView,
    QWidget,
)

from ptychogui.app import Workstation
from ptychogui.views.theme import DARK, LIGHT, apply_theme
from tests.gui.test_theme import contrast

CONTROLS = QAbstractButton, QLineEdit, QComboBox, QAbstractSpinBox, QAbstractItemView, QPlainTextEdit


@pytest.fixture
def window(workstation: Workstation) -> QWidget:
    return workstation.window


def controls(window: QWidget) -> list[QWidget]:
    """Return what the user can act on, but for parts that Qt makes inside of its own widgets."""
    found = [widget for kind in CONTROLS for widget in window.findChildren(kind)]
    return [widget for widget in found if not _is_of_qt(widget)]


def _is_of_qt(widget: QWidget) -> bool:
    """Whether it is a part of one of Qt's own widgets: a head or corner, the list of a box, what clears a line."""
    parent = widget.parentWidget()
    whole = QLineEdit, QComboBox, QAbstractSpinBox, QTableView
    above = [parent, parent.parentWidget() if parent is not None else None]
    return (
        widget.objectName().startswith("qt_") or isinstance(widget, QHeaderView)
        or any(isinstance(one, whole) for one in above)
    )  # fmt: skip


def name_of(widget: QWidget, labels: list[QLabel]) -> str:
    text = widget.text() if isinstance(widget, QAbstractButton) else ""
    buddies = [label.text() for label in labels if label.buddy() is widget]
    return widget.accessibleName() or text or next(iter(buddies), "")


def where(widget: QWidget) -> str:
    way: list[str] = []
    parent: QWidget | None = widget
    while parent is not None and len(way) < 4:
        way.append(f"{type(parent).__name__}#{parent.objectName()}")
        parent = parent.parentWidget()
    return f"{' < '.join(way)} ({widget.toolTip()})"


def test_every_control_has_a_name_to_be_read_out(window: QWidget) -> None:
    labels = window.findChildren(QLabel)
    nameless = [where(widget) for widget in controls(window) if not name_of(widget, labels).strip()]
    assert not nameless, "\n".join(nameless)


def strokes(icon: QIcon) -> str:
    """Return the color of an icon: that of its pixels that are wholly opaque."""
    image = icon.pixmap(48, 48).toImage()
    pixels = [image.pixelColor(x, y) for x in range(image.width()) for y in range(image.height())]
    opaque = [pixel for pixel in pixels if pixel.alpha() == 255]
    return opaque[0].name() if opaque else ""


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_every_icon_is_seen_after_a_switch_of_the_theme(qapp: QApplication, window: QWidget, theme: str) -> None:
    apply_theme(qapp, "light" if theme == "dark" else "dark")
    QApplication.processEvents()
    apply_theme(qapp, "dark" if theme == "dark" else "light")
    QApplication.processEvents()
    colors = DARK if theme == "dark" else LIGHT
    buttons = [
        button for button in controls(window) if isinstance(button, QAbstractButton) and not button.icon().isNull()
    ]
    faint = [
        where(button) for button in buttons
        if button.objectName() != "primary" and (color := strokes(button.icon()))
        and contrast(color, QColor(colors.surface).name()) < 3
    ]  # fmt: skip
    apply_theme(qapp, "light")
    assert buttons and not faint, "\n".join(faint)
