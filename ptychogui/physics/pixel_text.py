"""Words for pixels: where some of them are on the detector."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import numpy as np
import scipy

_WHOLE = 0.9
"""Part of a row that makes it a whole one: pixels that are known to be bad are missing from it."""
_LISTED = 4


def areas_text(pixels: np.ndarray, origin: tuple[int, int] = (0, 0)) -> str:
    """Say where areas are: "rows 20 to 25, column 40", "rows 0 to 31 of columns 0 to 31".

    Args:
        pixels: bool (rows, columns), True in the areas.
        origin: row and column of its first pixel on the detector.
    """
    found = list(islice(_areas(pixels, origin), _LISTED + 1))
    return ", ".join(found[:_LISTED]) + (", ..." if len(found) > _LISTED else "")


def pixels_text(pixels: np.ndarray, origin: tuple[int, int] = (0, 0)) -> str:
    """Say where the first few of some pixels are: "(20, 25), (31, 0)"; see `areas_text`."""
    places = np.argwhere(pixels)
    listed = ", ".join(f"({row}, {column})" for row, column in places[:_LISTED] + origin)
    return listed + (", ..." if len(places) > _LISTED else "")


def _areas(pixels: np.ndarray, origin: tuple[int, int]) -> Iterator[str]:
    rows, columns = (pixels.mean(axis=axis) >= _WHOLE for axis in (1, 0))
    for whole, name, first in ((rows, "row", origin[0]), (columns, "column", origin[1])):
        for (span,) in _pieces(whole):
            yield _span(name, span, first)
    for across, along in _pieces(pixels & ~rows[:, None] & ~columns):
        yield f"{_span('row', across, origin[0])} of {_span('column', along, origin[1])}"


def _pieces(marked: np.ndarray) -> list[tuple[slice, ...]]:
    labels, _ = scipy.ndimage.label(marked, np.ones((3,) * marked.ndim))
    return [tuple(piece) for piece in scipy.ndimage.find_objects(labels)]


def _span(name: str, span: slice, first: int) -> str:
    start, last = span.start + first, span.stop - 1 + first
    return f"{name} {start}" if start == last else f"{name}s {start} to {last}"
