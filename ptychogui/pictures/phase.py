"""Phases of complex arrays, without the offset and the ramp that have no meaning in ptychography."""

from __future__ import annotations

import numpy as np

_FEWEST = 4
"""Pixels with light below which there is nothing to unwrap."""


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


def phase_image(field: np.ndarray, level: bool = False, weight: np.ndarray | None = None) -> np.ndarray:
    """Return the phase in radians, float32 (rows, columns).

    Only the mean phase, which has no meaning, is taken out; with `level` also the plane that fits best.
    """
    turned = level_phase(field, weight) if level else unit_phase_offset(field, weight)
    return np.asarray(np.angle(turned), dtype=np.float32)


def unwrapped(phase: np.ndarray, lit: np.ndarray) -> np.ndarray:
    """Return a phase without jumps of a whole turn, float32 (rows, columns), about a mean of zero where there is light.

    Pixels are joined in the order of how reliable they are (M. A. Herraez et al., Applied Optics 41, 7437, 2002); what
    is not lit stays as it is, since noise there would lead astray.

    Args:
        phase: float (rows, columns), rad.
        lit: bool (rows, columns), where there is light.
    """
    usable = lit & np.isfinite(phase)
    if np.count_nonzero(usable) < _FEWEST:
        return np.asarray(phase, np.float32)
    from skimage.restoration import unwrap_phase  # takes a third of a second: only who wants it waits

    found = unwrap_phase(np.ma.array(phase, mask=~usable))  # type: ignore[no-untyped-call]
    mean = float(found.mean())
    return np.asarray(np.where(usable, found.data - mean, phase), np.float32)


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
