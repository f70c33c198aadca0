"""Measured patterns on a device: all of them where they fit, else the rest pass through while the engine works."""

from __future__ import annotations

import numpy as np

from ptychogui.backends.base import Array, Backend

_PIECE = 256
"""Patterns that are picked out, in a copy, for the device at a time."""


class DevicePatterns:
    """The patterns that kernels read, and where each position's is.

    Some positions keep a slot each. The patterns of the others are in page-locked memory of the host and pass through a
    ring of slots for two batches: while the kernels of one batch run, the patterns of the next arrive. What an engine
    computes does not depend on it.

    Attributes:
        slots: uint8, uint16 or float32 (F, N, N), as Problem has them.
        places: int32 (positions,), the slot of each position's pattern.
    """

    def __init__(self, patterns: np.ndarray, order: Array, resident: int, batch: int, backend: Backend) -> None:
        """Bring the resident patterns to the device.

        Args:
            patterns: (positions, N, N), of all positions, on the host.
            order: int32 (positions,), in which an iteration visits the positions; on the device.
            resident: positions whose patterns stay on the device; all of them where it is the host.
            batch: most positions of a batch.
            backend: the device.
        """
        stays = evenly(resident, len(patterns))
        self.places = backend.asarray(np.where(stays, np.cumsum(stays) - 1, 0).astype(np.int32))
        self._ring: _Ring | None = None
        if stays.all():
            self.slots = backend.asarray(patterns)
            return
        self.slots = backend.empty((resident + 2 * batch, *patterns.shape[1:]), patterns.dtype)
        for first in range(0, resident, _PIECE):
            rows = np.flatnonzero(stays)[first : first + _PIECE]
            backend.write(self.slots[first : first + len(rows)], patterns[rows])
        self._ring = _Ring(self, patterns, ~stays, order, batch, backend)

    @property
    def stay(self) -> bool:
        """Whether all patterns are where kernels read them."""
        return self._ring is None

    def bring(self, start: int, stop: int) -> None:
        """Have the patterns of positions [start, stop) of the order in their places for what is queued next.

        An iteration asks for the whole order from 0 on, batch by batch, and queues all work on a batch before it asks
        for the next.
        """
        if self._ring is not None:
            self._ring.bring(start, stop)


def evenly(chosen: int, among: int) -> np.ndarray:
    """Choose some of many, spread evenly: a run of neighbors then has its share of both.

    Returns:
        bool (among,), True for the chosen.
    """
    steps = np.arange(among + 1, dtype=np.int64) * chosen // among
    return np.asarray(np.diff(steps) > 0)


class _Ring:
    """Slots behind the resident ones that the other patterns pass through, in the order of the positions."""

    def __init__(
        self,
        patterns: DevicePatterns,
        whole: np.ndarray,
        moving: np.ndarray,
        order: Array,
        batch: int,
        backend: Backend,
    ) -> None:
        self._batch, self._positions = batch, len(whole)
        self._resident = self._positions - int(np.count_nonzero(moving))
        self._fetched = 0
        self._queue = backend.side_queue()
        sources = backend.asarray(np.where(moving, np.cumsum(moving) - 1, -1).astype(np.int32))
        self._copy = backend.bind(
            "fetch_patterns", patterns=patterns.slots, places=patterns.places,
            frames=backend.page_locked(whole, np.flatnonzero(moving)), sources=sources, order=order)  # fmt: skip

    def bring(self, start: int, stop: int) -> None:
        """Wait on the device for the patterns of a batch and have those of the next one fetched meanwhile."""
        assert stop - start <= self._batch, "a batch has more positions than the ring was made for"
        if start == 0:
            self._fetched = 0
        self._fetch_until(stop)
        self._queue.join()
        if self._fetched < stop + self._batch:
            self._fetch_until(start + 2 * self._batch)

    def _fetch_until(self, stop: int) -> None:
        """Fetch what is missing of the first `stop` positions, once the batches before have been done with."""
        first, stop = self._fetched, min(stop, self._positions)
        if first < stop:
            self._queue.run(lambda: self._copy(first, stop - first, self._resident, 2 * self._batch))
            self._fetched = stop
