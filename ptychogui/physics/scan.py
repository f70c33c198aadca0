"""Scan positions: patterns, transforms, and where each window lies in the object array."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy

from ptychogui.errors import DataError, ParameterError
from ptychogui.params.model import Experiment
from ptychogui.physics.orientation import Orientation


@dataclass(frozen=True)
class ScanGeometry:
    """Where the N x N window of each scan position lies in the object array.

    Attributes:
        corners: int32 (positions, 2), row and column of the window's first element.
        fractions: float64 (positions, 2), sub-pixel rest in [-0.5, 0.5): the probe of a position is the probe
            shifted by this much towards higher rows and columns.
        object_shape: rows and columns of the object array; every window lies inside.
        window_px: N.
        origin_px: row and column, in pixels of the scan's own axes, of the object array's element [0, 0] such
            that position_px = origin_px + corner + fraction + N // 2.
    """

    corners: np.ndarray
    fractions: np.ndarray
    object_shape: tuple[int, int]
    window_px: int
    origin_px: tuple[float, float]

    @property
    def positions_px(self) -> np.ndarray:
        """float64 (positions, 2): window centers on the scan's own axes, in object pixels."""
        return np.asarray(self.corners + self.fractions + self.window_px // 2 + self.origin_px)


def place_windows(positions_px: np.ndarray, window_px: int, margin_px: int = 2, multiple: int = 1) -> ScanGeometry:
    """Lay an object array around the windows of all scan positions.

    Args:
        positions_px: float (positions, 2), row and column of the window centers in object pixels, any origin.
        window_px: N, rows and columns of a window.
        margin_px: spare pixels around the outermost windows.
        multiple: the object's rows and columns are whole multiples of this, so that its pixels can be joined.

    Raises:
        DataError: a position is not finite, or there is none, or the object would be larger than arrays can be.
    """
    positions_px = np.asarray(positions_px, dtype=np.float64)
    if positions_px.ndim != 2 or positions_px.shape[1] != 2 or not len(positions_px):
        raise DataError(f"scan positions must be (row, column) pairs, not an array of shape {positions_px.shape}")
    broken = np.flatnonzero(~np.isfinite(positions_px).all(axis=1))
    if len(broken):
        raise DataError(
            f"{len(broken)} of {len(positions_px)} scan positions are not numbers, the first is position {broken[0]}: "
            f"{tuple(positions_px[broken[0]])}; repair the positions or give a position list"
        )
    origin = np.floor(positions_px.min(axis=0)) - margin_px
    with np.errstate(over="ignore"):
        relative = positions_px - origin
    corners = np.floor(relative + 0.5)
    shape = np.ceil((corners.max(axis=0) + window_px + margin_px) / multiple) * multiple
    if shape.max() > np.iinfo(np.int32).max:
        raise DataError(
            f"the object would have {shape[0]:.3g} x {shape[1]:.3g} pixels; check the unit of the positions, the "
            "energy, the distance and the detector pixel"
        )
    return ScanGeometry(
        corners=corners.astype(np.int32),
        fractions=relative - corners,
        object_shape=(int(shape[0]), int(shape[1])),
        window_px=window_px,
        origin_px=(float(origin[0] - window_px // 2), float(origin[1] - window_px // 2)),
    )


def move_windows(geometry: ScanGeometry, shifts_px: np.ndarray) -> ScanGeometry:
    """Shift the windows, no farther than to the edge of the object array, which stays where it is.

    Args:
        geometry: windows.
        shifts_px: float (positions, 2), towards higher rows and columns.
    """
    return _windows_at(geometry, geometry.corners + geometry.fractions + shifts_px)


def coarser(geometry: ScanGeometry, factor: int) -> ScanGeometry:
    """Return the same windows on an object of pixels so many times as large; element [0, 0] stays where it is.

    Args:
        geometry: windows of 2 * factor times a whole number of pixels, in an object of a multiple of `factor`.
        factor: of the pixel.
    """
    if factor == 1:
        return geometry
    rows, columns = geometry.object_shape
    large = ScanGeometry(
        corners=geometry.corners,
        fractions=geometry.fractions,
        object_shape=(rows // factor, columns // factor),
        window_px=geometry.window_px // factor,
        origin_px=(geometry.origin_px[0] / factor, geometry.origin_px[1] / factor),
    )
    return _windows_at(large, (geometry.corners + geometry.fractions) / factor)


def illumination(power: np.ndarray, geometry: ScanGeometry) -> np.ndarray:
    """Return how much light all positions together bring to each pixel of the object: float64 of its shape, >= 0.

    Args:
        power: float (N, N), of the beam; taken to whole pixels.
        geometry: of the scan.
    """
    visits = np.zeros(geometry.object_shape)
    np.add.at(visits, (geometry.corners[:, 0], geometry.corners[:, 1]), 1)
    spectrum = scipy.fft.rfft2(visits) * scipy.fft.rfft2(power, visits.shape)
    return np.maximum(scipy.fft.irfft2(spectrum, visits.shape), 0)


def _windows_at(geometry: ScanGeometry, first_px: np.ndarray) -> ScanGeometry:
    """Place the windows so that their first elements are at float (positions, 2), or as near as the object allows."""
    inside = np.clip(first_px, 0, np.array(geometry.object_shape) - geometry.window_px)
    corners = np.floor(inside + 0.5)
    return replace(geometry, corners=corners.astype(np.int32), fractions=inside - corners)


def to_pixels(positions_m: np.ndarray, object_pixel_m: float) -> np.ndarray:
    """Return positions in object pixels: float64 (positions, 2), for `place_windows`."""
    with np.errstate(over="ignore"):  # place_windows refuses what is not finite
        return np.asarray(np.asarray(positions_m, dtype=np.float64) / object_pixel_m)


def nearest_m(positions_m: np.ndarray) -> np.ndarray:
    """Return the distance of every position to the nearest that lies at another place: float64 (positions,).

    Args:
        positions_m: float (positions, 2).

    Raises:
        ParameterError: the scan has no two different positions.
    """
    places, inverse = np.unique(positions_m, axis=0, return_inverse=True)
    if len(places) < 2:
        raise ParameterError("the size of the beam can't be told from a single scan position; give --probe-diameter")
    return np.asarray(np.asarray(scipy.spatial.cKDTree(places).query(places, k=2)[0])[np.ravel(inverse), 1])


def typical_step_m(positions_m: np.ndarray) -> float:
    """Return the step of a scan in m.

    It is the median distance to the nearest position, or, where positions are denser along lines than across, the root
    of the area that each has: 12 sqrt(det(covariance)) is the area of a square filled evenly.

    Args:
        positions_m: float (positions, 2).

    Raises:
        ParameterError: the scan has no two different positions.
    """
    places = np.unique(positions_m, axis=0)
    nearest = np.median(nearest_m(places))
    spread = np.cov(places.T / nearest, bias=True)
    area_step = nearest * np.sqrt(12 * np.sqrt(max(np.linalg.det(spread), 0)) / len(places))
    return float(max(nearest, area_step))


def raster_m(dims: tuple[int, int], step_m: tuple[float, float]) -> np.ndarray:
    """Return the positions of a raster scan, row by row, about 0: float64 (rows * columns, 2) in m.

    Args:
        dims: scan rows and columns.
        step_m: distance between scan rows and between scan columns.
    """
    grid = np.indices(dims).reshape(2, -1).T - (np.asarray(dims) - 1) / 2
    return np.asarray(grid * step_m)


def hexagonal_m(dims: tuple[int, int], step_m: float) -> np.ndarray:
    """Return the positions of a hexagonal scan, row by row, about 0: float64 (rows * columns, 2) in m.

    Args:
        dims: scan rows and columns.
        step_m: distance between neighbors, along a row and to the rows beside it.
    """
    grid = raster_m(dims, (np.sqrt(3) / 2 * step_m, step_m)).reshape(*dims, 2)
    grid[0::2, :, 1] -= step_m / 4
    grid[1::2, :, 1] += step_m / 4
    return grid.reshape(-1, 2)


def spiral_m(count: int, step_m: tuple[float, float]) -> np.ndarray:
    """Return the spiral that ptychopy computes: radius step * sqrt(k), angle 4 sqrt(k), k = 0, 1, ...

    Args:
        count: number of positions.
        step_m: of the rows and of the columns.

    Returns:
        float64 (count, 2) in m.
    """
    root = np.sqrt(np.arange(count))
    return np.stack([root * np.cos(4 * root), root * np.sin(4 * root)], axis=1) * step_m


def fermat_m(count: int, step_m: tuple[float, float]) -> np.ndarray:
    """Return a Fermat spiral (Huang et al., Opt. Express 22, 12634, 2014), which has no period and no preferred axis.

    Args:
        count: number of positions.
        step_m: of the raster, in rows and columns, that has as many positions on an area.

    Returns:
        float64 (count, 2) in m.
    """
    index = np.arange(count)
    radius, angle = np.sqrt(index / np.pi), index * np.pi * (3 - np.sqrt(5))
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1) * step_m


def fly_m(dims: tuple[int, int], step_m: tuple[float, float], seed: int, jitter: float = 0.1) -> np.ndarray:
    """Return the positions of a fly scan: lines driven forth and back, with the stage's jitter.

    Args:
        dims: lines, and positions on each.
        step_m: distance between the lines and along them.
        seed: of the jitter.
        jitter: standard deviation of the displacements, in steps.

    Returns:
        float64 (rows * columns, 2) in m, in the order of the drive.
    """
    grid = raster_m(dims, step_m).reshape(*dims, 2)
    grid[1::2] = grid[1::2, ::-1]
    displaced = np.random.default_rng(seed).normal(scale=jitter, size=grid.shape)
    return np.asarray((grid + displaced * step_m).reshape(-1, 2))


def transform_positions(
    positions_m: np.ndarray, experiment: Experiment, object_pixel_m: float, seed: int
) -> np.ndarray:
    """Apply the scan's settings to its positions: mirror, drift, swap, jitter, in this order.

    Args:
        positions_m: float (positions, 2), row and column in m, in the order of the scan.
        experiment: its mirror_rows, mirror_columns, drift_m (with scan_dims), swap_axes and jitter_radius_px.
        object_pixel_m: unit of the jitter.
        seed: of the jitter.

    Returns:
        float64 (positions, 2), a new array.

    Raises:
        ParameterError: a drift is given without scan dimensions, or with others than the scan has.
    """
    orientation = Orientation.of(experiment=experiment)
    moved = orientation.place(positions_m)
    if any(experiment.drift_m):
        drift_m = _scan_indices(len(moved), experiment.scan_dims) * experiment.drift_m
        moved = moved + orientation.swapped(drift_m)
    jitter = np.random.default_rng(seed).uniform(-1, 1, moved.shape)
    return np.asarray(moved + jitter * experiment.jitter_radius_px * object_pixel_m)


def _scan_indices(count: int, dims: tuple[int, int] | None) -> np.ndarray:
    """Return the scan row and scan column of every position: int (count, 2)."""
    if dims is None:
        raise ParameterError("a drift per step needs the scan dimensions; give --scan-dims, or no drift")
    if dims[0] * dims[1] != count:
        raise ParameterError(
            f"a drift per step needs the scan's true dimensions, but {dims[0]} x {dims[1]} are not its {count} "
            "positions; correct --scan-dims, or give no drift"
        )
    return np.asarray(np.indices(dims).reshape(2, -1).T)
