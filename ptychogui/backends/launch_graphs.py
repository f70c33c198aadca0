"""Launch graphs: work that has been done before is recorded, and then done as a whole, on a GPU and on a CPU."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import partial
from typing import Protocol

_log = logging.getLogger(__name__)

_KEPT = 64
"""Graphs kept for one engine; the one that was launched longest ago goes first. One in flight ends undisturbed.
On a CPU each takes about 1 kB a batch."""


class Graph(Protocol):
    """What was captured of some work."""

    def launch(self) -> None:
        """Queue it all."""


class GraphReplays:
    """Graphs of work by its arguments, each captured when these come for the second time; see Replays.

    A capture queues nothing, so the work is done the ordinary way just before. That makes its FFT plans as well, which
    is needed: a plan that is made during a capture may end the process (CuPy's issue 7559).
    """

    def __init__(self, capture: Callable[[Callable[[], None], float], Graph], tell: Callable[[str], None]) -> None:
        """Start without graphs.

        Args:
            capture: returns what a call launches, without doing it; raises RuntimeError where that can't be. It is told
                how long the call took just before, in s, where calls wait for what they launch.
            tell: called with a sentence the first time that it does.
        """
        self._capture, self._tell, self._refused = capture, tell, False
        self._graphs: OrderedDict[Hashable, Graph | None] = OrderedDict()

    def run(self, work: Callable[..., None], *given: Hashable) -> None:
        """Launch the graph, if there is one, or do the work."""
        graph = self._graphs.get(given)
        if graph is not None:
            graph.launch()
            self._graphs.move_to_end(given)
            return
        began_s = time.perf_counter()
        work(*given)
        took_s = time.perf_counter() - began_s
        if not self._refused:
            self._keep(given, self._captured(partial(work, *given), took_s) if given in self._graphs else None)

    def _captured(self, call: Callable[[], None], took_s: float) -> Graph | None:
        try:
            return self._capture(call, took_s)
        except RuntimeError as error:
            _log.info("kernels are launched one by one: %s", error)
            self._refused = True
            self._tell(f"no CUDA graphs, which changes no result: work could not be captured ({error})")
            return None

    def _keep(self, given: Hashable, graph: Graph | None) -> None:
        """Keep a graph, or that this was given once."""
        self._graphs[given] = graph
        self._graphs.move_to_end(given)
        if len(self._graphs) > _KEPT:
            self._graphs.popitem(last=False)
