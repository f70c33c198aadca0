"""A diffraction pattern made ready for the screen: counts on a logarithmic scale, with what is not used laid over."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ptychogui.pictures.levels import Levels
from ptychogui.pictures.pyramid import Pyramid, pyramid

_LEAST = 0.1
"""Smallest upper level: an empty frame is one even color."""
_OUTERMOST_PERCENT = 99.99
"""Of the pixels that are used: above it hot ones would make all others dark."""


@dataclass(frozen=True)
class PatternPicture:
    """A pattern.

    Attributes:
        counts: float32 (rows, columns).
        logs: log10(1 + counts).
        levels: of the logarithms.
        bad: bool (rows, columns), pixels that are not used, or None.
        total: counts of all pixels that are used.
    """

    counts: np.ndarray
    logs: Pyramid
    levels: Levels
    bad: np.ndarray | None
    total: float


def pattern_picture(counts: np.ndarray, bad: np.ndarray | None = None) -> PatternPicture:
    """Make a pattern (rows, columns) of any real dtype ready for the screen; what is no number is shown as nothing."""
    known = np.nan_to_num(np.asarray(counts, np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    logs = np.log10(1 + np.maximum(known, 0))
    used = known if bad is None else known[~bad]
    shown = logs if bad is None else logs[~bad]
    highest = float(np.percentile(shown, _OUTERMOST_PERCENT)) if shown.size else 0.0
    return PatternPicture(known, pyramid(logs), (0.0, max(highest, _LEAST)), bad, float(used.sum(dtype=np.float64)))
