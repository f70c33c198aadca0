"""The overlap projection: the object and the probe whose products fit all exit waves best (Thibault et al. 2008, 2009)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ptychogui.backends.base import Array, Backend, Batch, FFTPair
from ptychogui.engines.scratch import Fields
from ptychogui.engines.spread import on_rows, split
from ptychogui.params.model import Reconstruction

_CHUNKS = 16
"""Parts of the scan whose windows are summed at the same time."""


@dataclass(frozen=True)
class Lanes:
    """Which positions each of a backend's lanes visits, and which rows of the object they see.

    The scan is ordered by rows and every lane gets its own run of it, so that what a lane sums up for the object is a
    band of rows and not the whole.

    Attributes:
        order: int32 (positions,).
        batches: of the order, for Backend.run: batch i belongs to lane i % lanes; some are empty.
        bands: int32 (used lanes, 3), first row in the object, number of rows, first row in the array of all bands.
    """

    order: np.ndarray
    batches: list[Batch]
    bands: np.ndarray

    @classmethod
    def of(cls, corners: np.ndarray, n: int, slots: int, lanes: int) -> Lanes:
        """Divide positions with windows of n rows among lanes, in batches of at most `slots`."""
        order = np.lexsort((corners[:, 1], corners[:, 0])).astype(np.int32)
        used = min(lanes, len(order))
        runs = list(pairwise(len(order) * lane // used for lane in range(used + 1)))
        pieces = [split(first, last, slots, 1) for first, last in runs]
        pieces += [[] for _ in range(lanes - used)]
        longest = max(map(len, pieces))
        batches = [piece[i] if i < len(piece) else (0, 0) for i in range(longest) for piece in pieces]
        seen = [corners[order[first:last], 0] for first, last in runs]
        tops, heights = [int(rows.min()) for rows in seen], [int(np.ptp(rows)) + n for rows in seen]
        bands = np.stack([tops, heights, np.cumsum([0, *heights[:-1]])], axis=1)
        return cls(order, batches, bands.astype(np.int32))

    @property
    def used(self) -> int:
        """Lanes that have positions: the first ones."""
        return len(self.bands)

    @property
    def rows(self) -> int:
        """Rows of all bands."""
        return int(self.bands[:, 1].sum())


class Overlap:
    """Object and probe, and what a projection onto products of both takes.

    The object moves to the exact weighted least squares for the probe that there is,

        O = (sum_im conj(P_im) psi_im + e O) / (sum_im |P_im|^2 + e),    P_im the probe at position i.

    What the moved object asks of the probe follows from the same visit of the exit waves, to first order in the move
    dO, with chi = psi - P O taken at the old object:

        P_m += sum_i (conj(O_i) chi_im - P_m conj(O_i) dO_i) / (sum_i |O_i + dO_i|^2 + e).

    For an object that stays this is the exact least squares as well, and a product that fits is a fixed point of both.
    Another round begins at the moved object and probe, so that rounds end at the least squares of both together. At
    sub-pixel positions chi and its way back to the probe are exact; the other two sums over windows take whole pixels,
    which sets how far the probe moves and not where it ends.
    """

    def __init__(self, fields: Fields, probe: Array, lanes: Lanes, settings: Reconstruction, backend: Backend) -> None:
        self._fields, self._probe, self._lanes, self._backend = fields, probe, lanes, backend
        modes, self._n, _ = probe.shape
        n, shape, positions = self._n, fields.object.shape, len(lanes.order)
        empty, bind = backend.empty, backend.bind
        self._bands = {
            "pulls": empty((lanes.rows, shape[1]), np.complex64), "light": empty((lanes.rows, shape[1]), np.float32)
        }  # fmt: skip
        self._beat = backend.asarray(np.zeros(shape, np.complex64))
        self._sums, self._pulls = empty((backend.lanes, *probe.shape), np.complex64), empty(probe.shape, np.complex64)
        chunks = {"cross": empty((_CHUNKS, n, n), np.complex64), "bright": empty((_CHUNKS, n, n), np.float32)}
        self._change = empty((2, n), np.float32)
        places = {"object": fields.object, "corners": fields.corners, "order": fields.order}
        self._places = places
        self._solve_object = bind("overlap_solve_object", object=fields.object, beat=self._beat,
                                  bands=backend.asarray(lanes.bands), **self._bands)  # fmt: skip
        self._windows = bind("overlap_windows", beat=self._beat, **chunks, **places)
        self._add = bind("probe_step", probe=self._pulls, sums=self._sums)
        self._solve_probe = bind("overlap_solve_probe", probe=probe, change=self._change, pulls=self._pulls, **chunks)
        self._fft = backend.fft_pair(self._pulls.reshape(1, modes, n, n))
        light = positions * float((backend.xp.abs(probe) ** 2).sum()) / fields.object.size
        self._floors = settings.object_inertia * light, settings.probe_inertia * positions

    def worker(self, waves: Array, probe: Array, fft: FFTPair) -> OverlapWorker:
        """Bind the kernels to one worker's exit waves (slots, modes, N, N) and their probes."""
        return OverlapWorker(waves, probe, fft, self, self._backend)

    def solve(self, moves: bool, learned: int) -> Array | None:
        """Move the object, if it moves, and the first modes of the probe.

        Returns:
            float32 (2,) on the device: squares of the probe's change and of the probe before; None if it stays.
        """
        rows, work = self._fields.object.shape[0], 8 * self._fields.object.size
        if moves:
            on_rows(self._backend, rows, work, lambda top, count: self._solve_object(top, count, self._floors[0]))
        if not learned:
            return None
        if not moves:
            self._beat[...] = 0
        work = len(self._lanes.order) * self._n**2
        on_rows(self._backend, _CHUNKS * self._n, work, self._windows)
        self._collect(learned)
        work = 2 * (learned + _CHUNKS) * self._n**2
        floor = self._floors[1]
        on_rows(self._backend, self._n, work, lambda first, count: self._solve_probe(first, count, learned, floor))
        return self._change.sum(axis=1)

    def _collect(self, learned: int) -> None:
        """Sum up what all lanes have for the probe."""
        sub_pixel = self._fields.ramps is not None
        factor = 1 / self._n**2 if sub_pixel else 1.0
        rows, used = learned * self._n, self._lanes.used
        self._pulls[...] = 0
        on_rows(self._backend, rows, used * rows * self._n, lambda first, count: self._add(first, count, used, factor))
        if sub_pixel:
            self._fft.inverse(1)


