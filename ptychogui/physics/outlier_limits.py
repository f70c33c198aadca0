"""Limits of outliers: how unlikely something must be on a whole detector before a pixel is blamed for it."""

from __future__ import annotations

import numpy as np

_CHANCE = 1e-3
"""How often photons alone may let a whole sound detector show one pixel, or area, that is called bad."""


def surprise_limit(pixels: int) -> float:
    """Return the surprise (minus the logarithm of a probability) that none of so many pixels reaches by chance."""
    return float(np.log(pixels / _CHANCE))


def surprise_of_alike(mean: np.ndarray, frames: int) -> np.ndarray:
    """Return how surprising it is that photons of a mean give the same number in so many frames.

    F readings of photons of a large mean m are equal with the probability F^-1/2 (2 pi m)^-(F - 1)/2.

    Args:
        mean: counts, of any real type and shape.
        frames: F.
    """
    large = np.maximum(np.asarray(mean, np.float64), 1)
    return np.asarray(0.5 * np.log(frames) + 0.5 * (frames - 1) * np.log(2 * np.pi * large))
