"""A parallel map: work on many pieces, on a few threads, with the results in order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Piece = TypeVar("Piece")
Result = TypeVar("Result")

_MOST_THREADS = 4
"""More would not help: the HDF5 library reads frames one at a time, and so many threads make patterns faster."""


def map_in_order(work: Callable[[Piece], Result], pieces: Iterable[Piece]) -> Iterator[Result]:
    """Yield work(piece) for each piece, in order; others are worked on meanwhile.

    At most one result more than there are threads is held, so memory is bounded.
    """
    threads = min(_MOST_THREADS, max(2, os.cpu_count() or 1))
    with ThreadPoolExecutor(threads, thread_name_prefix="prepare") as pool:
        waiting: deque[Future[Result]] = deque()
        for piece in pieces:
            waiting.append(pool.submit(work, piece))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
