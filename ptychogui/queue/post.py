"""Word of a job that was done without the queue: owed as that of the queue's jobs is, and sent at once if it can be."""

from __future__ import annotations

import contextlib
import logging
import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from ptychogui.errors import PtychoError
from ptychogui.jobs.job import Job, Progress
from ptychogui.jobs.provenance import now
from ptychogui.notify.report import Report
from ptychogui.paths import queue_folder
from ptychogui.queue.postman import WAYS, Postman, Way, mail
from ptychogui.queue.store import letters
from ptychogui.queue.store.folders import STORE
from ptychogui.queue.store.letters import MAIL
from ptychogui.queue.store.store import Store
from ptychogui.queue.store.word import values_told, ways_for
from ptychogui.states import State
from ptychogui.texts import storable

_PATIENCE_S = 10.0
"""For each answer of a mail server while the user waits."""

_log = logging.getLogger(__name__)


@contextlib.contextmanager
def word_of(job: Job) -> Iterator[Callable[[Progress], None]]:
    """Send word when the job that runs in the block has ended; that it can't be sent is no error of the job.

    Gives the function that is to hear the job's progress.
    """
    started, heard = now(), deque([Progress(job.id, 0, 0, math.nan, 0.0, 0.0, math.nan)], maxlen=1)
    try:
        yield heard.append
    except (PtychoError, MemoryError, OSError) as error:
        _send(job, _report(job, heard[-1], State.FAILED, str(error), started))
        raise
    if heard[-1].state in (State.DONE, State.STOPPED):
        _send(job, _report(job, heard[-1], heard[-1].state, "", started))


def _report(job: Job, last: Progress, state: State, cause: str, started: str) -> Report:
    return Report(
        uid=job.id, title=storable(job.title), state=state.value,
        to=job.parameters.output.email, cause=cause, source=str(job.source or ""), result=str(last.result or ""),
        device=job.parameters.devices.device, iteration=last.iteration, iterations=last.iterations,
        error=last.error if math.isfinite(last.error) else None, started=started, ended=now(),
        parameters=values_told(job),
    )  # fmt: skip


def _send(job: Job, report: Report) -> None:
    """Write down that a report is owed, and send it if that can be done now."""
    folder = queue_folder()
    if not (job.parameters.output.email or (folder / STORE).exists()):
        return
    try:
        with Store(folder) as store:
            _send_through(store, folder, job, report)
    except PtychoError as error:
        level = logging.WARNING if job.parameters.output.email else logging.INFO
        _log.log(level, "no word is sent of %s: %s", job.title, error)


def _send_through(store: Store, folder: Path, job: Job, report: Report) -> None:
    ways = ways_for(job, State(report.state), letters.post_settings(store))
    if not ways:
        return
    with store.transaction() as change:
        letters.owe(change, report, ways)
    quick: Mapping[str, Way] = {**WAYS, MAIL: partial(mail, timeout_s=_PATIENCE_S)}
    Postman(folder, quick).deliver(store)
