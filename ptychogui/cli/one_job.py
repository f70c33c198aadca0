"""One job run on the terminal, with its progress; and the path of its result where the user gave none."""

from __future__ import annotations

import contextlib
import math
import shlex
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress as Bar, ProgressColumn, TextColumn

from ptychogui.backends import open_backend
from ptychogui.cli.terminal import error_console, interruptible, say, tell
from ptychogui.io.atomic import check_writable
from ptychogui.jobs.job import Control, Progress
from ptychogui.jobs.job_values import plan_job
from ptychogui.jobs.results.result_paths import job_name
from ptychogui.jobs.runner import run_job
from ptychogui.queue.post import word_of
from ptychogui.states import State

Values: TypeAlias = Mapping[str, tuple[Any, str]]
"""Parameter path -> (value, the option or flag that gave it)."""

Show: TypeAlias = Callable[[Progress], None]

LINES = 10
"""Plain lines per job where there is no terminal."""

_ROOM_FOR_ALL, _ROOM_FOR_BAR = 80, 60
"""Columns that a terminal needs for free error and positions/s, and for a bar."""


def run_one(source: Path | None, values: Values, output: Path, quiet: bool, resume: bool = True) -> int:
    """Run one job to its end, or to Ctrl-C with its result kept; print the result's path and return the exit status.

    Unless `resume` says otherwise it goes on from the checkpoint that the same job has left when it was killed.
    """
    job = replace(plan_job(source, values, output, shlex.join(["ptychogui", *sys.argv[1:]])), resume=resume)
    check_writable(output)
    console = error_console()
    control = Control(
        lambda text: None if quiet else say(console, text), lambda doubts: None if quiet else _warn(console, doubts)
    )
    with warnings.catch_warnings():
        if quiet:
            warnings.simplefilter("ignore")
        backend = open_backend(job.parameters.devices.device, job.parameters.devices.threads)
    result = None
    with (
        word_of(job) as hear,
        backend,
        interruptible(control, console) as caught,
        shown_progress(console, quiet) as show,
    ):
        for progress in run_job(job, backend, control):
            hear(progress)
            if progress.state is not State.CANCELLED:
                show(progress)
            result = progress.result or result
    if result is None:
        say(console, "stopped before the first iteration; nothing was written")
    else:
        tell(result)
    return caught.exit_status


def _warn(console: Console, doubts: Iterable[str]) -> None:
    for doubt in doubts:
        say(console, f"warning: {doubt}")


def name_of(source: Path | None, values: Values) -> str:
    """Return what a job and its result are called."""
    return job_name(source, values.get("output.job_id", ("", ""))[0])


@contextlib.contextmanager
def shown_progress(console: Console, quiet: bool) -> Iterator[Show]:
    """Give a function that shows progress: as a bar on a terminal, as a few plain lines elsewhere, or not at all."""
    if quiet:
        yield lambda _progress: None
    elif console.is_terminal and not console.is_dumb_terminal:
        with _bar(console) as bar:
            yield _bar_show(bar)
    else:
        yield lambda progress: _plain_show(console, progress)


def duration_text(seconds: float) -> str:
    """Write a time in s, rounded as a person would say it: "9 s", "3:05 min", "2:00 h"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60}:{whole % 60:02} min" if whole < 3600 else f"{whole // 3600}:{whole % 3600 // 60:02} h"


def _figures(progress: Progress, wide: bool = True) -> str:
    if progress.iteration == 0 and progress.state is State.RUNNING:
        return "ready"
    figures = [f"error {progress.error:.4g}"] if math.isfinite(progress.error) else []
    if wide and math.isfinite(progress.free_error):
        figures.append(f"free error {progress.free_error:.4g}")
    if wide and progress.iteration:
        figures.append(f"{progress.positions_per_s:.0f} positions/s")
    if progress.state is not State.RUNNING:
        figures.append(f"{progress.state.value} after {duration_text(progress.elapsed_s)}")
    elif progress.iteration < progress.iterations:
        figures.append(f"{duration_text(progress.seconds_left)} left")
    return "  ".join(figures)


def _bar(console: Console) -> Bar:
    columns: list[ProgressColumn] = [MofNCompleteColumn()]
    if console.width >= _ROOM_FOR_BAR:
        columns = [TextColumn("iteration"), *columns, BarColumn(bar_width=None)]
    figures = TextColumn("{task.fields[figures]}", markup=False)
    return Bar(*columns, figures, console=console, expand=True, transient=False)


def _bar_show(bar: Bar) -> Show:
    task = bar.add_task("", total=None, figures="preparing")

    def show(progress: Progress) -> None:
        _say_notes(bar.console, progress)
        figures = _figures(progress, wide=bar.console.width >= _ROOM_FOR_ALL)
        bar.update(task, completed=progress.iteration, total=progress.iterations, figures=figures)

    return show


def _plain_show(console: Console, progress: Progress) -> None:
    _say_notes(console, progress)
    every = max(1, progress.iterations // LINES)
    due = progress.iteration % every == 0 and progress.iteration < progress.iterations
    if due or progress.state is not State.RUNNING:
        say(console, f"iteration {progress.iteration}/{progress.iterations}  {_figures(progress)}")


def _say_notes(console: Console, progress: Progress) -> None:
    for note in progress.notes:
        say(console, f"note: {note}")
