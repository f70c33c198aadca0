"""The palette: all actions by name, found with a few letters and done with Enter."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

from PyQt5.QtCore import QEvent, QObject, Qt
from PyQt5.QtGui import QColor, QKeyEvent
from PyQt5.QtWidgets import QAction, QDialog, QFrame, QLineEdit, QTreeWidget, QTreeWidgetItem, QVBoxLayout, QWidget

from ptychogui.views.theme import colors_of

_SIZE_PX = (560, 380)
_TOP_PX = 70
_LIST_KEYS = (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown)


class Palette(QDialog):
    """A field, and below it the actions whose names have its letters in their order; what can't be done is dimmed."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("palette")
        self.setAccessibleName("All actions")
        self.word = QLineEdit()
        self.word.setPlaceholderText("What do you want to do?")
        self.word.setAccessibleName("Name of an action")
        self.list = QTreeWidget()
        self.list.setColumnCount(2)
        self.list.setHeaderHidden(True)
        self.list.setRootIsDecorated(False)
        self.list.setUniformRowHeights(True)
        self.list.setFrameShape(QFrame.Shape.NoFrame)
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setAccessibleName("Actions")
        self._actions: list[tuple[str, QAction]] = []
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 8, 8, 8)
        column.setSpacing(6)
        column.addWidget(self.word)
        column.addWidget(self.list, 1)
        self.word.textChanged.connect(self._show_found)
        self.word.installEventFilter(self)
        self.list.itemClicked.connect(self._do)

    def ask(self, actions: Iterable[tuple[str, QAction]]) -> None:
        """Open.

        Args:
            actions: name and action of each.
        """
        self._actions = list(actions)
        self.word.clear()
        self._show_found()
        window = self.parentWidget()
        assert window is not None
        width = min(_SIZE_PX[0], window.width() - 40)
        self.resize(width, min(_SIZE_PX[1], window.height() - 2 * _TOP_PX))
        self.list.setColumnWidth(0, width - 170)
        self.move(window.mapToGlobal(window.rect().topLeft()).x() + (window.width() - width) // 2,
                  window.mapToGlobal(window.rect().topLeft()).y() + _TOP_PX)  # fmt: skip
        self.show()
        self.word.setFocus()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Go up and down the list from the field, and do what is chosen on Enter."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if event.key() in _LIST_KEYS:
                self.list.keyPressEvent(event)
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._do(self.list.currentItem())
                return True
        return super().eventFilter(watched, event)

    def _show_found(self) -> None:
        word = self.word.text()
        found = sorted((match(word, name), place) for place, (name, _) in enumerate(self._actions))
        self.list.clear()
        faint = QColor(colors_of(self.palette()).muted)
        for rank, place in found:
            if rank < NO_MATCH:
                self.list.addTopLevelItem(_item(*self._actions[place], faint))
        self.list.setCurrentItem(self.list.topLevelItem(0))

    def _do(self, item: QTreeWidgetItem | None, _column: int = 0) -> None:
        action = item.data(0, Qt.ItemDataRole.UserRole) if item is not None else None
        if isinstance(action, QAction) and action.isEnabled():
            self.hide()
            action.trigger()


NO_MATCH = 1000.0


def match(word: str, name: str) -> float:
    """Say how well letters fit a name: the smaller the better, NO_MATCH where they are not in it in this order."""
    letters, text = word.lower().replace(" ", ""), name.lower()
    if not letters:
        return 0.0
    if word.lower() in text:
        return text.index(word.lower()) / NO_MATCH
    places: list[int] = []
    for letter in letters:
        place = text.find(letter, places[-1] + 1 if places else 0)
        if place < 0:
            return NO_MATCH
        places.append(place)
    return 1.0 + _gaps(places)


def _gaps(places: Sequence[int]) -> float:
    return float(sum(after - before - 1 for before, after in itertools.pairwise(places)))


def _item(name: str, action: QAction, faint: QColor) -> QTreeWidgetItem:
    made = QTreeWidgetItem([name, action.shortcut().toString()])
    made.setData(0, Qt.ItemDataRole.UserRole, action)
    made.setToolTip(0, action.toolTip())
    made.setForeground(1, faint)
    made.setTextAlignment(1, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter))
    if not action.isEnabled():
        made.setForeground(0, faint)
    return made
