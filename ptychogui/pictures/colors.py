"""Colors of values: gray, a perceptual color map, the color wheel of complex numbers.

Colors are built in OKLCH (B. Ottosson, 'A perceptual color space for image processing', 2020), so that equal steps
of the value look like equal steps.
"""

from __future__ import annotations

import numpy as np


def scale_to_unit(values: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    """Map limits to 0 and 1 and clip what lies outside; NaN becomes 0."""
    low, high = limits
    return np.asarray(np.clip(np.nan_to_num((values - low) / (high - low)), 0.0, 1.0))


def gray8(values: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    """Return uint8 of the same shape: 0 at the lower limit, 255 at the upper."""
    return np.asarray(np.rint(scale_to_unit(values, limits) * 255), dtype=np.uint8)


def gray16(values: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    """Return uint16 of the same shape: 0 at the lower limit, 65535 at the upper."""
    return np.asarray(np.rint(scale_to_unit(values, limits) * 65535), dtype=np.uint16)


def perceptual8(values: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    """Return uint8 RGB (..., 3): dark blue to light yellow, lightness linear in the value."""
    part = scale_to_unit(values, limits)
    return _oklch8(0.2 + 0.75 * part, 0.08 + 0.07 * part**3, np.radians(280.0 - 175.0 * part))


def complex8(field: np.ndarray) -> np.ndarray:
    """Return uint8 RGB (..., 3) of a complex array: hue is the phase, lightness the magnitude over its maximum."""
    magnitude = np.abs(field)
    part = magnitude / (magnitude.max() or 1.0)
    return _oklch8(0.78 * part, 0.11 * part, np.angle(field))


def _oklch8(lightness: np.ndarray, chroma: np.ndarray, hue: np.ndarray) -> np.ndarray:
    """OKLCH to 8-bit sRGB, clipped to its gamut."""
    a, b = chroma * np.cos(hue), chroma * np.sin(hue)
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    middle = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    linear = np.stack(
        [
            4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short,
            -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short,
            -0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short,
        ],
        axis=-1,
    ).clip(0.0, 1.0)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(encoded.clip(0.0, 1.0) * 255), dtype=np.uint8)
