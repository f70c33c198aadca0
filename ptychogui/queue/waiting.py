"""Why a job waits, besides those before it."""

from __future__ import annotations

from collections.abc import Mapping

from ptychogui.queue.store.entry import WAITING, Entry
from ptychogui.queue.store.store import served_by


def why_it_waits(entry: Entry, lanes: Mapping[str, str] | None) -> str:
    """Say what keeps a job in the queue besides those before it; "" for nothing.

    Args:
        entry: the job.
        lanes: the devices that have lanes, each with why it can't work now; None where nobody runs the queue.
    """
    if entry.state not in WAITING or lanes is None:
        return ""
    serving = {device: cause for device, cause in lanes.items() if entry.device in served_by(device)}
    if not serving:
        return f"no lane for {entry.device}; there are {', '.join(lanes) or 'none'}"
    return "" if not all(serving.values()) else "; ".join(f"{device}: {cause}" for device, cause in serving.items())
