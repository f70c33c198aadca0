"""Bad pixels of a detector: dead, hot, stuck and flickering ones, told from their neighbors in a few frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

_DEAD_BELOW_COUNTS = 12.0
"""Counts, over all frames, that most neighbors of a dead pixel have where it has none: photons do that once in 1e5."""

_HOT_TIMES, _HOT_COUNTS = 4.0, 30.0
"""How much brighter than nearly all of its neighbors a hot pixel is, and how much it has counted at least."""

_STUCK_COUNTS = 10.0
"""Reading, above what all pixels read in the dark, from which on photons can't give the same one in every frame."""

_FLICKERING_FRAMES = 8
"""Frames from which on it can be told that a pixel flickers."""

_FLICKERING_TIMES = 6.0
"""How much more a flickering pixel varies than nearly all of its neighbors and its own photons together. Sound pixels
of simulated scans with 1e3 to 1e7 photons, and of a measured one, stay below 2.1."""

_SIDE = 5
"""Rows and columns of the square that holds a pixel and the neighbors that it is compared with."""

_LEAST, _MOST = 25, 88
"""Percentiles of the neighbors that dead and hot pixels are compared with: at the edge of the beam many are dark, and
two or three may be hot as well."""

_LIT_PART = 0.7
"""Part of _DEAD_BELOW_COUNTS that a dead pixel's neighbors have on the average; with less no closer look is needed."""

_FEWEST_NEIGHBORS = 6
"""Known neighbors without which nothing is said of a pixel."""


@dataclass(frozen=True)
class SuspectPixels:
    """Pixels that look bad, bool (rows, columns) each.

    `dead` never count, `hot` shine, `stuck` never change, and `flickering` change much more than their neighbors.
    """

    dead: np.ndarray
    hot: np.ndarray
    stuck: np.ndarray
    flickering: np.ndarray

    @property
    def all(self) -> np.ndarray:
        """All of them, bool (rows, columns)."""
        return np.asarray(self.dead | self.hot | self.stuck | self.flickering)

    @property
    def text(self) -> str:
        """How many there are of each: "1 dead, 2 hot, 0 stuck, 1 flickering pixels"."""
        return ", ".join(f"{np.count_nonzero(pixels)} {kind}" for kind, pixels in vars(self).items()) + " pixels"


def suspicious_pixels(frames: np.ndarray, known: np.ndarray) -> SuspectPixels:
    """Tell dead, hot, stuck and flickering pixels from a few frames.

    Args:
        frames: float (frames, rows, columns), counts.
        known: bool (rows, columns), False on pixels that are known to be bad: they are not looked at.
    """
    frames = exposed(frames)
    total = frames.sum(axis=0, dtype=np.float64) * known
    around = _Around(known)
    dead = known & (total == 0)
    dead &= around.lights(total, _DEAD_BELOW_COUNTS, dead)
    hot = around.outshines(total, (total >= _HOT_COUNTS) & known, _HOT_TIMES, 0)
    hot = around.outshines(total, hot, 1, _HOT_COUNTS)
    first = frames[0]
    same = (frames == first).all(axis=0) & (len(frames) > 2)
    offset = frames.min(axis=0)[known].min(initial=first.max())
    stuck = known & same & (first >= offset + _STUCK_COUNTS)
    return SuspectPixels(dead, hot & ~stuck, stuck, ~hot & _flickers(frames, around))


def exposed(frames: np.ndarray) -> np.ndarray:
    """Return frames (frames, rows, columns) without those that count nothing; all where none counts anything."""
    count_something = frames.any(axis=(1, 2))
    return frames if count_something.all() or not count_something.any() else frames[count_something]


