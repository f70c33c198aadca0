"""Live pictures: what the window shows of an estimate, made on a worker's thread so that no event loop waits for it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from ptychogui.pictures.colors import complex8
from ptychogui.pictures.illumination import even_centers, illumination, stretched
from ptychogui.pictures.levels import Levels, robust_levels
from ptychogui.pictures.phase import level_phase, unit_phase_offset, unwrapped
from ptychogui.pictures.pyramid import Pyramid, halvings, pyramid, reduced
from ptychogui.pictures.thumbnails import shrink

FINAL_PX = 4096
"""Longest side of the picture of an object that is done; a larger object is averaged down."""

_MODE_PX = 256
_SAMPLES = 50_000
_FLAT = 0.05
"""Smallest range of the levels: a first guess without contrast is one even color."""
_WELL_LIT = 0.6
"""Part of the usual light from which on a pixel counts for levels, mean and plane."""


@dataclass(frozen=True)
class Shot:
    """An estimate as an engine has it.

    Attributes:
        field: the object, complex64 (rows, columns).
        probe: complex64 (modes, N, N).
        pixel_m: size of a pixel of both.
        iteration: after which it is; 0 for a first guess, -1 where that is not known.
        positions_m: float (positions, 2), row and column of the probe from the object's top left corner, as refined;
            None where they are not known.
        is_still: whether no other comes soon, so that there is time for a large picture.
        errors: float (positions,), the error of each position by itself, in units of photon noise; None if not known.
    """

    field: np.ndarray
    probe: np.ndarray
    pixel_m: float
    iteration: int = -1
    positions_m: np.ndarray | None = None
    is_still: bool = False
    errors: np.ndarray | None = None

    def smaller(self, longest_px: int) -> Shot:
        """Return the same with fewer pixels of the object, to be kept."""
        block = -(-max(self.field.shape) // longest_px)
        probe = np.stack([shrink(mode, max(self.probe.shape[-1] // block, 1)) for mode in self.probe])
        return replace(self, field=reduced(self.field, longest_px).copy(), probe=probe, pixel_m=self.pixel_m * block)

    @property
    def bytes(self) -> int:
        """Memory that it takes."""
        return self.field.nbytes + self.probe.nbytes


@dataclass(frozen=True)
class Display:
    """What is done to an object before it is shown; the result is not touched.

    Attributes:
        ramp_removed: whether the plane that fits the phase best is taken out.
        unwrapped: whether jumps of a whole turn are.
    """

    ramp_removed: bool = False
    unwrapped: bool = False


@dataclass(frozen=True)
class LivePicture:
    """An estimate made ready for the screen.

    Attributes:
        phase: float32, rad, with the mean phase of the scanned region taken out.
        magnitude: float32.
        pixel_m: size of a pixel of both.
        scanned_m: top, left, bottom, right of the region that holds the scan positions, from the top left corner.
        phase_levels, magnitude_levels: range of all but the outermost values where there is light.
        modes: uint8 RGB (modes, n, n, 3), the probe on the color wheel.
        mode_pixel_m: size of a pixel of the modes.
        powers: share of each mode in the probe's power.
        light: float32 (R, C) over the same region, as a part of the usual light; see `illumination`.
        is_wrapped: whether the phase jumps by whole turns.
        iteration: after which it is; -1 where that is not known.
        positions_m: float (positions, 2), row and column from the top left corner; None where they are not known.
        moved_m: float (positions, 2), how far each moved since the first picture, but for what all did; None likewise.
        errors: float (positions,), the error of each position by itself; None where it is not known.
    """

    phase: Pyramid
    magnitude: Pyramid
    pixel_m: float
    scanned_m: tuple[float, float, float, float]
    phase_levels: Levels
    magnitude_levels: Levels
    modes: np.ndarray
    mode_pixel_m: float
    powers: tuple[float, ...]
    light: np.ndarray = field(default_factory=lambda: np.ones((1, 1), np.float32))
    is_wrapped: bool = True
    iteration: int = -1
    positions_m: np.ndarray | None = None
    moved_m: np.ndarray | None = None
    errors: np.ndarray | None = None


def make_picture(shot: Shot, display: Display = Display(), limit_px: int = FINAL_PX) -> LivePicture:
    """Make an estimate ready for the screen.

    Args:
        shot: the estimate.
        display: what is done to its phase.
        limit_px: longest side of the object's picture; a larger object is averaged down.
    """
    obj, probe = shot.field, shot.probe
    block = -(-max(obj.shape) // limit_px)
    rows, columns = scanned_region(obj.shape, probe.shape[-1])
    light = _light(shot, rows, columns)
    shown = reduced(obj, limit_px)
    lit = stretched(light, shown.shape) >= _WELL_LIT
    turned = level_phase(shown, _weight(shown, lit)) if display.ramp_removed else unit_phase_offset(shown, lit)
    phases = _phases(np.asarray(turned, np.complex64), lit, display.unwrapped)
    magnitude = pyramid(np.abs(shown))
    modes = [shrink(mode, _MODE_PX) for mode in probe]
    powers = [float(np.vdot(mode, mode).real) for mode in probe]
    pixel_m = shot.pixel_m * block
    return LivePicture(
        phase=phases,
        magnitude=magnitude,
        pixel_m=pixel_m,
        scanned_m=tuple(edge * shot.pixel_m for edge in (rows.start, columns.start, rows.stop, columns.stop)),
        phase_levels=_levels(phases.whole[lit]),
        magnitude_levels=_levels(magnitude.whole[lit]),
        modes=np.stack([complex8(mode) for mode in modes]),
        mode_pixel_m=shot.pixel_m * -(-probe.shape[-1] // _MODE_PX),
        powers=tuple(power / (sum(powers) or 1) for power in powers),
        light=light,
        is_wrapped=not display.unwrapped,
        iteration=shot.iteration,
        positions_m=shot.positions_m,
        errors=shot.errors,
    )


def moved(positions_m: np.ndarray | None, first_m: np.ndarray | None) -> np.ndarray | None:
    """Return how far positions (n, 2) have moved, but for what all did, which means nothing; None if not the same."""
    if positions_m is None or first_m is None or positions_m.shape != first_m.shape or not len(first_m):
        return None
    shifts_m = np.asarray(positions_m, np.float64) - first_m
    return np.asarray(shifts_m - np.median(shifts_m, axis=0))


def scanned_region(object_shape: tuple[int, ...], window_px: int) -> tuple[slice, slice]:
    """Return the rows and columns between the outermost scan positions, at least one pixel of each.

    Follows from how `place_windows` lays an object around its windows: half a window on every side.
    """
    edges = [min(window_px // 2, (side - 1) // 2) for side in object_shape]
    rows, columns = (slice(edge, side - edge) for edge, side in zip(edges, object_shape, strict=True))
    return rows, columns


def _light(shot: Shot, rows: slice, columns: slice) -> np.ndarray:
    known = shot.positions_m
    centers = even_centers(rows, columns) if known is None else known / shot.pixel_m
    return illumination((shot.field.shape[0], shot.field.shape[1]), shot.probe, centers)


def _weight(field: np.ndarray, lit: np.ndarray) -> np.ndarray:
    """Return what counts for the plane through the phase; all where nothing is lit."""
    return np.asarray(lit if lit.any() else np.ones(field.shape), np.float32)


def _phases(field: np.ndarray, lit: np.ndarray, unwrap: bool) -> Pyramid:
    """Return the phase in all sizes: of the field's means as long as it is wrapped, since a mean of phases is none."""
    if unwrap:
        return pyramid(unwrapped(np.angle(field), lit))
    return Pyramid(tuple(np.angle(size) for size in halvings(field)))


def _levels(values: np.ndarray) -> Levels:
    """Return levels as fast as the screen wants them: from a part of the values where there are many."""
    return robust_levels(values[:: max(1, values.size // _SAMPLES)], least_range=_FLAT)
