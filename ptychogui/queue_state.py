"""What the window shows of the queue, as one frozen value made from what was read of it. There is no Qt in here."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from ptychogui.backends.base import Device
from ptychogui.jobs.preflight.findings import Level
from ptychogui.queue.snapshot import Resting, Snapshot
from ptychogui.queue.store.entry import ENDED, UNDER_WAY, WAITING, Entry
from ptychogui.queue.store.folders import PREVIEW, job_folder
from ptychogui.queue.store.store import ANY
from ptychogui.queue.waiting import why_it_waits
from ptychogui.states import State
from ptychogui.texts import counted, duration

ENDED_KEY = "ended"
"""Key of the group of the jobs that are over."""

_STOPPABLE = ("stop", "cancel")
_MAY: Mapping[State, tuple[str, ...]] = {
    State.RUNNING: ("pause", *_STOPPABLE),
    State.WAITING: _STOPPABLE,
    State.PAUSED: ("resume", "step", *_STOPPABLE),
    State.QUEUED: ("hold", "cancel", "remove"),
    State.INTERRUPTED: ("hold", "cancel", "remove"),
    State.HELD: ("release", "cancel", "remove"),
    State.DONE: ("continue", "remove"),
    State.STOPPED: ("continue", "retry", "remove"),
    State.FAILED: ("retry", "remove"),
    State.CANCELLED: ("retry", "remove"),
}
"""What can be done with a job in each state, by key of the table of actions."""

_OPENING = "opening; its kernels are compiled once"

_BUSY_WORDS = {"running": UNDER_WAY, "waiting": WAITING, "held": (State.HELD,)}
_ENDED_WORDS = {state.value: (state,) for state in ENDED}

_ASKED = {"stop": "stopping", "cancel": "cancelling", "pause": "pausing", "resume": "resuming", "step": "stepping"}


class JobRow(NamedTuple):
    """A job as the list shows it.

    Attributes:
        id: its number.
        title: its name.
        state: where it is.
        word: that in a word, or what it was told and has not done yet.
        detail: numbers, or why it is in this state.
        done: how far it is, 0 to 1; below 0 where that says nothing.
        may: keys of what can be done with it.
        before, after: numbers of the jobs that wait just before and after it; 0 for none.
        picture: path of its small picture, which its lane renews; "" where there can be none.
        result: path of its result, there or not.
    """

    id: int
    title: str
    state: State
    word: str
    detail: str
    done: float
    may: frozenset[str]
    before: int = 0
    after: int = 0
    picture: str = ""
    result: str = ""

    @property
    def name(self) -> str:
        """What it is called wherever something of it is shown."""
        return job_name(self.id, self.title)


@dataclass(frozen=True)
class Group:
    """Jobs that belong together: those of a device, those that wait for any, or those that are over.

    Attributes:
        key: name of the device, ANY, or ENDED_KEY.
        title: what the head says.
        detail: the line below it: what the device is, or why it can't be used.
        usable: whether the device can be ticked.
        ticked: whether it is; None for what is no device.
        jobs: in the order in which they come; of those that are over the newest first.
        is_faulty: whether the detail is something that is wrong.
        tip: what else there is to know of it.
        gauge: how busy and how hot it is.
    """

    key: str
    title: str
    detail: str = ""
    usable: bool = True
    ticked: bool | None = None
    jobs: tuple[JobRow, ...] = ()
    is_faulty: bool = False
    tip: str = ""
    gauge: str = ""


@dataclass(frozen=True)
class Notice:
    """What is to be known above the list, with what can be done about it.

    Attributes:
        text: what.
        choices: keys and words of the buttons.
    """

    text: str
    choices: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class QueueState:
    """What the window shows of the queue.

    Attributes:
        groups: devices, the jobs for any of them, and those that are over.
        counts: how many jobs there are of which kind, in words.
        notice: what is to be known; None for nothing.
        is_mine: whether this window runs the queue.
        has_ended: whether there are jobs to clear away.
        has_waiting, has_held: whether there are jobs that will begin by themselves, and such that are kept from it.
        closed: why nothing can be put into it; "" where it can.
        rows: all jobs by number.
    """

    groups: tuple[Group, ...] = ()
    counts: str = ""
    notice: Notice | None = None
    is_mine: bool = False
    has_ended: bool = False
    has_waiting: bool = False
    has_held: bool = False
    closed: str = ""
    rows: Mapping[int, JobRow] = field(default_factory=dict, compare=False)

    @property
    def under_way(self) -> tuple[JobRow, ...]:
        """The jobs that have begun and not ended."""
        return tuple(row for row in self.rows.values() if row.state in UNDER_WAY)

    @property
    def is_busy(self) -> bool:
        """Whether this window does a job."""
        return self.is_mine and bool(self.under_way)


class BatchRow(NamedTuple):
    """A scan of a batch, as the dialog shows it.

    Attributes:
        scan: its path.
        level: how much what was found matters; None before it was looked at.
        text: what was found; of several things the worst.
        tip: all of it.
        is_ready: whether a job can be made of it.
    """

    scan: str
    level: Level | None = None
    text: str = ""
    tip: str = ""
    is_ready: bool = False


def job_name(number: int, title: str) -> str:
    """Return what a job is called wherever something of it is shown."""
    return f"{title} (job {number})"


class QueueView:
    """Makes of snapshots what the window shows, and of jobs that rest only what has changed.

    Args:
        folder: of the queue, in which jobs have their pictures; None for no pictures.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._of: tuple[Resting | None, Mapping[str, str] | None] = (None, None)
        self._rows: dict[str, tuple[JobRow, ...]] = {}
        self._by_id: dict[int, JobRow] = {}
        self._counts: dict[State, int] = {}

    def state(
        self,
        seen: Snapshot,
        devices: Sequence[Device],
        ticked: Sequence[str],
        notice: Notice | None = None,
        opening: Collection[str] = (),
        left_s: Mapping[str, float] | None = None,
    ) -> QueueState:
        """Return what the window shows of the queue.

        Args:
            seen: the queue.
            devices: those of this machine.
            ticked: the devices that this window uses, or would use.
            notice: what is to be known; who else runs the queue is said by itself.
            opening: the devices that are not yet open.
            left_s: time to the end of jobs under way, by Job.id, as far as it is known.
        """
        lanes = seen.lanes if seen.owner is not None and (seen.lanes or not ticked) else None
        if self._of != (seen.resting, lanes):
            self._take(seen.resting, lanes)
        left_s = left_s or {}
        begun = {entry.id: self._row(entry, lanes, left_s.get(entry.uid, math.inf)) for entry in seen.under_way}
        used = tuple(ticked) if seen.is_mine or seen.owner is None else tuple(seen.lanes)
        groups = tuple(
            replace(group, detail=_OPENING) if group.key in opening and not group.is_faulty else group
            for group in self._groups(seen, devices, used, begun)
        )
        counts = {**self._counts, State.RUNNING: len(begun)}
        return QueueState(
            groups, _counted(counts, _BUSY_WORDS), notice or _of_owner(seen), seen.is_mine,
            ENDED_KEY in self._rows, any(self._counts.get(state) for state in WAITING),
            bool(self._counts.get(State.HELD)), rows={**self._by_id, **begun},
        )  # fmt: skip

    def _take(self, resting: Resting, lanes: Mapping[str, str] | None) -> None:
        """Make the rows of jobs that rest."""
        groups: dict[str, list[Entry]] = {}
        for entry in resting.entries:
            groups.setdefault(ENDED_KEY if entry.state in ENDED else entry.device, []).append(entry)
        if ENDED_KEY in groups:
            groups[ENDED_KEY].sort(key=lambda entry: entry.ended, reverse=True)
        self._of = resting, lanes
        self._rows = {key: self._rows_of(entries, lanes) for key, entries in groups.items()}
        self._by_id = {row.id: row for rows in self._rows.values() for row in rows}
        self._counts = Counter(entry.state for entry in resting.entries)

    def _rows_of(self, entries: Sequence[Entry], lanes: Mapping[str, str] | None) -> tuple[JobRow, ...]:
        """Make the rows of jobs that come one after the other; the first that waits is the next."""
        waiting = [entry.id for entry in entries if entry.state in (State.HELD, *WAITING)]
        beside = {
            job: (before, after) for before, job, after in zip((0, *waiting), waiting, (*waiting[1:], 0), strict=False)
        }
        return tuple(self._row(entry, lanes, math.inf, *beside.get(entry.id, (0, 0))) for entry in entries)

    def _row(
        self, entry: Entry, lanes: Mapping[str, str] | None, left_s: float, before: int = 0, after: int = 0
    ) -> JobRow:
        shown = entry.attempts > 0 and entry.iterations > 0 and entry.state not in (State.DONE, State.QUEUED)
        drawn = self._folder is not None and entry.attempts > 0
        picture = str(job_folder(self._folder, entry.id) / PREVIEW) if drawn and self._folder is not None else ""
        return JobRow(
            entry.id, entry.title, entry.state, _ASKED.get(entry.asked, entry.state.value),
            _detail(entry, lanes, left_s), entry.iteration / entry.iterations if shown else -1.0,
            _may(entry, before, after), before, after, picture, entry.result,
        )  # fmt: skip

    def _groups(
        self, seen: Snapshot, devices: Sequence[Device], used: Sequence[str], begun: Mapping[int, JobRow]
    ) -> tuple[Group, ...]:
        places: dict[str, tuple[JobRow, ...]] = {}
        for entry in seen.under_way:
            places[entry.lane] = (*places.get(entry.lane, ()), begun[entry.id])
        for key, rows in self._rows.items():
            places[key] = (*places[key], *rows) if key in places else rows
        anywhere, ended = places.pop(ANY, ()), places.pop(ENDED_KEY, ())
        groups = [_device(device, seen, used, places.pop(device.name, ()))
                  for device in sorted(devices, key=lambda device: not device.usable)]  # fmt: skip
        groups += [Group(key, key, "not a device of this machine", jobs=rows, is_faulty=True)
                   for key, rows in places.items()]  # fmt: skip
        groups += [Group(ANY, "Any device", "the first that is free takes the next", jobs=anywhere),
                   Group(ENDED_KEY, "Ended", _counted(self._counts, _ENDED_WORDS), jobs=ended)]  # fmt: skip
        return tuple(group for group in groups if group.ticked is not None or group.jobs)


