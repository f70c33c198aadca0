"""From complex arrays to pictures: phase, robust limits, color maps, the color wheel of complex numbers.

Colors are built in OKLCH (B. Ottosson, 'A perceptual color space for image processing', 2020), so that equal steps
of the value look like equal steps.
"""

from __future__ import annotations

import numpy as np

THUMBNAIL_PX = 256
"""Longest side of a thumbnail."""


def unit_phase_offset(field: np.ndarray, weight: np.ndarray | None = None) -> np.ndarray:
    """Return `field` with its mean phase turned to zero; a global phase has no meaning in ptychography."""
    mean = np.sum(field if weight is None else field * weight)
    return np.asarray(field * np.exp(-1j * np.angle(mean))) if mean else field


def level_phase(field: np.ndarray, weight: np.ndarray | None = None) -> np.ndarray:
    """Remove the plane that fits the phase best: a phase ramp is an ambiguity of ptychography, as is the offset.

    The slope comes first from the products of neighbors, which phase wraps don't disturb, then from a weighted
    least-squares plane through the rest.

    Args:
        field: complex (rows, columns).
        weight: float (rows, columns), how much each pixel counts; |field|^2 when not given.

    Returns:
        complex (rows, columns), |field| unchanged.
    """
    weight = np.abs(field) ** 2 if weight is None else np.asarray(weight, dtype=np.float32)
    slopes = [_slope(np.moveaxis(field, axis, 0), np.moveaxis(weight, axis, 0)) for axis in (0, 1)]
    leveled = unit_phase_offset(_tilt(field, *slopes), weight)
    offset, *rest = _fit_plane(np.angle(leveled), weight)
    return _tilt(leveled * np.exp(-1j * offset).astype(field.dtype), *rest)


def _tilt(field: np.ndarray, row_slope: float, column_slope: float) -> np.ndarray:
    """Take a phase ramp about the center out of a field."""
    rows, columns = _axes(field.shape)
    ramps = np.exp(-1j * row_slope * rows), np.exp(-1j * column_slope * columns)
    return np.asarray(field * ramps[0].astype(field.dtype) * ramps[1].astype(field.dtype))


def _fit_plane(values: np.ndarray, weight: np.ndarray) -> list[float]:
    """Return offset, row slope and column slope, about the center, of the weighted least-squares plane."""
    basis = (np.ones((1, 1)), *_axes(values.shape))
    normal = [[np.sum(weight * (one * other)) for other in basis] for one in basis]
    projections = [np.sum(weight * values * one) for one in basis]
    return [float(part) for part in np.linalg.lstsq(np.array(normal), np.array(projections), rcond=None)[0]]


def _axes(shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return rows (R, 1) and columns (1, C), counted from the center."""
    rows, columns = (np.arange(size) - (size - 1) / 2 for size in shape)
    return rows[:, None], columns[None, :]


def _slope(field: np.ndarray, weight: np.ndarray) -> float:
    """Mean phase step along the first axis, in radians."""
    products = field[1:] * field[:-1].conj() * np.sqrt(weight[1:] * weight[:-1])
    return float(np.angle(products.sum()))


def phase_image(field: np.ndarray, level: bool = False, weight: np.ndarray | None = None) -> np.ndarray:
    """Return the phase in radians, float32 (rows, columns).

    Only the mean phase, which has no meaning, is taken out; with `level` also the plane that fits best.
    """
    turned = level_phase(field, weight) if level else unit_phase_offset(field, weight)
    return np.asarray(np.angle(turned), dtype=np.float32)


def robust_limits(values: np.ndarray, weight: np.ndarray | None = None, percent: float = 0.5) -> tuple[float, float]:
    """Return the values between which all but the outermost `percent` on either side lie.

    Args:
        values: any shape; what is not finite is left out.
        weight: same shape, pixels that count are positive; all count when not given.
        percent: part cut off at either end.
    """
    chosen = values[np.isfinite(values) & (True if weight is None else weight > 0)]
    if not chosen.size:
        return 0.0, 1.0
    low, high = np.percentile(chosen, (percent, 100 - percent))
    return (float(low), float(high)) if high > low else (float(low), float(low) + 1.0)


def scale_to_unit(values: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    """Map limits to 0 and 1 and clip what lies outside; NaN becomes 0."""
    low, high = limits
    return np.asarray(np.clip(np.nan_to_num((values - low) / (high - low)), 0.0, 1.0))


def gray8(values: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    """Return uint8 of the same shape: 0 at the lower limit, 255 at the upper."""
    return np.asarray(np.rint(scale_to_unit(values, limits) * 255), dtype=np.uint8)


def perceptual8(values: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    """Return uint8 RGB (..., 3): dark blue to light yellow, lightness linear in the value."""
    part = scale_to_unit(values, limits)
    return _oklch8(0.2 + 0.75 * part, 0.08 + 0.07 * part**3, np.radians(280.0 - 175.0 * part))


def complex8(field: np.ndarray) -> np.ndarray:
    """Return uint8 RGB (..., 3) of a complex array: hue is the phase, lightness the magnitude over its maximum."""
    magnitude = np.abs(field)
    part = magnitude / (magnitude.max() or 1.0)
    return _oklch8(0.78 * part, 0.11 * part, np.angle(field))


def shrink(image: np.ndarray, longest_px: int) -> np.ndarray:
    """Average blocks of pixels until the longer side is at most `longest_px`; odd rests at the ends are cut."""
    block = -(-max(image.shape[:2]) // longest_px)
    if block == 1:
        return image
    rows, columns = (max(size // block, 1) for size in image.shape[:2])
    cut = image[: rows * block, : columns * block]
    return np.asarray(cut.reshape(rows, cut.shape[0] // rows, columns, cut.shape[1] // columns).mean(axis=(1, 3)))


def thumbnail(field: np.ndarray, weight: np.ndarray | None = None) -> np.ndarray:
    """Return a small picture of the leveled phase: uint8 RGB (rows, columns, 3), at most 256 pixels long.

    Args:
        field: complex (rows, columns) or (layers, rows, columns), whose layers are multiplied.
        weight: float (rows, columns), positive where the scan reached; it sets the plane and the gray limits.
    """
    flat = flatten_layers(field)
    phase = phase_image(flat, level=True, weight=weight)
    gray = gray8(shrink(phase, THUMBNAIL_PX), robust_limits(phase, weight))
    return np.repeat(gray[..., None], 3, axis=-1)


def flatten_layers(field: np.ndarray) -> np.ndarray:
    """Multiply the layers of an object (layers, rows, columns) into one (rows, columns)."""
    return field if field.ndim == 2 else np.asarray(np.prod(field, axis=0))


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
