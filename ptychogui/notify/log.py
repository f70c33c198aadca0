"""The log: what was decided, retried, ignored, given up and died of, in a file of the user's and on the terminal.

Modules write to `logging.getLogger(__name__)` and know nothing of this one. All processes of a user, children included,
append to the same file, each record by one write: what was logged before a crash is there. A log that can't be written,
as on a full disk, is no reason to fail: its records are lost without a word.
"""

from __future__ import annotations

import contextlib
import faulthandler
import fcntl
import logging
import os
import platform
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ptychogui import __version__
from ptychogui.paths import log_folder

LEVELS = ("debug", "info", "warning", "error")
DEFAULT_LEVEL = "warning"
"""Of what is shown on the terminal; the file has "info" and above as well."""

FULL_BYTES = 2_000_000
KEPT = 4
"""Full files that are kept: ptychogui.log.1 is the newest."""

TOLD = {"is_told": True}
"""`extra` of a record that the user is told in another way: it is not shown on the terminal."""

_log = logging.getLogger(__name__)


def log_file() -> Path:
    """Return the path of the log, whether it is there or not."""
    return log_folder() / "ptychogui.log"


def set_up(level: str = DEFAULT_LEVEL, show: Callable[[str], None] | None = None, is_child: bool = False) -> None:
    """Begin to keep the log; once more to change how.

    Args:
        level: the least of LEVELS that is shown.
        show: shows a line; it goes to the standard error if None.
        is_child: whether this is a child process. Where Python was when compiled code crashed goes straight to the file
            otherwise; a child's parent hears it, and logs it.
    """
    take_down()
    _kept.append(_Kept(level, show or _to_stderr, not is_child))
    if not is_child:
        _log.info("ptychogui %s, Python %s, %s: %s", __version__, platform.python_version(), platform.node(), sys.argv)


def take_down() -> None:
    """Keep no log any more."""
    while _kept:
        _kept.pop().end()


def level_of_children() -> str | None:
    """Return the level to set up in a child process; None where no log is kept here."""
    return _kept[-1].level if _kept else None


class SharedFileHandler(logging.Handler):
    """Appends records to a file that several processes write; whoever finds it full puts it aside."""

    def __init__(self, path: Path, crashes: bool = False) -> None:
        super().__init__()
        self._path, self._crashes = path, crashes and not faulthandler.is_enabled()
        self._descriptor: int | None = None

    def emit(self, record: logging.LogRecord) -> None:
        try:
            os.write(self._ready(), f"{self.format(record)}\n".encode(errors="backslashreplace"))
        except OSError:
            pass  # there is nowhere to say so
        except Exception:
            self.handleError(record)

    def close(self) -> None:
        """Close the file."""
        if self._descriptor is not None:
            if self._crashes:
                faulthandler.disable()
            os.close(self._descriptor)
        self._descriptor = None
        super().close()

    def _ready(self) -> int:
        """Return the descriptor of the file that has the path now, and room."""
        descriptor = self._descriptor
        if descriptor is None or not self._has_path(descriptor):
            descriptor = self._opened()
        if os.fstat(descriptor).st_size >= FULL_BYTES:
            self._put_aside(descriptor)
            descriptor = self._opened()
        return descriptor

    def _has_path(self, descriptor: int) -> bool:
        """Whether no other process has put the file aside."""
        try:
            return os.path.samestat(os.stat(self._path), os.fstat(descriptor))
        except FileNotFoundError:
            return False

    def _opened(self) -> int:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        new = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        if self._crashes:
            faulthandler.enable(new)
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor = new
        return new

    def _put_aside(self, descriptor: int) -> None:
        """Rename the full file, unless another process does it right now."""
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not self._has_path(descriptor):
                return
            for number in range(KEPT - 1, 0, -1):
                with contextlib.suppress(FileNotFoundError):
                    os.replace(f"{self._path}.{number}", f"{self._path}.{number + 1}")
            os.replace(self._path, f"{self._path}.1")


class _ShownHandler(logging.Handler):
    """Shows records as "warning: text"."""

    def __init__(self, show: Callable[[str], None]) -> None:
        super().__init__()
        self._show = show

    def emit(self, record: logging.LogRecord) -> None:
        if getattr(record, "is_told", False):
            return
        try:
            self._show(f"{record.levelname.lower()}: {self.format(record)}")
        except OSError:
            pass  # a terminal that is gone
        except Exception:
            self.handleError(record)


class _Kept:
    """What `set_up` has changed, so that it can be undone."""

    def __init__(self, level: str, show: Callable[[str], None], crashes: bool) -> None:
        self.level = level
        least, own, root = logging.getLevelName(level.upper()), logging.getLogger("ptychogui"), logging.getLogger()
        file, shown = SharedFileHandler(log_file(), crashes), _ShownHandler(show)
        file.setFormatter(logging.Formatter("%(asctime)s.%(msecs)03d %(levelname)s %(process)d %(name)s: %(message)s",
                                            "%Y-%m-%d %H:%M:%S"))  # fmt: skip
        shown.setLevel(least)
        self._handlers, self._own_level, self._thread_hook = (file, shown), own.level, threading.excepthook
        own.setLevel(min(least, logging.INFO))
        for handler in self._handlers:
            root.addHandler(handler)
        threading.excepthook = self._on_thread_error

    def end(self) -> None:
        threading.excepthook = self._thread_hook
        logging.getLogger("ptychogui").setLevel(self._own_level)
        for handler in self._handlers:
            logging.getLogger().removeHandler(handler)
            handler.close()

    def _on_thread_error(self, error: Any) -> None:
        """Log what nobody handled on a thread; Python prints it on the standard error by itself."""
        trace = (error.exc_type, error.exc_value, error.exc_traceback)
        _log.error("unhandled exception on a thread", exc_info=trace, extra=TOLD)
        self._thread_hook(error)


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


_kept: list[_Kept] = []
"""None or one."""
