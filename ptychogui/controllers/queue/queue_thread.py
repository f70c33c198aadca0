"""The thread of the queue: it alone reads and changes the store for the window, and owns the queue if nobody does.

While it owns the queue a postman sends word of what has ended.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from PyQt5.QtCore import QThread, pyqtSignal

from ptychogui.errors import OutputError, PtychoError
from ptychogui.queue.owner import WINDOW, OwnedError, Ownership
from ptychogui.queue.postman import posted
from ptychogui.queue.recovery import forget_states_of_ended, recover
from ptychogui.queue.snapshot import Camera
from ptychogui.queue.store import journal
from ptychogui.queue.store.batch import close_left_open
from ptychogui.queue.store.entry import UNDER_WAY, WAITING
from ptychogui.queue.store.store import Store
from ptychogui.queue.store.word import tell_ended

_LOOK_S = 0.2
"""Between looks whether the store has changed."""
_OWN_S = 1.0
"""Between attempts to own the queue, and looks who does."""
_RECOVER_S = 2.0
"""Between looks whether what another owner left is gone, and who watched for a batch."""
_LAST_LETTERS_S = 2.0
"""For word of what has ended last, while the window closes; what is not sent then goes the next time."""

_log = logging.getLogger(__name__)

_Order: TypeAlias = Callable[[Store], None]


@dataclass(frozen=True)
class Owned:
    """The queue is this window's.

    Attributes:
        name: of the ownership.
        broken_off: names of the jobs that were under way when their owner ended.
        waiting: how many jobs wait to be begun.
    """

    name: str
    broken_off: tuple[str, ...]
    waiting: int


class QueueThread(QThread):
    """Looks at the store five times a second, and does what it is told to do with it.

    Signals:
        seen(Snapshot): the queue has changed.
        owned(Owned): this window owns it from now on.
        batchEnded(Batch): all jobs of a batch are over, while this window owns the queue.
        broken(error): the store can't be used at all.
    """

    seen = pyqtSignal(object)
    owned = pyqtSignal(object)
    broken = pyqtSignal(object)
    batchEnded = pyqtSignal(object)
    _ended = pyqtSignal(object, object)

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self._orders: queue.SimpleQueue[_Order | None] = queue.SimpleQueue()
        self._ownership: Ownership | None = None
        self._owning = contextlib.ExitStack()
        self._owns, self._is_settled = True, True
        self._own_s = self._recover_s = 0.0
        self._ended.connect(self._deliver)

    def do(
        self,
        work: Callable[[Store], Any],
        done: Callable[[Any], None] = lambda _outcome: None,
        failed: Callable[[Exception], None] = lambda _error: None,
    ) -> None:
        """Do something with the store on this thread, then `done` or `failed` with what came of it on that of Qt."""
        self._orders.put(lambda store: self._work(store, work, done, failed))

    def give_up(self, done: Callable[[Any], None]) -> None:
        """Leave the queue to others; then call `done`. All lanes have ended before."""
        self._orders.put(lambda store: self._work(store, self._let_go, done, lambda _error: None))

    def own_again(self) -> None:
        """Own the queue as soon as nobody else does, after it was left to others."""
        self._owns = True

    def close(self) -> None:
        """Do what was ordered, and end."""
        self._orders.put(None)
        self.wait()

    def run(self) -> None:
        """Be the thread."""
        try:
            with Store(self._folder) as store:
                store.check_whole()
                self._serve(store)
        except PtychoError as error:
            _log.error("the queue can't be used: %s", error)
            self.broken.emit(error)
        finally:
            self._let_go(None)

    def _serve(self, store: Store) -> None:
        camera, is_new = Camera(store), True
        while True:
            is_new = self._own(store) or is_new
            try:
                if self._recover(store) or store.has_changed() or is_new:
                    if self._ownership is not None:
                        tell_ended(store, self.batchEnded.emit)
                    self.seen.emit(camera.take(self._ownership is not None))
                    is_new = False
            except OutputError as error:
                _log.warning("the queue can't be read now: %s", error)
            try:
                order = self._orders.get(timeout=_LOOK_S)
            except queue.Empty:
                continue
            if order is None:
                return
            order(store)
            is_new = True

    def _own(self, store: Store) -> bool:
        """Try to own the queue; True where that, or who does, may have changed."""
        if self._ownership is not None or not self._owns or time.monotonic() < self._own_s:
            return False
        self._own_s = time.monotonic() + _OWN_S
        try:
            ownership = Ownership(self._folder, WINDOW)
        except OwnedError:
            return True
        try:
            owned = self._take_over(store, ownership)
        except OutputError as error:
            _log.warning("the queue can't be taken over now: %s", error)
            ownership.__exit__(None, None, None)
            return False
        self._ownership = ownership
        self._owning.enter_context(ownership)
        self._owning.enter_context(posted(self._folder, _LAST_LETTERS_S))
        self.owned.emit(owned)
        return True

    def _take_over(self, store: Store, ownership: Ownership) -> Owned:
        """End what the last owner left."""
        under_way = [entry for entry in store.entries() if entry.state in UNDER_WAY]
        self._is_settled = recover(store, ownership.name)
        forget_states_of_ended(store)
        journal.begin_lanes(store, ())
        waiting = {entry.id for entry in store.entries() if entry.state in WAITING}
        return Owned(ownership.name, tuple(entry.title for entry in under_way if entry.id in waiting), len(waiting))

    def _recover(self, store: Store) -> bool:
        """See what others have left; True where something may have changed by that."""
        if self._ownership is None or time.monotonic() < self._recover_s:
            return False
        self._recover_s = time.monotonic() + _RECOVER_S
        was_settled = self._is_settled
        self._is_settled = was_settled or recover(store, self._ownership.name, 0.0)
        return close_left_open(store) or not was_settled

    def _let_go(self, _store: Store | None) -> None:
        self._owns, self._ownership = False, None
        self._owning.close()

    def _work(
        self, store: Store, work: Callable[[Store], Any], done: Callable[[Any], None], failed: Callable[[Any], None]
    ) -> None:
        try:
            outcome, deliver = work(store), done
        except Exception as error:
            _log.info("refused: %s", error, exc_info=not isinstance(error, PtychoError))
            outcome, deliver = error, failed
        self._ended.emit(deliver, outcome)

    def _deliver(self, deliver: Callable[[Any], None], outcome: Any) -> None:
        deliver(outcome)
