"""Two past results laid over each other, as the window shows them: pictures, their difference, and ring correlation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ptychogui.catalog.compared import ComparedResults, Difference, compare_results
from ptychogui.physics.metrics import RingCorrelation
from ptychogui.pictures.levels import Levels, robust_levels
from ptychogui.pictures.phase import unit_phase_offset
from ptychogui.pictures.thumbnails import shrink

_LONGEST_PX = 2048


@dataclass(frozen=True)
class Pair:
    """One quantity of two objects on the area that both have.

    Attributes:
        first, second: float32 (rows, columns).
        difference: the second less the first; of phases without jumps of a whole turn.
        levels: of both.
        difference_levels: the same on both sides of zero.
    """

    first: np.ndarray
    second: np.ndarray
    difference: np.ndarray
    levels: Levels
    difference_levels: Levels


@dataclass(frozen=True)
class SideBySide:
    """Two results, compared.

    Attributes:
        paths: of both.
        phase: in rad.
        magnitude: of the transmission.
        pixel_m: size of a pixel of the pictures; 0 if not known.
        object_pixel_m: of the objects that were compared; 0 if not known.
        rings: their ring correlation.
        error: relative root mean square of their difference, aligned.
        shift_px: by what the second one was shifted.
        resolution_m, one_bit_resolution_m: half periods; None where they are not known.
        differences: between their parameters.
        notes: what is to be known of the figures.
    """

    paths: tuple[Path, Path]
    phase: Pair
    magnitude: Pair
    pixel_m: float
    object_pixel_m: float
    rings: RingCorrelation
    error: float
    shift_px: tuple[float, float]
    resolution_m: float | None
    one_bit_resolution_m: float | None
    differences: tuple[Difference, ...]
    notes: tuple[str, ...]


def lay_side_by_side(_tell: Callable[[Any], None], first: Path, second: Path) -> SideBySide:
    """Read and compare two results, whoever wrote them.

    Raises:
        DataError: one of them can't be read, or their objects have nothing in common.
    """
    return _shown(compare_results(first, second), (first, second))


def _shown(found: ComparedResults, paths: tuple[Path, Path]) -> SideBySide:
    objects = found.objects
    block = -(-max(objects.first.shape) // _LONGEST_PX)
    weight = shrink(objects.weight.astype(np.float32), _LONGEST_PX) > 0
    one, other = (shrink(field, _LONGEST_PX) for field in (objects.first, objects.second))
    turned = unit_phase_offset(one, weight)
    offset = np.vdot(one[weight], turned[weight])
    unit = offset / (abs(offset) or 1.0)
    phases = np.angle(one * unit), np.angle(other * unit)
    magnitudes = np.abs(one), np.abs(other)
    return SideBySide(
        paths, _pair(*phases, np.angle(other * one.conj()), weight),
        _pair(*magnitudes, magnitudes[1] - magnitudes[0], weight), objects.pixel_m * block, objects.pixel_m,
        objects.rings, objects.error, objects.shift_px, found.resolution_m,
        None if found.is_against_truth else objects.one_bit_resolution_m, found.differences, found.notes,
    )  # fmt: skip


def _pair(first: np.ndarray, second: np.ndarray, difference: np.ndarray, weight: np.ndarray) -> Pair:
    one, other, between = (np.asarray(values, np.float32) for values in (first, second, difference))
    both = robust_levels(np.concatenate([one[weight], other[weight]]), least_range=0.01)
    return Pair(one, other, between, both, robust_levels(between, weight, about_zero=True))
