"""The window: what to do on the left, what happens on the right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PyQt5.QtCore import QEvent, QSize, Qt, QUrl, pyqtSignal
from PyQt5.QtGui import QCloseEvent, QDesktopServices, QKeySequence, QPalette
from PyQt5.QtWidgets import (
    QAction, QActionGroup, QApplication, QFileDialog, QFrame, QHBoxLayout, QLabel, QMainWindow, QMenu, QMenuBar, QSizePolicy,
    QSplitter, QStackedWidget, QTabBar, QToolBar, QToolButton, QVBoxLayout, QWidget,
)  # fmt: skip

from ptychogui.params.model import Parameters, by_path
from ptychogui.params.origins import Origin
from ptychogui.views.banner import Banner, Messages
from ptychogui.views.editors import Editor, make_editor
from ptychogui.views.form import ParameterForm
from ptychogui.views.memory import Memory
from ptychogui.views.run import ProgressStrip, RunPage
from ptychogui.views.scan import DropTarget, PreviewPage, ScanCard
from ptychogui.views.theme import app_icon, apply_theme, icon, tinted
from ptychogui.views.welcome import WelcomePage

_QUICK = ("reconstruction.engine", "reconstruction.iterations", "devices.device")
_FILTER = "Scans and results (*.cxi *.h5 *.hdf5 *.nxs);;All files (*)"


class MainWindow(QMainWindow):
    """Announces what the user wants; shows what it is told. Holds no state but the layout's."""

    openAsked = pyqtSignal(Path)
    simulateAsked = pyqtSignal()
    runAsked = pyqtSignal()
    stopAsked = pyqtSignal()
    edited = pyqtSignal(str, object)
    reverted = pyqtSignal(str)
    closing = pyqtSignal()

    def __init__(self, memory: Memory, offered: Mapping[str, Sequence[str]]) -> None:
        super().__init__()
        self.memory = memory
        self.setWindowTitle("ptychogui")
        self.setWindowIcon(app_icon())
        self._runnable, self._running = False, False
        self.form = ParameterForm(offered)
        self.quick = {
            path: make_editor(by_path()[path], offered.get(path, ()))
            for path in _QUICK if len(offered.get(path, ())) != 1
        }  # fmt: skip
        self._make_pages()
        self._make_actions()
        self._make_menus()
        self._make_toolbar()
        self._lay_out()
        self._connect()
        self._restore()
        self._refresh_actions()

    # What it is told

    def show_values(
        self, parameters: Parameters, origins: Mapping[str, Origin], below: Parameters, below_origins: Mapping[str, Origin]
    ) -> None:
        """Show all parameters with their origins, and what each would go back to."""
        self.form.show_values(parameters, origins, below, below_origins)
        for path, editor in self.quick.items():
            editor.setValue(parameters.get(path))

    def show_opening(self, what: str) -> None:
        """Say that something is being opened or made."""
        self.scan.show_scan(None, (what,), ())

    def show_scan(self, path: Path | None, facts: Sequence[str], notes: Sequence[str]) -> None:
        """Show the summary of the open scan; None for no scan."""
        if path is None:
            self.scan.clear()
            return
        self.scan.show_scan(path, facts, notes)
        self.setWindowTitle(f"{path.name} — ptychogui")
        self.banner.hide()

    def remember(self, path: Path) -> None:
        """Put a file that was opened among the recent ones."""
        self.memory.opened(path)
        self._show_recent()

    def show_preview(self, pattern: np.ndarray, frames: int, positions_m: np.ndarray | None) -> None:
        """Show the mean of some frames and the scan positions, if known."""
        self.preview.show_preview(pattern, frames, positions_m)
        self._turn_to(self.preview, "Scan")

    def show_runnable(self, runnable: bool) -> None:
        """Say whether there is something to run."""
        self._runnable = runnable
        self._refresh_actions()

    def show_started(self, title: str, iterations: int) -> None:
        """Begin a run."""
        self._running = True
        self.banner.hide()
        self.run_page.error.start(iterations)
        self.strip.show_result(None)
        self.strip.show_state(f"Preparing {title}")
        self.strip.show_waiting()
        self._refresh_actions()

    def show_progress(
        self, iteration: int, iterations: int, error: float, positions_per_s: float, seconds_left: float
    ) -> None:
        """Show the numbers of one iteration."""
        if iteration and self.stop.isEnabled():
            self.strip.show_state("Running")
        self.strip.show_progress(iteration, iterations, error, positions_per_s, seconds_left)
        if iteration:
            self.run_page.error.add(iteration, error)

    def show_run_page(self) -> None:
        """Turn to the pictures of the run."""
        self._turn_to(self.run_page, "Reconstruction")

    def show_stopping(self) -> None:
        """Say that the run ends after the iteration under way."""
        self.stop.setEnabled(False)
        self.strip.show_state("Stopping, the result is kept")

    def show_ended(self, text: str, kind: str, result: Path | None) -> None:
        """Say how the run ended and where its result is; `kind` is "done" or "failed"."""
        self._running = False
        self.strip.settle()
        self.strip.show_state(text, kind)
        self.strip.show_result(result)
        self._refresh_actions()

    def show_result(self, path: Path, facts: Sequence[str], errors: Sequence[float]) -> None:
        """Show the error curve and the place of a result that was opened; its pictures are on the run's page."""
        self.run_page.error.start(len(errors))
        for iteration, error in enumerate(errors, 1):
            self.run_page.error.add(iteration, error)
        self.strip.show_state(path.stem, "done")
        self.strip.numbers.setText("   ·   ".join(facts))
        self.strip.show_result(path)
        self.strip.settle()

    def show_problem(self, title: str, text: str, details: str = "") -> None:
        """Show an error that the user can act on, once, without taking the window away from him."""
        self.banner.show_problem(title, text, details)
        self.messages.add(f"{title}: {text}")

    def show_message(self, text: str) -> None:
        """Add a line to the messages."""
        self.messages.add(text)

    # How it is built

    def _make_pages(self) -> None:
        self.scan = ScanCard()
        self.welcome = WelcomePage()
        self.preview = PreviewPage()
        self.run_page = RunPage()
        self.strip = ProgressStrip()
        self.banner = Banner()
        self.messages = Messages()
        self.messages.hide()
        self.pages = QStackedWidget()
        for page in (self.welcome, self.preview, self.run_page):
            self.pages.addWidget(page)
        self.tabs = QTabBar(drawBase=False, expanding=False)
        self.tabs.hide()

    def _make_actions(self) -> None:
        self.open = self._action("Open…", "open", "Ctrl+O", "Open a scan or a result")
        self.simulate = self._action(
            "Try it on a simulated scan", "simulate", "Ctrl+T", "Simulate a scan, open it and reconstruct it"
        )
        self.start = self._action("Run", "run", "Ctrl+R", "Reconstruct the open scan")
        self.stop = self._action("Stop", "stop", "Esc", "End after the iteration under way and keep the result")
        self.quit = self._action("Quit", "", "Ctrl+Q", "Close the window")
        self.log = QAction("Messages", self, checkable=True, shortcut=QKeySequence("Ctrl+M"))
        self.themes = QActionGroup(self)
        for name, text in (("system", "As the desktop"), ("light", "Light"), ("dark", "Dark")):
            action = QAction(text, self.themes, checkable=True, checked=name == self.memory.theme)
            action.setData(name)

    def _make_menus(self) -> None:
        bar = QMenuBar()
        self.recent = QMenu("Open recent", self)
        _menu(bar, "&File", [self.open, self.recent, None, self.simulate, None, self.quit])
        _menu(bar, "&Run", [self.start, self.stop])
        look = QMenu("Theme", self)
        look.addActions(self.themes.actions())
        _menu(bar, "&View", [look, self.log])
        self.setMenuBar(bar)

    def _make_toolbar(self) -> None:
        bar = QToolBar("Main")
        bar.setObjectName("main")
        bar.setMovable(False)
        bar.setContextMenuPolicy(Qt.PreventContextMenu)
        bar.setToolButtonStyle(Qt.ToolButtonTextBesideIcon)
        bar.setIconSize(QSize(18, 18))
        bar.addAction(self.open)
        bar.addSeparator()
        self.run_button = QToolButton(objectName="primary", toolButtonStyle=Qt.ToolButtonTextBesideIcon)
        self.run_button.setDefaultAction(self.start)
        bar.addWidget(self.run_button)
        bar.addAction(self.stop)
        bar.addSeparator()
        for path, editor in self.quick.items():
            bar.addWidget(QLabel(by_path()[path].title, objectName="quick"))
            editor.setFixedWidth(92)
            editor.setToolTip(self.form.rows[path].editor.toolTip())
            bar.addWidget(editor)
        gap = QWidget()
        gap.setSizePolicy(QSizePolicy.Expanding, QSizePolicy.Preferred)
        bar.addWidget(gap)
        bar.addAction(self.simulate)
        self.addToolBar(bar)

    def _lay_out(self) -> None:
        side = QFrame(objectName="side")
        left = QVBoxLayout(side)
        left.setContentsMargins(0, 0, 0, 0)
        left.setSpacing(4)
        card = QHBoxLayout()
        card.setContentsMargins(10, 10, 10, 0)
        card.addWidget(self.scan)
        left.addLayout(card)
        left.addWidget(self.form, 1)
        side.setMinimumWidth(self.form.minimumSizeHint().width())
        middle = QVBoxLayout()
        middle.setContentsMargins(10, 6, 10, 8)
        middle.setSpacing(6)
        for widget in (self.banner, self.tabs, self.pages, self.messages):
            middle.addWidget(widget, 1 if widget is self.pages else 0)
        right = QWidget()
        column = QVBoxLayout(right)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(middle, 1)
        column.addWidget(self.strip)
        self.split = QSplitter(Qt.Horizontal)
        self.split.addWidget(side)
        self.split.addWidget(right)
        self.split.setStretchFactor(1, 1)
        self.split.setSizes([356, 1010])
        self.split.setChildrenCollapsible(False)
        self.split.setHandleWidth(3)
        target = DropTarget()
        holder = QVBoxLayout(target)
        holder.setContentsMargins(0, 0, 0, 0)
        holder.addWidget(self.split)
        target.dropped.connect(self.openAsked)
        self.setCentralWidget(target)

    def _connect(self) -> None:
        self.open.triggered.connect(self._ask_file)
        self.welcome.openAsked.connect(self._ask_file)
        self.welcome.recentAsked.connect(self.openAsked)
        for button in (self.simulate.triggered, self.welcome.simulateAsked):
            button.connect(lambda *_: self.simulateAsked.emit())
        self.start.triggered.connect(self._ask_run)
        self.stop.triggered.connect(lambda: self.stopAsked.emit())
        self.quit.triggered.connect(self.close)
        self.log.toggled.connect(self.messages.setVisible)
        self.themes.triggered.connect(self._change_theme)
        self.form.edited.connect(self.edited)
        self.form.reverted.connect(self.reverted)
        self.form.reasonsChanged.connect(lambda _reasons: self._refresh_actions())
        for path, editor in self.quick.items():
            editor.valueChanged.connect(lambda value, path=path: self.edited.emit(path, value))
            editor.reasonChanged.connect(lambda _reason: self._refresh_actions())
        self.tabs.currentChanged.connect(self._show_tab)
        self.strip.folderAsked.connect(lambda path: QDesktopServices.openUrl(QUrl.fromLocalFile(str(path.parent))))

    # What it does by itself

    def _action(self, text: str, picture: str, keys: str, tip: str) -> QAction:
        action = QAction(text, self, shortcut=QKeySequence(keys))
        action.setToolTip(f"{tip} ({keys})")
        action.setProperty("picture", picture)
        return action

    def _editors(self) -> list[Editor]:
        return [*self.quick.values(), *(row.editor for row in self.form.rows.values())]

    def _ask_run(self) -> None:
        for editor in self._editors():
            editor.commit()
        if self.start.isEnabled():
            self.runAsked.emit()

    def _ask_file(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Open a scan or a result", self.memory.folder, _FILTER)
        if name:
            self.openAsked.emit(Path(name))

    def _refresh_actions(self) -> None:
        wrong = [editor.reason for editor in self._editors() if editor.reason]
        self.start.setEnabled(self._runnable and not self._running and not wrong)
        self.stop.setEnabled(self._running)
        self.simulate.setEnabled(not self._running)
        self.welcome.simulate.setEnabled(not self._running)
        self.start.setToolTip(
            "Correct the values marked red first" if wrong
            else "Open a scan first" if not self._runnable
            else "Reconstruct the open scan (Ctrl+R)"
        )  # fmt: skip

    def _turn_to(self, page: QWidget, title: str) -> None:
        """Show a page, with a tab of its own from its first time on."""
        places = [self.tabs.tabData(place) for place in range(self.tabs.count())]
        if page not in places:
            place = 0 if page is self.preview else self.tabs.count()
            self.tabs.insertTab(place, title)
            self.tabs.setTabData(place, page)
            places.insert(place, page)
        self.tabs.setVisible(True)
        self.tabs.setCurrentIndex(places.index(page))
        self.pages.setCurrentWidget(page)

    def _show_tab(self, place: int) -> None:
        page = self.tabs.tabData(place)
        if page is not None:
            self.pages.setCurrentWidget(page)

    def _show_recent(self) -> None:
        paths = self.memory.recent()
        self.welcome.show_recent(paths)
        self.recent.clear()
        for path in paths:
            action = QAction(path.name, self.recent, toolTip=str(path))
            action.triggered.connect(lambda _checked, path=path: self.openAsked.emit(path))
            self.recent.addAction(action)
        self.recent.setEnabled(bool(paths))

    def _change_theme(self, action: QAction) -> None:
        self.memory.theme = action.data()
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        apply_theme(app, self.memory.theme)

    def _restore(self) -> None:
        self.resize(1366, 740)
        self.restoreGeometry(self.memory.bytes("geometry"))
        self.split.restoreState(self.memory.bytes("split"))
        folded = self.memory.names("folded")
        for group, section in self.form.sections.items():
            section.head.setChecked(group not in folded)
        self._show_recent()
        self._draw_icons()

    def _keep(self) -> None:
        self.memory.keep_bytes("geometry", self.saveGeometry())
        self.memory.keep_bytes("split", self.split.saveState())
        folded = [group for group, section in self.form.sections.items() if not section.head.isChecked()]
        self.memory.keep_names("folded", folded)

    def _draw_icons(self) -> None:
        for action in (self.open, self.simulate, self.stop):
            action.setIcon(tinted(action.property("picture"), self.palette()))
        faint = self.palette().color(QPalette.Disabled, QPalette.WindowText)
        self.start.setIcon(icon("run", self.palette().color(QPalette.HighlightedText), faint))

    def changeEvent(self, event: QEvent | None) -> None:
        super().changeEvent(event)
        if event is not None and event.type() == QEvent.PaletteChange and hasattr(self, "start"):
            self._draw_icons()

    def closeEvent(self, event: QCloseEvent | None) -> None:
        self._keep()
        self.hide()
        self.closing.emit()
        super().closeEvent(event)


def _menu(bar: QMenuBar, title: str, entries: Sequence[QAction | QMenu | None]) -> None:
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
