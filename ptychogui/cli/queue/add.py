"""`ptychogui queue add` and `continue`: new jobs of the queue."""

from __future__ import annotations

import contextlib
import logging
import shlex
import sys
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from ptychogui.cli.shared_options import PATH, sweep_option
from ptychogui.cli.terminal import error_console, one_line, say, tell
from ptychogui.errors import DataError, PtychoError
from ptychogui.jobs.provenance import versions
from ptychogui.jobs.results.result_paths import make_results_folder
from ptychogui.params.click_words import Command
from ptychogui.params.model import describe
from ptychogui.params.options import given_values, options
from ptychogui.params.sweep import combinations
from ptychogui.queue.planning import Plan, Values, continued, look_at, reserved
from ptychogui.queue.store.store import NewJob, Store

FAILED = 1
"""Exit status where a job could not be made."""

_log = logging.getLogger(__name__)


@click.command(cls=Command)
@click.argument("files", nargs=-1, type=PATH, metavar="FILE...")
@click.option(
    "-o", "--output", type=PATH, metavar="RESULT",
    help="The result file, or a folder for results; when not given, a new file in the working folder.",
)  # fmt: skip
@click.option("--priority", type=int, default=0, show_default=True, metavar="N", help="Higher ones come first.")
@click.option("--hold", is_flag=True, help="Keep the jobs from beginning until they are released.")
@sweep_option
@options(describe())
@click.pass_context
def add(
    context: click.Context, /, files: tuple[Path, ...], output: Path | None, priority: int, hold: bool,
    sweeps: tuple[str, ...], **_values: Any,
) -> int:  # fmt: skip
    """Add a job for each FILE at the end of the queue, and print their numbers.

    FILE is a scan, or a result, whose job is then made again. The options of `reconstruct` hold for all. --device names
    the lane: any (the first that is free, the default), or a device, such as cpu:0 or cuda:1. Of several files those
    that can't be read are named and left out; exit status 1 then.
    """
    values, swept = given_values(context, describe()), combinations(sweeps)
    if output is not None and (len(files) > 1 or len(swept) > 1):
        make_results_folder(output)

    def change(job: NewJob) -> NewJob:
        return replace(job, priority=priority, held=hold)

    with Store() as store:
        return _add_all(store, files or (None,), values, swept, output, change)


def _add_all(
    store: Store,
    files: tuple[Path | None, ...],
    values: Values,
    swept: Sequence[Values],
    output: Path | None,
    change: Callable[[NewJob], NewJob],
) -> int:
    """Plan all jobs, add those that could be planned in one go, and return the exit status."""
    jobs, failed, made_by = [], False, versions()
    with contextlib.ExitStack() as paths:
        for file in files:
            try:
                for plan in _plans(file, values, swept):
                    jobs.append(change(paths.enter_context(reserved(store, plan, output, _command(), made_by))))
            except (PtychoError, OSError) as error:
                if len(files) == 1:
                    raise
                failed = True
                _log.info("%s: %s", file, error)
                say(error_console(), f"ptychogui: {file}: {one_line(str(error))}")
        if not jobs:
            raise DataError("none of the files can be reconstructed; nothing was added")
        ids = store.add(jobs)
    for job_id in ids:
        tell(str(job_id))
    return FAILED if failed else 0


def _plans(file: Path | None, values: Values, swept: Sequence[Values]) -> list[Plan]:
    """Plan the jobs of one file, all of which can be planned."""
    group = uuid.uuid4().hex
    return [look_at(file, values, group, own) for own in swept]


@click.command("continue", cls=Command)
@click.argument("job", type=int)
@options(describe())
@click.pass_context
def continue_command(context: click.Context, /, job: int, **_values: Any) -> None:
    """Add a job that goes on from the result of JOB, and print its number.

    It begins with the object, the probe and the positions of that result, has the same parameters but for those that
    are given here, another --engine among them, and writes a result of its own. --iterations are those still to do.
    """
    values = given_values(context, describe())
    with Store() as store, continued(store, job, values, _command(), versions()) as new:
        (job_id,) = store.add([new])
    tell(str(job_id))


def _command() -> str:
    return shlex.join(["ptychogui", *sys.argv[1:]])
