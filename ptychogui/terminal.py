"""What the command line shows while a job runs, and how Ctrl-C reaches the job.

Everything here goes to stderr: stdout is for results.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from types import FrameType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress as Bar, TextColumn

from ptychogui.jobs.job import Control, JobState, Progress

Show = Callable[[Progress], None]

_STDERR = 2
_STOPPING = b"stopping after this iteration, the result is kept; Ctrl-C again aborts without a result\n"
_LINES = 10
"""Plain lines per job where there is no terminal."""


@contextlib.contextmanager
def shown_progress(console: Console, quiet: bool) -> Iterator[Show]:
    """Give a function that shows progress: as a bar on a terminal, as a few plain lines elsewhere, or not at all."""
    if quiet:
        yield lambda _progress: None
    elif console.is_terminal:
        with _bar(console) as bar:
            yield _bar_show(bar)
    else:
        yield lambda progress: _plain_show(console, progress)


@contextlib.contextmanager
def interruptible(control: Control, console: Console) -> Iterator[None]:
    """Make the first Ctrl-C ask the job to stop with its result kept; the second raises KeyboardInterrupt.

    The signal may come while a line is being printed, so the answer goes past the console straight to the terminal.
    """
    answer = b"\n" * console.is_terminal + _STOPPING

    def stop(_signal: int, _frame: FrameType | None) -> None:
        control.stop()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.write(_STDERR, answer)

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def say(console: Console, text: str) -> None:
    """Print a line as it is: no markup, no wrapping."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def table(rows: Sequence[Sequence[str]]) -> str:
    """Lay out rows of text in aligned columns, two blanks apart."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def duration_text(seconds: float) -> str:
    """Write a time in s, rounded as a person would say it: "9 s", "3:05 min", "2:00 h"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60}:{whole % 60:02} min" if whole < 3600 else f"{whole // 3600}:{whole % 3600 // 60:02} h"


def _figures(progress: Progress) -> str:
    if progress.iteration == 0:
        return "ready"
    if progress.state is JobState.RUNNING:
        time = f"{duration_text(progress.seconds_left)} left"
    else:
        time = f"{progress.state.value} after {duration_text(progress.elapsed_s)}"
    return f"error {progress.error:.4g}  {progress.positions_per_s:.0f} positions/s  {time}"


def _bar(console: Console) -> Bar:
    return Bar(
        TextColumn("iteration"), MofNCompleteColumn(), BarColumn(bar_width=None),
        TextColumn("{task.fields[figures]}", markup=False), console=console, expand=True, transient=False,
    )  # fmt: skip


def _bar_show(bar: Bar) -> Show:
    task = bar.add_task("", total=None, figures="preparing")

    def show(progress: Progress) -> None:
        _say_notes(bar.console, progress)
        bar.update(task, completed=progress.iteration, total=progress.iterations, figures=_figures(progress))

    return show


def _plain_show(console: Console, progress: Progress) -> None:
    _say_notes(console, progress)
    every = max(1, progress.iterations // _LINES)
    due = progress.iteration % every == 0 and progress.iteration < progress.iterations
    if due or progress.state is not JobState.RUNNING:
        say(console, f"iteration {progress.iteration}/{progress.iterations}  {_figures(progress)}")


def _say_notes(console: Console, progress: Progress) -> None:
    for note in progress.notes:
        say(console, f"note: {note}")
