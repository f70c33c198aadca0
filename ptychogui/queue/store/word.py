"""What word is owed of what has ended: made in the transaction that ends it, so that no crash comes between."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path

from ptychogui.errors import PtychoError
from ptychogui.jobs.job import Job
from ptychogui.notify.report import Report
from ptychogui.notify.settings import PostSettings
from ptychogui.params.commandline import format_text
from ptychogui.params.model import by_path
from ptychogui.params.origins import Source
from ptychogui.queue.store.entry import COLUMNS, Entry
from ptychogui.queue.store.folders import job_log
from ptychogui.queue.store.job_text import from_text
from ptychogui.queue.store.letters import DESKTOP, MAIL, WEBHOOK, owe, settings_in
from ptychogui.states import State

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
    owe(change, _report(entry, job, folder, start), ways_for(job, entry.state, settings_in(change)))


def ways_for(job: Job, state: State, settings: PostSettings) -> list[str]:
    """Return how word is to be sent of a job by itself that has ended so: its user knows who has cancelled it."""
    output = job.parameters.output
    is_wanted = state is not State.CANCELLED and (state is State.FAILED or output.email_on != "failure")
    wanted = {
        MAIL: bool(output.email) and is_wanted,
        WEBHOOK: bool(settings.webhook),
        DESKTOP: settings.desktop and state is not State.CANCELLED,
    }
    return [way for way, is_so in wanted.items() if is_so]


def values_told(job: Job) -> dict[str, str]:
    """Return the parameters of a job that are no defaults, each with where it comes from."""
    return {
        path: f"{format_text(by_path()[path], job.parameters.get(path))}  ({origin})"
        for path, origin in job.origins.items()
        if origin.source is not Source.DEFAULT
    }


def _report(entry: Entry, job: Job, folder: Path, start: int) -> Report:
    has_result = entry.state in (State.DONE, State.STOPPED)
    return Report(
        uid=f"{entry.uid}-{start}", title=entry.title, state=entry.state.value, to=job.parameters.output.email,
        job=entry.id, cause=entry.cause, source=entry.source or "",
        result=entry.result if has_result else "", log=job_log(folder, entry.id), device=entry.lane,
        iteration=entry.iteration, iterations=entry.iterations, error=entry.error, started=entry.started,
        ended=entry.ended, parameters=values_told(job),
    )  # fmt: skip
