"""The pages of the window: each is registered once, and has a tab while it is there, in the order of registration."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from PyQt5.QtCore import QSize
from PyQt5.QtWidgets import QStackedWidget, QTabBar, QVBoxLayout, QWidget

from ptychogui.views.shell.help_window import HELP_PROPERTY

_LEAST = QSize(440, 240)
"""What a page may ask for at least."""


class There(Enum):
    """When the tab of a page is there."""

    ALWAYS = "always"
    ONCE_SHOWN = "once shown"
    """From the first time that the window turns to the page, until it is taken away."""


@dataclass(frozen=True)
class Page:
    """A page of the window.

    Attributes:
        name: what code and the table of actions call it.
        title: on its tab.
        widget: what it shows.
        there: when its tab is there.
        help: the page of the guide about it, "orientation.md".
    """

    name: str
    title: str
    widget: QWidget
    there: There = There.ONCE_SHOWN
    help: str = ""


class Stack(QStackedWidget):
    """Is as narrow as the page that is shown may be, and never keeps the window from a small screen."""

    def minimumSizeHint(self) -> QSize:
        page = self.currentWidget()
        return QSize() if page is None else page.minimumSizeHint().boundedTo(_LEAST)


class Pages(QWidget):
    """One page at a time below the tabs of all that are there; before any is turned to, a welcome without tabs."""

    def __init__(self, welcome: QWidget) -> None:
        super().__init__()
        self._pages: dict[str, Page] = {}
        self.tabs = QTabBar()
        self.tabs.setDrawBase(False)
        self.tabs.setExpanding(False)
        self.tabs.hide()
        self._stack = Stack()
        self._stack.addWidget(welcome)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(self.tabs)
        column.addWidget(self._stack, 1)
        self.tabs.currentChanged.connect(self._show_tab)

    @property
    def current(self) -> str:
        """Name of the page that is shown; "" for the welcome."""
        shown = self._stack.currentWidget()
        return next((name for name, page in self._pages.items() if page.widget is shown), "")

    def add(self, page: Page) -> None:
        """Register a page."""
        self._pages[page.name] = page
        self._stack.addWidget(page.widget)
        page.widget.setProperty(HELP_PROPERTY, page.help)
        if page.there is There.ALWAYS:
            self._add_tab(page)

    def turn_to(self, name: str) -> None:
        """Show a page, and its tab from now on."""
        page = self._pages[name]
        if name not in self._names():
            self._add_tab(page)
        self.tabs.setVisible(True)
        self.tabs.setCurrentIndex(self._names().index(name))
        self._stack.setCurrentWidget(page.widget)

    def step(self, places: int) -> None:
        """Show the page so many tabs further on, and round again behind the last."""
        if self.tabs.count():
            self.tabs.setCurrentIndex((self.tabs.currentIndex() + places) % self.tabs.count())

    def take_away(self, name: str, then: str) -> None:
        """Take a page's tab away; whoever looks at it sees the page `then`."""
        if self.current == name:
            self.turn_to(then)
        if name in self._names():
            self.tabs.removeTab(self._names().index(name))

    def _names(self) -> list[str | None]:
        return [self.tabs.tabData(place) for place in range(self.tabs.count())]

    def _add_tab(self, page: Page) -> None:
        order = list(self._pages)
        place = sum(order.index(str(name)) < order.index(page.name) for name in self._names())
        self.tabs.insertTab(place, page.title)
        self.tabs.setTabData(place, page.name)

    def _show_tab(self, place: int) -> None:
        name = self.tabs.tabData(place)
        if name is not None:
            self._stack.setCurrentWidget(self._pages[name].widget)
