"""Constraints on object and probe between iterations, for every engine: support, centering, modes, power, clamp.

All of it works in place on the device's arrays and reads nothing back: numbers that follow from them stay 0-d arrays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy

from ptychogui.backends.base import Array, Backend
from ptychogui.engines.base import Problem, learned_modes
from ptychogui.engines.lattice_trade import LatticeTrade
from ptychogui.engines.state import EngineState
from ptychogui.params.reconstruction import Reconstruction
from ptychogui.params.schedule import Schedule
from ptychogui.physics.modes import principal_rotation, rotate_modes
from ptychogui.physics.pattern_storage import amplitudes_of
from ptychogui.physics.probe import radii_px

_BLUR = 1 / 64
"""Standard deviation of what smooths the intensity before the threshold, in parts of N."""

_CHUNK = 64
"""Patterns that are counted at a time."""

TRADE_EVERY = 20
"""Iterations between trades on a lattice: object and probe walk along it slowly."""

_TINY = np.float32(1e-30)


@dataclass(frozen=True)
class Changes:
    """What was done to object and probe, for what else an engine keeps of them.

    None of it but the support changes a diffraction pattern: stored exit waves follow by `shift`, then `rotation`.

    Attributes:
        probe: whether the probe was changed: its spectrum, its strongest pixel and so on must be renewed.
        object: whether the object was changed.
        shift: int64 (2,) on the device, rows and columns by which object and probe were moved towards higher indices
            (an exit wave rolls alike); None if centering was not due.
        rotation: complex128 (modes, modes) on the device: new modes = rotation @ old modes; None if not due.
        scale: float32 0-d on the device: the probe was multiplied, the object divided by it; None if not due.
        traded: complex64 (rows, columns) and (N, N) on the device: what object and probe were multiplied by besides;
            None if not due.
    """

    probe: bool = False
    object: bool = False
    shift: Array | None = None
    rotation: Array | None = None
    scale: Array | None = None
    traded: tuple[Array, Array] | None = None


class Constraints:
    """The constraints of one stage, in this order, so that none undoes one before it.

    1. center: probe and object move together by whole pixels.
    2. trade: what both can trade on a lattice of positions is given to the one where it belongs.
    3. support: the probe becomes zero outside its disc, and where its smoothed intensity is below the threshold.
    4. orthogonal modes, strongest first.
    5. power: the probe gets the measured counts, the object is divided by the same factor.
    6. smoothness of the object, 7. clamp of its modulus, 8. its phase at most zero.

    Those of the probe begin with its first update. Those of the object belong to iterations that update it. What
    changes both, centering, trade and power, waits for the first update of both.
    """

    def __init__(
        self, problem: Problem, settings: Reconstruction, backend: Backend, trade: LatticeTrade | None = None
    ) -> None:  # fmt: skip
        self._settings, self._xp, self._trade = settings, backend.xp, trade
        self._last, self._traded = problem.iteration + settings.passes, False
        self._modes, n, _ = problem.probe.shape
        self._update_object, self._update_probe, self._center, self._power = map(
            Schedule.parse,
            (settings.update_object, settings.update_probe, settings.center_probe, settings.keep_power),
        )
        self._counts = measured_counts(problem.patterns, problem.probe) if self._power.first else 0.0
        diameter_m = settings.probe_support_m
        disc = None if diameter_m is None else radii_px(n) <= diameter_m / (2 * problem.object_pixel_m)
        self._disc = None if disc is None else backend.asarray(disc.astype(np.float32))
        blur = np.exp(-2 * (np.pi * _BLUR * n * np.fft.fftfreq(n)) ** 2).astype(np.float32)
        self._blur = backend.asarray(blur[:, None] * blur[: n // 2 + 1])

    def apply(self, iteration: int, obj: Array, probe: Array) -> Changes:
        """Apply what is due after an iteration, in place.

        Args:
            iteration: the one that was done, counted from 1 over the whole job.
            obj: complex64 (rows, columns) of the backend.
            probe: complex64 (modes, N, N) of the backend.
        """
        probe_moves, object_moves = (_begun(s, iteration) for s in (self._update_probe, self._update_object))
        both = probe_moves and object_moves
        shift = center(obj, probe, self._xp) if both and self._center.due(iteration) else None
        traded = self._trade_lattice(iteration, probe) if both else None
        confined = probe_moves and self._confine(probe)
        rotation = self._orthogonalize(probe) if self._modes_are_due(iteration) else None
        scale = set_power(obj, probe, self._counts, self._xp) if both and self._power.due(iteration) else None
        constrained = self._update_object.due(iteration) and self._constrain_object(iteration, obj)
        scaled = scale is not None or shift is not None or traded is not None
        return Changes(
            confined or scaled or rotation is not None, constrained or scaled, shift, rotation, scale, traded
        )

    def notes(self) -> tuple[str, ...]:
        """Return what is to be said about the iteration that was done."""
        return (self._trade.note,) if self._trade is not None and self._traded else ()

    def state(self) -> EngineState:
        """Return whether there was a trade, of which a note says what can't be told: all else is due by iteration."""
        return {"traded": self._traded}

    def restore(self, state: EngineState) -> None:
        """Know of a trade as those that gave this state."""
        self._traded = state["traded"]

    def _trade_lattice(self, iteration: int, probe: Array) -> tuple[Array, Array] | None:
        """Trade what the positions' lattice leaves free, every so often and at last; return the factors, if due."""
        due = iteration % TRADE_EVERY == 0 or iteration == self._last
        updated = self._update_object.due(iteration) and self._update_probe.due(iteration)
        if self._trade is None or not due or not updated or iteration <= self._settings.phase_constraint:
            return None
        self._traded = True
        return self._trade.apply(probe)

    def _confine(self, probe: Array) -> bool:
        """Keep the probe inside its support; return whether it has one."""
        if self._disc is not None:
            probe *= self._disc
        if self._settings.probe_threshold:
            probe *= shrink_wrap(probe, self._blur, self._settings.probe_threshold, self._xp)
        return self._disc is not None or self._settings.probe_threshold > 0

    def _modes_are_due(self, iteration: int) -> bool:
        """Whether modes are to be orthogonalized: every so often, if any beyond the first was updated since."""
        every = self._settings.orthogonalize_every
        if iteration % every:
            return False
        past = range(max(1, iteration - every + 1), iteration + 1)
        return any(learned_modes(i, self._settings, self._modes) > 1 for i in past)

    def _orthogonalize(self, probe: Array) -> Array:
        rotation = principal_rotation(probe, self._xp)
        probe[...] = rotate_modes(probe, rotation, self._xp)
        return rotation

    def _constrain_object(self, iteration: int, obj: Array) -> bool:
        """Smooth, clamp, keep the phase at most zero; return whether any is asked for."""
        weight, limit = self._settings.object_smoothness, self._settings.object_clamp
        negative = iteration <= self._settings.phase_constraint
        if weight:
            smooth(obj, weight)
        if limit is not None:
            clamp(obj, limit, self._xp)
        if negative:
            keep_phase_negative(obj, self._xp)
        return bool(weight) or limit is not None or negative


