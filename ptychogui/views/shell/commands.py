"""Qt's actions, the menu bar and the tool bar, made from the table of actions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PyQt5.QtCore import QObject, QSize, Qt, pyqtSignal
from PyQt5.QtGui import QKeySequence, QPalette
from PyQt5.QtWidgets import QAction, QActionGroup, QApplication, QMenu, QMenuBar, QToolBar, QWidget

from ptychogui.views.shell.actions import ACTIONS, EDITORS, LINE, MENUS, RECENT, TOOL_BAR, Action, Menu, keys_of
from ptychogui.views.theme import icon, tinted
from ptychogui.views.widgets import tool_button
from ptychogui.window_state import WindowState

_Role = QPalette.ColorRole


class QtAction(QAction):
    """An action of the table."""

    pageAsked = pyqtSignal(str)
    jobAsked = pyqtSignal(str)
    dockAsked = pyqtSignal(str, bool)

    def __init__(self, action: Action, parent: QObject) -> None:
        super().__init__(action.text, parent)
        self.action = action
        self.setShortcut(QKeySequence(action.shortcut))
        self.setIconText(f" {action.text}")
        self.setToolTip(action.full_tip)
        self.setWhatsThis(f"<b>{action.text}</b><p>{action.tip}.</p><p>{action.shortcut}</p>")
        self.setIconVisibleInMenu(not action.primary)  # it is drawn for the accent color of its button
        self.setCheckable(action.is_switch or bool(action.choice))
        self.setData(action.value)
        self.triggered.connect(self._announce)

    def show_state(self, state: WindowState) -> None:
        """Be there to be pressed, or not; the tooltip says what has to be done before."""
        self.setEnabled(self.action.enabled(state))
        self.setVisible(self.action.visible(state))
        if self.action.checked is not None:
            self.setChecked(self.action.checked(state))
        self.setToolTip(self.action.hint(state) or self.action.full_tip)

    def draw_icon(self, palette: QPalette) -> None:
        """Draw the icon in the colors of a palette."""
        if self.action.primary:
            faint = palette.color(QPalette.ColorGroup.Disabled, _Role.WindowText)
            self.setIcon(icon(self.action.icon, palette.color(_Role.HighlightedText), faint))
        elif self.action.icon:
            self.setIcon(tinted(self.action.icon, palette))

    def _announce(self) -> None:
        if self.action.page:
            self.pageAsked.emit(self.action.page)
        if self.action.job:
            self.jobAsked.emit(self.action.key)
        if self.action.dock:
            self.dockAsked.emit(self.action.dock, self.isChecked())


class Commands(QObject):
    """All actions of the window by key.

    Announces `pageAsked(name)`, `jobAsked(key)`, `dockAsked(name, open)` and `recentAsked(path)`.
    """

    pageAsked = pyqtSignal(str)
    jobAsked = pyqtSignal(str)
    dockAsked = pyqtSignal(str, bool)
    recentAsked = pyqtSignal(Path)

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.by_key = {action.key: QtAction(action, window) for action in ACTIONS}
        self.choices: dict[str, QActionGroup] = {}
        for command in self.by_key.values():
            command.pageAsked.connect(self.pageAsked)
            command.jobAsked.connect(self.jobAsked)
            command.dockAsked.connect(self.dockAsked)
            if command.action.choice:
                self._group(command.action.choice).addAction(command)
        self.recent = QMenu(RECENT.title, window)
        self.recent.triggered.connect(self._ask_recent)
        self.draw_icons()

    def __getitem__(self, key: str) -> QtAction:
        """Return the action of a key."""
        return self.by_key[key]

    def choose(self, choice: str, value: str) -> None:
        """Mark the one of a group that is in force."""
        for action in self.choices[choice].actions():
            action.setChecked(action.data() == value)

    def show_dock(self, name: str, is_open: bool) -> None:
        """Mark whether a dock is there."""
        for command in self.by_key.values():
            if command.action.dock == name:
                command.setChecked(is_open)

    def show_state(self, state: WindowState) -> None:
        """Let be pressed what has an effect as things stand."""
        for command in self.by_key.values():
            command.show_state(state)

    def show_recent(self, paths: Sequence[Path]) -> None:
        """Fill the menu of recent files."""
        self.recent.clear()
        for path in paths:
            action = QAction(path.name, self.recent)
            action.setToolTip(str(path))
            action.setData(path)
            self.recent.addAction(action)
        self.recent.setEnabled(bool(paths))

    def draw_icons(self) -> None:
        """Draw the icons in the colors of the application's palette."""
        for command in self.by_key.values():
            command.draw_icon(QApplication.palette())

    def by_name(self) -> list[tuple[str, QAction]]:
        """Return what can be done by its name, "Job: Pause", in the order of the menus; recent files last."""
        named = [(f"{way}: {self[key].action.text}", self[key]) for way, key in keys_of(MENUS)]
        there = [(name, command) for name, command in named if command.isVisible() and command.action.key != "palette"]
        return [*there, *((f"{RECENT.title}: {action.text()}", action) for action in self.recent.actions())]

    def menu_bar(self) -> QMenuBar:
        """Make the menu bar."""
        bar = QMenuBar()
        for menu in MENUS:
            bar.addMenu(self._menu(menu, bar))
        return bar

    def tool_bar(self, editors: Sequence[QWidget]) -> QToolBar:
        """Make the tool bar, with editors of a few parameters in its middle."""
        bar = QToolBar("Main")
        bar.setObjectName("main")
        bar.setMovable(False)
        bar.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        bar.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        bar.setIconSize(QSize(18, 18))
        for entry in TOOL_BAR:
            if entry == LINE:
                bar.addSeparator()
            elif entry == EDITORS:
                for editor in editors:
                    bar.addWidget(editor)
            elif self[entry].action.primary:
                button = tool_button("primary", self[entry].action.text)
                button.setDefaultAction(self[entry])
                bar.addWidget(button)
            else:
                bar.addAction(self[entry])
        return bar

    def _group(self, choice: str) -> QActionGroup:
        return self.choices.setdefault(choice, QActionGroup(self.parent()))

    def _menu(self, menu: Menu, parent: QWidget) -> QMenu:
        if menu is RECENT:
            return self.recent
        made = QMenu(menu.title, parent)
        for entry in menu.entries:
            if isinstance(entry, Menu):
                made.addMenu(self._menu(entry, parent))
            elif entry == LINE:
                made.addSeparator()
            else:
                made.addAction(self[entry])
        return made

    def _ask_recent(self, action: QAction) -> None:
        self.recentAsked.emit(action.data())
