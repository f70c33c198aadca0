"""How work is cut into pieces for a backend's workers; the cuts never depend on how many threads there are."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from ptychogui.backends.base import Backend, Batch

_WORTH_A_WORKER = 1 << 17
"""Elements to pass over that take longer than to wake another worker."""


def split(start: int, stop: int, slots: int, lanes: int) -> list[Batch]:
    """Cut [start, stop) into even batches of at most `slots`, at least enough of them to keep several workers busy."""
    pieces = max(-(-(stop - start) // slots), min(lanes, stop - start))
    cuts = [start + (stop - start) * i // pieces for i in range(pieces + 1)]
    return list(pairwise(cuts))


def on_rows(backend: Backend, rows: int, elements: int, work: Callable[[int, int], None]) -> None:
    """Call work(first, count) on blocks of rows, as many as `elements` in all are worth workers.

    Rows must not depend on each other: what they give must be the same however they are cut.
    """
    blocks = max(1, min(backend.workers, elements // _WORTH_A_WORKER))
    cuts = [rows * i // blocks for i in range(blocks + 1)]
    backend.run(list(pairwise(cuts)), lambda _worker, _lane, first, last: work(first, last - first))
