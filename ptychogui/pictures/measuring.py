"""Measuring in pictures: values along a line with the edges among them, and what is in a rectangle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

_MOST_SAMPLES = 4096
_EDGE_PART = 0.5
"""Of the steepest slope: a slope from there on is an edge."""
_MOST_EDGES = 8
_SMOOTH_SAMPLES = 1.0


@dataclass(frozen=True)
class Profile:
    """Values along a line.

    Attributes:
        distances_px: float64 (samples,), from the line's start.
        values: float64 (samples,).
        edges_px: where the values change most, from the line's start, rising.
    """

    distances_px: np.ndarray
    values: np.ndarray
    edges_px: tuple[float, ...]


@dataclass(frozen=True)
class Statistics:
    """Of the finite values in a rectangle; all but `pixels` are NaN where there are none."""

    pixels: int
    mean: float
    deviation: float
    lowest: float
    highest: float
    total: float


def line_profile(image: np.ndarray, start: tuple[float, float], end: tuple[float, float]) -> Profile:
    """Return the values of an image (rows, columns) along a line, between pixels interpolated.

    Args:
        image: of real numbers.
        start, end: row and column, 0 at the middle of the first pixel; outside of the image its rim goes on.
    """
    length_px = float(np.hypot(end[0] - start[0], end[1] - start[1]))
    samples = min(max(2, round(2 * length_px)), _MOST_SAMPLES)
    places = [np.linspace(first, last, samples) for first, last in zip(start, end, strict=True)]
    values = scipy.ndimage.map_coordinates(image, places, np.float64, order=1, mode="nearest")
    distances_px = np.linspace(0, length_px, samples)
    return Profile(distances_px, values, _edges(distances_px, values))


def statistics(values: np.ndarray) -> Statistics:
    """Return what can be said of some values of any shape."""
    finite = values[np.isfinite(values)].astype(np.float64)
    if not finite.size:
        return Statistics(0, *[np.nan] * 5)
    return Statistics(finite.size, *(float(one) for one in (finite.mean(), finite.std(), finite.min(), finite.max(),
                                                            finite.sum())))  # fmt: skip


def _edges(distances_px: np.ndarray, values: np.ndarray) -> tuple[float, ...]:
    """Return where a profile is steepest: the tops of its slope's size, each between samples."""
    if len(values) < 5 or not np.isfinite(values).all():
        return ()
    step = distances_px[1] - distances_px[0]
    slope = np.abs(np.gradient(scipy.ndimage.gaussian_filter1d(values, _SMOOTH_SAMPLES)))
    inner = slope[1:-1]
    tops = (inner > slope[:-2]) & (inner >= slope[2:]) & (inner >= _EDGE_PART * slope.max()) & (inner > 0)
    found = np.flatnonzero(tops) + 1
    found = np.sort(found[np.argsort(slope[found])[::-1][:_MOST_EDGES]])
    return tuple(float((place + _top_offset(slope[place - 1 : place + 2])) * step) for place in found)


def _top_offset(three: np.ndarray) -> float:
    """Return where the parabola through three samples has its top, from the middle one."""
    curvature = three[0] - 2 * three[1] + three[2]
    return float(0.5 * (three[0] - three[2]) / curvature) if curvature < 0 else 0.0
