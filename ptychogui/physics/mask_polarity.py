"""The polarity of a mask: whether it hides the light instead of the bad pixels, as one does that means the opposite."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

from ptychogui.physics.centering import bright_level

_BRIGHT = 0.25
"""Part of the usual bright pixels' counts from which on a pixel is bright."""
_MOST = 0.5
"""Part of the bright pixels above which a mask hides too many, unless it hides little else, as a beamstop's does."""
_SMALL, _NEARLY_ALL = 0.1, 0.97
"""Part of the detector up to which a mask may be a beamstop's, and part of the light that not even that one hides."""


@dataclass(frozen=True)
class Hidden:
    """What a mask hides, as parts of 1: of the pixels, of the bright ones, and of the light."""

    pixels: float
    bright: float
    light: float

    @property
    def is_too_much(self) -> bool:
        """Whether the mask hides what a pattern is made of."""
        return self.bright > _MOST and (self.pixels >= _SMALL or self.light > _NEARLY_ALL)


def light_of(mean: np.ndarray, changing: np.ndarray) -> np.ndarray:
    """Return an image of the light alone: without pixels that shine, and without those that always read the same.

    Args:
        mean: float (rows, columns), mean counts of all pixels, also of those that are masked.
        changing: bool (rows, columns), whether a pixel's readings differ from frame to frame.
    """
    living = np.where(changing, mean, 0)
    return np.asarray(np.minimum(living, 2 * scipy.ndimage.median_filter(living, 3)))


def hidden_by(bad: np.ndarray, light: np.ndarray) -> Hidden:
    """Return what a mask hides.

    Args:
        bad: bool (rows, columns), the masked pixels.
        light: float (rows, columns), from `light_of`.
    """
    bright = light >= _BRIGHT * bright_level(light)
    bright &= light > 0
    shares = (image[bad].sum() / max(image.sum(), 1e-300) for image in (bright.astype(float), light))
    return Hidden(float(bad.mean()), *(float(share) for share in shares))
