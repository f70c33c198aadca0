"""`ptychogui reconstruct`: reconstruct one scan, with the values of options and of a ptychopy command string."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ptychogui.cli.one_job import Values, name_of, run_one
from ptychogui.cli.shared_options import PATH, quiet_option, resume_option
from ptychogui.cli.terminal import error_console, say
from ptychogui.errors import ParameterError
from ptychogui.jobs.job_values import scan_source
from ptychogui.jobs.results.result_paths import as_given, in_folder
from ptychogui.params.click_words import Command
from ptychogui.params.commandline import COMMAND_DEFAULTS, read_command
from ptychogui.params.model import describe
from ptychogui.params.options import given_values, options


@click.command(cls=Command)
@click.argument("file", required=False, type=PATH)
@click.option(
    "-o",
    "--output",
    type=PATH,
    metavar="RESULT.cxi",
    help="The result file; when not given a new one, named after the job or scan, in the working folder.",
)
@click.option("--command", metavar="TEXT", help="ptychopy command string; options are stronger.")
@resume_option
@quiet_option
@options(describe())
@click.pass_context
def reconstruct(
    context: click.Context, /, file: Path | None, output: Path | None, command: str | None, resume: bool, quiet: bool,
    **_values: Any,
) -> int:  # fmt: skip
    """Reconstruct a scan FILE, or the raw files of --file-pattern, and print the path of the result.

    Values come from the options, then from --command, then from the file, then from the defaults. Ctrl-C stops
    within seconds and keeps the result, and so do SIGTERM and SIGHUP. A job that was killed goes on where its last
    checkpoint stands when the same command is given again, and ends with the same result.
    """
    from_command = {} if command is None else _command_values(command, quiet)
    values = {**from_command, **given_values(context, describe())}
    source = scan_source(file, values)
    with as_given(output) if output else in_folder(Path(), name_of(source, values)) as reserved:
        return run_one(source, values, reserved.path, quiet, resume)


def _command_values(command: str, quiet: bool) -> Values:
    """Return the values of a ptychopy command string, and those that it has where it says nothing."""
    told = read_command(command)
    if not told.values and not told.notes:
        raise ParameterError(f"--command '{command}': the command has no parameters; give it as './ptycho -i=100 ...'")
    for note in () if quiet else told.notes:
        say(error_console(), f"note: {note}")
    unsaid = {path: (value, "--command") for path, value in COMMAND_DEFAULTS.items()}
    return unsaid | {path: (value, told.flags[path]) for path, value in told.values.items()}
