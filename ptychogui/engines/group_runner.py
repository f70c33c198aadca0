"""The runner of an iteration's groups: one after the other, each recorded and replayed where the device can."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from itertools import pairwise

import numpy as np

from ptychogui.backends.base import Backend
from ptychogui.engines.base import probe_varies
from ptychogui.engines.scan_arrays import ScanArrays
from ptychogui.params.model import Reconstruction


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
        self._notes: list[str] = []
        self._replays = backend.replays(self._notes.append, settings.cuda_graphs, not probe_varies(settings))
        if self._replays is not None and not scan.patterns.stay:
            self._replays = None
            self._notes.append("CUDA graphs are left out: the patterns do not all stay in the GPU's memory")
        self._whole = scan.order if self._replays is None else backend.empty(scan.order.shape, np.int32)

    def run(self, groups: Sequence[np.ndarray], work: Callable[..., None], *asked: Hashable) -> None:
        """Call work(start, stop, *asked) for every group, positions [start, stop) of the order that kernels know.

        Args:
            groups: int32 arrays of positions; every position is in exactly one.
            work: as Replays.run wants it.
            asked: what it depends on besides the group.
        """
        self._backend.write_later(self._whole, np.concatenate(groups))
        for start, stop in pairwise(np.cumsum([0, *map(len, groups)]).tolist()):
            if self._replays is None:
                work(start, stop, *asked)
            else:
                self._order[: stop - start] = self._whole[start:stop]
                self._replays.run(work, 0, stop - start, *asked)

    def notes(self) -> tuple[str, ...]:
        """Return what was noticed since this was last asked for."""
        notes = tuple(self._notes)
        self._notes.clear()
        return notes
