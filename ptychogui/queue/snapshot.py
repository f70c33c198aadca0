"""The queue at one moment, as somebody sees it who looks on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ptychogui.queue.owner import QueueOwner, owner
from ptychogui.queue.store.entry import Entry
from ptychogui.queue.store.store import Store


@dataclass(frozen=True)
class Snapshot:
    """The queue at one moment.

    Attributes:
        entries: all jobs in the order in which they come.
        lanes: the devices that have lanes, each with why it can't work now, "" if it can; none where nobody runs it.
        owner: who runs it.
        is_mine: whether that is this process.
    """

    entries: tuple[Entry, ...] = ()
    lanes: Mapping[str, str] = field(default_factory=dict)
    owner: QueueOwner | None = None
    is_mine: bool = False


def take_snapshot(store: Store, is_mine: bool) -> Snapshot:
    """Read the queue.

    Raises:
        OutputError: it can't be read now.
    """
    found = owner(store.folder)
    return Snapshot(tuple(store.entries()), store.lanes() if found is not None else {}, found, is_mine)
