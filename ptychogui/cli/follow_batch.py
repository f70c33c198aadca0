"""A batch followed on the terminal to its end, run by this process or by the one that has the queue."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rich.console import Console

from ptychogui.cli.one_job import LINES
from ptychogui.cli.terminal import interruptible, one_line, say, tell
from ptychogui.errors import DataError, PtychoError
from ptychogui.io.result_header import read_header
from ptychogui.jobs.job import Control
from ptychogui.jobs.processes.messages import Order
from ptychogui.queue.drain import Drain
from ptychogui.queue.owner import OwnedError, Ownership, owner_text
from ptychogui.queue.store import changes
from ptychogui.queue.store.batch import Batch, batch, close_batch
from ptychogui.queue.store.entry import ENDED, WAITING, Entry
from ptychogui.queue.store.store import Store
from ptychogui.queue.waiting import why_it_waits
from ptychogui.queue.watch import FoundScan, Watcher, WatchOrder
from ptychogui.states import State

_LOOK_S = 0.1
"""Between looks at the store."""


class BatchTeller:
    """Says what becomes of the jobs of a batch, each thing once. Paths of results go to stdout.

    Args:
        console: for all else.
        name: says what a job's scan is called.
        folder: of the results, as the user gave it.
        quiet: whether nothing is said but paths and failures.
    """

    def __init__(self, console: Console, name: Callable[[Entry], str], folder: Path | None, quiet: bool) -> None:
        self._console, self._name, self._folder, self._quiet = console, name, folder, quiet
        self._seen: dict[int, Entry] = {}

    def look(self, jobs: Sequence[Entry], lanes: dict[str, str] | None) -> None:
        """See how all jobs stand; lanes are None where nobody runs the queue."""
        for job in jobs:
            before, self._seen[job.id] = self._seen.get(job.id), job
            if before != job:
                self._tell(job, before, why_it_waits(job, lanes))

    def _tell(self, job: Entry, before: Entry | None, waits: str) -> None:
        state = None if before is None else before.state
        if job.state in ENDED and state not in ENDED:
            self._tell_end(job)
        elif job.state is State.RUNNING:
            if state is not State.RUNNING or before is None or before.attempts != job.attempts:
                self._say(f"{self._name(job)} begins on {job.lane}")
            elif _is_due(job, before):
                error = "" if job.error is None else f"  error {job.error:.4g}"
                self._say(f"{self._name(job)}: iteration {job.iteration}/{job.iterations}{error}")
        elif job.cause or waits:
            self._say(f"{self._name(job)} is {job.state}: {one_line(job.cause or waits)}")

    def _tell_end(self, job: Entry) -> None:
        if job.state is State.FAILED:
            say(self._console, f"ptychogui: {self._name(job)}: {one_line(job.cause)}")
            return
        error = "" if job.error is None else f", error {job.error:.4g}"
        self._say(f"{self._name(job)} is {job.state} after {job.iteration} iterations{error}")
        if job.state is not State.CANCELLED and Path(job.result).exists():
            self._tell_notes(Path(job.result))
            if self._folder is not None:
                tell(self._folder / Path(job.result).name)

    def _tell_notes(self, result: Path) -> None:
        if not self._quiet:
            with contextlib.suppress(DataError):
                for note in read_header(result).notes:
                    self._say(f"note: {note}")

    def _say(self, text: str) -> None:
        if not self._quiet:
            say(self._console, text)


def _is_due(job: Entry, before: Entry) -> bool:
    """Whether so many iterations are done that a line is due."""
    every = max(1, job.iterations // LINES)
    return job.iteration // every > before.iteration // every


def follow(  # noqa: PLR0913 - what following takes
    store: Store,
    number: int,
    devices: Sequence[str],
    teller: BatchTeller,
    console: Console,
    watch: WatchOrder | None = None,
) -> tuple[Batch, int]:
    """Run a batch, or look on while another process does; return how it stands at last, and the exit status.

    The first Ctrl-C, SIGTERM or SIGHUP has what is under way stopped with its results kept, and ends the batch.

    Args:
        store: the queue.
        number: of the batch.
        devices: one lane each, where this process runs it.
        teller: hears how all stands.
        console: for what is said at a signal.
        watch: the folder whose scans come into the batch until it is ended.

    Raises:
        PtychoError: the store can't be used, or is damaged.
    """
    control = Control()
    with (
        interruptible(control, console) as caught,
        _Run(store.folder, devices, number, until_empty=watch is None) as run,
        contextlib.ExitStack() as watching,
    ):
        if watch is not None:
            watching.enter_context(Watcher(store.folder, watch, functools.partial(tell_found, console)))
        told_to_stop = False
        while True:
            if control.stop_asked and not told_to_stop:
                told_to_stop = True
                watching.close()
                _stop(store, number)
            is_over = run.take_or_check()
            if store.has_changed() or is_over or told_to_stop:  # its own orders don't count as changes
                now = batch(store, number)
                teller.look(now.jobs, (store.lanes() or None) if owner_text(store.folder) else None)
                if now.ended or is_over:
                    return now, caught.exit_status
            threading.Event().wait(_LOOK_S)


def tell_found(console: Console, found: FoundScan) -> None:
    """Say what was found in a watched folder and can't be read."""
    if found.problem:
        say(console, f"ptychogui: {found.path}: {one_line(found.problem)}")


class _Run:
    """This process as the owner of the queue, as soon as nobody else is; a context manager that leaves it."""

    def __init__(self, folder: Path, devices: Sequence[str], number: int, until_empty: bool) -> None:
        self._folder, self._devices, self._number, self._until_empty = folder, devices, number, until_empty
        self._stack = contextlib.ExitStack()
        self._drain: Drain | None = None
        self._thread: threading.Thread | None = None
        self._problem: BaseException | None = None

    def __enter__(self) -> _Run:
        return self

    def __exit__(self, *_error: object) -> None:
        if self._drain is not None and self._thread is not None:
            self._drain.leave()
            self._thread.join()
        self._stack.close()

    def take_or_check(self) -> bool:
        """Begin to run the batch where nobody runs the queue; return whether that has come to its end.

        Raises:
            PtychoError: it can't be run any more.
        """
        if self._thread is None and not owner_text(self._folder):
            with contextlib.suppress(OwnedError):
                self._begin(self._stack.enter_context(Ownership(self._folder, "ptychogui batch")))
        is_over = self._thread is not None and not self._thread.is_alive()
        if is_over and self._problem is not None:
            raise self._problem
        return is_over

    def _begin(self, ownership: Ownership) -> None:
        self._drain = Drain(self._folder, ownership, self._devices, only_batch=self._number)
        self._thread = threading.Thread(target=self._run, args=(self._drain,), name="batch", daemon=True)
        self._thread.start()

    def _run(self, drain: Drain) -> None:
        try:
            drain.run(self._until_empty)
        except BaseException as error:  # noqa: BLE001 - it is raised where the batch is followed
            self._problem = error


def _stop(store: Store, number: int) -> None:
    """Have what is under way stopped, take the others out of the queue, and let no more come."""
    close_batch(store, number)
    for job in _open_jobs(batch(store, number)):
        with contextlib.suppress(PtychoError):  # it has just ended
            changes.order(store, job.id, Order.CANCEL if job.state in (State.HELD, *WAITING) else Order.STOP)


def _open_jobs(now: Batch) -> Iterator[Entry]:
    return (job for job in now.jobs if job.state not in ENDED)
