"""The overlap projection: object and probe whose products fit all exit waves best (Thibault et al. 2008, 2009)."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from ptychogui.backends.base import Array, Backend, Batch, FFTPair, Launch, Pending
from ptychogui.backends.host_memory import Arrived
from ptychogui.engines.memory import OVERLAP_CHUNKS
from ptychogui.engines.partition import even_parts, run_on_rows, split_batches
from ptychogui.engines.scan_arrays import ScanArrays
from ptychogui.engines.state import EngineState, in_order, joined, numbered, part_of
from ptychogui.params.reconstruction import Reconstruction

_NEIGHBOR = 1 / 8
"""Mean weight of either neighbor where windows begin anywhere between pixels."""

_DIM = 0.05
"""Part of the brightest pixel's sum that the probe's step divides by at least, where windows begin between pixels: what
is shifted leaks from bright pixels to dim ones, and a full step there would overshoot."""

_LATE = 2
"""Iterations after which the host reads how a projection went: the GPU has gone on to the next by then."""


@dataclass(frozen=True)
class Lanes:
    """Which positions each of a backend's lanes visits, and which rows of the object they see.

    The scan is ordered by rows and every lane gets its own run of it, so that what a lane sums up for the object is a
    band of rows and not the whole.

    Attributes:
        order: int32 (positions,).
        batches: of the order, for Backend.run: batch i belongs to lane i % lanes.
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
        runs = even_parts(0, len(order), used)
        seen = [corners[order[first:last], 0] for first, last in runs]
        tops, heights = [int(rows.min()) for rows in seen], [int(np.ptp(rows)) + n for rows in seen]
        bands = np.stack([tops, heights, np.cumsum([0, *heights[:-1]])], axis=1)
        return cls(order, split_batches(0, len(order), slots, lanes), bands.astype(np.int32))

    @property
    def used(self) -> int:
        """Lanes that have positions: the first ones."""
        return len(self.bands)

    @property
    def rows(self) -> int:
        """Rows of all bands."""
        return int(self.bands[:, 1].sum())


class Overlap:
    """Projects the exit waves onto products of object and probe.

    The object moves to the exact weighted least squares for the probe that there is,

        O = (sum_im conj(P_im) psi_im + e O) / (sum_im |P_im|^2 + e),    P_im the probe at position i.

    What the moved object asks of the probe follows from the same visit of the exit waves, to first order in the move
    dO, with chi = psi - P O taken at the old object:

        P_m += sum_i (conj(O_i) chi_im - P_m conj(O_i) dO_i) / (sum_i max(|O_i|, |O_i + dO_i|)^2 + e).

    For an object that stays this is the exact least squares as well, and a product that fits is a fixed point of both.
    Where the object moves far, the maximum keeps the probe from doing the same. Another round visits the same waves
    once for the object and once for the probe, each exactly, so that rounds end at the least squares of both together.

    At sub-pixel positions chi and its way back to the probe are exact; the other two sums over windows take whole
    pixels and a mean over neighbors, which sets how far the probe moves and not where it ends.

    The inertia e is a part of the mean illumination that the first probe gives the object; that of the probe, a part of
    what an object of modulus 1 would give.
    """

    def __init__(
        self, scan: ScanArrays, probe: Array, lanes: Lanes, settings: Reconstruction, backend: Backend
    ) -> None:
        self._scan, self._lanes, self._backend = scan, lanes, backend
        self._n = n = probe.shape[-1]
        shape, positions = scan.object.shape, len(lanes.order)
        empty, bind = backend.empty, backend.bind
        self._places = {"corners": scan.corners, "order": scan.order}
        pulls, light = (empty((lanes.rows, shape[1]), kind) for kind in (np.complex64, np.float32))
        self._given = {"pulls": pulls, "light": light}
        moved = {"beat": empty(shape, np.complex64), "shine": empty(shape, np.float32)}
        self._sums, self._pulls = empty((backend.lanes, *probe.shape), np.complex64), empty(probe.shape, np.complex64)
        chunks = {
            "cross": empty((OVERLAP_CHUNKS, n, n), np.complex64),
            "bright": empty((OVERLAP_CHUNKS, n, n), np.float32),
        }
        self._change = empty((2, n), np.float32)
        bands = backend.asarray(lanes.bands)
        self._solve_object = bind("overlap_solve_object", object=scan.object, bands=bands, **moved, **self._given)
        self._windows = bind("overlap_windows", **moved, **chunks, **self._places)
        self._add = bind("probe_step", probe=self._pulls, sums=self._sums)
        self._add_chunks = bind("overlap_add_chunks", **chunks)
        self._bright, self._floor = chunks["bright"], backend.asarray(np.zeros(1, np.float32))
        solved = {"probe": probe, "change": self._change, "pulls": self._pulls, "floor": self._floor}
        self._solve_probe = bind("overlap_solve_probe", **solved, **chunks)
        self._fft = backend.fft_pair(self._pulls[None])
        light_px = positions * float((backend.xp.abs(probe) ** 2).sum()) / scan.object.size
        self._object_floor, self._probe_floor = settings.object_inertia * light_px, settings.probe_inertia * positions
        self._floor[...] = self._probe_floor

    def worker(self, waves: Array, probe: Array, fft: FFTPair) -> OverlapWorker:
        """Bind the kernels to one worker's exit waves (slots, modes, N, N) and their probes."""
        bind, scan = self._backend.bind, self._scan
        bands, beam = self._lanes.bands.tolist(), {"waves": waves, "probe": probe, **self._places}
        move = bind("overlap_object", **self._given, **beam)
        if scan.ramps is None:
            return OverlapWorker(bands, move, bind("overlap_sum_probe", sums=self._sums, object=scan.object, **beam))
        ramps = {"ramps": scan.ramps, "order": scan.order}
        add = bind("sum_waves_shifted", sums=self._sums, waves=waves, **ramps)
        return OverlapWorker(bands, move, add, bind("overlap_probe", object=scan.object, **beam), fft)

    def solve(self, moves: bool, learned: int) -> Array | None:
        """Move the object, if it moves, and the first `learned` modes of the probe.

        Returns:
            float32 (2,) on the device: squares of the probe's change and of the probe before; None if it stays.
        """
        shape, floor = self._scan.object.shape, self._object_floor
        work = 4 * shape[0] * shape[1]
        run_on_rows(self._backend, shape[0], work, lambda top, rows: self._solve_object(top, rows, int(moves), floor))
        return self._move_probe(learned) if learned else None

    def _move_probe(self, learned: int) -> Array:
        n, weight = self._n, 0.0 if self._scan.ramps is None else _NEIGHBOR
        run_on_rows(self._backend, OVERLAP_CHUNKS * n, len(self._lanes.order) * n**2, self._windows)
        run_on_rows(self._backend, n, 2 * OVERLAP_CHUNKS * n**2, self._add_chunks)
        self._collect(learned)
        if self._scan.ramps is not None:
            self._floor[...] = self._bright[0].max() * np.float32(_DIM) + np.float32(self._probe_floor)
        work = (2 * learned + 4) * n**2
        run_on_rows(self._backend, n, work, lambda first, count: self._solve_probe(first, count, learned, weight))
        return self._change.sum(axis=1)

    def _collect(self, learned: int) -> None:
        """Sum up what all lanes have for the probe."""
        sub_pixel = self._scan.ramps is not None
        factor = 1 / self._n**2 if sub_pixel else 1.0
        rows, used = learned * self._n, self._lanes.used
        self._pulls[...] = 0
        run_on_rows(
            self._backend, rows, used * rows * self._n, lambda first, count: self._add(first, count, used, factor)
        )
        if sub_pixel:
            self._fft.inverse(1)


