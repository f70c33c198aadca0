"""Trials of guessed probes: a few iterations of ePIE on a part of the scan tell which guess fits it best.

A mean pattern does not say on which side of its focus the beam meets the sample, and ePIE does not find from the wrong
side to the other. The patterns of a few neighbors do: after five iterations the right side fits them better. One mode
and the middle of the patterns, as small as has nearly all counts, tell that as well as all of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ptychogui.backends.base import Backend
from ptychogui.engines import create_engine
from ptychogui.engines.base import Problem
from ptychogui.params.reconstruction import Reconstruction
from ptychogui.physics.coarser_pixel import (
    counts_share,
    crop_patterns,
    matching_scale,
    resample_object,
    resample_probe,
)
from ptychogui.physics.pattern_storage import amplitudes_of
from ptychogui.physics.scan import ScanGeometry, coarser

POSITIONS = 36
"""Neighboring positions that a guess is tried on."""

_CLEARLY = {0.7: 0.5, 1.4: 0.75}
"""Other sizes to try, as factors of the usual one, each with the part of the usual size's misfit, less what photons
give, that its own must be below. Small beams fit a little better by themselves, since fewer patterns overlap."""

_ITERATIONS = 5
_SMALLEST_PX = 64
_KEPT_COUNTS = 0.97
"""Share of the counts that the middle of the patterns has at least."""

_LOOKED_AT = 64
"""Patterns among which the most unusual one is looked for: that is where the sample is."""

Guess = Callable[[float, bool], np.ndarray]
"""From a factor of the beam's size, and whether the sample is upstream of the focus, to complex (modes, N, N)."""


@dataclass(frozen=True)
class TriedProbe:
    """A guess: its size as a factor of the usual one, its side of the focus, and its misfit in photon-noise units."""

    probe: np.ndarray
    size: float
    upstream: bool
    misfit: float


@dataclass(frozen=True)
class ProbeTrial:
    """A scan to try probes on.

    Attributes:
        patterns: (positions, N, N), as in Problem.
        geometry: of the scan.
        object: complex64 (rows, columns), the first object.
        settings: of the job.
        backend: an open device.
    """

    patterns: np.ndarray
    geometry: ScanGeometry
    object: np.ndarray
    settings: Reconstruction
    backend: Backend

    def best(self, guess: Guess) -> TriedProbe:
        """Try guesses of the usual and of other sizes on both sides of the focus; return the one that fits best."""
        part, sides = self.part().middle(), (False, True)
        usual = min((part.tried(guess, 1.0, upstream) for upstream in sides), key=_excess)
        others = [part.tried(guess, size, upstream) for size in _CLEARLY for upstream in sides]
        better = (other for other in others if _excess(other) < _CLEARLY[other.size] * _excess(usual))
        return min(better, key=_excess, default=usual)

    def part(self, count: int = POSITIONS, room_px: int = 0) -> ProbeTrial:
        """Return the trial on a few neighbors only.

        Args:
            count: how many.
            room_px: spare pixels around their windows, where the scan has them.
        """
        chosen, geometry, window = neighbors(self.geometry, _most_unusual(self.patterns), count, room_px)
        return replace(self, patterns=self.patterns[chosen], geometry=geometry, object=self.object[window].copy())

    def middle(self) -> ProbeTrial:
        """Return the trial on the middle of the patterns: as small as has nearly all counts."""
        n, factor, patterns = self.patterns.shape[-1], 1, self.patterns
        while n % (4 * factor) == 0 and n // (2 * factor) >= _SMALLEST_PX:
            smaller = crop_patterns(self.patterns, n // (2 * factor))
            if counts_share(smaller, self.patterns) < _KEPT_COUNTS:
                break
            factor, patterns = 2 * factor, smaller
        spare = [(0, -side % factor + factor) for side in self.object.shape]
        obj = self.object if factor == 1 else np.pad(self.object, spare, mode="edge")
        rows, columns = obj.shape
        geometry = coarser(replace(self.geometry, object_shape=(rows, columns)), factor)
        return replace(self, patterns=patterns, geometry=geometry, object=resample_object(obj, geometry.object_shape))

    def start_of(self, probe: np.ndarray) -> np.ndarray:
        """Bring a probe, complex (modes, N, N), to these patterns' size and counts: complex64."""
        start = resample_probe(probe, self.patterns.shape[-1])
        scale = matching_scale(start, self.object, self.geometry, self.patterns) or 1.0
        return np.asarray(start * scale, np.complex64)

    def tried(self, guess: Guess, size: float, upstream: bool) -> TriedProbe:
        """Make a guess and try it on all positions."""
        probe = guess(size, upstream)
        return TriedProbe(probe, size, upstream, self.misfit(probe))

    def misfit(self, probe: np.ndarray) -> float:
        """Return the error, in photon-noise units, that a few iterations lead to; infinite where they diverge.

        Args:
            probe: complex (modes, N, N), of which the first mode is tried.
        """
        problem = Problem(self.patterns, self.geometry, self.start_of(probe[:1]), self.object)
        wanted = {"sub_pixel": self.settings.sub_pixel, "seed": self.settings.seed}
        asked = Reconstruction(engine="epie", iterations=_ITERATIONS, **wanted)
        engine = create_engine(problem, asked, self.backend)
        errors = [error for _ in range(_ITERATIONS) for error in engine.step().errors]
        last = (*errors, *engine.finish().errors)[-1]
        return last if np.isfinite(last) else np.inf


def neighbors(
    geometry: ScanGeometry, middle: int, count: int, room_px: int = 0
) -> tuple[np.ndarray, ScanGeometry, tuple[slice, slice]]:
    """Return positions near one of them, in their order, their windows in a part of the object, and that part.

    Args:
        geometry: of the scan.
        middle: the one.
        count: positions wanted; there may be fewer.
        room_px: spare pixels around their windows, where the object has them.
    """
    n = geometry.window_px
    distance = np.square(geometry.corners - geometry.corners[middle]).sum(axis=1)
    chosen = np.sort(np.argsort(distance, kind="stable")[:count])
    corners = geometry.corners[chosen]
    first = np.maximum(corners.min(axis=0) - room_px, 0).tolist()
    last = np.minimum(corners.max(axis=0) + n + room_px, geometry.object_shape).tolist()
    shape = last[0] - first[0], last[1] - first[1]
    origin_px = geometry.origin_px[0] + first[0], geometry.origin_px[1] + first[1]
    windows = ScanGeometry(corners - np.int32(first), geometry.fractions[chosen], shape, n, origin_px)
    return chosen, windows, (slice(first[0], last[0]), slice(first[1], last[1]))


def _excess(tried: TriedProbe) -> float:
    """Return the mean square misfit less what the photons alone give; below 0 where noise is fitted."""
    return tried.misfit**2 - 1


def _most_unusual(patterns: np.ndarray) -> int:
    """Return the position, of some all over the scan, whose amplitudes are farthest from their mean."""
    chosen = np.linspace(0, len(patterns) - 1, min(_LOOKED_AT, len(patterns))).astype(int)
    mean = np.mean([np.maximum(amplitudes_of(patterns[i]), 0) for i in chosen], axis=0)
    away = [np.square(np.maximum(amplitudes_of(patterns[i]), 0) - mean).sum() for i in chosen]
    return int(chosen[np.argmax(away)])
