"""The postman: sends the letters of a queue, on a thread of its own, until all are sent. He never harms a job.

What can't be sent now is tried again in growing pauses, by whoever runs the queue then. That a way is closed is said
once, until it is open again. A letter is struck out when the other side has it; one that the other side refuses for
good is struck out too, and that is said.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

from ptychogui.errors import OutputError, PtychoError
from ptychogui.notify import desktop, webhook
from ptychogui.notify.letter import letter
from ptychogui.notify.not_sent import RefusedError, UnreachableError
from ptychogui.notify.report import Report
from ptychogui.notify.settings import PostSettings
from ptychogui.notify.smtp import TIMEOUT_S, send
from ptychogui.queue.store import letters
from ptychogui.queue.store.folders import close_to_others
from ptychogui.queue.store.letters import DESKTOP, MAIL, WEBHOOK, Letter
from ptychogui.queue.store.store import Store

FIRST_PAUSE_S, LONGEST_PAUSE_S = 30.0, 3600.0
"""Between tries of a way that is closed."""
MOST_TRIES = 100
"""A letter that was refused for the time being so often is given up: after four days of growing pauses."""

_LOOK_S = 1.0
"""Between looks at the store."""
_LOCK = "post.lock"

_log = logging.getLogger(__name__)

Way: TypeAlias = Callable[[Report, PostSettings], object]
"""Sends a report."""


def mail(report: Report, settings: PostSettings, timeout_s: float = TIMEOUT_S) -> tuple[str, ...]:
    """Send a report by mail; return which of its addresses were refused while others were not."""
    return send(settings, report.to.split(", "), partial(letter, report, settings), timeout_s)


def _to_webhook(report: Report, settings: PostSettings) -> None:
    if settings.webhook:
        webhook.post(settings.webhook, report)


def _on_desktop(report: Report, settings: PostSettings) -> None:
    if settings.desktop:
        desktop.show(report)


WAYS: Mapping[str, Way] = {DESKTOP: _on_desktop, WEBHOOK: _to_webhook, MAIL: mail}
"""The quick ones first."""


@dataclass
class _Door:
    """What is known of a way: how often it was found closed, when to try again, what was said of it."""

    failures: int = 0
    try_s: float = 0.0
    said: str = ""

    def close(self, cause: str, name: str) -> None:
        self.wait(self.failures)
        self.failures += 1
        if not self.said:
            _log.warning("no word is sent by %s: %s; it is kept, and ptychogui run tries again", name, cause)
        self.said = cause

    def wait(self, times: int) -> None:
        """Be tried again after a pause, the longer the more often it was tried."""
        self.try_s = time.monotonic() + min(FIRST_PAUSE_S * 2.0 ** min(times, 20), LONGEST_PAUSE_S)

    def open(self, name: str) -> None:
        if self.said:
            _log.info("word by %s is sent again", name)
        self.failures, self.try_s, self.said = 0, 0.0, ""


class Postman:
    """Sends the letters of a queue.

    Args:
        folder: of the queue.
        ways: how letters of each kind are sent.
    """

    def __init__(self, folder: Path, ways: Mapping[str, Way] = WAYS) -> None:
        self._folder, self._ways = folder, ways
        self._doors = {way: _Door() for way in ways}
        self._leaving, self._finishing = threading.Event(), threading.Event()
        self._sent: set[int] = set()
        """Letters that are sent, and could not be struck out so far."""
        self._settings: PostSettings | None = None
        self._thread = threading.Thread(target=self._walk, name="postman", daemon=True)

    def start(self) -> None:
        """Send letters as they come, on a thread."""
        self._thread.start()

    def leave(self, patience_s: float) -> None:
        """Send what has come last, as far as that can be done in so long; what is left goes with the next postman."""
        self._finishing.set()
        self._thread.join(patience_s)
        self._leaving.set()

    def deliver(self, store: Store) -> bool:
        """Send what can be sent now; False if something has to be tried again later.

        Raises:
            PtychoError: the store can't be used.
        """
        self._strike_out(store)
        with _alone(self._folder) as is_alone:
            if not is_alone:
                return False
            settings = letters.post_settings(store)
            if settings != self._settings:
                self._doors = {way: _Door(said=door.said) for way, door in self._doors.items()}
            self._settings = settings
            left = [way for way in self._ways if not self._deliver(store, way, settings)]
            return not left

    def _walk(self) -> None:
        """Be the thread. What goes wrong here is said, and is no reason to stop."""
        said = ""
        while not self._leaving.is_set():
            try:
                with Store(self._folder) as store:
                    self._walk_with(store)
                return
            except Exception as error:
                known = isinstance(error, PtychoError)
                if str(error) != said:
                    _log.warning("no letters are sent: %s", error, exc_info=not known)
                said = str(error)
            if self._finishing.wait(FIRST_PAUSE_S):
                return

    def _walk_with(self, store: Store) -> None:
        is_all_sent = True
        while not self._leaving.is_set():
            is_last = self._finishing.is_set()
            if store.has_changed() or is_last or (not is_all_sent and self._is_time):
                is_all_sent = self.deliver(store)
            if is_last:
                return
            self._finishing.wait(_LOOK_S)

    @property
    def _is_time(self) -> bool:
        return any(door.try_s <= time.monotonic() for door in self._doors.values())

    def _deliver(self, store: Store, way: str, settings: PostSettings) -> bool:
        """Send all letters of one kind; False where one is left."""
        door, found = self._doors[way], [one for one in letters.waiting(store, way) if one.id not in self._sent]
        if not found:
            return True
        if time.monotonic() < door.try_s:
            return False
        left = []
        for one in found:
            if self._leaving.is_set():
                return False
            try:
                left += [] if self._hand_over(store, way, one, settings) else [one.tries]
            except UnreachableError as error:
                door.close(str(error), way)
                letters.note(store, one.id, str(error), one.tries)
                return False
            door.open(way)
        if left:
            door.wait(min(left))
        return not left

    def _hand_over(self, store: Store, way: str, one: Letter, settings: PostSettings) -> bool:
        """Send a letter; False if it is to be tried again.

        Raises:
            UnreachableError: nothing can be sent this way now.
        """
        try:
            refused = self._ways[way](one.report, settings)
        except UnreachableError:
            raise
        except Exception as error:
            known = isinstance(error, RefusedError)
            cause = str(error) if known else f"internal error: {type(error).__name__}: {error}"
            if not (isinstance(error, RefusedError) and error.is_final) and one.tries + 1 < MOST_TRIES:
                _log.info("word of %s is refused by %s: %s", one.report.title, way, cause, exc_info=not known)
                letters.note(store, one.id, cause, one.tries + 1)
                return False
            _log.warning("word of %s is given up: %s", one.report.title, cause)
        else:
            _log.info("word of %s is sent by %s", one.report.title, way)
            if refused:
                _log.warning("word of %s was refused: %s", one.report.title, refused)
        self._sent.add(one.id)
        self._strike_out(store)
        return True

    def _strike_out(self, store: Store) -> None:
        for number in tuple(self._sent):
            letters.remove(store, number)
            self._sent.discard(number)


@contextlib.contextmanager
def posted(folder: Path, patience_s: float) -> Iterator[None]:
    """Send the letters of a queue during the block, and for so long after it what has come last."""
    postman = Postman(folder)
    postman.start()
    try:
        yield
    finally:
        postman.leave(patience_s)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    """Keep other postmen of a queue from their rounds, so that none sends what another does; False if one is at it."""
    path = folder / _LOCK
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise OutputError(f"can't write {path}: {error.strerror}") from error
    try:
        close_to_others(path)
        yield _locked(descriptor)
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