def _device(device: Device, seen: Snapshot, used: Sequence[str], jobs: tuple[JobRow, ...]) -> Group:
    cause = seen.lanes.get(device.name, "")
    detail = cause or (_size(device) if device.usable else device.reason.partition(":")[0])
    usable = device.usable and (seen.is_mine or seen.owner is None)
    busy = [] if device.load is None else [f"{device.load:.0%} busy"]
    tip = "\n".join([device.title, *busy, *(f"also there: {process}" for process in device.processes), device.reason])
    gauge = _gauge(device) if device.usable and not cause else ""
    return Group(device.name, _device_title(device), detail, usable, device.name in used, jobs, bool(cause),
                 tip.strip(), gauge)  # fmt: skip


def _device_title(device: Device) -> str:
    """Call a device by its name, and say what it is where that is short."""
    if device.name.startswith("cuda") and device.usable:
        return f"{device.name}  {device.title.removeprefix('NVIDIA ')}"
    return device.name


def _size(device: Device) -> str:
    """Say how large a device is: its cores, and the memory that is free."""
    parts = [counted(device.cores, "core")] if device.cores else []
    if device.memory_total_bytes:
        parts.append(f"{device.memory_free_bytes / 1e9:.0f} GB free")
    return ", ".join(parts)


def _gauge(device: Device) -> str:
    """Say how busy and how hot a device is, as far as that is known."""
    parts = [] if device.load is None else [f"{device.load:.0%}"]
    parts += [] if device.temperature_C is None else [f"{device.temperature_C:.0f} °C"]
    return " ".join(parts)


