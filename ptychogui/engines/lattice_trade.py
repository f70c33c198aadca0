"""What object and probe can trade on a lattice of positions, given to the one where it belongs.

P(u) / f(u) and O(r) f(r) explain a scan of periodic positions equally well for every f of that period, and iterations
walk along such an f without end. It is chosen here as the one with which log O has no more at the lattice's frequencies
than beside them: what stands out there is the probe's. See kernels/lattice.cu for the equation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import distance_transform_edt

from ptychogui.backends.base import Array, Backend
from ptychogui.engines.base import Problem
from ptychogui.engines.partition import run_on_rows
from ptychogui.engines.scan_arrays import ScanArrays
from ptychogui.params.model import Reconstruction
from ptychogui.physics.scan import illumination
from ptychogui.physics.scan_lattice import find_lattice, sample, traded_share

_TOGETHER = 8
"""Pairs of waves that a kernel takes in one go."""

_LIT = 0.1
"""Part of the brightest illumination from which on the object counts."""

_RISE = 0.6
"""Part of the way from the rim of what is lit to its middle on which a pixel's weight rises."""

_COARSE = 256
"""Pixels of an object's side by which its weights are found; they are smooth."""

_BESIDE = 2.5
"""Distance of what stands beside a wave, per axis, in frequencies that the lit area tells apart."""

_APART = 4.0
"""Periods of the lattice that the lit area has at least: in fewer, a wave and what is beside it look alike."""

_DARK = 0.04
"""Part of the object's mean intensity, on which four times a pixel's intensity counts half."""


