"""The docks around the pages: each is registered once, and can be moved, stacked, closed and called back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from PyQt5.QtCore import QByteArray, QEvent, QObject, QSize, Qt, pyqtSignal
from PyQt5.QtWidgets import QDockWidget, QFrame, QHBoxLayout, QMainWindow, QSizePolicy, QTabWidget, QWidget

from ptychogui.views.shell.help_window import HELP_PROPERTY
from ptychogui.views.theme import tinted
from ptychogui.views.widgets import ElidedLabel, tool_button

_STATE_VERSION = 1
"""Of the stored layout; one of another version is not restored."""
_BUTTON_PX = 14
_TEXT_PX = 15
"""Height of a line of text of the usual size."""
_MOST = 0.27
"""Part of the window that a dock takes at first, at most."""


class Side(Enum):
    """Where a dock lies at first."""

    LEFT = Qt.DockWidgetArea.LeftDockWidgetArea
    RIGHT = Qt.DockWidgetArea.RightDockWidgetArea
    BOTTOM = Qt.DockWidgetArea.BottomDockWidgetArea


@dataclass(frozen=True)
class Dock:
    """A dock of the window.

    Attributes:
        name: what code and the table of actions call it; its place is kept under this name.
        title: above it, and on its tab where it is stacked.
        widget: what it holds.
        side: where it lies at first.
        behind: name of the dock that it is stacked with at first, "" for a place of its own.
        open: whether it is there at first.
        fits: whether it is as high as its content asks for, and no higher.
        length_px: how wide it is at first, or how high at the bottom, where text is of the usual size; 0 for what its
            content asks for.
        help: the page of the guide about it, "queue.md".
    """

    name: str
    title: str
    widget: QWidget
    side: Side
    behind: str = ""
    open: bool = True
    fits: bool = False
    length_px: int = 0
    help: str = ""


class Docks(QObject):
    """All docks by name. Announces `turned(name, open)` when one is closed or called back."""

    turned = pyqtSignal(str, bool)

    def __init__(self, window: QMainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._docks: dict[str, Dock] = {}
        self._frames: dict[str, QDockWidget] = {}
        window.setDockNestingEnabled(True)
        window.setAnimated(False)
        window.setTabPosition(Qt.DockWidgetArea.AllDockWidgetAreas, QTabWidget.TabPosition.North)
        window.setCorner(Qt.Corner.BottomLeftCorner, Side.LEFT.value)
        window.setCorner(Qt.Corner.BottomRightCorner, Side.RIGHT.value)

    def __iter__(self) -> Iterator[Dock]:
        """Go through the docks in the order in which they were registered."""
        return iter(self._docks.values())

    def __getitem__(self, name: str) -> QDockWidget:
        """Return the frame of a dock."""
        return self._frames[name]

    def add(self, dock: Dock) -> None:
        """Register a dock; one that comes after the layout was restored gets its place of before."""
        frame = _frame(dock)
        self._docks[dock.name], self._frames[dock.name] = dock, frame
        if not self._window.restoreDockWidget(frame):
            self._place(dock)
        toggle = frame.toggleViewAction()
        assert toggle is not None
        toggle.toggled.connect(lambda is_open: self.turned.emit(dock.name, is_open))

    def turn(self, name: str, is_open: bool) -> None:
        """Call a dock back, before those that it is stacked with, or close it."""
        self._frames[name].setVisible(is_open)
        if is_open:
            self._frames[name].raise_()

    def is_open(self, name: str) -> bool:
        """Whether a dock is there, be it behind another one."""
        return not self._frames[name].isHidden()

    def reset(self) -> None:
        """Put all docks where they lie at first."""
        for dock in self:
            self._window.removeDockWidget(self._frames[dock.name])
        for dock in self:
            self._place(dock)
        self.size()

    def size(self) -> None:
        """Make the docks as long as they are at first, longer where text is larger; for a window that has its size."""
        scale, window = self._window.fontMetrics().height() / _TEXT_PX, self._window.size()
        for dock in self:
            if dock.length_px:
                is_below = dock.side is Side.BOTTOM
                way = Qt.Orientation.Vertical if is_below else Qt.Orientation.Horizontal
                most = _MOST * (window.height() if is_below else window.width())
                self._window.resizeDocks([self._frames[dock.name]], [round(min(dock.length_px * scale, most))], way)

    def state(self) -> QByteArray:
        """Return where the docks lie, to be stored."""
        return self._window.saveState(_STATE_VERSION)

    def restore(self, state: QByteArray) -> bool:
        """Put the docks where they lay; False where that is not known, or can't be read."""
        return self._window.restoreState(state, _STATE_VERSION)

    def _place(self, dock: Dock) -> None:
        frame = self._frames[dock.name]
        frame.setFloating(False)
        self._window.addDockWidget(dock.side.value, frame)
        if dock.behind:
            self._window.tabifyDockWidget(self._frames[dock.behind], frame)
            self._frames[dock.behind].raise_()
        frame.setVisible(dock.open)


class DockTitle(QFrame):
    """The title of a dock, which is dragged by it, with buttons to set it free and to close it."""

    def __init__(self, frame: QDockWidget) -> None:
        super().__init__(frame)
        self.setObjectName("dockTitle")
        self.name = ElidedLabel("dockName", Qt.TextElideMode.ElideRight)
        self.name.set_text(frame.windowTitle())
        self.free = tool_button("icon", tip="Set free, or put back")
        self.close_ = tool_button("icon", tip="Close; the View menu calls it back")
        self.free.setAccessibleName(f"Set {frame.windowTitle()} free")
        self.close_.setAccessibleName(f"Close {frame.windowTitle()}")
        self.free.clicked.connect(lambda: frame.setFloating(not frame.isFloating()))
        self.close_.clicked.connect(frame.hide)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 2, 4, 2)
        row.setSpacing(2)
        row.addWidget(self.name, 1)
        for button in (self.free, self.close_):
            button.setIconSize(QSize(_BUTTON_PX, _BUTTON_PX))
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            row.addWidget(button)
        self._draw_icons()

    def _draw_icons(self) -> None:
        self.free.setIcon(tinted("float", self.palette()))
        self.close_.setIcon(tinted("close", self.palette()))

    def changeEvent(self, event: QEvent | None) -> None:
        super().changeEvent(event)
        if event is not None and event.type() == QEvent.Type.PaletteChange and hasattr(self, "free"):
            self._draw_icons()


def _frame(dock: Dock) -> QDockWidget:
    frame = QDockWidget(dock.title)
    frame.setObjectName(dock.name)
    frame.setTitleBarWidget(DockTitle(frame))
    frame.setWidget(dock.widget)
    frame.setProperty(HELP_PROPERTY, dock.help)
    if dock.fits:
        dock.widget.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
    return frame