def _may(entry: Entry, before: int, after: int) -> frozenset[str]:
    may = {*_MAY[entry.state]}
    if entry.asked in _STOPPABLE:
        may = {"cancel"} - {entry.asked}
    if entry.state is State.FAILED and os.path.exists(entry.result):
        may.add("continue")
    if entry.attempts:
        may.add("log")
    return frozenset(may | ({"up"} if before else set()) | ({"down"} if after else set()))


def _detail(entry: Entry, lanes: Mapping[str, str] | None, left_s: float) -> str:
    no_device = "no device is ticked" if lanes is not None and not lanes and entry.state in WAITING else ""
    cause = entry.cause or no_device or why_it_waits(entry, lanes)
    if cause:
        return cause
    parts = []
    if entry.attempts and entry.iteration:
        both = entry.state not in (State.DONE, State.STOPPED)
        parts.append(f"{entry.iteration} of {entry.iterations}" if both else f"{entry.iteration} iterations")
    if entry.state is State.RUNNING and math.isfinite(left_s):
        parts.append(f"{duration(left_s)} left")
    if entry.error is not None:
        parts.append(f"error {entry.error:#.3g}")
    if entry.state in ENDED and entry.lane:
        parts.append(entry.lane)
    return " · ".join(parts) or f"{entry.iterations} iterations"


def _counted(counts: Mapping[State, int], words: Mapping[str, Sequence[State]]) -> str:
    found = {word: sum(counts.get(state, 0) for state in states) for word, states in words.items()}
    return ", ".join(f"{count} {word}" for word, count in found.items() if count)


def _of_owner(seen: Snapshot) -> Notice | None:
    if seen.is_mine or seen.owner is None:
        return None
    who = f"{seen.owner.kind}, process {seen.owner.identity['pid']} of {seen.owner.identity['host']}"
    text = f"The queue is run by {who}. Jobs that you add are done there; this window looks on."
    return Notice(text, (("take-over", "Take over"),) if seen.owner.leaves_when_asked else ())
