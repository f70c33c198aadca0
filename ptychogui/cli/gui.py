"""`ptychogui gui` and `ptychogui demo`, the commands that open the window; and whether there is a display for it."""

from __future__ import annotations

import difflib
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import click

from ptychogui.cli.one_job import run_one
from ptychogui.cli.shared_options import IS_IMPLIED, PATH, quiet_option
from ptychogui.cli.terminal import error_console, say
from ptychogui.errors import DataError, DeviceError
from ptychogui.io.atomic import check_writable
from ptychogui.io.export import export_png
from ptychogui.io.raw.file_series import is_pattern
from ptychogui.io.result import read_result
from ptychogui.io.simulated import write_scan
from ptychogui.params.click_words import Command
from ptychogui.physics.simulation import Recipe, simulate

_DEMO_VALUES = {"reconstruction.iterations": (60, "demo"), "output.job_id": ("demo", "demo")}

_LOADED_MEANWHILE = "ptychogui.queue.drive"
"""Most of what the window needs, but for Qt, which takes the thread that loads it for the window's."""

_UNSEEN = ("offscreen", "minimal")
"""Ways of Qt to draw a window that nobody sees."""

_OPEN_A_WINDOW = "import PyQt5.QtWidgets as widgets; widgets.QApplication([])"


@click.command(cls=Command)
@click.argument("files", nargs=-1, type=PATH)
@click.pass_context
def gui(context: click.Context, files: tuple[Path, ...]) -> int:
    """Open the window, with scans or results if FILES are given."""
    for place, file in enumerate(files):
        if not os.path.exists(file) and not is_pattern(file):
            raise DataError(_no_file(str(file), _commands(context), place == 0 and IS_IMPLIED in context.meta))
    missing = "" if _platform() in _UNSEEN else missing_display()
    if missing and _platform() == "wayland" and os.environ.get("DISPLAY"):
        missing = _fall_back(missing)
    if missing:
        raise DeviceError(f"{missing}, so no window can open; 'ptychogui reconstruct' works without one")
    return _open_window(files)


@click.command(cls=Command)
@click.option("--headless", is_flag=True, help="No window: progress on the terminal, then the path of the result.")
@click.option("-o", "--output", type=PATH, default="demo", metavar="DIR", help="Where scan and result go. [demo]")
@quiet_option
def demo(headless: bool, output: Path, quiet: bool) -> int:
    """Reconstruct a simulated scan while you watch."""
    missing = "" if headless else missing_display()
    if not headless and not missing:
        return _open_window((), demo=True, folder=output)
    if missing and not quiet:
        say(error_console(), f"{missing}, so the demo runs without a window")
    scan, result = output / "demo.cxi", output / "demo-result.cxi"
    check_writable(scan)
    write_scan(scan, simulate(Recipe()))
    status = run_one(scan, _DEMO_VALUES, result, quiet)
    if result.exists():
        export_png(read_result(result), output, result.stem)
    return status


def _open_window(files: Sequence[Path], demo: bool = False, folder: Path | None = None) -> int:
    from ptychogui import app  # Qt, which no other command waits for

    return app.main(list(files), demo=demo, folder=folder)


def _commands(context: click.Context) -> list[str]:
    """Return the names of all commands of the program."""
    program = context.find_root()
    return program.command.list_commands(program) if isinstance(program.command, click.Group) else []


def _no_file(word: str, commands: Sequence[str], maybe_command: bool) -> str:
    if word in commands:
        return f"there is no file '{word}'; to {word}, put the command first: ptychogui {word} ..."
    if not maybe_command or os.sep in word or Path(word).suffix:
        return f"there is no file '{word}'"
    alike = difflib.get_close_matches(word, commands, n=1)
    hint = f"did you mean '{alike[0]}'?" if alike else f"the commands are {', '.join(commands)}"
    return f"there is no file and no command '{word}'; {hint}"


def missing_display() -> str:
    """Say why nobody would see a window; "" if one can be shown.

    Where Qt finds no display it ends its process, so another process tries.
    """
    if _platform() in _UNSEEN:
        return f"QT_QPA_PLATFORM={_platform()} shows no window"
    screens = ("QT_QPA_PLATFORM", "DISPLAY", "WAYLAND_DISPLAY")
    if sys.platform.startswith("linux") and not any(map(os.environ.get, screens)):
        return "there is no display"
    threading.Thread(target=import_module, args=(_LOADED_MEANWHILE,), daemon=True).start()
    try:
        trial = subprocess.run([sys.executable, "-c", _OPEN_A_WINDOW], capture_output=True, text=True, timeout=60)
    except subprocess.TimeoutExpired:
        return "the display does not answer"
    lines = [line for line in trial.stderr.splitlines() if line.strip() and not line.startswith("QStandardPaths")]
    why = lines[0].rpartition("qt.qpa.")[2].strip(". ") if lines else trial.returncode
    return f"Qt can't open a window ({why})" if trial.returncode else ""


def _platform() -> str:
    """Return the way to the screen that the user has chosen; "" where Qt chooses."""
    return os.environ.get("QT_QPA_PLATFORM", "").partition(":")[0]


def _fall_back(missing: str) -> str:
    """Take X11, where that can show a window and the chosen way to the screen can't; say why where it can't either."""
    os.environ["QT_QPA_PLATFORM"] = "xcb"
    if missing_display():
        return missing
    say(error_console(), f"{missing}; the window opens by X11")
    return ""
