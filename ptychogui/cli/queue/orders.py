"""`ptychogui queue pause`, `stop`, `move` and the like: what is to become of jobs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import click

from ptychogui.cli.terminal import error_console, say
from ptychogui.errors import ParameterError, PtychoError
from ptychogui.jobs.processes.messages import Order
from ptychogui.params.click_words import Command
from ptychogui.params.model import device_name
from ptychogui.paths import queue_folder
from ptychogui.queue.owner import owner_text
from ptychogui.queue.store import changes
from ptychogui.queue.store.folders import STORE, make_folder
from ptychogui.queue.store.schema import put_aside
from ptychogui.queue.store.store import ANY, Store

_Change: TypeAlias = Callable[[Store, int], None]

_ORDERS = {
    Order.PAUSE: "Hold jobs after the iteration under way; they keep their memory, and free the processor.",
    Order.RESUME: "Let paused jobs go on.",
    Order.STEP: "Let paused jobs do one more iteration.",
    Order.STOP: "End jobs within seconds and keep their results; take out of the queue those that wait.",
    Order.CANCEL: "End jobs without results; take out of the queue those that wait.",
}
_CHANGES: dict[str, tuple[_Change, str]] = {
    "retry": (changes.retry, "Put jobs that failed, or were stopped or cancelled, at the end of the queue once more."),
    "hold": (changes.hold, "Keep jobs from beginning."),
    "release": (changes.release, "Let held jobs begin when their turn comes."),
    "remove": (changes.remove, "Take jobs out of the queue that are not under way. Results stay."),
}


@click.command(cls=Command)
@click.argument("job", type=int)
@click.option("--before", type=int, metavar="JOB", help="Put it before this one, whose priority it takes over.")
@click.option("--device", metavar="D", help="The lane: any, or a device such as cpu:0 or cuda:1.")
def move(job: int, before: int | None, device: str | None) -> None:
    """Move a job that waits: before another one, to another device's lane, or, with neither, to the end."""
    with Store() as store:
        changes.move(store, job, before, None if device is None else _lane(device))


@click.command(cls=Command)
@click.option(
    "--begin-anew", is_flag=True, help="Put the whole queue aside, such as a damaged one, and begin an empty one."
)
def clear(begin_anew: bool) -> None:
    """Take out of the queue what has ended, with logs and previews. Results stay."""
    if begin_anew:
        _begin_anew()
        return
    with Store() as store:
        count = changes.clear(store)
    say(error_console(), f"{count} jobs cleared")


def _begin_anew() -> None:
    folder = make_folder(queue_folder())
    owner = owner_text(folder)
    if owner:
        raise ParameterError(f"the queue is run by {owner}; end it first")
    if (folder / STORE).exists():
        say(error_console(), f"the old queue is kept as {put_aside(folder / STORE)}")
    Store(folder).close()


def _lane(device: str) -> str:
    name = device_name(device)
    return ANY if name == "auto" else name


def _command(name: str, change: _Change, text: str) -> click.Command:
    @click.command(name, cls=Command, help=text)
    @click.argument("jobs", nargs=-1, required=True, type=int, metavar="JOB...")
    def command(jobs: tuple[int, ...]) -> None:
        with Store() as store:
            _change_all(store, jobs, change)

    return command


def _change_all(store: Store, jobs: tuple[int, ...], change: _Change) -> None:
    """Change all jobs that can be changed, and then say which can't."""
    problems = []
    for job in dict.fromkeys(jobs):
        try:
            change(store, job)
        except PtychoError as error:
            problems.append(str(error))
    if problems:
        raise ParameterError("; ".join(problems))


def _ordering(order: Order) -> _Change:
    def give(store: Store, job: int) -> None:
        is_left = changes.order(store, job, order)
        if is_left and not owner_text(store.folder):
            say(error_console(), f"job {job}: nobody runs the queue now; the order waits for ptychogui run")

    return give


ORDERS = {order.value: _command(order.value, _ordering(order), text) for order, text in _ORDERS.items()} | {
    name: _command(name, change, text) for name, (change, text) in _CHANGES.items()
}
"""The commands that do one thing to each of the jobs that are named, by name."""