def center(obj: Array, probe: Array, xp: Any) -> Array:
    """Move the probe's intensity to within half a pixel of [N // 2, N // 2], and the object with it.

    P(r) O(r + x) moves as a whole when both move by the same vector. Whole pixels keep it exactly: a part of a pixel
    would have to be interpolated in the object, which is not periodic and rings from its rim.

    Args:
        obj: complex64 (rows, columns), changed.
        probe: complex64 (modes, N, N), changed.
        xp: numpy or cupy.

    Returns:
        int64 (2,): the rows and columns moved by, towards higher indices.
    """
    n = probe.shape[-1]
    power = _power(probe, xp)
    total, index = xp.maximum(power.sum(), _TINY), xp.arange(n)
    offsets = xp.stack([(power.sum(axis=axis) * (index - n // 2)).sum() for axis in (1, 0)]) / total
    shift = -xp.rint(offsets).astype(np.int64)
    move(obj, probe, shift, xp)
    return shift


def move(obj: Array, probe: Array, shift: Array, xp: Any) -> None:
    """Move object and probe by whole pixels: the probe rolls, and what enters the object at its rim is the rim.

    Args:
        obj: complex64 (rows, columns), changed.
        probe: complex64 (modes, N, N), changed.
        shift: int64 (2,), the rows and columns to move by, towards higher indices.
        xp: numpy or cupy.
    """
    n = probe.shape[-1]
    rows, columns = ((xp.arange(n) - shift[axis]) % n for axis in (0, 1))
    probe[...] = probe.take(rows, axis=1).take(columns, axis=2)
    rows, columns = (xp.clip(xp.arange(size) - shift[axis], 0, size - 1) for axis, size in enumerate(obj.shape))
    obj[...] = obj.take(rows, axis=0).take(columns, axis=1)


def shrink_wrap(probe: Array, blur: Array, threshold: float, xp: Any) -> Array:
    """Return float32 (N, N): 1 where the probe's smoothed intensity reaches a part of its largest, else 0.

    Args:
        probe: complex64 (modes, N, N).
        blur: float32 (N, N // 2 + 1), what the intensity's real FFT is multiplied by to smooth it.
        threshold: the part.
        xp: numpy or cupy.
    """
    smoothed = xp.fft.irfft2(xp.fft.rfft2(_power(probe, xp)) * blur, probe.shape[1:])
    return (smoothed >= threshold * smoothed.max()).astype(np.float32)


def set_power(obj: Array, probe: Array, counts: float, xp: Any) -> Array:
    """Scale the probe to a power, sum |P|^2 = counts, and the object inversely; return the probe's factor (0-d)."""
    power = _power(probe, xp).sum()
    return _rescale(obj, probe, xp.sqrt(counts / xp.maximum(power, _TINY)), xp)


def normalize(obj: Array, probe: Array, weight: Array, xp: Any) -> Array:
    """Take the scale that object and probe can trade out: the object's mean modulus, weighted, becomes 1.

    Args:
        obj: complex64 (rows, columns), changed.
        probe: complex64 (modes, N, N), changed inversely.
        weight: float (rows, columns), the illumination.
        xp: numpy or cupy.

    Returns:
        float32 0-d: the probe's factor.
    """
    weighted = (xp.abs(obj) * weight).sum(dtype=np.float64)
    return _rescale(obj, probe, weighted / xp.maximum(weight.sum(dtype=np.float64), _TINY), xp)


def smooth(obj: Array, weight: float) -> None:
    """Mix every pixel with its four neighbors: O += weight * (sum of neighbors - as many times O).

    Up to a weight of 1/8 no frequency changes its sign. The rim has fewer neighbors, and the object's sum stays.
    """
    down, across = obj[1:] - obj[:-1], obj[:, 1:] - obj[:, :-1]
    for step in (down, across):
        step *= np.float32(weight)
    obj[:-1] += down
    obj[1:] -= down
    obj[:, :-1] += across
    obj[:, 1:] -= across


def clamp(obj: Array, limit: float, xp: Any) -> None:
    """Bring moduli above the limit down to it: O *= min(|O|, limit) / |O|."""
    obj *= xp.minimum(np.float32(limit) / xp.maximum(xp.abs(obj), _TINY), np.float32(1))


def keep_phase_negative(obj: Array, xp: Any) -> None:
    """Give pixels of positive phase, 0 to pi, the phase 0."""
    obj[...] = xp.where(obj.imag > 0, xp.abs(obj), obj)


def measured_counts(patterns: np.ndarray, probe: np.ndarray) -> float:
    """Return the mean counts of a pattern; pixels never known count what the probe's far field puts there.

    Args:
        patterns: (positions, N, N), as in Problem, on the host.
        probe: complex64 (modes, N, N), on the host.
    """
    counts, seen = np.zeros(patterns.shape[1:]), np.zeros(patterns.shape[1:])
    for start in range(0, len(patterns), _CHUNK):
        amplitudes = amplitudes_of(patterns[start : start + _CHUNK])
        known = amplitudes >= 0
        counts += np.square(amplitudes, where=known, out=np.zeros_like(amplitudes)).sum(axis=0, dtype=np.float64)
        seen += known.sum(axis=0)
    far = (np.abs(scipy.fft.fft2(probe)) ** 2).sum(axis=0, dtype=np.float64)
    share = far[seen > 0].sum() / far.sum()
    return float((counts / np.maximum(seen, 1)).sum() / share) if share > 0 else float(counts.sum())


def _rescale(obj: Array, probe: Array, factor: Array, xp: Any) -> Array:
    """Multiply the probe and divide the object by a factor (0-d), which is returned as float32; 1 in place of 0."""
    factor = xp.where(factor > 0, factor, 1).astype(np.float32)
    probe *= factor
    obj *= 1 / factor
    return factor


def _begun(schedule: Schedule, iteration: int) -> bool:
    return 0 < schedule.first <= iteration


def _power(probe: Array, xp: Any) -> Array:
    """Return float64 (N, N): intensity of the probe, summed over modes."""
    return (probe.real**2 + probe.imag**2).sum(axis=0, dtype=np.float64)
