"""`ptychogui batch`: reconstruct many scans on the queue, and say at the end what became of all."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from ptychogui.cli.follow_batch import BatchTeller, follow
from ptychogui.cli.one_job import Values, name_of
from ptychogui.cli.shared_options import PATH, json_option, quiet_option, resume_option, sweep_option, watch_option
from ptychogui.cli.terminal import error_console, one_line, say, table, tell
from ptychogui.jobs.provenance import versions
from ptychogui.jobs.results.complete import complete_result
from ptychogui.jobs.results.result_paths import make_results_folder
from ptychogui.jobs.scan_list import ScanList, scan_list
from ptychogui.params.click_words import Command
from ptychogui.params.model import describe
from ptychogui.params.options import given_values, options
from ptychogui.params.sweep import combinations
from ptychogui.queue.batches import Added, Candidate, add, check_shared, checked, lanes_of, look
from ptychogui.queue.store.batch import Batch
from ptychogui.queue.store.entry import Entry
from ptychogui.queue.store.store import Store
from ptychogui.queue.watch import FolderWatch, WatchOrder
from ptychogui.states import State

FAILED = 1
"""Exit status where a scan was not reconstructed."""
_KEPT = (State.DONE, State.STOPPED)
_ABSENT = "there is no such file"


@dataclass(frozen=True)
class _Wishes:
    """What the user asks for besides the scans and their values."""

    folder: Path
    skip_done: bool
    resume: bool
    quiet: bool
    as_json: bool
    watch: Path | None


@click.command(cls=Command)
@click.argument("scans", nargs=-1, metavar="LIST...")
@click.option(
    "-o", "--output", type=PATH, default=".", metavar="DIR", help="Folder of the results; made if absent. [.]"
)
@click.option("--scans", "numbered", default="", metavar="PATTERN", help="What numbers stand for: mda/scan_#04d.mda.")
@click.option("--skip-done", is_flag=True, help="Leave out scans of which DIR has a complete result.")
@watch_option
@sweep_option
@resume_option
@quiet_option
@json_option
@options(describe())
@click.pass_context
def batch(  # noqa: PLR0913 - its options
    context: click.Context, /, scans: tuple[str, ...], output: Path, numbered: str, skip_done: bool,
    watch: Path | None, sweeps: tuple[str, ...], resume: bool, quiet: bool, as_json: bool, **_values: Any,
) -> int:  # fmt: skip
    """Reconstruct many scans on the queue, and print the paths of the results.

    LIST is scan files, folders of scans, globs, numbers (12-40,55, with --scans), and text files (.txt) of such items,
    one a line. The options of `reconstruct` hold for every scan. All scans are looked at before the first one begins;
    what can't be reconstructed is said, and left out; exit status 1 then. Jobs are done by whoever runs the queue, or
    else here, on --device or the devices of the last ptychogui run. Ctrl-C keeps the results under way and ends the
    batch. After a crash the same command goes on with the jobs that are left, and so does ptychogui run. --json prints
    one object about the batch in place of the paths. With --watch LIST may be left out, and Ctrl-C ends it.
    """
    values, swept = given_values(context, describe()), combinations(sweeps)
    if not scans and watch is None:
        raise click.UsageError("Missing argument 'LIST...'.")
    found = scan_list(scans, numbered) if scans else ScanList((), ())
    wishes = _Wishes(output, skip_done, resume, quiet or as_json, as_json, watch)
    check_shared(len(found.scans) + len(found.absent) if watch is None else 2, values)
    make_results_folder(output)
    return _run_batch(_candidates(found, values, swept, wishes), values, swept, wishes)


def _run_batch(candidates: list[Candidate], values: Values, swept: Sequence[Values], wishes: _Wishes) -> int:
    """Queue the jobs, follow them to the end, say what became of all, and return the exit status."""
    console, made_by = error_console(), versions()
    if not candidates and wishes.watch is None:
        return 0  # all are done
    with Store() as store:
        lanes = lanes_of(store, values, candidates)
        watching = None if wishes.watch is None else WatchOrder(
            wishes.watch, values, wishes.folder, _command(), made_by, swept, skip_done=wishes.skip_done
        )  # fmt: skip
        if watching is not None:
            FolderWatch(watching)  # a folder that is not there is refused before anything is added
        added = add(store, candidates, wishes.folder, _command(), made_by, resume=wishes.resume, watched=wishes.watch)
        _say_refused(console, candidates, added)
        names = {job: candidates[place].scan for place, job in added.jobs.items()}

        def name(job: Entry) -> str:
            return names.get(job.id, job.title)

        teller = BatchTeller(console, name, None if wishes.as_json else wishes.folder, wishes.quiet)
        watching = None if watching is None else replace(watching, batch=added.batch)
        ended, status = follow(store, added.batch, lanes, teller, console, watching)
    failures = _failures(ended, candidates, added)
    _say_end(console, ended, failures, len(ended.jobs) + len(ended.refused), wishes)
    return status or (FAILED if any(job.state not in _KEPT for job in ended.jobs) or ended.refused else 0)


def _candidates(found: ScanList, values: Values, swept: Sequence[Values], wishes: _Wishes) -> list[Candidate]:
    """Look at all scans, first at what all say, then at a few frames of each; say what is doubtful."""
    console, candidates = error_console(), [Candidate(scan, problem=_ABSENT) for scan in found.absent]
    for number, scan in enumerate(found.scans, 1):
        looked = [*look([scan], values, swept)]
        done = {place: path for place, one in enumerate(looked) if (path := _done(scan, one, values, wishes))}
        if not wishes.quiet:
            seen = f" is done, see {next(iter(done.values()))}" if len(done) == len(looked) else ""
            say(console, f"scan {number} of {len(found.scans)}: {scan}{seen}")
        candidates += [one for place, one in enumerate(looked) if place not in done]
    for place, one in enumerate(candidates):
        candidates[place] = checked(one)
        if not wishes.quiet:
            for finding in candidates[place].findings if candidates[place].is_ready else ():
                say(console, f"warning: {one.scan}: {finding.text}")
    return candidates


def _say_refused(console: Console, candidates: Sequence[Candidate], added: Added) -> None:
    for place, reason in added.refused.items():
        say(console, f"ptychogui: {candidates[place].scan}: {one_line(reason)}")


def _failures(ended: Batch, candidates: Sequence[Candidate], added: Added) -> list[tuple[str, str]]:
    """Return what came to nothing, and why, in the order of the list."""
    places = {job: place for place, job in added.jobs.items()}
    failed = dict(added.refused)
    bad = [(job, job.cause or f"it is {job.state}") for job in ended.jobs if job.state not in _KEPT]
    failed |= {places[job.id]: cause for job, cause in bad if job.id in places}
    found = [(job.source or job.title, one_line(cause)) for job, cause in bad if job.id not in places]
    found += [(item.scan, one_line(item.reason)) for item in ended.refused[len(added.refused) :]]
    return [*((candidates[place].scan, one_line(failed[place])) for place in sorted(failed)), *found]


def _say_end(console: Console, ended: Batch, failures: Sequence[tuple[str, str]], count: int, wishes: _Wishes) -> None:
    if wishes.as_json:
        tell(json.dumps(ended.as_dict(), indent=1))
    if wishes.quiet:
        return
    if failures:
        say(console, f"{len(failures)} of {count} scans are not reconstructed:")
        say(console, table(failures))
    say(console, ended.line)


def _done(scan: Path, one: Candidate, values: Values, wishes: _Wishes) -> Path | None:
    """Return the complete result that there is of a scan, where that is to be left out."""
    if not wishes.skip_done:
        return None
    sweep = None if one.plan is None else one.plan.sweep
    return complete_result(wishes.folder, scan, name_of(scan, values), None if sweep is None else sweep.values)


def _command() -> str:
    return shlex.join(["ptychogui", *sys.argv[1:]])
