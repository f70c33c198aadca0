"""The shell's part of the composition root: what is said of the machine, the log and help, joined to the window."""

from __future__ import annotations

import signal
from collections.abc import Sequence

from PyQt5.QtCore import QObject, QTimer, pyqtSignal

from ptychogui.controllers.background import Background
from ptychogui.controllers.compiling import CompilingController
from ptychogui.controllers.error_hook import ErrorHook
from ptychogui.controllers.log_feed import LogFeed
from ptychogui.controllers.queue.queue import QueueController
from ptychogui.controllers.session import SessionController
from ptychogui.controllers.support import SupportController
from ptychogui.controllers.vitals import VitalsController
from ptychogui.controllers.window import WindowController
from ptychogui.views.shell.log_panel import Line
from ptychogui.views.shell.main_window import MainWindow

_SIGNALS_MS = 200


def close_on_signals(window: MainWindow) -> None:
    """Close the window on Ctrl-C and on SIGTERM, where jobs keep their state; a timer lets Python notice them."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: window.go())
    heart = QTimer(window)
    heart.timeout.connect(_let_python_run)
    heart.start(_SIGNALS_MS)


def _let_python_run() -> None:
    """Do nothing: that Python is called is enough for it to handle its signals."""


class ShellJoins(QObject):
    """Status bar, log, unforeseen errors, About and support bundle. Announces `problem(ErrorMessage)`."""

    problem = pyqtSignal(object)

    def __init__(
        self, session: SessionController, queue: QueueController, shown: WindowController, background: Background,
        window: MainWindow,
    ) -> None:  # fmt: skip
        super().__init__()
        self._window = window
        self.hook = ErrorHook()
        self.vitals = VitalsController(queue)
        self.compiling = CompilingController(queue, background)
        self.log_feed = LogFeed()
        self.support = SupportController(session, queue, background)
        self.vitals.told.connect(window.status.show_use)
        self.compiling.told.connect(window.status.show_work)
        self.compiling.told.connect(shown.take_compiling)
        self.log_feed.told.connect(self._add_log)
        self._join_help()
        for source in (self.hook, self.support):
            source.problem.connect(self.problem)

    def start(self) -> None:
        """Begin to look and to listen."""
        for part in (self.vitals, self.compiling, self.log_feed):
            part.start()

    def close(self) -> None:
        """End that, and leave unforeseen errors to Python again."""
        self.hook.remove()
        for part in (self.vitals, self.compiling, self.log_feed):
            part.close()

    def _join_help(self) -> None:
        commands, support = self._window.commands, self.support
        support.told.connect(self._window.about.show_facts)
        support.made.connect(self._copy_bundle)
        commands["about"].triggered.connect(support.tell)
        commands["about"].triggered.connect(self._window.about.open)
        commands["support"].triggered.connect(support.make)

    def _copy_bundle(self, text: str) -> None:
        self._window.copy(text)
        self._window.show_message("The support bundle is copied: versions, devices, settings and the end of the log")

    def _add_log(self, lines: Sequence[tuple[str, str, str]]) -> None:
        self._window.messages.add_lines([Line(*line) for line in lines])
