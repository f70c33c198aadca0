"""Jobs on the terminal: one with its progress, or those of many scans one after the other."""

from __future__ import annotations

import contextlib
import glob
import shlex
import sys
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from rich.console import Console

from ptychogui.backends import open_backend
from ptychogui.errors import DataError, OutputError, ParameterError, PtychoError
from ptychogui.io.atomic import check_writable
from ptychogui.io.naming import file_stem, unused_path
from ptychogui.io.raw.series import scan_name
from ptychogui.io.result import read_result
from ptychogui.jobs.job import Control, JobState
from ptychogui.jobs.job_values import job_layers, make_job
from ptychogui.jobs.runner import run_job
from ptychogui.jobs.scanlist import ScanList
from ptychogui.params.model import by_path
from ptychogui.terminal import error_console, interruptible, say, shown_progress, table, tell

FAILED = 1
"""Exit status of a batch in which a scan was not reconstructed."""

_OF_ONE_SCAN = ("output.job_id", "preprocessing.file_pattern")
"""Parameters that name one scan's files: nothing that several scans could share."""

Values: TypeAlias = Mapping[str, tuple[Any, str]]
"""Parameter path -> (value, the option or flag that gave it)."""


def run_batch(scans: ScanList, values: Values, folder: Path, skip_done: bool, quiet: bool) -> int:
    """Run the jobs of many scans, say which failed and why, and return the exit status.

    Args:
        scans: what to reconstruct.
        values: the user's, for every scan.
        folder: of the results; made if absent.
        skip_done: leave out scans of which the folder has a complete result.
        quiet: print only the paths of results.

    Raises:
        ParameterError: a value can only be that of one scan.
        OutputError: the folder can't be made.
    """
    _check_shared(scans, values)
    _make_folder(folder)
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
            status = run_one(scan, values, result_path(scan, values, folder), quiet)
        except (PtychoError, MemoryError, OSError) as error:
            if isinstance(error, OSError) and error.filename is None:
                raise  # what is printed can't be printed
            failed[scan] = f"the memory is used up ({error})" if isinstance(error, MemoryError) else str(error)
            say(console, f"ptychogui: {scan}: {_line(failed[scan])}")
            continue
        if status:
            return status
    if failed and not quiet:
        say(console, f"{len(failed)} of {len(scans.scans) + len(scans.absent)} scans are not reconstructed:")
        say(console, table([(str(scan), _line(reason)) for scan, reason in failed.items()]))
    return FAILED if failed else 0


def _check_shared(scans: ScanList, values: Values) -> None:
    """Refuse values that several scans can't share."""
    for path in _OF_ONE_SCAN if len(scans.scans) + len(scans.absent) > 1 else ():
        if path in values:
            raise ParameterError(
                f"{path} is for one scan, and these are {len(scans.scans) + len(scans.absent)}; leave out "
                f"{by_path()[path].option} (where each scan's frames lie is for a beamline preset to say)"
            )


def _complete_result(scan: Path, values: Values, folder: Path) -> Path | None:
    """Return the result in a folder that is complete and of this very scan, if there is one."""
    stem = Path(_result_name(scan, values)).stem
    for path in sorted(folder.glob(f"{glob.escape(stem)}*.cxi")):
        with contextlib.suppress(DataError):
            result = read_result(path)
            if result.state == JobState.DONE.value and str(scan.resolve()) in {file.path for file in result.sources}:
                return path
    return None


def _line(text: str) -> str:
    return " ".join(text.split())


def result_path(file: Path | None, values: Values, folder: Path = Path()) -> Path:
    """Return a path for a new result in a folder."""
    return unused_path(folder / _result_name(file, values))


def _result_name(file: Path | None, values: Values) -> str:
    """Name a result after the job or the scan."""
    job_id, _ = values.get("output.job_id", ("", ""))
    name = job_id or (scan_name(file) if file else "simulated")
    return f"{file_stem(name)}-result.cxi"


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"can't make the folder {folder}: {(error.strerror or str(error)).lower()}") from error


def run_one(source: Path | None, values: Values, output: Path, quiet: bool) -> int:
    """Run one job to its end or to Ctrl-C, print the result's path, and return the exit status."""
    job = make_job(job_layers(source, values), source, output, shlex.join(["ptychogui", *sys.argv[1:]]))
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
    with backend, interruptible(control, console) as caught, shown_progress(console, quiet) as show:
        for progress in run_job(job, backend, control):
            if progress.state is not JobState.CANCELLED:
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
