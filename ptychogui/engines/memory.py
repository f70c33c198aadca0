"""Memory that a job will take on its device, estimated beforehand: the one place that knows what engines allocate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ptychogui.backends.base import Backend
from ptychogui.engines.base import Problem, probe_varies
from ptychogui.engines.groups import group_capacity
from ptychogui.params.reconstruction import Reconstruction
from ptychogui.physics.scan_lattice import MOST_WAVES, find_lattice

_C64, _F32 = 8, 4

OVERLAP_CHUNKS = 16
"""Parts of a scan whose windows an overlap projection sums at the same time."""


@dataclass(frozen=True)
class Extent:
    """How large a reconstruction is.

    Attributes:
        positions: number of scan positions.
        n: rows and columns of a pattern.
        modes: probe modes.
        object_shape: rows and columns of the object.
        sub_pixel: whether the probe is shifted to sub-pixel positions.
        pattern_bytes: of one pixel of a pattern: 1, 2 or 4, see physics.pattern_storage.
        lattice: whether the positions lie on a lattice, on which object and probe trade.
        held_out: pixels of each pattern that are held out.
    """

    positions: int
    n: int
    modes: int
    object_shape: tuple[int, int]
    sub_pixel: bool
    pattern_bytes: int = 4
    lattice: bool = False
    held_out: int = 0

    @classmethod
    def of(cls, problem: Problem, settings: Reconstruction) -> Extent:
        """Return the extent of a problem."""
        positions, n, _ = problem.patterns.shape
        rows, columns = problem.object.shape
        sub_pixel = settings.sub_pixel == "fourier"
        lattice = len(find_lattice(problem.geometry.positions_px)) > 0
        held_out = 0 if problem.held_out is None else problem.held_out.pixels.shape[1]
        return cls(
            positions, n, len(problem.probe), (rows, columns), sub_pixel, problem.patterns.itemsize, lattice, held_out
        )

    @property
    def frame_bytes(self) -> int:
        """All patterns."""
        return self.positions * self.one_pattern_bytes

    @property
    def one_pattern_bytes(self) -> int:
        """One pattern."""
        return self.n**2 * self.pattern_bytes

    @property
    def measured_bytes(self) -> int:
        """Patterns, error sums of their rows, places, corners, order, ramps: what every engine keeps of a scan."""
        ramps = 2 * self.n * _C64 if self.sub_pixel else 0
        free = 2 * _F32 if self.held_out else 0
        return self.frame_bytes + self.held_out_bytes + self.positions * (2 * self.n * _F32 + 4 * _F32 + ramps + free)

    @property
    def held_out_bytes(self) -> int:
        """Held-out pixels: which they are, and what was measured there."""
        return self.positions * self.held_out * 2 * _F32

    @property
    def object_bytes(self) -> int:
        """One complex64 object."""
        return self.object_shape[0] * self.object_shape[1] * _C64

    @property
    def probe_bytes(self) -> int:
        """One complex64 probe with all its modes."""
        return self.modes * self.n**2 * _C64


def epie_bytes(extent: Extent, settings: Reconstruction, backend: Backend) -> int:
    """Estimate the bytes that ePIE allocates on the backend: besides the scan what a group gives to the object."""
    capacity = min(settings.batch_size or extent.positions, group_capacity(extent.positions))
    pulls = capacity * extent.n**2 * _C64
    moving = 2 * (extent.object_bytes + extent.probe_bytes) if settings.momentum else 0
    spectrum = extent.probe_bytes if extent.sub_pixel else 0
    own = extent.object_bytes + extent.probe_bytes * (1 + backend.lanes) + spectrum
    return extent.measured_bytes + own + pulls + moving + _batches(extent, backend)


def lsqml_bytes(extent: Extent, settings: Reconstruction, backend: Backend) -> int:
    """Estimate the bytes that LSQML allocates on the backend: besides the scan gradients and directions."""
    varies = probe_varies(settings)
    lanes = backend.lanes * (1 if extent.sub_pixel and not varies else backend.slices)
    plane = extent.n**2
    pulls = group_capacity(extent.positions) * plane * _C64
    lit = lanes * plane * _F32 + 2 * plane * (_C64 + _F32)
    directions = 4 * extent.object_bytes + extent.probe_bytes * (3 + lanes) + lit
    slopes = 0 if settings.position_correction == "never" else 9 if settings.position_coupled else 5
    rows = extent.positions * _F32 * (slopes * extent.n + -(-extent.n // backend.chunk_rows))
    moving = 6 * (extent.object_bytes + extent.probe_bytes) if settings.momentum else 0
    varied = _variation_bytes(extent, settings, lanes, backend.chunks) if varies else 0
    own = directions + pulls + rows + moving + varied
    return extent.measured_bytes + own + _batches(extent, backend, settings.components, varies)


def _variation_bytes(extent: Extent, settings: Reconstruction, lanes: int, chunks: int) -> int:
    """Estimate what LSQML's variable probe takes: components like modes, and their normal equations."""
    count, plane = settings.components, extent.n**2
    held = lanes + 6 + (1 if extent.sub_pixel else 0)  # gradients, themselves, spectrum, what is at work on them
    shares = extent.positions * (count + 1) * (1 + chunks * (count + 4) // 2) * _F32
    return count * plane * _C64 * held + plane * _F32 + shares


def dm_bytes(extent: Extent, settings: Reconstruction, backend: Backend) -> int:
    """Estimate the bytes that DM and RAAR allocate on the backend: besides the scan all exit waves."""
    half = settings.half_precision
    waves = extent.positions * (extent.probe_bytes // (2 if half else 1) + 2 * extent.n * _F32)
    rows, columns = extent.object_shape
    bands = (2 * rows + backend.lanes * extent.n) * columns * (_C64 + _F32)
    averages = 3 if settings.average_last else 0  # the mean, and what it takes to renew it
    own = extent.object_bytes * (1 + averages) + extent.probe_bytes * (3 + averages + extent.sub_pixel + backend.lanes)
    chunks = OVERLAP_CHUNKS * extent.n**2 * (_C64 + _F32)
    slots = backend.batch_size(extent.probe_bytes * (3 if extent.sub_pixel else 2))
    held = 1 + half + extent.sub_pixel
    batches = backend.workers * slots * extent.probe_bytes * held
    plans = _fft_work_bytes(extent, slots, extent.probe_bytes, backend)
    return extent.measured_bytes + waves + bands + own + chunks + batches + plans


NEEDS: dict[str, Callable[[Extent, Reconstruction, Backend], int]] = {
    "epie": epie_bytes, "dm": dm_bytes, "raar": dm_bytes, "lsqml": lsqml_bytes,
}  # fmt: skip
"""By engine: bytes that it allocates on a backend for a reconstruction of an extent."""


def memory_needed(engine: str, extent: Extent, settings: Reconstruction, backend: Backend) -> int:
    """Estimate the bytes that one stage of a reconstruction allocates on the backend.

    Args:
        engine: its name, as in ENGINE_NAMES.
        extent: of the stage: where patterns are cropped, of the cropped ones.
        settings: of the job.
        backend: the device, which says how many batches are under way and of what size.
    """
    return NEEDS[engine](extent, settings, backend) + (_trade_bytes(extent) if extent.lattice else 0)


def _trade_bytes(extent: Extent) -> int:
    """Estimate what a trade takes: the object's factor and weights, and its waves along the axes."""
    rows, columns = extent.object_shape
    waves = MOST_WAVES * (rows * 7 + (columns + 2 * extent.n) * 2) * _C64
    return extent.object_bytes * 3 // 2 + extent.n**2 * _C64 + waves


def _batches(extent: Extent, backend: Backend, components: int = 0, varies: bool = False) -> int:
    """Return the scratch memory of all workers: exit waves, each position's probe, and what their FFTs take."""
    held = 1 + (1 if extent.sub_pixel or varies else 0)
    slots = backend.batch_size(extent.probe_bytes * held)
    basis = extent.probe_bytes + components * extent.n**2 * _C64
    return backend.workers * slots * extent.probe_bytes * held + _fft_work_bytes(extent, slots, basis, backend)


def _fft_work_bytes(extent: Extent, slots: int, basis: int, backend: Backend) -> int:
    """Return what FFTs of batches take besides these; where the probe is shifted, two of `basis` bytes as well."""
    batches = backend.workers * slots * extent.probe_bytes * (1 + extent.sub_pixel)
    return backend.fft_work_bytes(batches + 2 * basis * extent.sub_pixel, extent.n)