@dataclass(frozen=True)
class OverlapWorker:
    """One worker's share of a projection's sums.

    Attributes:
        bands: of the object, by lane.
        move: the kernel that sums what the object takes.
        add: the one that sums what the probe takes.
        pull: finds what the probe takes, where that has to be shifted back in Fourier space first.
        fft: of the waves, then.
    """

    bands: list[list[int]]
    move: Launch
    add: Launch
    pull: Launch | None = None
    fft: FFTPair | None = None

    def take(self, start: int, count: int, lane: int, fresh: bool, moves: bool, learned: int) -> None:
        """Add what a batch of exit waves gives to the lane's sums; the waves are used up if a mode is learned."""
        if moves:
            self.move(start, count, *self.bands[lane], int(fresh))
        if not learned:
            return
        if self.pull is not None and self.fft is not None:
            self.pull(start, count)
            self.fft.forward(count)
        self.add(start, lane, count, int(fresh))


class Rounds:
    """How many rounds each overlap projection has, at most `overlap_sweeps`.

    A projection is done after the round that changes the probe by less than `overlap_tolerance`. When a round ends, its
    change is still on the device; the host reads it two iterations later, always, and then asks for as many rounds as
    would have been enough, or for one more where none was.
    """

    def __init__(self, settings: Reconstruction, backend: Backend) -> None:
        self._most, self._enough, self._backend = settings.overlap_sweeps, settings.overlap_tolerance, backend
        self._changes = backend.empty((self._most, 2), np.float32)
        self._known_later: deque[Pending] = deque()
        self._wanted = 1

    def begin(self) -> int:
        """Return the number of rounds of the iteration that begins."""
        if len(self._known_later) == _LATE:
            changes = self._known_later.popleft().wait()
            enough = np.flatnonzero(changes[:, 0] < self._enough**2 * changes[:, 1])
            self._wanted = min(int(enough[0]) + 1 if len(enough) else len(changes) + 1, self._most)
        return self._wanted

    def end(self, changes: list[Array]) -> None:
        """Take what Overlap.solve gave for each of an iteration's rounds, if it moved the probe."""
        for i, change in enumerate(changes):
            self._changes[i] = change
        if changes:
            self._known_later.append(self._backend.read_later(self._changes[: len(changes)]))

    def state(self) -> EngineState:
        """Return how many rounds are wanted, and the changes that nobody has read yet; waits for the device."""
        changes = numbered(pending.wait() for pending in self._known_later)
        return {"wanted": self._wanted, **joined(changes=changes)}

    def restore(self, state: EngineState) -> None:
        """Want as many rounds, and read these changes next."""
        self._wanted = state["wanted"]
        self._known_later = deque(Arrived(changes) for changes in in_order(part_of(state, "changes")))
