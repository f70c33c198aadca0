"""Near-field frames, told from far-field patterns: evenly lit up to their borders, with fringes in them."""

from __future__ import annotations

import numpy as np
import scipy

_BLOCKS = 8
"""Along each axis of a mean frame that is looked at for its evenness."""
_EVEN = 0.4
"""Part of the brightest blocks' counts that nearly all blocks of an even frame have."""
_FAINTEST, _STRONGEST = 0.01, 0.6
"""Contrast of fringes: less is no image, more are speckles in the far field."""
_SURE = 5.0
"""How many times as much as by chance neighbors have in common where there are fringes."""


def is_even(mean: np.ndarray, known: np.ndarray) -> bool:
    """Whether light reaches all parts of a detector alike, its corners too.

    Args:
        mean: float (rows, columns), mean counts.
        known: bool (rows, columns), False on bad pixels.
    """
    labels = sum(
        stride * (np.arange(size) * _BLOCKS // size).reshape(shape)
        for stride, size, shape in zip((_BLOCKS, 1), mean.shape, ((-1, 1), (1, -1)), strict=True)
    )
    pixels, light = (np.bincount(np.ravel(labels), np.ravel(image)) for image in (known.astype(float), mean * known))
    levels = light[pixels > 0] / pixels[pixels > 0]
    return bool(levels.size and np.percentile(levels, 2) >= _EVEN * np.percentile(levels, 98) > 0)


def fringes(frames: np.ndarray, known: np.ndarray) -> float:
    """Return the contrast of what neighboring pixels of frames have in common; 0 where chance may have made it.

    Photon noise, in any scale of the counts, is not common to neighbors.

    Args:
        frames: float (frames, rows, columns), at least one.
        known: bool (rows, columns), False on bad pixels.
    """
    common, power, light = np.mean([_common(frame, known) for frame in frames], axis=0)
    chance = _SURE * power / np.sqrt(2 * frames.size)
    return float(np.sqrt(common / light)) if common > chance and light > 0 else 0.0


def _common(frame: np.ndarray, known: np.ndarray) -> tuple[float, float, float]:
    """Return the mean product of neighbors, and square of pixels, both less what is smooth, and its mean square."""
    size = [max(3, length // _BLOCKS) for length in frame.shape]
    part = scipy.ndimage.uniform_filter(known.astype(float), size)
    smooth = scipy.ndimage.uniform_filter(np.where(known, frame, 0.0), size) / np.maximum(part, 1e-9)
    rest = np.where(known, frame - smooth, 0)
    common = (np.mean(rest[1:] * rest[:-1]) + np.mean(rest[:, 1:] * rest[:, :-1])) / 2
    return float(common), float(np.mean(rest**2)), float(np.mean(smooth**2))


def looks_near(contrast: float) -> bool:
    """Whether frames with such a contrast have fringes as images near a sample have them."""
    return _FAINTEST <= contrast <= _STRONGEST
