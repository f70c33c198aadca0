"""`ptychogui batch`: reconstruct many scans, one after the other."""

from __future__ import annotations

import contextlib
import glob
import logging
from pathlib import Path
from typing import Any

import click

from ptychogui.cli.one_job import Values, name_of, run_one
from ptychogui.cli.shared_options import PATH, quiet_option, resume_option
from ptychogui.cli.terminal import error_console, one_line, say, table
from ptychogui.errors import DataError, DeviceLostError, ParameterError, PtychoError
from ptychogui.io.result_header import read_header
from ptychogui.jobs.results.result_paths import in_folder, make_results_folder, results_stem
from ptychogui.jobs.scan_list import ScanList, scan_list
from ptychogui.params.click_words import Command
from ptychogui.params.model import by_path, describe, marked
from ptychogui.params.options import given_values, options
from ptychogui.states import State

_log = logging.getLogger(__name__)

FAILED = 1
"""Exit status where a scan was not reconstructed."""

"""Parameters that name one scan's files: nothing that several scans could share."""


@click.command(cls=Command)
@click.argument("scans", nargs=-1, required=True, metavar="LIST...")
@click.option(
    "-o", "--output", type=PATH, default=".", metavar="DIR", help="Folder of the results; made if absent. [.]"
)
@click.option("--scans", "numbered", default="", metavar="PATTERN", help="What numbers stand for: mda/scan_#04d.mda.")
@click.option("--skip-done", is_flag=True, help="Leave out scans of which DIR has a complete result.")
@resume_option
@quiet_option
@options(describe())
@click.pass_context
def batch(
    context: click.Context, /, scans: tuple[str, ...], output: Path, numbered: str, skip_done: bool, resume: bool,
    quiet: bool, **_values: Any,
) -> int:  # fmt: skip
    """Reconstruct many scans, one after the other, and print the paths of the results.

    LIST is scan files, globs, numbers (12-40,55, with --scans), and text files (.txt) of such items, one a line. The
    options of `reconstruct` hold for every scan. Where a scan can't be reconstructed, the reason is said and the next
    one begins; exit status 1 then. Ctrl-C keeps the result under way and ends the batch.
    """
    values = given_values(context, describe())
    return _run_batch(scan_list(scans, numbered), values, output, skip_done, resume, quiet)


def _run_batch(scans: ScanList, values: Values, folder: Path, skip_done: bool, resume: bool, quiet: bool) -> int:
    """Run the jobs of many scans, say which failed and why, and return the exit status."""
    _check_shared(scans, values)
    make_results_folder(folder)
    console, failed = error_console(), dict.fromkeys(scans.absent, "there is no such file")
    for scan, reason in failed.items():
        say(console, f"ptychogui: {scan}: {reason}")
    for number, scan in enumerate(scans.scans, 1):
        done = _complete_result(scan, values, folder) if skip_done else None
        if not quiet:
            say(console, f"scan {number} of {len(scans.scans)}: {scan}" + (f" is done, see {done}" if done else ""))
        if done:
            continue
        try:
            with in_folder(folder, name_of(scan, values)) as reserved:
                status = run_one(scan, values, reserved.path, quiet, resume)
        except (PtychoError, MemoryError, OSError) as error:
            if isinstance(error, OSError) and error.filename is None:
                raise  # it is not about a file: stdout is full or closed
            failed[scan] = f"the memory is used up ({error})" if isinstance(error, MemoryError) else str(error)
            _log.info("%s: %s", scan, failed[scan])
            say(console, f"ptychogui: {scan}: {one_line(failed[scan])}")
            if isinstance(error, DeviceLostError):
                failed |= dict.fromkeys(
                    scans.scans[number:], "not tried after the device was lost: start the batch again"
                )
                break
            continue
        if status:
            return status
    if failed and not quiet:
        say(console, f"{len(failed)} of {len(scans.scans) + len(scans.absent)} scans are not reconstructed:")
        say(console, table([(str(scan), one_line(reason)) for scan, reason in failed.items()]))
    return FAILED if failed else 0


def _check_shared(scans: ScanList, values: Values) -> None:
    """Refuse values that several scans can't share."""
    for path in marked("names a scan") if len(scans.scans) + len(scans.absent) > 1 else ():
        if path in values:
            raise ParameterError(
                f"{path} is for one scan, and these are {len(scans.scans) + len(scans.absent)}; leave out "
                f"{by_path()[path].option} (where each scan's frames lie is for a beamline preset to say)"
            )


def _complete_result(scan: Path, values: Values, folder: Path) -> Path | None:
    """Return the result in a folder that is complete and of this very scan, if there is one."""
    stem = results_stem(name_of(scan, values))
    for path in sorted(folder.glob(f"{glob.escape(stem)}*.cxi")):
        with contextlib.suppress(DataError):
            result = read_header(path)
            if result.state is State.DONE and str(scan.resolve()) in {file.path for file in result.sources}:
                return path
    return None
