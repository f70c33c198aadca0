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

_AROUND = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 1, 1], [1, 1, 0, 1, 1], [1, 1, 1, 1, 1], [1, 1, 1, 1, 1]], bool)
_LEAST, _MOST = 25, 88
"""Percentiles of the neighbors that dead and hot pixels are compared with: at the edge of the beam many are dark, and
two or three may be hot as well."""


@dataclass(frozen=True)
class Suspects:
    """Pixels that look bad, bool (rows, columns) each: `dead` never count, `hot` shine, `stuck` never change."""

    dead: np.ndarray
    hot: np.ndarray
    stuck: np.ndarray

    @property
    def all(self) -> np.ndarray:
        """All of them, bool (rows, columns)."""
        return np.asarray(self.dead | self.hot | self.stuck)


def suspicious_pixels(frames: np.ndarray, known: np.ndarray) -> Suspects:
    """Tell dead, hot and stuck pixels from a few frames.

    Args:
        frames: float (frames, rows, columns), counts.
        known: bool (rows, columns), False on pixels that are known to be bad: they are not looked at.
    """
    total = frames.sum(axis=0, dtype=np.float64) * known
    least = scipy.ndimage.percentile_filter(total, _LEAST, footprint=_AROUND, mode="mirror")
    most = scipy.ndimage.percentile_filter(total, _MOST, footprint=_AROUND, mode="mirror")
    dead = known & (total == 0) & (least >= _DEAD_BELOW_COUNTS)
    hot = known & (total > _HOT_TIMES * most) & (total - most >= _HOT_COUNTS)
    first = frames[0]
    same = (frames == first).all(axis=0) & (len(frames) > 2)
    stuck = known & same & (first >= _STUCK_COUNTS)
    return Suspects(dead, hot & ~stuck, stuck)
