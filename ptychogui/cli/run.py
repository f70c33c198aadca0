"""`ptychogui run`: do the jobs of the queue, without a window."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator

import click
from rich.console import Console

from ptychogui.cli.terminal import error_console, one_line, say, tell
from ptychogui.errors import OutputError
from ptychogui.jobs.processes.messages import Event
from ptychogui.params.click_words import Command
from ptychogui.paths import queue_folder
from ptychogui.queue.devices import devices_to_use
from ptychogui.queue.drain import Drain
from ptychogui.queue.lane import SILENCE_LIMIT_S
from ptychogui.queue.owner import Ownership
from ptychogui.queue.store.batch import Batch
from ptychogui.queue.store.store import Store
from ptychogui.queue.under_way import LaneNews
from ptychogui.states import State

_WORDS = {State.RUNNING: "begins"}


@click.command(cls=Command)
@click.option("--devices", default="", metavar="LIST", help="One lane each: cpu:0,cpu:1. Those of the last time when "
              "not given; at first all GPUs, or the CPU.")  # fmt: skip
@click.option("--until-empty", is_flag=True, help="End when no job is left that a lane could do.")
@click.option("--silence-limit", type=click.FloatRange(min=1.0), default=SILENCE_LIMIT_S, show_default=True,
              metavar="SECONDS", help="End a process that gave no sign of life for so long.")  # fmt: skip
def run(devices: str, until_empty: bool, silence_limit: float) -> None:
    """Do the jobs of the queue, several at a time: one on each device. Paths of results go to stdout.

    SIGTERM, SIGHUP and Ctrl-C break off what is under way, which goes on when the queue is run again; exit status 0.
    Only one process at a time runs a queue; a second one says who does, and ends with status 2.
    """
    with Ownership(queue_folder(), "ptychogui run") as ownership:
        console = error_console()
        with Store() as store:
            chosen = devices_to_use(store, devices)
        drain = Drain(queue_folder(), ownership, chosen, _Teller(console), silence_limit_s=silence_limit)
        with _leaving_on_signals(drain.leave):
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
