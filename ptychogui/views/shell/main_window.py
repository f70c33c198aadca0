"""The window: docks around its pages, what to do on the left and what happens on the right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from PyQt5.QtCore import QEvent, QSize, QUrl, pyqtSignal
from PyQt5.QtGui import QCloseEvent, QDesktopServices, QKeySequence
from PyQt5.QtWidgets import (
    QAction,
    QApplication,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QMainWindow,
    QShortcut,
    QStyle,
    QVBoxLayout,
    QWhatsThis,
    QWidget,
)

from ptychogui.params.model import Parameters
from ptychogui.params.origins import Origin
from ptychogui.session_state import SessionState
from ptychogui.views.dialog_paths import meant_path
from ptychogui.views.form.code_dialog import CodeDialog
from ptychogui.views.form.panel import FormPanel
from ptychogui.views.form.preflight_strip import PreflightStrip
from ptychogui.views.form.profile_dialog import ProfileDialog
from ptychogui.views.form.quick import QuickEditors
from ptychogui.views.queue.batch_dialog import BatchDialog
from ptychogui.views.queue.dialogs import CloseDialog, ContinueDialog, LogDialog
from ptychogui.views.queue.queue_panel import QueuePanel
from ptychogui.views.run.progress_strip import ProgressStrip
from ptychogui.views.scan.scan_card import ScanCard
from ptychogui.views.shell.about import AboutDialog
from ptychogui.views.shell.actions import QUEUE_BUTTONS, QUEUE_HEAD
from ptychogui.views.shell.banner import Banner
from ptychogui.views.shell.commands import Commands
from ptychogui.views.shell.docks import Dock, Docks, Side
from ptychogui.views.shell.drop_target import DropTarget
from ptychogui.views.shell.help_window import FIRST, HELP_PROPERTY, HelpWindow, help_about_focus
from ptychogui.views.shell.log_panel import LogPanel
from ptychogui.views.shell.mail_dialog import MailDialog
from ptychogui.views.shell.pages import Pages
from ptychogui.views.shell.palette import Palette
from ptychogui.views.shell.settings import WindowSettings
from ptychogui.views.shell.status import StatusLine
from ptychogui.views.shell.welcome import WelcomePage
from ptychogui.views.theme import app_icon, apply_theme
from ptychogui.views.widgets import named
from ptychogui.window_state import RunState, WindowState, window_state

_LARGEST = QSize(1600, 1000)
_SIDE_PX, _QUEUE_PX = 366, 290
"""How wide the form and the queue are at first."""
_LOG_PX = 170
_FILTER = "Scans and results (*.cxi *.mda *.h5 *.hdf5 *.nxs *.npy *.npz *.tif *.tiff *.bin);;All files (*)"


class MainWindow(QMainWindow):
    """Arranges actions, docks, pages and strip; shows what it is told and announces what the user wants.

    Pages are registered in `pages`, docks in `docks`; a row of the table of actions turns to each. Actions that no
    signal below announces are joined by their key in `commands`.

    Signals:
        openAsked(path): a file was chosen, dropped or picked from the recent ones.
        runAsked(): Run was pressed, and what was being typed is announced.
        edited(path, value), reverted(path): a parameter's value, and the way back to the one below.
        wrongChanged(Obstacles): the texts in editors that are no values.
        jobAsked(key): something is to be done with the jobs that are chosen.
        continueAsked(Continuation): how the job that is chosen is to go on.
        closeAsked(): the window is to go, and a job is under way.
        endAnswered(key): what is to become of it; see CloseDialog.
        closing(): the window goes.
    """

    openAsked = pyqtSignal(Path)
    runAsked = pyqtSignal()
    edited = pyqtSignal(str, object)
    reverted = pyqtSignal(str)
    wrongChanged = pyqtSignal(object)
    jobAsked = pyqtSignal(str)
    continueAsked = pyqtSignal(object)
    closeAsked = pyqtSignal()
    endAnswered = pyqtSignal(str)
    closing = pyqtSignal()

    def __init__(self, settings: WindowSettings) -> None:
        super().__init__()
        self.settings = settings
        self.state = window_state(SessionState(), RunState())
        self.setWindowIcon(app_icon())
        self.scan = ScanCard()
        self.panel = FormPanel()
        self.form = self.panel.form
        self.quick = QuickEditors(self.form)
        self.preflight = PreflightStrip()
        self.welcome = WelcomePage()
        self.pages = Pages(self.welcome)
        self.strip = ProgressStrip()
        self.queue = QueuePanel()
        self.ending = CloseDialog(self)
        self.more = ContinueDialog(self)
        self.log = LogDialog(self)
        self.batch = BatchDialog(self)
        self.profiles = ProfileDialog(self)
        self.mail = MailDialog(self)
        self.code = CodeDialog(self)
        self._may_go = False
        self.banner = Banner()
        self.messages = LogPanel()
        self.status = StatusLine()
        self.docks = Docks(self)
        self.palette_ = Palette(self)
        self.guide = HelpWindow()
        self.about = AboutDialog(self)
        self.commands = Commands(self)
        self.commands.choose("theme", settings.theme)
        self.setMenuBar(self.commands.menu_bar())
        self.addToolBar(self.commands.tool_bar(self.quick.widgets()))
        commands = self.commands
        places = [[commands[key] for key in keys] for keys in QUEUE_BUTTONS]
        self.queue.set_actions([commands[key] for key in QUEUE_HEAD], places)
        self._lay_out()
        self._connect()
        self._restore()
        self.show_state(self.state)

    # What it is told

    def show_state(self, state: WindowState) -> None:
        """Show what there is of session, jobs and run; another scan takes the last problem away."""
        before, self.state = self.state, state
        if state.card.path and state.card != before.card:
            self.banner.hide()
        self.setWindowTitle(state.title)
        self.scan.show_scan(state.card)
        self.panel.show_obstacles(state.obstacles)
        self.strip.show_strip(state.strip)
        self.commands.show_state(state)

    def show_values(
        self,
        parameters: Parameters,
        origins: Mapping[str, Origin],
        below: Parameters,
        below_origins: Mapping[str, Origin],
    ) -> None:
        """Show all parameters with their origins, and what each would go back to."""
        self.panel.show_values(parameters, origins, below, below_origins)
        self.quick.show_values(parameters)

    def show_problem(self, title: str, text: str, details: str = "", ends_with_edit: bool = False) -> None:
        """Show an error that the user can act on, once, without taking the window away from him."""
        self.banner.show_problem(title, text, details, ends_with_edit)
        self.messages.add(f"{title}: {text}", "error")

    def show_message(self, text: str) -> None:
        """Say something that is no problem."""
        self.messages.add(text)

    def copy(self, text: str) -> None:
        """Put a text on the clipboard."""
        clipboard = QApplication.clipboard()
        assert clipboard is not None
        clipboard.setText(text)

    def remember(self, path: Path) -> None:
        """Put a file that was opened among the recent ones."""
        self.settings.opened(path)
        self._show_recent()

    # How it is built

    def _lay_out(self) -> None:
        middle = QVBoxLayout()
        middle.setContentsMargins(10, 6, 10, 8)
        middle.setSpacing(6)
        middle.addWidget(self.banner)
        middle.addWidget(self.pages, 1)
        center = named(QFrame(), "center")
        column = QVBoxLayout(center)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(middle, 1)
        column.addWidget(self.strip)
        self.setCentralWidget(center)
        self.setStatusBar(self.status)
        for dock in (
            Dock("form", "Scan and parameters", self._side(), Side.LEFT, length_px=_SIDE_PX, help="parameters.md"),
            Dock("preflight", "Preflight", self.preflight, Side.LEFT, fits=True),
            Dock("queue", "Devices and queue", self.queue, Side.RIGHT, length_px=_QUEUE_PX, help="queue.md"),
            Dock("log", "Log", self.messages, Side.BOTTOM, open=False, length_px=_LOG_PX),
        ):
            self.docks.add(dock)

    def _side(self) -> QWidget:
        side = named(QFrame(), "side")
        left = QVBoxLayout(side)
        left.setContentsMargins(0, 0, 0, 0)
        left.setSpacing(4)
        card = QHBoxLayout()
        card.setContentsMargins(10, 4, 10, 0)
        card.addWidget(self.scan)
        left.addLayout(card)
        left.addWidget(self.panel, 1)
        side.setMinimumWidth(self.form.minimumSizeHint().width())
        return side

    def _connect(self) -> None:
        commands = self.commands
        commands["open"].triggered.connect(self._ask_file)
        commands["run"].triggered.connect(self._ask_run)
        commands["quit"].triggered.connect(self._leave)
        commands["palette"].triggered.connect(lambda: self.palette_.ask(commands.by_name()))
        commands["help"].triggered.connect(lambda: self.guide.show_page(help_about_focus()))
        commands["whats-this"].triggered.connect(lambda: QWhatsThis.enterWhatsThisMode())
        self.about.copyAsked.connect(commands["support"].trigger)
        for dialog, page in ((self.batch, "queue.md"), (self.more, "queue.md"), (self.log, "queue.md"),
                             (self.ending, "queue.md"), (self.about, FIRST)):  # fmt: skip
            dialog.setProperty(HELP_PROPERTY, page)
            QShortcut(QKeySequence(commands["help"].action.shortcut), dialog, commands["help"].trigger)
        commands["reset"].triggered.connect(self.docks.reset)
        commands["next-page"].triggered.connect(lambda: self.pages.step(1))
        commands["page-before"].triggered.connect(lambda: self.pages.step(-1))
        commands.dockAsked.connect(self.docks.turn)
        self.docks.turned.connect(commands.show_dock)
        self.messages.said.connect(self.status.show_message)
        self.status.details.clicked.connect(lambda: self.docks.turn("log", True))
        DropTarget(self).dropped.connect(self._take_dropped)
        commands.jobAsked.connect(self._ask_job)
        self.queue.pauseAsked.connect(self._ask_pause)
        self.more.asked.connect(self.continueAsked)
        self.ending.answered.connect(self._answer_end)
        commands.choices["theme"].triggered.connect(self._change_theme)
        commands.pageAsked.connect(self.pages.turn_to)
        commands.recentAsked.connect(self.openAsked)
        self.welcome.openAsked.connect(self._ask_file)
        self.welcome.recentAsked.connect(self.openAsked)
        self.welcome.simulateAsked.connect(commands["simulate"].trigger)
        for editors in (self.form, self.quick):
            editors.edited.connect(self.edited)
            editors.reasonsChanged.connect(self._announce_wrong)
        self.form.reverted.connect(self.reverted)
        commands["find"].triggered.connect(self.panel.finder.begin)
        for changed in (self.edited, self.reverted, self.preflight.fixAsked):
            changed.connect(self._on_edit)
        self.strip.folderAsked.connect(self._show_folder)

    # What it does by itself

    def _announce_wrong(self) -> None:
        self.wrongChanged.emit([*self.quick.reasons(), *self.form.reasons()])

    def _on_edit(self) -> None:
        if self.banner.ends_with_edit:
            self.banner.hide()

    def _show_folder(self, path: Path) -> None:
        if not QDesktopServices.openUrl(QUrl.fromLocalFile(str(path.parent))):
            self.messages.add(f"No file manager was found on this computer; the folder is {path.parent}", "warning")

    def _leave(self) -> None:
        self.close()

    def go(self) -> None:
        """Close without a question."""
        self._may_go = True
        self.close()

    def _ask_job(self, key: str) -> None:
        if key == "continue":
            self.more.ask(self.state.shown.name, self.state.curve.iterations)
            return
        if key == "retry":
            self.banner.hide()
        self.jobAsked.emit(key)

    def _ask_pause(self) -> None:
        key = "resume" if "resume" in self.state.may else "pause"
        self.commands[key].trigger()

    def _answer_end(self, key: str) -> None:
        if key == "stay":
            self.ending.hide()
        self.endAnswered.emit(key)

    def _ask_run(self) -> None:
        self.quick.commit()
        self.form.commit()
        if self.state.may_run:
            self.banner.hide()
            self.runAsked.emit()

    def _ask_file(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Open a scan or a result", self.settings.folder, _FILTER)
        if name:
            self.openAsked.emit(meant_path(name))

    def _take_dropped(self, paths: Sequence[Path]) -> None:
        """Open one file; of several make a batch."""
        if len(paths) == 1:
            self.openAsked.emit(paths[0])
        else:
            self.batch.scans.setPlainText("\n".join(map(str, paths)))
            self.commands["batch"].trigger()
            self.batch.look.click()

    def _show_recent(self) -> None:
        paths = self.settings.recent()
        self.welcome.show_recent(paths)
        self.commands.show_recent(paths)

    def _change_theme(self, action: QAction) -> None:
        self.settings.theme = action.data()
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        apply_theme(app, self.settings.theme)
        self.commands.draw_icons()

    def _restore(self) -> None:
        screen = QApplication.primaryScreen()
        assert screen is not None
        frame = QSize(0, self.style().pixelMetric(QStyle.PixelMetric.PM_TitleBarHeight))  # type: ignore[union-attr]
        self.resize((screen.availableGeometry().size() - frame).boundedTo(_LARGEST))
        self.restoreGeometry(self.settings.bytes("geometry"))
        self.resize(self.size().boundedTo(screen.availableGeometry().size()))
        self.docks.size()
        self.docks.restore(self.settings.bytes("docks"))
        for dock in self.docks:
            self.commands.show_dock(dock.name, self.docks.is_open(dock.name))
        self.form.fold(self.settings.names("folded"))
        self._show_recent()

    def _keep(self) -> None:
        self.settings.keep_bytes("geometry", self.saveGeometry())
        self.settings.keep_bytes("docks", self.docks.state())
        self.settings.keep_names("folded", self.form.folded())

    def changeEvent(self, event: QEvent | None) -> None:
        super().changeEvent(event)
        if event is not None and event.type() == QEvent.Type.PaletteChange and hasattr(self, "commands"):
            self.commands.draw_icons()

    def closeEvent(self, event: QCloseEvent | None) -> None:
        if event is not None and self.state.asks_at_end and not self._may_go:
            event.ignore()
            self.closeAsked.emit()
            return
        self._keep()
        self.guide.close()
        self.hide()
        self.closing.emit()
        super().closeEvent(event)