class OverlapWorker:
    """One worker's share of a projection's sums."""

    def __init__(self, waves: Array, probe: Array, fft: FFTPair, overlap: Overlap, backend: Backend) -> None:
        self._fft = fft
        bind, fields = backend.bind, overlap._fields
        self._bands = overlap._lanes.bands.tolist()
        self._object = bind("overlap_object", waves=waves, probe=probe, **overlap._bands, **overlap._places)
        self._probe = bind("overlap_probe", waves=waves, probe=probe, **overlap._places)
        self._sub_pixel = fields.ramps is not None
        if self._sub_pixel:
            ramps = {"ramps": fields.ramps, "order": fields.order}
            self._sum_shifted = bind("sum_waves_shifted", sums=overlap._sums, waves=waves, **ramps)
        else:
            self._sum = bind("sum_waves", sums=overlap._sums, waves=waves)

    def take(self, start: int, count: int, lane: int, fresh: bool, moves: bool, learned: int) -> None:
        """Add what a batch of exit waves gives to the lane's sums; the waves are used up if a mode is learned."""
        if moves:
            top, rows, first = self._bands[lane]
            self._object(start, count, top, rows, first, int(fresh))
        if not learned:
            return
        self._probe(start, count)
        if self._sub_pixel:
            self._fft.forward(count)
            self._sum_shifted(start, lane, count, int(fresh))
        else:
            self._sum(lane, count, int(fresh))
