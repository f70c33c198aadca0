"""The window: what to do on the left, what happens on the right."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PyQt5.QtCore import QEvent, QSize, Qt, QUrl, pyqtSignal
from PyQt5.QtGui import QCloseEvent, QDesktopServices
from PyQt5.QtWidgets import (
    QAction,
    QApplication,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QMainWindow,
    QSplitter,
    QStackedWidget,
    QStyle,
    QTabBar,
    QToolTip,
    QVBoxLayout,
    QWidget,
)

from ptychogui.io.naming import meant_path
from ptychogui.params.model import Parameters, by_path
from ptychogui.params.origins import Origin
from ptychogui.views.form.editors import Editor, make_editor
from ptychogui.views.form.form import ParameterForm
from ptychogui.views.form.preflight import PreflightStrip
from ptychogui.views.run.run_page import ProgressStrip, RunPage
from ptychogui.views.scan.orientation_page import OrientationPage
from ptychogui.views.scan.pairing_page import PairingPage
from ptychogui.views.scan.preset_page import BeamlinePage
from ptychogui.views.scan.preview_page import PreviewPage
from ptychogui.views.scan.scan_card import ScanCard
from ptychogui.views.shell.actions import Actions
from ptychogui.views.shell.banner import Banner, Messages
from ptychogui.views.shell.drop_target import DropTarget
from ptychogui.views.shell.settings import WindowSettings
from ptychogui.views.shell.welcome import WelcomePage
from ptychogui.views.theme import app_icon, apply_theme
from ptychogui.views.widgets import named

_QUICK = {"reconstruction.engine": 190, "reconstruction.iterations": 92, "devices.device": 92}
"""Parameters that the tool bar has as well, and the width of their editors."""

_LARGEST = QSize(1600, 1000)
_FILTER = "Scans and results (*.cxi *.mda *.h5 *.hdf5 *.nxs *.npy *.npz *.tif *.tiff *.bin);;All files (*)"


class MainWindow(QMainWindow):
    """Announces what the user wants; shows what it is told. Holds no state but the layout's."""

    openAsked = pyqtSignal(Path)
    simulateAsked = pyqtSignal()
    runAsked = pyqtSignal()
    stopAsked = pyqtSignal()
    beamlineAsked = pyqtSignal()
    edited = pyqtSignal(str, object)
    reverted = pyqtSignal(str)
    closing = pyqtSignal()

    def __init__(self, memory: WindowSettings) -> None:
        super().__init__()
        self.memory = memory
        self.setWindowTitle("ptychogui")
        self.setWindowIcon(app_icon())
        self._runnable, self._running = False, False
        self.form = ParameterForm()
        self.quick = {path: make_editor(by_path()[path]) for path in _QUICK}
        self._make_pages()
        self._make_bars()
        self._lay_out()
        self._connect()
        self._restore()
        self._refresh_actions()

    # What it is told

    def show_values(
        self,
        parameters: Parameters,
        origins: Mapping[str, Origin],
        below: Parameters,
        below_origins: Mapping[str, Origin],
    ) -> None:
        """Show all parameters with their origins, and what each would go back to."""
        self.form.show_values(parameters, origins, below, below_origins)
        for path, editor in self.quick.items():
            editor.setValue(parameters.get(path))
        self.orientation.show_values({path: parameters.get(path) for path in by_path()})

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

    def show_awaited(self, text: str) -> None:
        """Say what the run waits for before it can begin."""
        if self.commands.stop.isEnabled():
            self.strip.show_state(text)

    def show_progress(
        self, iteration: int, iterations: int, error: float, positions_per_s: float, seconds_left: float
    ) -> None:
        """Show the numbers of one iteration."""
        if iteration and self.commands.stop.isEnabled():
            self.strip.show_state("Running")
        left = seconds_left if self.commands.stop.isEnabled() else math.inf
        self.strip.show_progress(iteration, iterations, error, positions_per_s, left)
        if iteration:
            self.run_page.error.add(iteration, error)

    def show_run_page(self) -> None:
        """Turn to the pictures of the run."""
        self._turn_to(self.run_page, "Reconstruction")

    def show_orientation_page(self) -> None:
        """Turn to the orientation doctor."""
        self._turn_to(self.orientation, "Orientation")

    def show_beamline_page(self) -> None:
        """Turn to the beamline's preset."""
        self._turn_to(self.beamline, "Beamline preset")

    def show_pairing_page(self) -> None:
        """Turn to the question which frame belongs to which position."""
        self._turn_to(self.pairing, "Pairing")

    def hide_pairing_page(self) -> None:
        """Take the question away; what was seen with it goes back to the scan."""
        if self.pages.currentWidget() is self.pairing:
            self._turn_to(self.preview, "Scan")
        for place in [place for place in range(self.tabs.count()) if self.tabs.tabData(place) is self.pairing]:
            self.tabs.removeTab(place)

    def show_stopping(self) -> None:
        """Say that the run ends after the iteration under way."""
        self.commands.stop.setEnabled(False)
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
        self.strip.show_numbers(facts)
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
        self.preflight = PreflightStrip()
        self.welcome = WelcomePage()
        self.preview = PreviewPage()
        self.run_page = RunPage()
        self.orientation = OrientationPage()
        self.beamline = BeamlinePage()
        self.pairing = PairingPage()
        self.strip = ProgressStrip()
        self.banner = Banner()
        self.messages = Messages()
        self.messages.hide()
        self.pages = QStackedWidget()
        for page in (self.welcome, self.preview, self.run_page, self.orientation, self.beamline, self.pairing):
            self.pages.addWidget(page)
        self.tabs = QTabBar()
        self.tabs.setDrawBase(False)
        self.tabs.setExpanding(False)
        self.tabs.hide()

    def _make_bars(self) -> None:
        self.commands = Actions(self, self.memory.theme)
        for path, editor in self.quick.items():
            editor.setFixedWidth(_QUICK[path])
            editor.setToolTip(self.form.rows[path].editor.toolTip())
        self.setMenuBar(self.commands.menu_bar())
        self.addToolBar(self.commands.tool_bar(list(self.quick.values())))

    def _lay_out(self) -> None:
        side = named(QFrame(), "side")
        left = QVBoxLayout(side)
        left.setContentsMargins(0, 0, 0, 0)
        left.setSpacing(4)
        card = QHBoxLayout()
        card.setContentsMargins(10, 10, 10, 0)
        card.addWidget(self.scan)
        left.addLayout(card)
        left.addWidget(self.form, 1)
        left.addWidget(self.preflight)
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
        self.split = QSplitter(Qt.Orientation.Horizontal)
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
        self.commands.open.triggered.connect(self._ask_file)
        self.welcome.openAsked.connect(self._ask_file)
        self.welcome.recentAsked.connect(self.openAsked)
        self.commands.recentAsked.connect(self.openAsked)
        for button in (self.commands.simulate.triggered, self.welcome.simulateAsked):
            button.connect(lambda *_: self.simulateAsked.emit())
        self.commands.start.triggered.connect(self._ask_run)
        self.commands.stop.triggered.connect(lambda: self.stopAsked.emit())
        self.commands.orientation.triggered.connect(lambda: self.show_orientation_page())
        self.commands.beamline.triggered.connect(lambda: self.beamlineAsked.emit())
        self.commands.quit.triggered.connect(self._leave)
        self.commands.messages.toggled.connect(self.messages.setVisible)
        self.commands.themes.triggered.connect(self._change_theme)
        self.form.edited.connect(self.edited)
        self.form.reverted.connect(self.reverted)
        self.preflight.fixAsked.connect(self._edit_all)
        self.orientation.applyAsked.connect(self._edit_all)
        self.pairing.useAsked.connect(self._edit_all)
        self.form.reasonsChanged.connect(lambda _reasons: self._refresh_actions())
        for path, editor in self.quick.items():
            editor.valueChanged.connect(lambda value, path=path: self.edited.emit(path, value))
            editor.reasonChanged.connect(lambda reason, editor=editor: _show_reason(editor, reason))
            editor.reasonChanged.connect(lambda _reason: self._refresh_actions())
        self.tabs.currentChanged.connect(self._show_tab)
        self.strip.folderAsked.connect(_show_folder)

    # What it does by itself

    def _editors(self) -> list[Editor]:
        return [*self.quick.values(), *(row.editor for row in self.form.rows.values())]

    def _leave(self) -> None:
        self.close()

    def _ask_run(self) -> None:
        for editor in self._editors():
            editor.commit()
        if self.commands.start.isEnabled():
            self.runAsked.emit()

    def _ask_file(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Open a scan or a result", self.memory.folder, _FILTER)
        if name:
            self.openAsked.emit(meant_path(name))

    def _edit_all(self, values: Mapping[str, Any]) -> None:
        for path, value in values.items():
            self.edited.emit(path, value)

    def _refresh_actions(self) -> None:
        wrong = [editor.reason for editor in self._editors() if editor.reason]
        self.commands.start.setEnabled(self._runnable and not self._running and not wrong)
        self.commands.stop.setEnabled(self._running)
        self.commands.simulate.setEnabled(not self._running)
        self.welcome.simulate.setEnabled(not self._running)
        self.commands.start.setToolTip(
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
        self.commands.show_recent(paths)

    def _change_theme(self, action: QAction) -> None:
        self.memory.theme = action.data()
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        apply_theme(app, self.memory.theme)
        self.commands.draw_icons()

    def _restore(self) -> None:
        screen = QApplication.primaryScreen()
        assert screen is not None
        frame = QSize(0, self.style().pixelMetric(QStyle.PixelMetric.PM_TitleBarHeight))  # type: ignore[union-attr]
        self.resize((screen.availableGeometry().size() - frame).boundedTo(_LARGEST))
        self.restoreGeometry(self.memory.bytes("geometry"))
        self.split.restoreState(self.memory.bytes("split"))
        folded = self.memory.names("folded")
        for group, section in self.form.sections.items():
            section.head.setChecked(group not in folded)
        self._show_recent()

    def _keep(self) -> None:
        self.memory.keep_bytes("geometry", self.saveGeometry())
        self.memory.keep_bytes("split", self.split.saveState())
        folded = [group for group, section in self.form.sections.items() if not section.head.isChecked()]
        self.memory.keep_names("folded", folded)

    def changeEvent(self, event: QEvent | None) -> None:
        super().changeEvent(event)
        if event is not None and event.type() == QEvent.Type.PaletteChange and hasattr(self, "commands"):
            self.commands.draw_icons()

    def closeEvent(self, event: QCloseEvent | None) -> None:
        self._keep()
        self.hide()
        self.closing.emit()
        super().closeEvent(event)


def _show_reason(editor: Editor, reason: str) -> None:
    """Say below an editor what is wrong with its text; no reason takes it away."""
    QToolTip.showText(editor.mapToGlobal(editor.rect().bottomLeft()), reason, editor)


def _show_folder(path: Path) -> None:
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(path.parent)))
