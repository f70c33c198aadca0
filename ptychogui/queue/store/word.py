"""What word is owed of jobs and batches that have ended: written down with their ends, so no crash comes between."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ptychogui.errors import OutputError, PtychoError
from ptychogui.jobs.job import Job
from ptychogui.notify.report import JobLine, Report
from ptychogui.notify.settings import PostSettings
from ptychogui.params.commandline import format_text
from ptychogui.params.model import by_path
from ptychogui.params.origins import Source
from ptychogui.queue.store.batch import Batch, ended_untold
from ptychogui.queue.store.entry import COLUMNS, Entry
from ptychogui.queue.store.folders import job_log
from ptychogui.queue.store.job_text import from_text
from ptychogui.queue.store.letters import DESKTOP, MAIL, WEBHOOK, owe, settings_in
from ptychogui.queue.store.store import Store
from ptychogui.states import State

_WITH_RESULT = (State.DONE, State.STOPPED)

_log = logging.getLogger(__name__)


def owe_word(change: sqlite3.Connection, folder: Path, job_id: int, start: int) -> None:
    """Write down what word is owed of a job that has just ended; a job that can't be read ends without a word.

    Args:
        change: the transaction, in which the end is written.
        folder: of the queue.
        job_id: of the job.
        start: number of the start that has ended, so that a job that is retried is told of anew.
    """
    entry = Entry.of(change.execute(f"SELECT {COLUMNS} FROM jobs WHERE id = ?", (job_id,)).fetchone())
    text = change.execute("SELECT text FROM contents WHERE job = ?", (job_id,)).fetchone()[0]
    try:
        job = from_text(text).job
    except PtychoError as error:
        _log.info("no word of job %d: %s", job_id, error)
        return
    found = change.execute("SELECT findings FROM jobs WHERE id = ?", (job_id,)).fetchone()[0]
    noticed = tuple(f"{one['title']}: {one['reason']}" for one in json.loads(found or "[]"))
    ways = ways_for(job, entry.state, settings_in(change), in_batch=entry.batch is not None)
    owe(change, replace(_report(entry, job, folder, start), noticed=noticed), ways)


def tell_ended(store: Store, tell: Callable[[Batch], object]) -> None:
    """Tell of batches that have ended, each once; one is told again where that can't be written down."""
    try:
        for ended in ended_untold(store):
            tell(ended)
            note_told(store, ended)
    except OutputError as error:
        _log.warning("batches are told later: %s", error)


def note_told(store: Store, ended: Batch) -> None:
    """Say that the end of a batch was told, and write down what word of it is owed: once for all of its jobs."""
    report = _batch_report(store, ended)
    with store.transaction() as change:
        told = change.execute(
            "UPDATE batches SET told = 1 WHERE id = ? AND ended = ? AND NOT told", (ended.id, ended.ended)
        )
        if told.rowcount:
            owe(change, report, [MAIL] * bool(report.to) + _without_mail(settings_in(change)))


def ways_for(job: Job, state: State, settings: PostSettings, in_batch: bool = False) -> list[str]:
    """Return how word is to be sent of a job by itself that has ended so: its user knows who has cancelled it."""
    output = job.parameters.output
    is_told = state is not State.CANCELLED
    is_wanted = state is State.FAILED or output.email_on != "failure"
    ways = [MAIL] if output.email and is_told and (output.email_on == "each" if in_batch else is_wanted) else []
    return ways + [way for way in _without_mail(settings) if way == WEBHOOK or (is_told and not in_batch)]


def _without_mail(settings: PostSettings) -> list[str]:
    """Return which other ways are set."""
    return [WEBHOOK] * bool(settings.webhook) + [DESKTOP] * settings.desktop


def values_told(job: Job) -> dict[str, str]:
    """Return the parameters of a job that are no defaults, each with where it comes from."""
    return {
        path: f"{format_text(by_path()[path], job.parameters.get(path))}  ({origin})"
        for path, origin in job.origins.items()
        if origin.source is not Source.DEFAULT
    }


def _report(entry: Entry, job: Job, folder: Path, start: int) -> Report:
    return Report(
        uid=f"{entry.uid}-{start}", title=entry.title, state=entry.state.value, to=job.parameters.output.email,
        job=entry.id, cause=entry.cause, source=entry.source or "",
        result=entry.result if entry.state in _WITH_RESULT else "", log=job_log(folder, entry.id), device=entry.lane,
        iteration=entry.iteration, iterations=entry.iterations, error=entry.error, started=entry.started,
        ended=entry.ended, parameters=values_told(job),
    )  # fmt: skip


def _addresses(store: Store, ended: Batch) -> str:
    """Return where the end of a batch is to be told by mail, as its jobs say."""
    wanted = ("end", "failure") if ended.failures else ("end",)
    found: dict[str, None] = {}
    for row in store.read("SELECT text FROM contents JOIN jobs ON id = job WHERE batch = ? ORDER BY id", (ended.id,)):
        try:
            output = json.loads(row["text"])["parameters"]["parameters"]["output"]
            found |= dict.fromkeys(output["email"].split(", ") if output["email_on"] in wanted else ())
        except (ValueError, KeyError, TypeError) as error:
            _log.info("no word to whom a job of batch %d names: %r", ended.id, error)
    return ", ".join(filter(None, found))


def _batch_report(store: Store, ended: Batch) -> Report:
    state = "failed" if ended.failures else "done" if ended.counts.keys() <= {State.DONE.value} else "stopped"
    lines = [_line(job) for job in ended.jobs] + [JobLine(one.scan, "refused", one.reason) for one in ended.refused]
    end = "".join(sign for sign in ended.ended if sign.isdigit())
    first, starts = ended.jobs[0].uid if ended.jobs else "", sum(job.attempts for job in ended.jobs)
    return Report(
        uid=f"{first}-batch{ended.id}-{end}-{starts}", title=ended.title, state=state, to=_addresses(store, ended),
        started=ended.made, ended=ended.ended, parameters=_common_values(store, ended), jobs=tuple(lines),
    )  # fmt: skip


def _line(job: Entry) -> JobLine:
    return JobLine(job.title, job.state.value, job.cause, job.result if job.state in _WITH_RESULT else "")


def _common_values(store: Store, ended: Batch) -> dict[str, str]:
    """Return what the user has said for a batch, which is what he has said for its first job."""
    try:
        job = store.text(ended.jobs[0].id).job
    except (PtychoError, IndexError):
        return {}
    return {path: told for path, told in values_told(job).items() if job.origins[path].source is Source.USER}
