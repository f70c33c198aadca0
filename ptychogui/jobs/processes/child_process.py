"""A child process, seen from outside: started, told, heard, watched and ended in one way, whatever it does."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import pickle
import signal
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing import connection
from typing import Any

from ptychogui.errors import DeviceError
from ptychogui.jobs.processes.child_main import Beat, Over, Parcel, Raised, run_child
from ptychogui.notify import log

SILENCE_S = 10.0
"""Without a sign of life for so long, a process is said to be silent."""

_CLOSE_S = 3.0
_MOST_KEPT = 1000
"""Messages that may wait to be received; a child that says more has to wait."""
_WORDS_KEPT = 8192
"""Bytes of the standard error that are kept for the case of a crash."""
_STDERR = 2

_SIGNALS: dict[int, str] = {
    signal.SIGKILL: "out of memory or kill -9",
    signal.SIGSEGV: "a crash in compiled code",
    signal.SIGBUS: "a crash in compiled code, or no memory for a shared picture",
    signal.SIGABRT: "a crash in compiled code",
    signal.SIGTERM: "ended from outside",
}
_DUMP_HEADS = ("Fatal Python error", "Current thread", "Thread 0x", "Extension modules", "File ", "<no Python frame>")
"""How lines begin that say where Python was when it crashed; they are details."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class End:
    """How a child ended.

    Attributes:
        cause: why it died before its work was over, in words; "" if it came to its end or raised something.
        raised: what its work raised, if it did.
        last_words: the end of what it wrote to the standard error.
    """

    cause: str = ""
    raised: Raised | None = None
    last_words: str = ""

    def check(self) -> None:
        """Return if the work came to its end.

        Raises:
            PtychoError: the work's refusal, or a DeviceError that says why the child died.
            InternalError: the work has a defect.
        """
        if self.raised is not None:
            raise self.raised.error()
        if self.cause:
            raise DeviceError(f"the process ended by itself: {self.cause}")


