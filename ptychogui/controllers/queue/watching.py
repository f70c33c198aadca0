"""A folder that the window watches: its scans come into a batch as they are finished, until that is ended."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field

from PyQt5.QtCore import QObject, pyqtSignal

from ptychogui.controllers.background import Background
from ptychogui.controllers.error_message import explain
from ptychogui.controllers.queue.queue import QueueController
from ptychogui.errors import PtychoError
from ptychogui.queue.store.batch import close_batch
from ptychogui.queue.watch import FoundScan, Watcher, WatchOrder
from ptychogui.queue_state import Notice

END = "end-watch"
"""Key of the button that ends it."""


@dataclass
class _Watched:
    """A folder that is watched, and what came of it."""

    order: WatchOrder
    watcher: Watcher
    stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    added: int = 0
    problems: list[str] = field(default_factory=list)


class WatchController(QObject):
    """Watches one folder at a time.

    Signals:
        changed(Notice): what is watched, and how to end it; None for nothing.
        message(text), problem(ErrorMessage): for the user.
    """

    changed = pyqtSignal(object)
    message = pyqtSignal(str)
    problem = pyqtSignal(object)
    _found = pyqtSignal(object)

    def __init__(self, queue: QueueController, background: Background) -> None:
        super().__init__()
        self._queue, self._background = queue, background
        self._now: _Watched | None = None
        self._found.connect(self._on_found)

    def begin(self, order: WatchOrder) -> None:
        """Watch a folder, in place of the one before; its batch is open."""
        self.end()
        try:
            watcher = Watcher(self._queue.folder, order, self._found.emit)
        except PtychoError as error:
            self.problem.emit(explain(f"{order.folder} can't be watched", error))
            return
        self._now = _Watched(order, watcher)
        self._now.stack.enter_context(watcher)
        self._show()

    def end(self, _key: str = END) -> None:
        """Watch no more: the batch ends with the jobs that it has."""
        now, self._now = self._now, None
        if now is None:
            return
        number = now.order.batch
        if number is not None:
            self._queue.do(lambda store: close_batch(store, number), lambda _done: None, lambda _error: None)
        self._background.start(now.stack.close, lambda _done: None, lambda _error: None)
        self.message.emit(f"{now.order.folder} is no longer watched")
        self._show()

    def _on_found(self, found: FoundScan) -> None:
        if self._now is None:
            return
        if found.problem:
            self._now.problems.append(f"{found.path.name}: {found.problem}")
            self.message.emit(f"{found.path} can't be reconstructed: {found.problem}")
        else:
            self._now.added += 1
            self.message.emit(f"{found.path.name} was found and is in the queue")
        self._show()

    def _show(self) -> None:
        now = self._now
        if now is None:
            self.changed.emit(None)
            return
        bad = f", {len(now.problems)} can't be read" if now.problems else ""
        text = f"Watching {now.order.folder.name}: {now.added} added{bad}"
        self.changed.emit(Notice(text, ((END, "End"),)))
