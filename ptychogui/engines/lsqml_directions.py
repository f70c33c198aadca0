"""Directions and steps of LSQML: which way a group of positions moves object and probe, and how far."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from ptychogui.backends.base import Array, Backend, Batch, Launch
from ptychogui.engines.coupled_positions import Coupling
from ptychogui.engines.exit_wave_batch import ExitWaveBatch
from ptychogui.engines.groups import group_capacity
from ptychogui.engines.partition import even_parts, run_on_rows, split_batches
from ptychogui.engines.position_refinement import Positions
from ptychogui.engines.scan_arrays import ScanArrays
from ptychogui.engines.state import EngineState, Owner, collected, handed_out, put
from ptychogui.engines.variable_probe import VariableProbe, VariedGradients
from ptychogui.params.reconstruction import Reconstruction
from ptychogui.physics.scan import ScanGeometry

RowKernel: TypeAlias = Callable[[int, int], None]
"""Called with the first of some rows, or positions, and their number."""


@dataclass(frozen=True)
class Updates:
    """What an iteration of LSQML updates, and how carefully.

    Attributes:
        object: whether the object is updated.
        modes: how many of the probe's modes are.
        positions: whether positions are refined.
        coupled: whether that happens together with the steps of object and probe.
        damping: part of the brightest pixel's illumination, and of the probe's brightness, that holds weak ones back.
        noise_model: by which far fields are fitted, as in engines.likelihood.
        variation: whether it is updates how each position's probe differs.
    """

    object: bool
    modes: int
    positions: bool
    coupled: bool
    damping: float
    noise_model: str
    variation: bool = False


@dataclass(frozen=True)
class Gradients:
    """Device arrays that the workers fill; shapes as in kernels/lsqml.cu.

    Attributes:
        pulls: the object's gradients of a block of positions.
        sums: the probe's gradients, those of its components behind them, one sum a lane; their FFTs where positions
            are sub-pixel.
        brights: sum of |object|^2 over the windows, one a lane.
        slices: lanes of these for each lane of the backend, which a launch fills.
    """

    pulls: Array
    sums: Array
    brights: Array
    slices: int


class Directions:
    """Moves object, probe and positions group by group.

    A group of any size is explored in blocks that bound the memory. For sub-pixel positions the sums that only set the
    steps' lengths take the probe as it is on whole pixels, and a varying one as the scan's.
    """

    def __init__(
        self, scan: ScanArrays, probe: Array, geometry: ScanGeometry, settings: Reconstruction, backend: Backend,
        noise_models: Sequence[str], variable: VariableProbe | None = None,
    ) -> None:  # fmt: skip
        self._noise_models = noise_models
        self._variable, self._basis = variable, probe if variable is None else variable.basis
        self._scan, self._probe, self._geometry = scan, probe, geometry
        self._settings, self._backend = settings, backend
        own_probes = scan.ramps is not None or variable is not None
        self._slices = 1 if scan.ramps is not None and variable is None else backend.slices
        self._n, self._slots = probe.shape[-1], backend.batch_size(probe.nbytes * (2 if own_probes else 1))
        self._spectrum = None if scan.ramps is None else backend.empty(self._basis.shape, np.complex64)
        self._allocate()
        self._bind()
        refines = settings.position_correction != "never"
        places = (geometry, self._gradients.pulls, self._power, settings, backend)
        self._positions = Positions(scan, *places) if refines else None
        self._coupling = self._coupled() if settings.position_coupled else None
        self._workers = [self._worker() for _ in range(backend.workers)]
        self._fft = backend.fft_pair(self._basis_pull.reshape(1, *self._basis.shape))
        if self._spectrum is not None:
            self._spectrum_fft = backend.fft_pair(self._spectrum.reshape(1, *self._basis.shape))
        self.take_probe()

    def _allocate(self) -> None:
        empty, lanes, n = self._backend.empty, self._backend.lanes * self._slices, self._n
        shape = self._scan.object.shape
        self._gradients = Gradients(
            pulls=empty((group_capacity(len(self._scan.corners)), n, n), np.complex64),
            sums=empty((lanes, *self._basis.shape), np.complex64),
            brights=empty((lanes, n, n), np.float32),
            slices=self._slices,
        )
        self._object_direction, self.illumination = empty(shape, np.complex64), empty(shape, np.float32)
        self._turned = empty(shape, np.complex64)
        self._basis_pull, self._bright = empty(self._basis.shape, np.complex64), empty((n, n), np.float32)
        self._probe_direction = self._basis_pull[: len(self._probe)]
        self._power, self._beat = empty((n, n), np.float32), empty((n, n), np.complex64)

    def _bind(self) -> None:
        """Bind the kernels that work on object and probe as a whole."""
        bind, empty, scan = self._backend.bind, self._backend.empty, self._scan
        rows, n = scan.object.shape[0], self._n
        places = {"corners": scan.corners, "order": scan.order}
        brightest, strongest = empty((1, rows), np.float32), empty((1,), np.float32)
        object_sums, probe_sums = empty((2, rows), np.float32), empty((2, n), np.float32)
        chunks = -(-n // self._backend.chunk_rows)
        cross, steps = empty((len(scan.corners), chunks), np.float32), empty((2,), np.float32)
        self._gather = bind(
            "gather_gradient", gradient=self._object_direction, illumination=self.illumination, brightest=brightest,
            pulls=self._gradients.pulls, power=self._power, **places)  # fmt: skip
        self._strongest = bind("row_max", most=strongest, rows=brightest)
        self._direct_object = bind(
            "object_direction", gradient=self._object_direction, turned=self._turned, sums=object_sums,
            object=scan.object, illumination=self.illumination, strongest=strongest)  # fmt: skip
        self._add_lanes = bind(
            "add_lanes", total=self._basis_pull, brightness=self._bright, sums=self._gradients.sums,
            brights=self._gradients.brights)  # fmt: skip
        self._direct_probe = bind(
            "probe_direction", gradient=self._probe_direction, beat=self._beat, sums=probe_sums, probe=self._probe,
            brightness=self._bright)  # fmt: skip
        self._scale_pull = bind("scale_waves", scaled=self._basis_pull, waves=self._basis_pull)
        if self._spectrum is not None:
            self._scale_spectrum = bind("scale_waves", scaled=self._spectrum, waves=self._basis)
        self._cross = bind("cross_terms", cross=cross, turned=self._turned, beat=self._beat, **places)
        self._sums = {"steps": steps, "object_sums": object_sums, "probe_sums": probe_sums, "cross": cross}
        self._solve = bind("solve_steps", order=scan.order, **self._sums)
        self._move_object = bind(
            "move_object", object=scan.object, direction=self._object_direction, steps=steps)  # fmt: skip
        self._move_probe = bind(
            "move_probe", probe=self._probe, power=self._power, direction=self._probe_direction,
            steps=steps)  # fmt: skip

    def _worker(self) -> _Worker:
        mix = None if self._variable is None else self._variable.mix
        exit_waves = ExitWaveBatch(
            self._scan, self._basis, self._spectrum, self._slots, self._backend, self._noise_models, mix
        )
        summed = (
            None if self._variable is None
            else self._variable.gradients(exit_waves.waves, self._gradients.sums, self._spectrum, self._scan)
        )  # fmt: skip
        return _Worker(exit_waves, self._scan, self._gradients, self._positions, self._backend, summed)

    def _coupled(self) -> Coupling | None:
        if self._positions is None:
            return None
        directions = {"direction": self._object_direction, "power": self._power, "beat": self._beat}
        return Coupling(self._scan, self._positions, directions, self._sums, self._backend)

    def take_probe(self) -> None:
        """Renew what follows from the probe: its power and its spectrum."""
        self._power[...] = (self._probe.real**2 + self._probe.imag**2).sum(axis=0)
        self._renew_spectrum()

    @property
    def rests(self) -> Array | None:
        """float32 (positions, 2) of the device: sub-pixel rests of positions that move; None where none does."""
        return None if self._positions is None else self._positions.rests

    def state(self) -> EngineState:
        """Return the probe's power, which a kernel sums up otherwise than `take_probe`, and where positions are."""
        return {"power": self._power, **collected(self._moving())}

    def restore(self, state: EngineState) -> None:
        """Go on as one that gave this state; the probe is there already."""
        put({"power": self._power}, state, self._backend)
        handed_out(state, self._moving())
        self._renew_spectrum()

    def _moving(self) -> dict[str, Owner]:
        return {} if self._positions is None else {"positions": self._positions}

    def positions_px(self) -> np.ndarray:
        """float64 (positions, 2): row and column of each window's first pixel, as now refined."""
        corners = self._backend.to_numpy(self._scan.corners)
        if self._positions is not None:
            return np.asarray(corners + self._backend.to_numpy(self._positions.rests).astype(np.float64))
        return np.asarray(corners + (self._geometry.fractions if self._scan.ramps is not None else 0.0))

    def move_positions(self, coupled: bool) -> None:
        """Move all positions, once every group has measured its own."""
        assert self._positions is not None, "positions move only where position_correction says so"
        self._positions.move(coupled)

    def update_group(self, start: int, stop: int, updates: Updates) -> None:
        """Update object and probe from positions [start, stop) of the order."""
        used = 0
        blocks = _blocks(start, stop, len(self._gradients.pulls))
        for begin, end in blocks:
            fresh = begin == start
            used = max(used, self._explore(begin, end, fresh, updates))
            self._gather_block(begin, end, fresh)
        self._strongest(1)
        self._find_object_direction(updates.damping)
        if updates.modes:
            self._find_probe_direction(used, stop - start, updates)
        else:
            self._direct_probe(0, self._n, 0, 0.0)
        self._find_steps(start, stop, updates)
        self._move(updates)

    def _explore(self, begin: int, end: int, fresh: bool, updates: Updates) -> int:
        """Fill the pulls of a block of positions and add to the lanes' sums; return how many lanes are in use."""
        batches = split_batches(begin, end, self._slots, self._backend.lanes)

        def explore(worker: int, lane: int, first: int, last: int) -> None:
            self._backend.break_point()
            first_in_lane = fresh and first == batches[lane][0]
            self._workers[worker].explore((first, last), first - begin, lane, first_in_lane, updates)

        self._backend.run(batches, explore)
        return self._slices * min(self._backend.lanes, len(batches))

    def _gather_block(self, begin: int, end: int, fresh: bool) -> None:
        work = 2 * (end - begin) * self._n**2
        self._on_object(work, lambda top, rows: self._gather(begin, end - begin, top, rows, int(fresh)))

    def _find_object_direction(self, damping: float) -> None:
        self._on_object(4 * self.illumination.size, lambda top, rows: self._direct_object(top, rows, damping))

    def _find_probe_direction(self, used: int, positions: int, updates: Updates) -> None:
        """Add the lanes, leave Fourier space where the sums are there, and divide by the brightness."""
        floor = updates.damping * positions
        work = used * self._basis.size
        run_on_rows(self._backend, self._n, work, lambda first, rows: self._add_lanes(first, rows, used))
        if self._spectrum is not None:
            self._fft.inverse(1)
            self._scale(self._scale_pull)
        if self._variable is not None and updates.variation:
            self._variable.collect(self._basis_pull, self._bright, positions)
        self._on_window(lambda first, rows: self._direct_probe(first, rows, updates.modes, floor))

    def _find_steps(self, start: int, stop: int, updates: Updates) -> None:
        """Solve for the steps of positions [start, stop) of the order, and for shifts that are coupled to them."""
        steps = self._settings.object_step if updates.object else 0.0, self._settings.probe_step
        coupling = self._coupling if updates.coupled else None
        if updates.modes or coupling:
            self._on_lanes(start, stop, self._cross)
        if coupling:
            self._on_lanes(start, stop, coupling.couple)
            coupling.solve(start, stop - start, *steps)
        else:
            self._solve(start, stop - start if updates.modes else 0, *steps)

    def _move(self, updates: Updates) -> None:
        """Take the steps."""
        if updates.object:
            self._on_object(2 * self.illumination.size, self._move_object)
        if updates.modes:
            self._on_window(self._move_probe)
            self._renew_spectrum()

    def _renew_spectrum(self) -> None:
        if self._spectrum is not None:
            self._scale(self._scale_spectrum)
            self._spectrum_fft.forward(1)

    def _scale(self, kernel: Launch) -> None:
        """Scale waves ahead of their FFT, or behind it, so that both ways together keep them."""
        factor = 1 / self._n**2
        rows = len(self._basis) * self._n
        run_on_rows(self._backend, rows, self._basis.size, lambda first, count: kernel(first, count, factor))

    def _on_object(self, work: int, kernel: RowKernel) -> None:
        run_on_rows(self._backend, self._scan.object.shape[0], work, kernel)

    def _on_window(self, kernel: RowKernel) -> None:
        run_on_rows(self._backend, self._n, 4 * self._probe.size, kernel)

    def _on_lanes(self, start: int, stop: int, kernel: RowKernel) -> None:
        batches = split_batches(start, stop, stop - start, self._backend.lanes)
        self._backend.run(batches, lambda _worker, _lane, first, last: kernel(first, last - first))


