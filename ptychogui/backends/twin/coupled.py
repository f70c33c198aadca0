"""The twins of kernels/coupled.cu."""

from __future__ import annotations

import numpy as np

from ptychogui.backends.twin.common import object_slopes, real_steps, windows


def couple_shifts(
    coupling: np.ndarray, direction: np.ndarray, object: np.ndarray, power: np.ndarray, beat: np.ndarray,  # noqa: A002
    corners: np.ndarray, order: np.ndarray, start: int, count: int,
) -> None:  # fmt: skip
    """Project what the directions of object and probe change on what each position's shift changes."""
    chosen = order[start : start + count]
    for i, window in zip(chosen, windows(corners, order, start, count, power.shape[-1]), strict=True):
        slopes = object_slopes(object, window)
        along, turned = direction[window].conj() * power, object[window].conj() * beat
        coupling[i] = [(factor * slope).real.sum(axis=1) for factor in (along, turned) for slope in slopes]


def eliminate_shifts(
    shares: np.ndarray,
    slopes: np.ndarray,
    coupling: np.ndarray,
    order: np.ndarray,
    start: int,
    count: int,
    floor: float,
) -> None:
    """Solve each position's shift for its pull and for unit steps of object and probe."""
    for i in order[start : start + count]:
        pulls_down, pulls_across, down, across, both = slopes[i].sum(axis=1)
        right = np.array([[pulls_down, pulls_across], *coupling[i].sum(axis=1).reshape(2, 2)])
        found = np.linalg.solve(np.array([[down + floor, both], [both, across + floor]]), right.T).T
        products = right @ found.T
        shares[i] = [*found.ravel(), products[1, 1], products[1, 2], products[2, 2], products[1, 0], products[2, 0]]


def solve_coupled(
    steps: np.ndarray, object_sums: np.ndarray, probe_sums: np.ndarray, cross: np.ndarray, shares: np.ndarray,
    order: np.ndarray, start: int, count: int, object_step: float, probe_step: float,
) -> None:  # fmt: skip
    """Solve the two real steps of a group whose positions are free to shift."""
    group = order[start : start + count]
    lost = shares[group, 6:].sum(axis=0)
    pulls = np.array([object_sums[0].sum(), probe_sums[0].sum()]) - lost[3:]
    lengths = np.array([object_sums[1].sum(), probe_sums[1].sum()])
    lengths = np.maximum(lengths - lost[[0, 2]], np.float32(1e-3) * lengths)
    steps[:] = real_steps(pulls, lengths, cross[group].sum() - lost[1], object_step > 0)
    steps *= np.array([object_step, probe_step], np.float32)


def take_shifts(
    moves: np.ndarray, shares: np.ndarray, steps: np.ndarray, order: np.ndarray, start: int, count: int
) -> None:
    """Shift each position as the steps of object and probe leave it."""
    group = order[start : start + count]
    moves[group] = shares[group, :2] - steps[0] * shares[group, 2:4] - steps[1] * shares[group, 4:6]
