"""The partition of work among a backend's workers; its cuts never depend on how many threads there are."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise, zip_longest

from ptychogui.backends.base import Backend, Batch

_WORTH_A_WORKER = 1 << 17
"""Elements to pass over that take longer than to wake another worker."""


def even_parts(start: int, stop: int, parts: int) -> list[Batch]:
    """Cut [start, stop) into even parts."""
    if parts == 1:
        return [(start, stop)]
    return list(pairwise(start + (stop - start) * i // parts for i in range(parts + 1)))


def split_batches(start: int, stop: int, slots: int, lanes: int) -> list[Batch]:
    """Cut [start, stop) into batches of at most `slots` for Backend.run: an even run of positions for each lane.

    A lane whose run takes fewer batches than the longest has an empty one in the end.
    """
    if lanes == 1:
        return even_parts(start, stop, -(-(stop - start) // slots))
    runs = even_parts(start, stop, min(lanes, stop - start))
    pieces = [even_parts(first, last, -(-(last - first) // slots)) for first, last in runs]
    return [batch for row in zip_longest(*pieces, fillvalue=(stop, stop)) for batch in row]


def run_on_rows(backend: Backend, rows: int, elements: int, work: Callable[[int, int], None]) -> None:
    """Call work(first, count) on blocks of rows, as many as `elements` in all are worth workers.

    Rows must not depend on each other: what they give must be the same however they are cut.
    """
    if backend.workers == 1 or elements < 2 * _WORTH_A_WORKER:
        work(0, rows)
        return
    blocks = min(backend.workers, elements // _WORTH_A_WORKER)
    backend.run(even_parts(0, rows, blocks), lambda _worker, _lane, first, last: work(first, last - first))