class _Worker:
    """One worker's share of a group."""

    def __init__(
        self, exit_waves: ExitWaveBatch, scan: ScanArrays, gradients: Gradients, positions: Positions | None,
        backend: Backend, varied: VariedGradients | None = None,
    ) -> None:  # fmt: skip
        self._exit_waves, self._positions, self._varied = exit_waves, positions, varied
        self._sub_pixel, self._slices = scan.ramps is not None, gradients.slices
        places = {"corners": scan.corners, "order": scan.order}
        self._gradients = backend.bind(
            "lsq_gradients", waves=exit_waves.waves, pulls=gradients.pulls, probe=exit_waves.probe, object=scan.object,
            **places)  # fmt: skip
        self._windows = backend.bind("sum_windows", brightness=gradients.brights, object=scan.object, **places)
        if varied is not None:
            return
        if self._sub_pixel:
            ramps = {"ramps": scan.ramps, "order": scan.order}
            self._sum_shifted = backend.bind("sum_waves_shifted", sums=gradients.sums, waves=exit_waves.waves, **ramps)
            return
        self._summed = backend.bind(
            "lsq_summed_gradients", pulls=gradients.pulls, sums=gradients.sums, brightness=gradients.brights,
            waves=exit_waves.waves, probe=exit_waves.probe, object=scan.object, **places)  # fmt: skip

    def explore(self, batch: Batch, slot: int, lane: int, fresh: bool, updates: Updates) -> None:
        """Revise the exit waves of a batch and find what they give: to the object from `slot` on, to the lane."""
        start, count = batch[0], batch[1] - batch[0]
        self._exit_waves.revise(*batch, noise_model=updates.noise_model)
        one_probe = not self._sub_pixel and self._varied is None
        if one_probe and updates.modes:
            self._summed(start, count, slot, *self._lanes(lane, fresh))
        else:
            self._gradients(start, count, slot)
        if updates.positions and self._positions is not None:
            self._positions.measure(start, count, slot)
        if not one_probe:
            self._add(start, lane, count, int(fresh), updates)

    def _add(self, start: int, lane: int, count: int, fresh: int, updates: Updates) -> None:
        """Add the gradients of the positions' own probes to the lane, and |object|^2 of their windows."""
        if not (updates.modes or updates.variation):
            return
        lanes = self._lanes(lane, fresh)
        if updates.modes:
            self._windows(start, count, *lanes)
        if self._sub_pixel:
            self._exit_waves.fft.forward(count)
        if self._varied is not None:
            if updates.variation:
                self._varied.project(start, count)
            if updates.modes:
                self._varied.add(start, count, *lanes)
        else:
            self._sum_shifted(start, lane, count, fresh)

    def _lanes(self, lane: int, fresh: int) -> tuple[int, int, int]:
        """Return what a kernel needs to know of the lanes that it fills."""
        return lane * self._slices, self._slices, int(fresh)


def _blocks(start: int, stop: int, capacity: int) -> list[Batch]:
    """Cut [start, stop) into even blocks of at most `capacity`."""
    pieces = -(-(stop - start) // capacity)
    return even_parts(start, stop, pieces)
