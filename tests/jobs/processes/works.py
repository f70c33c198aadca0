"""What children do in tests: answer, misbehave and die in every way that a child can."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from ptychogui.errors import DataError
from ptychogui.jobs.processes.child_main import Parent


def echo(parent: Parent) -> None:
    """Send back what comes, until the parent is gone."""
    while (message := parent.receive()) is not None:
        parent.send(message)


class Unpickler:
    """Becomes the name of the thread that unpickles it."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _this_thread, ()


def _this_thread() -> str:
    return threading.current_thread().name


def tell_who_unpickles(parent: Parent) -> None:
    """Send on what came: the first by `receive`, all that follow as they come."""
    parent.send(parent.receive())
    parent.on_message(parent.send, lambda: None)
    parent.gone.wait()


def count(parent: Parent, numbers: int) -> None:
    for number in range(numbers):
        parent.send(number)


def flood(parent: Parent) -> None:
    while True:
        parent.send("and on and on")


def hang(parent: Parent) -> None:
    parent.send(os.getpid())
    threading.Event().wait()


def hang_with_a_child(parent: Parent) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"]) as grandchild:
        parent.send(grandchild.pid)


def leave(parent: Parent, code: int) -> None:
    parent.send("good bye")
    os._exit(code)


def kill_itself(parent: Parent, number: int) -> None:
    parent.send("good bye")
    os.kill(os.getpid(), number)
    hang(parent)


def segfault(_parent: Parent) -> None:
    ctypes.string_at(0)


def log_and_segfault(_parent: Parent) -> None:
    logging.getLogger("ptychogui.tests").info("on the edge")
    ctypes.string_at(0)


def abort_with_words(_parent: Parent) -> None:
    os.write(2, b"free(): invalid pointer\n")
    os.abort()


class UnpicklableError(DataError):
    """A refusal that holds what can't be pickled."""

    def __init__(self, text: str) -> None:
        super().__init__(text, threading.Lock())

    def __str__(self) -> str:
        return str(self.args[0])


class UnprintableError(Exception):
    def __str__(self) -> str:
        raise ValueError


class UnreadableMessage:
    """Pickles, but can't be unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return int, ("no number",)


def throw(_parent: Parent, what: str) -> None:
    """Raise what is asked for."""
    if what == "unpicklable":
        raise UnpicklableError("scan.h5: no frames")
    if what == "local":

        class LocalError(Exception):
            pass

        raise LocalError("line one\nline two", threading.Lock())
    if what == "import":
        import a_module_that_is_nowhere  # type: ignore[import-not-found]  # noqa: F401
    if what == "recursion":
        throw(_parent, what)
    raise {
        "refusal": DataError("scan.h5: no frames"),
        "defect": ZeroDivisionError("a bug"),
        "memory": MemoryError(),
        "exit": SystemExit(3),
        "interrupt": KeyboardInterrupt(),
        "generator": GeneratorExit(),
        "unprintable": UnprintableError(),
    }[what]


def say_what_cant_be_sent(parent: Parent) -> None:
    parent.send(threading.Lock())


def say_what_cant_be_read(parent: Parent) -> None:
    parent.send(UnreadableMessage())
    hang(parent)


def say_much(parent: Parent, size: int) -> None:
    parent.send(bytes(size))


def write_much_to_stderr(parent: Parent) -> None:
    for _ in range(1000):
        os.write(2, b"x" * 999 + b"\n")
    parent.send("done")


def own_group(parent: Parent) -> None:
    parent.send((os.getpid(), os.getpgid(0), signal.getsignal(signal.SIGINT) is signal.SIG_IGN))


def touch_when_gone(parent: Parent, path: Path) -> None:
    """Do something for a job under way when the parent is gone."""
    gone = threading.Event()
    parent.on_message(lambda _message: None, gone.set)
    parent.send("ready")
    gone.wait()
    path.touch()
