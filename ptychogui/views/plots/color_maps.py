"""Color maps: which suit what a picture shows, all of them perceptually uniform and safe for the color-blind."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import pyqtgraph as pg


@dataclass(frozen=True)
class ColorMap:
    """A color map that can be chosen.

    Attributes:
        title: what the user reads.
        source: what pyqtgraph calls it.
        turns: whether it ends as it begins, so that it stands for one whole turn of a phase.
    """

    title: str
    source: str
    turns: bool = False


_VIRIDIS = ColorMap("Viridis", "viridis")
_CIVIDIS = ColorMap("Cividis", "cividis")
_INFERNO = ColorMap("Inferno", "inferno")
_GRAY = ColorMap("Gray", "CET-L1")
_TURN = ColorMap("Cyclic, one turn", "CET-CBC1", turns=True)
_GRAY_TURN = ColorMap("Cyclic gray, one turn", "CET-C5", turns=True)
_BLUE_RED = ColorMap("Blue to red about zero", "CET-D1")
_BLUE_YELLOW = ColorMap("Blue to yellow about zero", "CET-CBD1")

PHASES = (_VIRIDIS, _CIVIDIS, _GRAY, _TURN, _GRAY_TURN)
MAGNITUDES = (_GRAY, _VIRIDIS, _CIVIDIS, _INFERNO)
COUNTS = (_INFERNO, _VIRIDIS, _CIVIDIS, _GRAY)
MAPS = (_VIRIDIS, _CIVIDIS, _INFERNO, _GRAY)
DIFFERENCES = (_BLUE_RED, _BLUE_YELLOW, _GRAY)
"""Those that suit each kind of picture, the usual one first."""
ERRORS = _INFERNO
"""Of the errors of positions, over another picture."""


@cache
def drawn(chosen: ColorMap) -> pg.ColorMap:
    """Return a color map as pyqtgraph wants it."""
    return pg.colormap.get(chosen.source)
