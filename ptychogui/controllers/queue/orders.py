"""What an action does with a job of the queue."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from ptychogui.jobs.processes.messages import Order
from ptychogui.queue.store import changes
from ptychogui.queue.store.store import Store
from ptychogui.queue_state import JobRow

_Change: TypeAlias = Callable[[Store], Any]

_ORDERS: Mapping[str, Order] = {
    order.value: order for order in (Order.PAUSE, Order.RESUME, Order.STEP, Order.STOP, Order.CANCEL)
}
_CHANGES: Mapping[str, Callable[[Store, int], None]] = {
    "retry": changes.retry, "hold": changes.hold, "release": changes.release, "remove": changes.remove,
}  # fmt: skip


def change_of(key: str, row: JobRow) -> _Change:
    """Return what the action of a key does with a job.

    Args:
        key: of the table of actions.
        row: the job, as it stood when the user looked.
    """
    if key == "up":
        return lambda store: changes.move(store, row.id, before=row.before)
    if key == "down":
        return lambda store: changes.move(store, row.after, before=row.id)
    if key in _ORDERS:
        return lambda store: changes.order(store, row.id, _ORDERS[key])
    return lambda store: _CHANGES[key](store, row.id)
