"""What object and probe can trade on a lattice of positions, given to the one where it belongs.

P(u) / f(u) and O(r) f(r) explain a scan of periodic positions equally well for every f of that period, and iterations
walk along such an f without end. It is chosen here as the one that leaves the least of the lattice's waves in log O:
what most of the sample shows of them, edges aside, is the probe's. See kernels/lattice.cu for the equation.
"""

from __future__ import annotations

import numpy as np
import scipy

from ptychogui.backends.base import Array, Backend
from ptychogui.engines.base import Problem
from ptychogui.engines.partition import run_on_rows
from ptychogui.engines.scan_arrays import ScanArrays
from ptychogui.params.reconstruction import Reconstruction
from ptychogui.params.units import format_quantity
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

_ROUNDS = 3
"""Rounds of reweighting: the fourth would move it by less than a thousandth."""

_FLAT, _FLATTEST = 0.3, 1e-8
"""Part of the mean slope of log O that counts half as much as a smaller one; and the least square of that."""

_DARK = 0.04
"""Part of the object's mean intensity, on which four times a pixel's intensity counts half."""


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
        self.note = _note(problem.object_pixel_m / np.hypot(*lattice[:2].T))
        (height, width), n = problem.object.shape, problem.probe.shape[-1]
        waves = np.concatenate([lattice, np.zeros((-len(lattice) % _TOGETHER, 2))])
        put, empty, bind = backend.asarray, backend.empty, backend.bind
        self._waves, self._window, self._steps = put(waves), put(window), 2 * float(window.sum())
        self._down = tuple(put(_phases(waves[:, 0], size)) for size in (height, n))
        across = tuple(put(_phases(waves[:, 1], size).T.reshape(-1, _TOGETHER, size)) for size in (width, n))
        self._curvatures = put(np.ascontiguousarray(4 * np.sin(np.pi * waves.T) ** 2))
        self._some, self._corners, self._rests = put(sample(problem.geometry.corners)), scan.corners, rests
        self._factors = empty((height, width), np.complex64), empty((n, n), np.complex64)
        groups, divergence = len(waves) // _TOGETHER, self._factors[0]
        self._limits, self._weights = empty((2,), np.float32), empty((3, height), np.float32)
        self._sums = empty((height, groups, _TOGETHER, 2), np.complex64)
        self._terms = tuple(empty((size, groups, _TOGETHER, 2), np.complex64) for size in (height, n))
        self._diverge = bind("log_divergence", divergence=divergence, weights=self._weights, object=scan.object,
                             window=self._window, limits=self._limits)  # fmt: skip
        self._sum = bind("wave_sums", sums=self._sums, divergence=divergence, across=across[0])
        self._exponentials = tuple(
            bind("wave_factor", factor=factor, terms=terms, across=along)
            for factor, terms, along in zip(self._factors, self._terms, across, strict=True)
        )

    def apply(self, probe: Array) -> tuple[Array, Array]:
        """Multiply object and probe, complex64 (modes, N, N), in place.

        Returns:
            what they were multiplied by: complex64 (rows, columns) and (N, N), to be used before the next trade.
        """
        xp, phases = self._xp, self._mean_phases()
        strength = xp.abs(phases)
        share, phases = traded_share(strength), phases / xp.maximum(strength, 1e-30)
        traded = xp.zeros((2, len(self._waves)), np.complex128)
        self._begin()
        for _ in range(_ROUNDS):
            found = share * self._excess()
            traded += found
            self._object[...] *= self._factor(0, -found)
        probe[...] *= self._factor(1, traded * xp.stack([phases, phases.conj()]))
        return self._factor(0, -traded), self._factors[1]

    def _begin(self) -> None:
        """Set the limits of the first round: all of the object but edges counts the same."""
        power = self._object.real**2 + self._object.imag**2
        mean = (power * self._window).sum(dtype=np.float64) / (self._steps / 2)
        self._limits[0] = self._xp.maximum(_DARK * mean, np.float32(1e-30))
        self._limits[1] = 1

    def _excess(self) -> Array:
        """Return what log O has of each wave and of its opposite, complex128 (2, pairs)."""
        xp = self._xp
        rows, columns = self._object.shape
        work = 32 * rows * columns
        run_on_rows(self._backend, rows, work, self._diverge)
        run_on_rows(self._backend, rows, work * self._sums.shape[1], self._sum)
        weights = self._weights.sum(axis=1, dtype=np.float64)
        self._limits[1] = xp.maximum((_FLAT * weights[0] / self._steps) ** 2, _FLATTEST)
        curvature = xp.maximum(self._curvatures[0] * weights[1] + self._curvatures[1] * weights[2], 1e-30)
        cosines, sines = (self._sums[..., part].reshape(rows, -1) for part in (0, 1))
        down = self._down[0]
        forth = (down.conj() * (cosines - 1j * sines)).sum(axis=0, dtype=np.complex128)
        back = (down * (cosines + 1j * sines)).sum(axis=0, dtype=np.complex128)
        return xp.stack([forth, back]) / curvature * (self._curvatures.sum(axis=0) > 0)

    def _mean_phases(self) -> Array:
        """Return the mean over positions of the lattice's waves, complex128 (pairs,)."""
        places = self._corners[self._some].astype(np.float64)
        if self._rests is not None:
            places = places + self._rests[self._some]
        turns = places[:, :1] * self._waves[:, 0] + places[:, 1:] * self._waves[:, 1]
        return self._xp.exp(2j * np.pi * turns).mean(axis=0)

    def _factor(self, which: int, heights: Array) -> Array:
        """Return exp(sum of waves), on the object (0) or the probe (1), for heights (2, pairs) of the waves."""
        down, terms, factor = self._down[which], self._terms[which], self._factors[which]
        forth, back = heights[0] * down, heights[1] * down.conj()
        terms[..., 0] = (forth + back).reshape(terms.shape[:-1])
        terms[..., 1] = (1j * (forth - back)).reshape(terms.shape[:-1])
        run_on_rows(self._backend, len(factor), 8 * len(self._waves) * factor.size, self._exponentials[which])
        return factor


def _note(periods_m: np.ndarray) -> str:
    """Say what can't be told, for the periods of the longest waves."""
    texts = dict.fromkeys(format_quantity(float(f"{period:.3g}"), "m") for period in periods_m)
    return (
        f"the positions lie on a lattice with a period of {' and '.join(texts)}: patterns can't tell whether what "
        "repeats with it is the sample's or the beam's, so it is taken for the beam's; a spiral, or a jitter of a "
        "fifth of a step, would tell"
    )


def _phases(frequencies: np.ndarray, size: int) -> np.ndarray:
    """Return exp(2 pi i g r) of each pixel r, complex64 (size, waves)."""
    return np.exp(2j * np.pi * np.outer(np.arange(size), frequencies)).astype(np.complex64)


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
    if rests is None and shifted:
        rests = backend.asarray(geometry.fractions.astype(np.float32))
    return LatticeTrade(lattice, lit_window(problem), problem, scan, rests if shifted else None, backend)


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
    depth = scipy.ndimage.distance_transform_edt(np.pad(light[::coarse, ::coarse] > _LIT * light.max(), 1))[1:-1, 1:-1]
    weight = np.sin(np.pi / 2 * np.minimum(depth / (_RISE * max(depth.max(), 1)), 1)) ** 2
    fine = np.kron(weight, np.ones((coarse, coarse))) if coarse > 1 else weight
    return np.ascontiguousarray(fine[: light.shape[0], : light.shape[1]], dtype=np.float32)
