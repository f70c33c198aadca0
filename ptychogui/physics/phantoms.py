"""Procedural phantoms: samples to simulate, as complex transmissions of modulus at most 1.

A phantom is drawn as a thickness between 0 and 1; the transmission of thickness t is exp(t (log a - i phase)): X-rays
are absorbed and advance in phase.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy

_Shape = tuple[int, int]


def transmission(thickness: np.ndarray, phase_rad: float = 1.2, amplitude: float = 0.75) -> np.ndarray:
    """Return the complex64 transmission of a thickness.

    Args:
        thickness: float (rows, columns) in [0, 1].
        phase_rad: phase that the full thickness takes off.
        amplitude: modulus that the full thickness leaves.
    """
    return np.asarray(np.exp(thickness * (np.log(amplitude) - 1j * phase_rad)), dtype=np.complex64)


def siemens_star(shape: _Shape, rng: np.random.Generator) -> np.ndarray:
    """Return a Siemens star with support rings and an orientation mark, on a film of uneven thickness.

    36 spokes; a ring at every doubling of the radius; a small disc marks the top right quadrant, so that no
    rotation or mirror image is the same.
    """
    row, column = (axis - (size - 1) / 2 for axis, size in zip(np.indices(shape), shape, strict=True))
    radius, angle = np.hypot(row, column), np.arctan2(row, column)
    outer = 0.33 * min(shape)
    spokes = _inside(np.sin(36 * angle) * radius / 36) * _inside(outer - radius) * _inside(radius - outer / 16)
    width = max(1.5, outer / 60)
    rings = [_inside(width - np.abs(radius - outer / 2**k)) for k in range(5)]
    mark = _inside(outer / 14 - np.hypot(row + 0.8 * outer, column - 0.8 * outer))
    film = _smooth_noise(shape, 1.5, rng)
    return transmission(np.maximum.reduce([spokes, *rings, mark]) * 0.65 + 0.35 * film)


def cells(shape: _Shape, rng: np.random.Generator) -> np.ndarray:
    """Return overlapping round cells of all sizes with membranes, nuclei and granules, in an uneven medium."""
    thickness = 0.25 * _smooth_noise(shape, 1.8, rng)
    large = min(shape) / 5
    for level in range(5):
        radius = large / 1.8**level
        for _ in range(round(0.35 * shape[0] * shape[1] / (np.pi * radius**2))):
            center = rng.uniform((0, 0), shape)
            _add_cell(thickness, center, radius * rng.uniform(0.6, 1.1), rng)
    return transmission(np.clip(thickness / np.quantile(thickness, 0.995), 0, 1))


def grains(shape: _Shape, rng: np.random.Generator) -> np.ndarray:
    """Return a polycrystal: sharp-edged grains of three sizes, pores, and a smooth change of thickness."""
    thickness = 0.3 * _smooth_noise(shape, 2.0, rng)
    pixels = np.indices(shape).reshape(2, -1).T
    for size, weight in ((min(shape) / 6, 0.4), (min(shape) / 18, 0.2), (min(shape) / 50, 0.1)):
        seeds = rng.uniform((0, 0), shape, (max(4, round(shape[0] * shape[1] / size**2)), 2))
        nearest = scipy.spatial.cKDTree(seeds).query(pixels)[1]
        thickness += weight * rng.uniform(size=len(seeds))[nearest].reshape(shape)
    pores = _smooth_noise(shape, 1.2, rng) < 0.22
    thickness *= 1 - 0.8 * pores
    return transmission(scipy.ndimage.gaussian_filter(thickness, 0.5))


PHANTOMS: dict[str, Callable[[_Shape, np.random.Generator], np.ndarray]] = {
    "siemens": siemens_star,
    "cells": cells,
    "grains": grains,
}
"""Every phantom by name: (shape, generator) -> complex64 (rows, columns), 0 < |O| <= 1."""


def _inside(distance_px: np.ndarray) -> np.ndarray:
    """Return 1 well inside of an edge, 0 outside, and a linear ramp of one pixel on it."""
    return np.clip(distance_px + 0.5, 0, 1)


def _smooth_noise(shape: _Shape, decay: float, rng: np.random.Generator) -> np.ndarray:
    """Return noise in [0, 1] whose amplitude falls with frequency to the power `decay`."""
    rows, columns = np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])
    frequency = np.maximum(np.hypot(rows, columns), 1 / max(shape))
    noise = scipy.fft.irfft2(scipy.fft.rfft2(rng.normal(size=shape)) / frequency**decay, shape)
    return np.asarray((noise - noise.min()) / np.ptp(noise))


def _add_cell(thickness: np.ndarray, center: np.ndarray, radius: float, rng: np.random.Generator) -> None:
    """Add a flattened ball with a sharp membrane and, if it is large, a nucleus and granules."""
    axes = radius * rng.uniform(0.75, 1.0, 2)
    rows, columns = (slice(max(0, int(middle - radius) - 1), int(middle + radius) + 2) for middle in center)
    target = thickness[rows, columns]
    row, column = (axis + cut.start - middle for axis, cut, middle in zip(
        np.indices(target.shape), (rows, columns), center, strict=True))  # fmt: skip
    distance = np.hypot(row / axes[0], column / axes[1])
    target += 0.35 * np.sqrt(np.clip(1 - distance**2, 0, None))
    target += 0.15 * _inside(1.0 - np.abs(distance - 0.95) * radius)
    if radius > 8:
        inner = rng.uniform(-0.3, 0.3, 2) * radius
        _add_cell(target, center - (rows.start, columns.start) + inner, radius * rng.uniform(0.25, 0.4), rng)