class ChildProcess:
    """One child from its start to its end. It leaves Ctrl-C to this process, and does not outlive it.

    `receive` belongs to one thread; everything else may be called from any.
    """

    def __init__(self, work: Callable[..., None], *arguments: Any, name: str, niceness: int = 10) -> None:
        """Start a child that does `work(parent, *arguments)`; see child_main.Parent.

        Args:
            work: a function at the top of a module, since its name goes to the child.
            arguments: picklable.
            name: for lists of processes and for the log.
            niceness: how much it gives way to others that want the same core.

        Raises:
            DeviceError: no process can be started.
        """
        self.name = name
        self._changed, self._sending = threading.Condition(), threading.Lock()
        self._heard: deque[Any] = deque()
        self._words = bytearray()
        self._heard_s, self._silent = time.monotonic(), False
        self._over, self._ending, self._reaped = False, False, False
        self._why = ""
        self._end: End | None = None
        try:
            self._start((work, arguments), niceness)
        except OSError as error:
            raise DeviceError(f"can't start {name}: {error.strerror or error}; end other programs") from error
        _log.info("%s: started as process %s", name, self.pid)

    def _start(self, content: Any, niceness: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe(duplex=True)
        self._stderr, their_stderr = context.Pipe(duplex=False)
        arguments = (theirs, their_stderr, Parcel(content), niceness, log.level_of_children())
        self._process = context.Process(target=run_child, args=arguments, name=self.name, daemon=True)
        with theirs, their_stderr, _without_interrupts():
            self._process.start()
        self.pid: int = self._process.pid or 0
        self._listener = threading.Thread(target=self._listen, name=f"listens to {self.name}", daemon=True)
        self._listener.start()

    @property
    def end(self) -> End | None:
        """How it ended; None while it goes on, or has said something that was not yet received."""
        with self._changed:
            return None if self._heard else self._end

    def send(self, message: Any) -> None:
        """Send a message; to a child that is gone nothing is sent, `end` tells."""
        with self._sending, contextlib.suppress(OSError):
            self._pipe.send(message)

    def receive(self, timeout_s: float | None = None) -> list[Any]:
        """Return what the child has said, in order; wait for the first until the time-out or the child's end."""
        with self._changed:
            self._changed.wait_for(lambda: self._heard or self._end, timeout_s)
            messages = list(self._heard)
            self._heard.clear()
            self._changed.notify_all()
        return messages

    def until_end(self) -> Iterator[Any]:
        """Receive one message after the other until the child ends; a long silence goes to the log."""
        while self.end is None:
            messages = self.receive(SILENCE_S)
            if not messages:
                self.new_silence_s()
            yield from messages

    @property
    def silence_s(self) -> float:
        """For how long it has given no sign of life."""
        return time.monotonic() - self._heard_s

    def new_silence_s(self) -> float | None:
        """Return for how many seconds it has been silent, once when they become too many; None otherwise."""
        silence_s = self.silence_s
        if self._silent or silence_s < SILENCE_S:
            return None
        self._silent = True
        _log.warning("%s (process %s) has said nothing for %.0f s", self.name, self.pid, silence_s)
        return silence_s

    def kill(self) -> None:
        """End it at once, with the processes that it started."""
        with self._changed:
            if not self._reaped:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self.pid, signal.SIGKILL)
                self._process.kill()

    def close(self, at_once: bool = False) -> None:
        """End it: hang up, upon which it ends by itself, and kill it if it does not, or `at_once`."""
        self._ending = True
        with self._changed:
            self._changed.notify_all()
        if at_once:
            self.kill()
        else:
            self._hang_up()
        self._listener.join(_CLOSE_S)
        if self._listener.is_alive():
            _log.info("%s (process %s) did not end when asked to, and is killed", self.name, self.pid)
            self.kill()
            self._listener.join()

    def _hang_up(self) -> None:
        """Let the child read the end of the pipe, while it can still be heard."""
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(self._pipe.fileno())) as ours:
            ours.shutdown(socket.SHUT_WR)

    def _listen(self) -> None:
        """Take what the child says until it is gone and nothing is left to hear; then note how it ended."""
        ends: dict[Any, Callable[[], bool]] = {self._pipe: self._take_message, self._stderr: self._take_words}
        alive = True
        while ends:
            ready = connection.wait([*ends, self._process.sentinel] if alive else [*ends], None if alive else 0)
            if not ready:
                break
            if self._process.sentinel in ready:
                alive = False
                self.kill()  # what it has started
            for source in ready:
                if source in ends and not ends[source]():
                    del ends[source]
        connection.wait([self._process.sentinel], _CLOSE_S)
        self.kill()
        self._note_end()
        with self._sending:
            self._pipe.close()
        self._stderr.close()

    def _take_message(self) -> bool:
        """Take one message; False at the end of the pipe."""
        try:
            message = pickle.loads(self._pipe.recv_bytes())
        except (EOFError, OSError):
            return False
        except Exception as error:
            _log.exception("%s (process %s) said what can't be read", self.name, self.pid)
            self._why = f"it said what can't be read ({type(error).__name__}: {error})"
            self.kill()
            return False
        self._heard_s, self._silent = time.monotonic(), False
        with self._changed:
            if isinstance(message, Over):
                self._over, self._end = True, End(raised=message.raised)
            elif not isinstance(message, Beat):
                self._changed.wait_for(lambda: len(self._heard) < _MOST_KEPT or self._ending)
                if not self._ending:
                    self._heard.append(message)
            self._changed.notify_all()
        return True

    def _take_words(self) -> bool:
        """Pass on what was written to the standard error, and keep the last of it; False at its end."""
        words = os.read(self._stderr.fileno(), 65536)
        with contextlib.suppress(OSError):
            os.write(_STDERR, words)
        self._words += words
        del self._words[:-_WORDS_KEPT]
        return bool(words)

    def _note_end(self) -> None:
        words = self._words.decode(errors="replace").strip()
        with self._changed:
            self._process.join()
            cause = self._why or _cause(self._process.exitcode or 0)
            self._reaped, expected = True, self._over or self._ending
            if not self._over:
                self._end = End(f"{cause}{_said(words)}", None, words)
            self._changed.notify_all()
        with contextlib.suppress(ValueError):
            self._process.close()
        if expected:
            _log.info("%s (process %s) has ended", self.name, self.pid)
        else:
            _log.error("%s (process %s) died: %s%s", self.name, self.pid, cause, f"\n{words}" if words else "")


def _cause(code: int) -> str:
    """Say in words why a child ended before its work was over."""
    if code >= 0:
        return f"ended with exit code {code}" if code else "ended without a word"
    known = next((number for number in signal.Signals if number == -code), None)
    name = f" ({known.name})" if known else ""
    return f"killed by signal {-code}{name}: {_SIGNALS.get(-code, 'ended from outside')}"


def _said(words: str) -> str:
    """Quote the last line of the standard error that is not Python's account of a crash."""
    lines = [line.strip() for line in words.splitlines()]
    told = [line for line in lines if line and not line.startswith(_DUMP_HEADS)]
    return f'; its last words: "{told[-1]}"' if told else ""


@contextlib.contextmanager
def _without_interrupts() -> Iterator[None]:
    """Keep Ctrl-C from a child that does not know yet that it is not its to answer."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
