"""`ptychogui run`: do the jobs of the queue, without a window."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import click
from rich.console import Console

from ptychogui.cli.shared_options import watch_option
from ptychogui.cli.terminal import error_console, one_line, say, tell
from ptychogui.errors import OutputError, ParameterError
from ptychogui.jobs.processes.messages import Event
from ptychogui.jobs.provenance import versions
from ptychogui.params.click_words import Command
from ptychogui.paths import queue_folder
from ptychogui.queue.devices import devices_to_use
from ptychogui.queue.drain import Drain
from ptychogui.queue.lane import SILENCE_LIMIT_S
from ptychogui.queue.owner import RUN, Ownership
from ptychogui.queue.store.batch import Batch
from ptychogui.queue.store.store import Store
from ptychogui.queue.under_way import LaneNews
from ptychogui.queue.watch import FoundScan, Watcher, WatchOrder
from ptychogui.states import State

_WORDS = {State.RUNNING: "begins"}


@click.command(cls=Command)
@click.option("--devices", default="", metavar="LIST", help="One lane each: cpu:0,cpu:1. Those of the last time when "
              "not given; at first all GPUs, or the CPU.")  # fmt: skip
@click.option("--until-empty", is_flag=True, help="End when no job is left that a lane could do.")
@watch_option
@click.option("--silence-limit", type=click.FloatRange(min=1.0), default=SILENCE_LIMIT_S, show_default=True,
              metavar="SECONDS", help="End a process that gave no sign of life for so long.")  # fmt: skip
def run(devices: str, until_empty: bool, watch: Path | None, silence_limit: float) -> None:
    """Do the jobs of the queue, several at a time: one on each device. Paths of results go to stdout.

    SIGTERM, SIGHUP and Ctrl-C break off what is under way, which goes on when the queue is run again; exit status 0.
    Only one process at a time runs a queue; a second one says who does, and ends with status 2. Results of scans that
    --watch adds go into the working folder; ptychogui batch --watch has all options for them.
    """
    if watch is not None and until_empty:
        raise ParameterError("--watch goes on until it is ended: leave out --until-empty, or --watch")
    with Ownership(queue_folder(), RUN) as ownership:
        console = error_console()
        with Store() as store:
            chosen = devices_to_use(store, devices)
        teller = _Teller(console)
        drain = Drain(queue_folder(), ownership, chosen, teller, silence_limit_s=silence_limit)
        with _leaving_on_signals(drain.leave), contextlib.ExitStack() as watching:
            if watch is not None:
                order = WatchOrder(watch, {}, Path(), f"ptychogui run --watch {watch}", versions())
                watching.enter_context(Watcher(queue_folder(), order, teller.tell_found))
            say(console, f"running the queue in {queue_folder()} on {', '.join(chosen)}")
            drain.run(until_empty)


class _Teller:
    """Prints what lanes tell, from any thread, a line at a time."""

    def __init__(self, console: Console) -> None:
        self._console, self._lock = console, threading.Lock()

    def __call__(self, event: Event | LaneNews | Batch) -> None:
        if isinstance(event, Batch):
            with self._lock:
                say(self._console, f"{event.line}, ended")
        if not isinstance(event, LaneNews):
            return
        cause = f": {one_line(event.cause)}" if event.cause else ""
        with self._lock:
            word = _WORDS.get(event.state, event.state.value)
            say(self._console, f"{event.device}: job {event.id} {event.title} {word}{cause}")
            if event.result is not None:
                with contextlib.suppress(OutputError):  # the queue goes on where nobody reads
                    tell(event.result)

    def tell_found(self, found: FoundScan) -> None:
        """Say what was found in a watched folder."""
        jobs = ", ".join(f"job {number}" for number in found.jobs)
        with self._lock:
            say(self._console, f"{found.path}: {one_line(found.problem) or f'{jobs} added'}")


@contextlib.contextmanager
def _leaving_on_signals(leave: Callable[[], None]) -> Iterator[None]:
    """Leave at the first signal that asks to end; one that the caller ignores, as nohup does SIGHUP, stays ignored."""
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    heard = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, lambda *_: leave()) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