@dataclass(frozen=True)
class Waves:
    """Pairs of waves exp(+-2 pi i g r), those of the lattice first, filled up to whole groups by 0.

    Attributes:
        frequencies: float64 (pairs, 2), cycles per pixel; the first `own` groups are the lattice's, each of the next
            four runs of as many has what stands beside these.
        own: groups of the lattice's waves.
    """

    frequencies: np.ndarray
    own: int

    @classmethod
    def of(cls, lattice: np.ndarray, width_px: float) -> Waves:
        """Take a lattice's waves, (waves, 2), and what stands beside them on an object that is lit so far."""
        filled = -len(lattice) % _TOGETHER
        own = np.concatenate([lattice, np.zeros((filled, 2))])
        beside = min(_BESIDE / width_px, float(np.linalg.norm(lattice[0])) / 3)
        around = [own + beside * np.array(way) for way in ((1, 1), (1, -1), (-1, 1), (-1, -1))]
        return cls(np.concatenate([own, *around]), len(own) // _TOGETHER)

    def down(self, rows: int) -> np.ndarray:
        """complex64 (rows, pairs): exp(2 pi i g r) along the rows."""
        return np.exp(2j * np.pi * np.outer(np.arange(rows), self.frequencies[:, 0])).astype(np.complex64)

    def across(self, columns: int) -> np.ndarray:
        """complex64 (groups, 8, columns): exp(2 pi i g c) along the columns."""
        phases = np.exp(2j * np.pi * np.outer(self.frequencies[:, 1], np.arange(columns)))
        return phases.astype(np.complex64).reshape(-1, _TOGETHER, columns)

    @property
    def curvature(self) -> np.ndarray:
        """float64 (pairs,): what a step's divergence makes of each wave; infinite where it says nothing."""
        found = 4 * (np.sin(np.pi * self.frequencies) ** 2).sum(axis=1)
        found[: _TOGETHER * self.own][~self.frequencies[: _TOGETHER * self.own].any(axis=1)] = np.inf
        return np.asarray(found)


class LatticeTrade:
    """The trade between one object and one probe, whose arrays stay where they are.

    Everything is done on the device, in sums of fixed order; the host never looks.
    """

    def __init__(
        self, lattice: np.ndarray, window: np.ndarray, problem: Problem, scan: ScanArrays, rests: Array | None,
        backend: Backend,
    ) -> None:  # fmt: skip
        """Prepare for a lattice.

        Args:
            lattice: float64 (waves, 2), cycles per pixel.
            window: float32 (rows, columns), how much each pixel of the object counts.
            problem: what the engine was given.
            scan: with the object and the corners of windows, which may move.
            rests: float32 (positions, 2) of the device: the windows' sub-pixel rests; None where all are whole.
            backend: where the arrays are.
        """
        self._backend, self._xp, self._object = backend, backend.xp, scan.object
        (height, width), n = problem.object.shape, problem.probe.shape[-1]
        waves = Waves.of(lattice, float(np.sqrt(window.sum())))
        own = self._own = waves.own * _TOGETHER
        put, empty = backend.asarray, backend.empty
        self._window, self._total = put(window), float(window.sum())
        self._down, self._own_down = put(waves.down(height)), put(np.ascontiguousarray(waves.down(height)[:, :own]))
        self._probe_down = put(np.ascontiguousarray(waves.down(n)[:, :own]))
        self._lattice, self._curvature = put(waves.frequencies[:own]), put(waves.curvature * self._total)
        some = sample(problem.geometry.corners)
        self._some, self._corners, self._rests = put(some), scan.corners, rests
        self._floor, pairs = empty((1,), np.float32), len(waves.frequencies)
        self._sums = empty((height, pairs // _TOGETHER, _TOGETHER, 2), np.complex64)
        self._factors = empty((height, width), np.complex64), empty((n, n), np.complex64)
        across, bind, divergence = put(waves.across(width)), backend.bind, self._factors[0]
        self._diverge = bind(
            "log_divergence", divergence=divergence, object=scan.object, window=self._window, floor=self._floor)  # fmt: skip
        self._sum = bind("wave_sums", sums=self._sums, divergence=divergence, across=across)
        self._terms = tuple(empty((size, waves.own, _TOGETHER, 2), np.complex64) for size in (height, n))
        self._exponentials = [
            bind("wave_factor", factor=factor, terms=terms, across=along)
            for factor, terms, along in zip(
                self._factors, self._terms, (across[: waves.own], put(waves.across(n)[: waves.own])), strict=True)
        ]  # fmt: skip

    def find(self) -> tuple[Array, Array]:
        """Find what object and probe are to be multiplied by, from the object as it is now.

        Returns:
            complex64 (rows, columns) for the object and (N, N) for all modes of the probe, to be used before the next.
        """
        plus, minus, phases = self._excess()
        self._synthesize(0, -plus, -minus, self._own_down)
        self._synthesize(1, plus * phases, minus * phases.conj(), self._probe_down)
        return self._factors

    def _excess(self) -> tuple[Array, Array, Array]:
        """Return what log O has of each wave and of its opposite, complex128 (pairs,), and the positions' phases."""
        xp, own = self._xp, self._own
        power = self._object.real**2 + self._object.imag**2
        mean = (power * self._window).sum(dtype=np.float64) / self._total
        self._floor[...] = xp.maximum(_DARK * mean, np.float32(1e-30))
        rows, columns = self._object.shape
        work = 32 * rows * columns
        run_on_rows(self._backend, rows, work, self._diverge)
        run_on_rows(self._backend, rows, work * self._sums.shape[1], self._sum)
        cosines, sines = (self._sums[..., part].reshape(rows, -1) for part in (0, 1))
        plus = (self._down.conj() * (cosines - 1j * sines)).sum(axis=0, dtype=np.complex128) / self._curvature
        minus = (self._down * (cosines + 1j * sines)).sum(axis=0, dtype=np.complex128) / self._curvature
        phases = self._phases()
        strength = xp.abs(phases)
        share = traded_share(strength)
        return (*(share * _standing_out(part, own) for part in (plus, minus)), phases / strength)

    def _phases(self) -> Array:
        """Return the mean over positions of the lattice's waves, complex128 (pairs,)."""
        places = self._corners[self._some].astype(np.float64)
        if self._rests is not None:
            places = places + self._rests[self._some]
        turns = places[:, :1] * self._lattice[:, 0] + places[:, 1:] * self._lattice[:, 1]
        return self._xp.exp(2j * np.pi * turns).mean(axis=0)

    def _synthesize(self, which: int, plus: Array, minus: Array, down: Array) -> None:
        """Fill the factor of the object (0) or the probe (1): exp(sum of waves)."""
        forth, back = plus * down, minus * down.conj()
        terms, factor = self._terms[which], self._factors[which]
        terms[..., 0] = (forth + back).reshape(terms.shape[:-1])
        terms[..., 1] = (1j * (forth - back)).reshape(terms.shape[:-1])
        run_on_rows(self._backend, len(factor), 8 * plus.size * factor.size, self._exponentials[which])


def find_trade(
    problem: Problem, scan: ScanArrays, settings: Reconstruction, backend: Backend, rests: Array | None = None
) -> LatticeTrade | None:  # fmt: skip
    """Return the trade of a scan whose positions lie on a lattice; None for others.

    Args:
        problem: with the positions.
        scan: on the device.
        settings: of the stage.
        backend: the device.
        rests: float32 (positions, 2) of the device, the windows' sub-pixel rests where these move.
    """
    if settings.object_clamp is not None or "never" in (settings.update_object, settings.update_probe):
        return None
    geometry, shifted = problem.geometry, scan.ramps is not None
    lattice = find_lattice(geometry.corners + (geometry.fractions if shifted else 0.0))
    if not len(lattice):
        return None
    window = lit_window(problem)
    if np.linalg.norm(lattice[0]) * np.sqrt(window.sum()) < _APART:
        return None
    if rests is None and shifted:
        rests = backend.asarray(geometry.fractions.astype(np.float32))
    return LatticeTrade(lattice, window, problem, scan, rests if shifted else None, backend)


def lit_window(problem: Problem) -> np.ndarray:
    """Return how much each pixel of the object counts: 1 in the middle of what is lit, down to 0 at its rim.

    Args:
        problem: with positions and probe.

    Returns:
        float32 (rows, columns) of the object.
    """
    power = (np.abs(problem.probe) ** 2).sum(axis=0, dtype=np.float64)
    light = illumination(power, problem.geometry)
    coarse = -(-max(light.shape) // _COARSE)
    depth = distance_transform_edt(np.pad(light[::coarse, ::coarse] > _LIT * light.max(), 1))[1:-1, 1:-1]
    weight = np.sin(np.pi / 2 * np.minimum(depth / (_RISE * depth.max()), 1)) ** 2
    fine = np.kron(weight, np.ones((coarse, coarse))) if coarse > 1 else weight
    return np.ascontiguousarray(fine[: light.shape[0], : light.shape[1]], dtype=np.float32)


def _standing_out(heights: Array, own: int) -> Array:
    """Return the heights of the first `own` waves, less what stands beside them as well: Wiener's share of each."""
    size = abs(heights) ** 2
    beside = size[own:].reshape(4, own).mean(axis=0)
    return heights[:own] * (1 - beside / (size[:own] + 1e-30)).clip(0, None)
