"""Command lines, run in this process or in one of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from click.testing import CliRunner, Result

from ptychogui import cli
from ptychogui.physics.simulation import Recipe

SMALL = Recipe(n=32, scan_dims=(4, 4), probe="gaussian", photons=1e5)
REPOSITORY = Path(__file__).resolve().parents[2]
FAST = ("--device", "numpy", "--iterations", "3")
ENERGY = "/entry_1/instrument_1/source_1/energy"
"""Where a simulated scan has its energy."""


def run(*arguments: object, status: int = 0) -> Result:
    """Run the program in this process; anything but an exit is a bug."""
    outcome = CliRunner().invoke(cli.main, [str(argument) for argument in arguments])
    if outcome.exception is not None and not isinstance(outcome.exception, SystemExit):
        raise outcome.exception
    assert outcome.exit_code == status, outcome.output
    return outcome


def refusal(*arguments: object) -> str:
    """Run the program on bad input: status 2, nothing on stdout, one line on stderr; return that line."""
    outcome = run(*arguments, status=2)
    assert outcome.stdout == ""
    assert outcome.stderr.startswith("ptychogui: ")
    assert outcome.stderr.count("\n") == 1
    return outcome.stderr


def start(
    *arguments: object, before: Callable[[], None] | None = None, folder: Path = REPOSITORY
) -> subprocess.Popen[str]:
    """Start the program as a process of its own, in a folder; it hears all signals, however pytest was started."""

    def prepare() -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        if before is not None:
            before()

    return subprocess.Popen(
        [sys.executable, "-m", "ptychogui", *map(str, arguments)],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(REPOSITORY)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, preexec_fn=prepare,
    )  # fmt: skip
