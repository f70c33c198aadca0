"""A child process, seen from inside: its outermost frame, and its parent at the other end of a pipe.

Whatever the work raises, the parent is told in one line and the log has the traceback. Two threads stand by: one gives
signs of life, one listens. When the parent is gone the pipe ends, and the child ends soon after, whatever it does.
"""

from __future__ import annotations

import contextlib
import faulthandler
import logging
import os
import pickle
import queue
import signal
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from typing import Any, NoReturn

from ptychogui.errors import PtychoError
from ptychogui.notify import log

BEAT_S = 1.0
"""Between signs of life."""
GRACE_S = 2.0
"""For the work under way, once the parent is gone."""

_STDERR = 2
_LONGEST_LINE = 1000

_log = logging.getLogger(__name__)


class InternalError(Exception):
    """A defect of the program that showed in a child process; the child's traceback is its cause."""


@dataclass(frozen=True)
class Beat:
    """Sign of life."""


@dataclass(frozen=True)
class Raised:
    """What was raised in a child, in a form that can always be sent.

    Attributes:
        line: the exception in one line: "ZeroDivisionError: division by zero".
        details: its traceback.
        refusal: the pickled error, where it is one that the user can act on; None for a defect.
    """

    line: str
    details: str
    refusal: bytes | None = None

    @classmethod
    def of(cls, error: BaseException) -> Raised:
        """Describe an exception, also one that can't be printed or pickled."""
        details = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        return cls(_one_line(error), details, _pickled(error) if isinstance(error, PtychoError) else None)

    def error(self) -> Exception:
        """Return what the parent is to raise: the PtychoError itself, or an InternalError."""
        if self.refusal is not None:
            return pickle.loads(self.refusal)  # type: ignore[no-any-return]
        defect = InternalError(self.line)
        defect.__cause__ = _ChildTracebackError(f'\n"""\n{self.details}"""')
        return defect


@dataclass(frozen=True)
class Over:
    """A child's last message: its work came to its end, or raised something."""

    raised: Raised | None = None


class Parcel:
    """A function and its arguments for a child, unpacked by the work's own frame: an import that fails, fails there."""

    def __init__(self, content: Any, pickled: bytes | None = None) -> None:
        self._content, self._pickled = content, pickled

    def __reduce__(self) -> tuple[Any, ...]:
        return Parcel, (None, bytes(ForkingPickler.dumps(self._content)))

    def open(self) -> Any:
        """Return the content."""
        return self._content if self._pickled is None else pickle.loads(self._pickled)


class Parent:
    """The parent, as its child sees it. Once it is gone what is sent to it is dropped."""

    def __init__(self, pipe: Connection) -> None:
        self.gone = threading.Event()
        self._pipe = pipe
        self._sending, self._taking = threading.Lock(), threading.Lock()
        self._unread: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._take: Callable[[bytes | None], None] = self._unread.put
        self._on_gone: Callable[[], None] = lambda: None
        self._over = False

    def attend(self) -> None:
        """Begin to listen and to give signs of life, on threads of their own."""
        threading.Thread(target=self._listen, name="listener", daemon=True).start()
        threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()

    def send(self, message: Any) -> None:
        """Send a message, from any thread."""
        with self._sending, contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._pipe.send(message)

    def receive(self) -> Any:
        """Wait for a message of the parent's and return it, None once it is gone."""
        pickled = self._unread.get()
        return None if pickled is None else pickle.loads(pickled)

    def on_message(self, take: Callable[[Any], None], on_gone: Callable[[], None]) -> None:
        """Have messages taken as they come, on the listening thread, in place of `receive`.

        Until then no message is unpickled on that thread: what it imports on the way could lock up with the imports of
        the work's own frame (two threads, each in a module that the other waits for). So call this once the modules of
        all messages are there.

        Args:
            take: gets each message, those first that have come before.
            on_gone: called once the parent is gone; the process ends GRACE_S later.
        """

        def read(pickled: bytes | None) -> None:
            if pickled is not None:
                take(pickle.loads(pickled))

        with self._taking:
            while not self._unread.empty():
                read(self._unread.get())
            self._take, self._on_gone = read, on_gone
        if self.gone.is_set():
            on_gone()

    def end(self, error: BaseException | None = None) -> None:
        """Say that the work is over, or what it raised; only the first time counts."""
        if not self._over:
            self.send(Over(None if error is None else Raised.of(error)))
        self._over = True

    def _listen(self) -> None:
        try:
            while True:
                pickled = self._pipe.recv_bytes()
                with self._taking:
                    self._take(pickled)
        except (EOFError, OSError):
            pass
        except Exception as error:
            _log.exception("a message of the parent's can't be read")
            self.end(error)
        _log.info("the parent process has hung up or is gone")
        self.gone.set()
        with self._taking:
            self._take(None)
            on_gone = self._on_gone
        on_gone()
        time.sleep(GRACE_S)
        os._exit(1)

    def _beat(self) -> None:
        while not self.gone.wait(BEAT_S):
            self.send(Beat())


def run_child(pipe: Connection, stderr: Connection, parcel: Parcel, niceness: int, log_level: str | None) -> None:
    """Be a child process: do the work that the parcel brings, and tell the parent how it ended.

    Args:
        pipe: to the parent and back.
        stderr: takes what is written to the standard error, the last words of a crash included.
        parcel: (work, arguments); work(parent, *arguments) is called.
        niceness: how much the child gives way to others that want the same core.
        log_level: what of the log goes to the standard error; None to keep no log.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.setpgid(0, 0)
    os.nice(niceness)
    os.dup2(stderr.fileno(), _STDERR)
    stderr.close()
    faulthandler.enable(_STDERR)
    if log_level is not None:
        log.set_up(log_level, is_child=True)
    parent = Parent(pipe)
    parent.attend()
    try:
        work, arguments = parcel.open()
        work(parent, *arguments)
    except BaseException as error:  # noqa: BLE001 - there is nobody above
        _give_up(parent, error)
    parent.end()


def _give_up(parent: Parent, error: BaseException) -> NoReturn:
    try:
        if isinstance(error, PtychoError):
            _log.info("refused: %s", error)
        else:
            _log.error("the work of this process has failed", exc_info=error)
        parent.end(error)
    except BaseException:  # noqa: BLE001 - such as no memory left for the traceback
        parent.send(Over(Raised(type(error).__name__, "")))
    raise SystemExit(1)


def _one_line(error: BaseException) -> str:
    """Return "Kind: text"."""
    text = _text(error)
    if isinstance(error, MemoryError):
        text = f"the memory is used up {f'({text})' if text else ''}".strip()
    return f"{type(error).__name__}: {text}"[:_LONGEST_LINE] if text else type(error).__name__


def _text(error: BaseException) -> str:
    try:
        return " ".join(str(error).split())
    except Exception:  # noqa: BLE001 - an exception's own __str__ may fail
        return "it can't be put into words"


def _pickled(error: PtychoError) -> bytes:
    """Pickle an error, or if it can't be, one that says the same."""
    try:
        pickled = pickle.dumps(error)
        pickle.loads(pickled)
    except Exception:  # noqa: BLE001 - pickle raises whatever it stumbles over
        return pickle.dumps(PtychoError(_text(error)))
    return pickled


class _ChildTracebackError(Exception):
    """Carries a child's traceback as its text."""
