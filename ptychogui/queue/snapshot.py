"""The queue at one moment, as somebody sees it who looks on again and again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from ptychogui.queue.owner import QueueOwner, owner
from ptychogui.queue.store.entry import COLUMNS, UNDER_WAY, Entry
from ptychogui.queue.store.store import IN_ORDER, Store

_OF_RESTING = f"state NOT IN ({', '.join(repr(state.value) for state in UNDER_WAY)})"
_SIGNS = "id, device, priority, place, state, lane, attempts, iteration, error, cause, asked, ended"
"""What may change of a job that is not under way, or its number."""


@dataclass(frozen=True, eq=False)
class Resting:
    """The jobs that are not under way: most of a long queue, and seldom others than before.

    Attributes:
        entries: in the order in which they come.
    """

    entries: tuple[Entry, ...] = ()

    @cached_property
    def by_id(self) -> Mapping[int, Entry]:
        """Each by its number."""
        return {entry.id: entry for entry in self.entries}

    @cached_property
    def uids(self) -> frozenset[str]:
        """Job.id of all."""
        return frozenset(entry.uid for entry in self.entries)


@dataclass(frozen=True)
class Snapshot:
    """The queue at one moment.

    Attributes:
        under_way: the jobs that have begun and not ended, in the order in which they come.
        resting: all others; the same object as before where nothing has changed.
        lanes: the devices that have lanes, each with why it can't work now, "" if it can; none where nobody runs it.
        owner: who runs it.
        is_mine: whether that is this process.
    """

    under_way: tuple[Entry, ...] = ()
    resting: Resting = field(default_factory=Resting)
    lanes: Mapping[str, str] = field(default_factory=dict)
    owner: QueueOwner | None = None
    is_mine: bool = False

    def entry(self, job: int) -> Entry | None:
        """Return a job by its number; None if it is not there."""
        return next((entry for entry in self.under_way if entry.id == job), None) or self.resting.by_id.get(job)


class Camera:
    """Takes snapshots of a queue; of jobs that rest only those are read anew that have changed.

    Args:
        store: the queue.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._signs: list[object] = []
        self._resting = Resting()

    def take(self, is_mine: bool) -> Snapshot:
        """Read the queue.

        Raises:
            OutputError: it can't be read now.
        """
        found = owner(self._store.folder)
        signs: list[object] = list(self._store.read(f"SELECT {_SIGNS} FROM jobs WHERE {_OF_RESTING} {IN_ORDER}"))
        if signs != self._signs:
            self._resting, self._signs = Resting(self._read(_OF_RESTING)), signs
        under_way = self._read(f"NOT {_OF_RESTING}")
        lanes = self._store.lanes() if found is not None else {}
        return Snapshot(under_way, self._resting, lanes, found, is_mine)

    def _read(self, which: str) -> tuple[Entry, ...]:
        rows = self._store.read(f"SELECT {COLUMNS} FROM jobs WHERE {which} {IN_ORDER}")
        return tuple(map(Entry.of, rows))
