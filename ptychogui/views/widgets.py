"""Small widgets that every view is made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from PyQt5.QtCore import QSize, Qt
from PyQt5.QtGui import QFont, QResizeEvent
from PyQt5.QtWidgets import QFrame, QHBoxLayout, QLabel, QToolButton, QTreeWidget, QVBoxLayout, QWidget

_Widget = TypeVar("_Widget", bound=QWidget)


class ElidedLabel(QLabel):
    """A line of text that is cut where it does not fit, and has the whole in its tooltip. Hidden while empty.

    Where only dots would be left of it, nothing is.
    """

    def __init__(self, name: str, mode: Qt.TextElideMode = Qt.TextElideMode.ElideLeft) -> None:
        super().__init__()
        self.setObjectName(name)
        self._whole, self._mode = "", mode
        self.setMinimumWidth(20)
        self.hide()

    def set_text(self, text: str, tip: str = "") -> None:
        """Show a text; none hides the label. What else its tooltip says comes below the whole text."""
        self._whole = text
        self.setToolTip(f"{text}\n{tip}" if tip else text)
        self.setVisible(bool(text))
        self.updateGeometry()
        self._elide()

    def sizeHint(self) -> QSize:
        return QSize(self.fontMetrics().horizontalAdvance(self._whole) + 4, super().sizeHint().height())

    def whole_text(self) -> str:
        """Return the text with what does not fit."""
        return self._whole

    def _elide(self) -> None:
        text = self.fontMetrics().elidedText(self._whole, self._mode, self.width())
        self.setText("" if text == "…" else text)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        super().resizeEvent(event)
        self._elide()


class Card(QFrame):
    """A titled surface: the title and small controls above, the content below."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self.setObjectName("card")
        self.title = label("cardTitle", title)
        self.head = QHBoxLayout()
        self.head.setContentsMargins(12, 7, 8, 0)
        self.head.addWidget(self.title)
        self.head.addStretch(1)
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(1, 1, 1, 1)
        self.column.setSpacing(2)
        self.column.addLayout(self.head)


def named(widget: _Widget, name: str) -> _Widget:
    """Give a widget the name by which the style sheet knows it."""
    widget.setObjectName(name)
    return widget


def label(name: str, text: str = "", wrap: bool = False) -> QLabel:
    """Make a label of a kind that the style sheet knows."""
    made = named(QLabel(text), name)
    made.setWordWrap(wrap)
    return made


def tool_button(name: str, text: str = "", tip: str = "") -> QToolButton:
    """Make a tool button of a kind that the style sheet knows, with its text beside its icon."""
    made = named(QToolButton(), name)
    made.setText(text)
    made.setToolTip(tip)
    made.setAccessibleName(text or tip)
    style = Qt.ToolButtonStyle.ToolButtonTextBesideIcon if text else Qt.ToolButtonStyle.ToolButtonIconOnly
    made.setToolButtonStyle(style)
    return made


def list_widget(columns: Sequence[str], tips: Sequence[str] = ()) -> QTreeWidget:
    """Make a table of rows that can be chosen one at a time, with a head."""
    made = QTreeWidget()
    made.setHeaderLabels(list(columns))
    made.setAccessibleName(", ".join(columns))
    made.setRootIsDecorated(False)
    made.setUniformRowHeights(True)
    made.setAllColumnsShowFocus(True)
    made.setSelectionMode(QTreeWidget.SelectionMode.SingleSelection)
    head = made.headerItem()
    assert head is not None
    for column, tip in enumerate(tips):
        head.setToolTip(column, tip)
    return made


def small(font: QFont) -> QFont:
    """Return a font a point smaller."""
    made = QFont(font)
    made.setPointSizeF(font.pointSizeF() - 1)
    return made