def lowest_around(total: np.ndarray, known: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return the lower quartile of the known ones of 5 x 5 pixels about each of some places (places, 2); 0 of few."""
    around = np.sort(_patches(np.where(known, total, np.nan), places), axis=1)
    count = np.count_nonzero(~np.isnan(around), axis=1)
    lowest = around[np.arange(len(places)), count * _LEAST // 100]
    return np.asarray(np.where(count > _FEWEST_NEIGHBORS, lowest, 0))


def _flickers(frames: np.ndarray, around: _Around) -> np.ndarray:
    """Return which pixels vary too much for what is around them, each without its largest reading.

    So a single hit by a cosmic ray makes no pixel flicker. Photons vary by their mean, which F readings can't tell
    more closely than 1 / F.
    """
    count = len(frames) - 1
    if count + 1 < _FLICKERING_FRAMES:
        return np.zeros(frames.shape[1:], bool)
    largest = frames.max(axis=0).astype(np.float64)
    mean = (frames.sum(axis=0, dtype=np.float64) - largest) / count
    squares = np.einsum("fij,fij->ij", frames, frames, dtype=np.float64) - largest**2
    variance = np.maximum(squares / count - mean**2, 0) * around.known
    mean *= around.known
    found = around.outshines(variance, around.known, _FLICKERING_TIMES, _FLICKERING_TIMES * (mean + 1 / count))
    places = np.argwhere(found)
    photons = np.maximum(mean[found], around.most(mean, places)) + 1 / count
    found[found] = variance[found] > _FLICKERING_TIMES * (around.most(variance, places) + photons)
    return found


@dataclass(frozen=True)
class _Around:
    """Compares pixels with their known neighbors; `known` is bool (rows, columns). Images are 0 where it is False."""

    known: np.ndarray

    def lights(self, image: np.ndarray, least: float, places: np.ndarray) -> np.ndarray:
        """Return which of some places, bool (rows, columns), have neighbors that mostly are at least that much."""
        light, count = (scipy.ndimage.uniform_filter(part, _SIDE) for part in (image, self.known.astype(np.float64)))
        found = places & (light >= _LIT_PART * least * count)
        found[found] = lowest_around(image, self.known, np.argwhere(found)) >= least
        return found

    def outshines(self, image: np.ndarray, places: np.ndarray, times: float, more: np.ndarray | float) -> np.ndarray:
        """Return which of some places are so many times brighter, and more, than nearly all of their neighbors."""
        found = places & (image > times * _third_beside(image) + more)
        more_there = np.broadcast_to(more, image.shape)[found]
        found[found] = image[found] > times * self.most(image, np.argwhere(found)) + more_there
        return found

    def most(self, image: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Return what nearly all neighbors of some places (places, 2) stay below: float64 (places,).

        Beside a gap all of the known ones do, and the first ones behind it, for the gap may hide the edge of the beam;
        where too few are known it is infinite.
        """
        around = _patches(np.where(self.known, image, np.nan), places)
        around = np.sort(np.delete(around, _SIDE**2 // 2, axis=1), axis=1)
        count = np.count_nonzero(~np.isnan(around), axis=1)
        rank = np.where(count == around.shape[1], around.shape[1] * _MOST // 100, count - 1)
        most = np.where(count < _FEWEST_NEIGHBORS, np.inf, around[np.arange(len(places)), rank])
        for place in np.flatnonzero(count < around.shape[1]):
            most[place] = max(most[place], self._behind_gaps(image, *places[place]))
        return np.asarray(most, np.float64)

    def _behind_gaps(self, image: np.ndarray, row: int, column: int) -> float:
        """Return the brightest pixel at which a gap ends that is beside a place, to the four sides."""
        return max(
            float(line[_first_behind_gap(line_known)].max(initial=0))
            for line, line_known in (
                (image[row, column + 1 :], self.known[row, column + 1 :]),
                (image[row, :column][::-1], self.known[row, :column][::-1]),
                (image[row + 1 :, column], self.known[row + 1 :, column]),
                (image[:row, column][::-1], self.known[:row, column][::-1]),
            )
        )


def _third_beside(image: np.ndarray) -> np.ndarray:
    """Return the third brightest of the four pixels next to each: no more than two of all neighbors are brighter.

    So it is no more than what nearly all neighbors stay below, and soon known.
    """
    wide = np.pad(image, 1, mode="reflect")
    pairs = (wide[:-2, 1:-1], wide[2:, 1:-1]), (wide[1:-1, :-2], wide[1:-1, 2:])
    darker, brighter = ([of(*pair) for pair in pairs] for of in (np.minimum, np.maximum))
    return np.asarray(np.minimum(np.maximum(*darker), np.minimum(*brighter)))


def _first_behind_gap(known: np.ndarray) -> np.ndarray:
    """Return the places of the first two known pixels of a line behind a gap that begins within two pixels."""
    gap = int(np.argmin(known)) if len(known) else 0
    if gap > 1 or known.all():
        return np.zeros(0, int)
    return gap + np.flatnonzero(known[gap:])[:2]


def _patches(image: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return a copy of the 5 x 5 pixels about each of some places (places, 2): (places, 25)."""
    around = np.lib.stride_tricks.sliding_window_view(np.pad(image, 2, mode="reflect"), (_SIDE, _SIDE))
    return np.asarray(around[places[:, 0], places[:, 1]].reshape(-1, _SIDE**2))
