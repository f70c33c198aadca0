"""The center of the patterns: where the direct beam is on the detector, found from the mean pattern alone."""

from __future__ import annotations

import numpy as np
import scipy

_BRIGHT_SHARE = 0.5
"""Part of all counts that the bright pixels hold."""

_CLIP = 0.5
"""Part of the bright pixels' median above which counts are cut off: what tells
the center is the outline of the beam's cone, not what the sample does inside."""

_BACKGROUND = 20
"""Percentile of the pixels that is taken for background."""

_LEAST = 0.5
"""Part of the light that must have a partner on the other side of a center."""

_COARSE_PX = 384
"""Larger detectors are looked at twice: binned to about this size, and then in full around what was found."""


def beam_center(mean_pattern: np.ndarray, known: np.ndarray) -> tuple[float, float] | None:
    """Find the pixel about which a mean pattern is most like itself turned by half a turn.

    Counts are clipped well below the level of the beam's cone, so neither what the sample scatters nor hot pixels count
    much; gaps are left out together with the pixels opposite to them.

    Args:
        mean_pattern: float (rows, columns), mean counts.
        known: bool (rows, columns), False on bad pixels.

    Returns:
        row and column, to half a pixel; None where no pixel counts anything.
    """
    factor = -(-max(mean_pattern.shape) // _COARSE_PX)
    if factor == 1:
        return _center(mean_pattern, known)
    coarse = _center(*_binned(mean_pattern, known, factor))
    if coarse is None:
        return None
    middle = [round((pixel + 0.5) * factor - 0.5) for pixel in coarse]
    starts = [min(max(pixel - _COARSE_PX // 2, 0), max(size - _COARSE_PX, 0))
              for pixel, size in zip(middle, mean_pattern.shape, strict=True)]  # fmt: skip
    around = tuple(slice(start, start + _COARSE_PX) for start in starts)
    fine = _center(mean_pattern[around], known[around])
    return None if fine is None else (starts[0] + fine[0], starts[1] + fine[1])


def bright_level(mean_pattern: np.ndarray) -> float:
    """Return the median of the fewest pixels that together hold half of the counts; 0 where there are none."""
    falling = np.sort(mean_pattern, axis=None)[::-1]
    held = np.cumsum(falling, dtype=np.float64)
    count = int(np.searchsorted(held, _BRIGHT_SHARE * held[-1])) + 1
    return float(np.median(falling[:count])) if held[-1] > 0 else 0.0


def _center(mean_pattern: np.ndarray, known: np.ndarray) -> tuple[float, float] | None:
    outline = _outline(mean_pattern, known)
    if not outline.any():
        return None
    shape = [scipy.fft.next_fast_len(2 * size - 1, real=True) for size in outline.shape]
    seen, light, power = (scipy.fft.rfft2(image, shape) for image in (known.astype(float), outline, outline**2))
    alike, matched = (scipy.fft.irfft2(product, shape) for product in (light * light, power * seen))
    enough = matched >= _LEAST * matched.max()
    score = np.where(enough, alike / np.where(enough, matched, 1), 0)
    row, column = np.unravel_index(np.argmax(score), score.shape)
    return float(row) / 2, float(column) / 2


def _outline(mean_pattern: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return what is left of a mean pattern, without background and clipped: float of its shape, 0 where not known."""
    if not known.any():
        return np.zeros(mean_pattern.shape)
    above = np.where(known, mean_pattern, 0) - np.percentile(mean_pattern[known], _BACKGROUND)
    smooth = scipy.ndimage.median_filter(np.maximum(above, 0), size=3)
    return np.asarray(np.minimum(smooth, _CLIP * bright_level(smooth)) * known)


def _binned(mean_pattern: np.ndarray, known: np.ndarray, factor: int) -> tuple[np.ndarray, np.ndarray]:
    """Join pixels: their mean where half of them are known."""
    rows, columns = (size // factor * factor for size in mean_pattern.shape)
    blocks = [np.where(known, image, 0)[:rows, :columns].reshape(rows // factor, factor, columns // factor, factor)
              for image in (mean_pattern, np.ones(known.shape))]  # fmt: skip
    total, count = (block.sum(axis=(1, 3)) for block in blocks)
    return total / np.maximum(count, 1), count >= factor**2 / 2
