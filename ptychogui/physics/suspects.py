"""Detector pixels that do not do what their neighbors do, told by a few frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.ndimage

_DEAD_BELOW_COUNTS = 12.0
"""Counts, over all frames, that most neighbors of a dead pixel have where it has none: photons do that once in 1e5."""

_HOT_TIMES, _HOT_COUNTS = 4.0, 30.0
"""How much brighter than nearly all of its neighbors a hot pixel is, and how much it has counted at least."""

_STUCK_COUNTS = 10.0
"""Reading from which on photons can't give the same number in every frame."""

_FLICKERING_FRAMES = 8
"""Frames from which on it can be told that a pixel flickers."""

_FLICKERING_TIMES = 6.0
"""How much more a flickering pixel varies than nearly all of its neighbors and its own photons together. Sound pixels
of simulated scans with 1e3 to 1e7 photons, and of a measured one, stay below 2.1."""

_AROUND = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 1, 1], [1, 1, 0, 1, 1], [1, 1, 1, 1, 1], [1, 1, 1, 1, 1]], bool)
_LEAST, _MOST = 25, 88
"""Percentiles of the neighbors that dead and hot pixels are compared with: at the edge of the beam many are dark, and
two or three may be hot as well."""


@dataclass(frozen=True)
class Suspects:
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


def suspicious_pixels(frames: np.ndarray, known: np.ndarray) -> Suspects:
    """Tell dead, hot, stuck and flickering pixels from a few frames.

    Args:
        frames: float (frames, rows, columns), counts.
        known: bool (rows, columns), False on pixels that are known to be bad: they are not looked at.
    """
    total = frames.sum(axis=0, dtype=np.float64) * known
    least, most = _around(total, _LEAST), _around(total, _MOST)
    dead = known & (total == 0) & (least >= _DEAD_BELOW_COUNTS)
    hot = known & (total > _HOT_TIMES * most) & (total - most >= _HOT_COUNTS)
    first = frames[0]
    same = (frames == first).all(axis=0) & (len(frames) > 2)
    stuck = known & same & (first >= _STUCK_COUNTS)
    return Suspects(dead, hot & ~stuck, stuck, known & ~hot & _flickers(frames))


def _flickers(frames: np.ndarray) -> np.ndarray:
    """Return which pixels vary too much for what is around them, each without its largest reading.

    So a single hit by a cosmic ray makes no pixel flicker. Photons vary by their mean, of which F readings tell no less
    than 1 / F.
    """
    count = len(frames) - 1
    if count + 1 < _FLICKERING_FRAMES:
        return np.zeros(frames.shape[1:], bool)
    largest = frames.max(axis=0).astype(np.float64)
    mean = (frames.sum(axis=0, dtype=np.float64) - largest) / count
    squares = np.einsum("fij,fij->ij", frames, frames, dtype=np.float64) - largest**2
    variance = np.maximum(squares / count - mean**2, 0)
    usual = _around(variance, _MOST) + np.maximum(mean, _around(mean, _MOST)) + 1 / count
    return np.asarray(variance > _FLICKERING_TIMES * usual)


def _around(image: np.ndarray, percent: int) -> np.ndarray:
    return np.asarray(scipy.ndimage.percentile_filter(image, percent, footprint=_AROUND, mode="mirror"))
