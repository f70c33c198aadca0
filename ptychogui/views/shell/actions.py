"""What the window can do, as actions, and the menus and the toolbar that offer them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from PyQt5.QtCore import QSize, Qt, pyqtSignal
from PyQt5.QtGui import QKeySequence, QPalette
from PyQt5.QtWidgets import QAction, QActionGroup, QApplication, QMenu, QMenuBar, QSizePolicy, QToolBar, QWidget

from ptychogui.views.form.editors import Editor
from ptychogui.views.theme import ThemeName, icon, tinted
from ptychogui.views.widgets import label, tool_button

_Role = QPalette.ColorRole

_THEMES: Mapping[ThemeName, str] = {"system": "As the desktop", "light": "Light", "dark": "Dark"}


class Actions(QWidget):
    """The actions of the window and their icons. Never shown itself: it follows the palette for them."""

    recentAsked = pyqtSignal(Path)

    def __init__(self, window: QWidget, theme: ThemeName) -> None:
        super().__init__(window)
        self.hide()
        self.open = self._action("Open…", "Ctrl+O", "Open a scan or a result")
        self.simulate = self._action("Try it on a simulated scan", "Ctrl+T", "Simulate a scan and reconstruct it")
        self.start = self._action("Run", "Ctrl+R", "Reconstruct the open scan")
        self.stop = self._action("Stop", "Esc", "End after the iteration under way and keep the result")
        self.beamline = self._action("Beamline preset…", "Ctrl+B", "Say where an MDA file holds what, by pointing")
        self.orientation = self._action("Orientation…", "Ctrl+D", "Find out which way detector and scan face")
        self.quit = self._action("Quit", "Ctrl+Q", "Close the window")
        self.messages = self._action("Messages", "Ctrl+M", "What happened so far")
        self.messages.setCheckable(True)
        self.recent = QMenu("Open recent", window)
        self.themes = QActionGroup(window)
        for name, text in _THEMES.items():
            action = QAction(text, self.themes)
            action.setCheckable(True)
            action.setChecked(name == theme)
            action.setData(name)
        self.draw_icons()

    @property
    def of_scan(self) -> list[QAction]:
        """What can be asked about the open scan."""
        return [self.orientation, self.beamline]

    def menu_bar(self) -> QMenuBar:
        """Make the menu bar."""
        bar = QMenuBar()
        themes = QMenu("Theme", bar)
        themes.addActions(self.themes.actions())
        _add_menu(bar, "&File", [self.open, self.recent, None, self.simulate, None, self.quit])
        _add_menu(bar, "&Scan", self.of_scan)
        _add_menu(bar, "&Run", [self.start, self.stop])
        _add_menu(bar, "&View", [themes, self.messages])
        return bar

    def tool_bar(self, editors: Sequence[Editor]) -> QToolBar:
        """Make the toolbar, with editors of a few parameters in its middle."""
        bar = QToolBar("Main")
        bar.setObjectName("main")
        bar.setMovable(False)
        bar.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        bar.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        bar.setIconSize(QSize(18, 18))
        run = tool_button("primary", "Run")
        run.setDefaultAction(self.start)
        bar.addAction(self.open)
        bar.addSeparator()
        bar.addWidget(run)
        bar.addAction(self.stop)
        bar.addSeparator()
        for editor in editors:
            bar.addWidget(label("quick", editor.param.title))
            bar.addWidget(editor)
        gap = QWidget()
        gap.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        bar.addWidget(gap)
        bar.addAction(self.simulate)
        return bar

    def show_recent(self, paths: Sequence[Path]) -> None:
        """Fill the menu of recent files."""
        self.recent.clear()
        for path in paths:
            action = QAction(path.name, self.recent)
            action.setToolTip(str(path))
            action.triggered.connect(lambda _checked, path=path: self.recentAsked.emit(path))
            self.recent.addAction(action)
        self.recent.setEnabled(bool(paths))

    def draw_icons(self) -> None:
        """Draw the icons in the colors of the application's palette: a widget that is never shown gets no new one."""
        palette = QApplication.palette()
        for action, name in ((self.open, "open"), (self.simulate, "simulate"), (self.stop, "stop")):
            action.setIcon(tinted(name, palette))
        faint = palette.color(QPalette.ColorGroup.Disabled, _Role.WindowText)
        self.start.setIcon(icon("run", palette.color(_Role.HighlightedText), faint))

    def _action(self, text: str, keys: str, tip: str) -> QAction:
        action = QAction(text, self.parent())
        action.setShortcut(QKeySequence(keys))
        action.setIconText(f" {text}")
        action.setToolTip(f"{tip} ({keys})")
        return action


def _add_menu(bar: QMenuBar, title: str, entries: Sequence[QAction | QMenu | None]) -> None:
    """Add a menu; None is a line between entries."""
    menu = QMenu(title, bar)
    for entry in entries:
        if entry is None:
            menu.addSeparator()
        elif isinstance(entry, QMenu):
            menu.addMenu(entry)
        else:
            menu.addAction(entry)
    bar.addMenu(menu)
