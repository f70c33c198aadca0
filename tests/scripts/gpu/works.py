"""What steps do in tests: end in every way that a process can."""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import threading

from scripts.gpu.figures import Figures, FoundWrongError, SkippedError


def do_well(figures: Figures) -> None:
    figures.tell("number", 1)


def find_wrong(figures: Figures) -> None:
    figures.tell("number", 2)
    raise FoundWrongError("two is too many")


def be_skipped(_figures: Figures) -> None:
    raise SkippedError("no star")


def blunder(_figures: Figures) -> None:
    raise ZeroDivisionError("a bug")


def crash(figures: Figures) -> None:
    figures.tell("number", 3)
    os.abort()


def crash_on_leaving(figures: Figures) -> None:
    figures.tell("number", 4)
    atexit.register(os.abort)


def hang(figures: Figures) -> None:
    with subprocess.Popen([sys.executable, "-c", "import threading; threading.Event().wait()"]) as grandchild:
        figures.tell("pid", grandchild.pid)
        threading.Event().wait()
