"""Levels: the values at both ends of a gray or color scale, from the values of a picture without its outermost."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

Levels: TypeAlias = tuple[float, float]


def robust_levels(
    values: np.ndarray,
    weight: np.ndarray | None = None,
    percent: float = 0.5,
    least_range: float = 0.0,
    about_zero: bool = False,
) -> Levels:
    """Return the values between which all but the outermost `percent` on either side lie.

    Args:
        values: any shape; what is not finite is left out.
        weight: same shape, pixels that count are positive; all count when not given.
        percent: part cut off at either end.
        least_range: smallest distance of the two, so that values without contrast are one even color.
        about_zero: the same distance on both sides of zero.
    """
    chosen = values[np.isfinite(values) & (True if weight is None else weight > 0)]
    if not chosen.size:
        return 0.0, 1.0
    low, high = map(float, np.percentile(chosen, (percent, 100 - percent)))
    if about_zero:
        half = max(abs(low), abs(high)) or 0.5
        return -half, half
    if high - low < least_range:
        middle = (low + high) / 2
        return middle - least_range / 2, middle + least_range / 2
    return (low, high) if high > low else (low, low + 1.0)
