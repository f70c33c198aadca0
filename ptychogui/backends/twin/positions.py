"""The twins of kernels/positions.cu."""

from __future__ import annotations

import numpy as np

from ptychogui.backends.twin.common import norm, object_slopes, windows


def position_slopes(
    slopes: np.ndarray, pulls: np.ndarray, object: np.ndarray, power: np.ndarray,  # noqa: A002
    corners: np.ndarray, order: np.ndarray, start: int, count: int, first: int,
) -> None:  # fmt: skip
    """Project each position's pull on the slopes of its window, and the slopes on each other."""
    for b, window in enumerate(windows(corners, order, start, count, pulls.shape[-1])):
        (down, across), pull = object_slopes(object, window), pulls[first + b]
        products = (
            (down.conj() * pull).real, (across.conj() * pull).real,
            norm(down) * power, norm(across) * power, (down.conj() * across).real * power,
        )  # fmt: skip
        slopes[order[start + b]] = [product.sum(axis=1) for product in products]


def solve_moves(moves: np.ndarray, slopes: np.ndarray, count: int, floor: float) -> None:
    """Solve each position's two normal equations."""
    to_down, to_across, down, across, both = slopes[:count].sum(axis=2).T
    down, across = down + np.float32(floor), across + np.float32(floor)
    determinant = down * across - both**2
    moves[:count, 0] = (across * to_down - both * to_across) / determinant
    moves[:count, 1] = (down * to_across - both * to_down) / determinant


def fill_ramps(ramps: np.ndarray, rests: np.ndarray, count: int) -> None:
    """Write the phase ramps that shift by the sub-pixel rests."""
    n = ramps.shape[-1]
    frequency = np.fft.fftfreq(n, 1 / n)
    angle = -2 * np.pi / n * rests[:count, :, None] * frequency
    ramps[:count] = np.cos(angle) + 1j * np.where(2 * np.abs(frequency) == n, 0, np.sin(angle))
