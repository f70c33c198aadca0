"""The runner of an iteration's groups: one after the other, each recorded and replayed where the device can."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Sequence
from itertools import pairwise

import numpy as np

from ptychogui.backends.base import Backend, Batch, Replays
from ptychogui.engines.base import probe_varies
from ptychogui.engines.scan_arrays import ScanArrays
from ptychogui.params.reconstruction import Reconstruction

_log = logging.getLogger(__name__)

_MANY_GROUPS = 8
"""Groups of an iteration in which host and device are compared: with fewer of them each takes a while."""


class GroupRunner:
    """Does the work of an iteration on one group of positions after the other.

    Where the device can do the work on a group as a whole, each group comes to the beginning of the order that kernels
    know: so its work depends on its size, and not on its place in the iteration, and is soon one that was done before.
    """

    def __init__(self, scan: ScanArrays, settings: Reconstruction, backend: Backend) -> None:
        """Take charge of an order.

        Args:
            scan: the arrays of the scan; kernels are bound to its `order`, int32 (positions,).
            settings: of the stage.
            backend: the device.
        """
        self._order, self._backend = scan.order, backend
        self._whole = scan.order
        self._only_kernels = not probe_varies(settings)
        self._notes: list[str] = []
        self._replays: Replays | None = None
        self._pace = backend.pace() if settings.cuda_graphs == "auto" and scan.patterns.stay else None
        asked = settings.cuda_graphs == "on"
        self._tell: Callable[[str], None] = self._notes.append if asked else _log.info
        if scan.patterns.stay:
            self._replay(asked)
        elif asked:
            self._notes.append("CUDA graphs are left out: the patterns do not all stay in the GPU's memory")

    def _replay(self, asked: bool) -> None:
        """Begin to replay groups, if the device can."""
        self._replays = self._backend.replays(self._tell, asked, self._only_kernels)
        if self._replays is not None:
            self._whole = self._backend.empty(self._order.shape, np.int32)

    def run(self, groups: Sequence[np.ndarray], work: Callable[..., None], *asked: Hashable) -> None:
        """Call work(start, stop, *asked) for every group, positions [start, stop) of the order that kernels know.

        Args:
            groups: int32 arrays of positions; every position is in exactly one.
            work: as Replays.run wants it.
            asked: what it depends on besides the group.
        """
        self._backend.write_later(self._whole, np.concatenate(groups))
        spans = list(pairwise(np.cumsum([0, *map(len, groups)]).tolist()))
        half = len(spans) // 2
        self._do(spans[:half], work, asked)
        pace = self._pace if len(spans) >= _MANY_GROUPS else None
        if pace is not None:
            pace.half_way()
        self._do(spans[half:], work, asked)
        if pace is not None:
            self._heed(pace.host_is_slower())

    def _do(self, spans: Sequence[Batch], work: Callable[..., None], asked: tuple[Hashable, ...]) -> None:
        for start, stop in spans:
            self._backend.break_point()
            if self._replays is None:
                work(start, stop, *asked)
            else:
                self._order[: stop - start] = self._whole[start:stop]
                self._replays.run(work, 0, stop - start, *asked)

    def _heed(self, host_is_slower: bool | None) -> None:
        """Begin to replay groups if the device waits for the host, and look no longer once that is known."""
        if host_is_slower is None:
            return
        _log.info("groups are queued %s", "as a whole from now on" if host_is_slower else "piece by piece")
        self._pace = None
        if host_is_slower:
            self._replay(asked=True)

    def notes(self) -> tuple[str, ...]:
        """Return what was noticed since this was last asked for."""
        notes = tuple(self._notes)
        self._notes.clear()
        return notes
