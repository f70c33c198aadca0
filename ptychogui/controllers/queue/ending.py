"""The end of a window whose jobs are under way: another process goes on with them, or they are stopped."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Callable, Sequence

from PyQt5.QtCore import QObject, QTimer, pyqtSignal

from ptychogui.controllers.error_message import ErrorMessage
from ptychogui.controllers.queue.queue import QueueController
from ptychogui.jobs.processes.messages import Order
from ptychogui.queue.owner import RUN, owner
from ptychogui.queue.store import changes
from ptychogui.queue.store.entry import UNDER_WAY
from ptychogui.queue.store.store import Store

_POLL_MS = 100
_PATIENCE_S = 30.0
"""For the process that goes on to own the queue."""

_log = logging.getLogger(__name__)


def start_run(devices: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start `ptychogui run` in a session of its own, which no end of this process touches.

    Raises:
        OSError: it can't be started.
    """
    command = [sys.executable, "-m", "ptychogui", "run", "--until-empty", "--devices", ",".join(devices)]
    nothing = subprocess.DEVNULL
    return subprocess.Popen(command, stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True, cwd="/")


class EndController(QObject):
    """Brings jobs under way to what the user wants, and says when the window can go.

    Signals:
        asking(names, waiting): jobs are under way; so many more wait.
        busy(text): what goes on.
        over(): the window can go.
        problem(ErrorMessage): it can't; it stays.
    """

    asking = pyqtSignal(object, int)
    busy = pyqtSignal(str)
    over = pyqtSignal()
    problem = pyqtSignal(object)

    def __init__(
        self, queue: QueueController, start: Callable[[Sequence[str]], subprocess.Popen[bytes]] = start_run
    ) -> None:
        super().__init__()
        self._queue, self._start = queue, start
        self._then: Callable[[], None] | None = None
        self._waited_s = 0.0
        self._heir: subprocess.Popen[bytes] | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(_POLL_MS)
        self._timer.timeout.connect(self._look_for_heir)
        queue.left.connect(self._on_left)

    def ask(self) -> None:
        """Ask what is to become of what is under way."""
        rows = self._queue.state.rows.values()
        waiting = sum("hold" in row.may for row in rows)
        self.asking.emit([row.name for row in self._queue.state.under_way], waiting)

    def answer(self, key: str) -> None:
        """Take the answer: "go-on", "stop" or "stay"."""
        if key == "go-on":
            self.busy.emit("Handing over: each job keeps its whole state after the iteration under way.")
            self._then = self._hand_over
            self._queue.leave()
        elif key == "stop":
            self.busy.emit("Stopping: each job writes its result.")
            self._then = self.over.emit
            self._queue.do(_stop_all, lambda _outcome: self._queue.leave(), self._fail)

    def _on_left(self) -> None:
        then, self._then = self._then, None
        if then is not None:
            then()

    def _hand_over(self) -> None:
        self._queue.give_up(lambda _outcome: self._start_heir())

    def _start_heir(self) -> None:
        try:
            self._heir = self._start(self._queue.devices)
        except OSError as error:
            self._fail(error)
            return
        self._waited_s = 0.0
        self._timer.start()

    def _look_for_heir(self) -> None:
        """See whether the queue is owned by the process that goes on with it."""
        assert self._heir is not None
        self._waited_s += _POLL_MS / 1000
        found = owner(self._queue.folder)
        if found is not None and found.kind == RUN:
            self._timer.stop()
            self.over.emit()
        elif self._heir.poll() is not None or self._waited_s > _PATIENCE_S:
            self._timer.stop()
            self._fail(OSError(f"ptychogui run has ended with status {self._heir.poll()}"))

    def _fail(self, error: Exception) -> None:
        _log.error("the window stays: %s", error)
        self._queue.stay()
        text = f"{error}. The jobs go on in this window."
        self.problem.emit(ErrorMessage("The queue can't be handed over", text))


def _stop_all(store: Store) -> None:
    """Tell all jobs under way to stop, and keep their results."""
    for entry in store.entries():
        if entry.state in UNDER_WAY:
            changes.order(store, entry.id, Order.STOP)
