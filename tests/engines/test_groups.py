"""Groups never overlap, hold every position once, and follow from the seed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from ptychogui.engines.groups import Grouping, SerialOrder, color, conflicts, probe_ellipse


def disc(n: int, radius: float) -> np.ndarray:
    """Return a disc in the middle of an (n, n) window."""
    rows, columns = np.mgrid[:n, :n] - n // 2
    return np.asarray(rows**2 + columns**2 <= radius**2)


@given(seed=st.integers(0, 1000), radius=st.floats(2, 9), spread=st.integers(1, 90), capacity=st.integers(1, 40))
@settings(max_examples=40, deadline=None)
def test_supports_of_a_group_never_share_a_pixel(seed: int, radius: float, spread: int, capacity: int) -> None:
    rng = np.random.default_rng(seed)
    n, support = 20, disc(20, radius)
    corners = rng.integers(0, spread, (40, 2)).astype(np.int32)
    groups = color(*conflicts(corners, support), capacity, rng)
    assert sorted(np.concatenate(groups).tolist()) == list(range(40))
    for group in groups:
        assert len(group) <= capacity
        covered = np.zeros((spread + n, spread + n), int)
        for row, column in corners[group]:
            covered[row : row + n, column : column + n] += support
        assert covered.max() == 1


def test_conflicts_are_the_pairs_that_share_a_pixel() -> None:
    corners = np.array([[0, 0], [0, 7], [0, 9], [30, 30]], dtype=np.int32)
    first, neighbors = conflicts(corners, disc(20, 4))
    found = [set(neighbors[first[i] : first[i + 1]].tolist()) for i in range(4)]
    assert found == [{1}, {0, 2}, {1}, set()]


def test_groups_are_evenly_filled() -> None:
    rng = np.random.default_rng(1)
    grid = np.stack(np.meshgrid(np.arange(12), np.arange(12), indexing="ij"), axis=-1).reshape(-1, 2) * 5
    sizes = [len(group) for group in color(*conflicts(grid.astype(np.int32), disc(20, 8)), 1000, rng)]
    assert min(sizes) >= 0.5 * max(sizes)


def test_same_seed_same_groups_and_every_draw_is_complete() -> None:
    corners = np.random.default_rng(2).integers(0, 60, (50, 2)).astype(np.int32)
    draws = [Grouping(corners, disc(20, 5), 50, np.random.default_rng(3)) for _ in range(2)]
    for _ in range(10):
        ours, theirs = (grouping.draw() for grouping in draws)
        assert all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))
        assert sorted(np.concatenate(ours).tolist()) == list(range(50))


def test_serial_order_takes_every_position_alone() -> None:
    groups = SerialOrder(9, np.random.default_rng(0)).draw()
    assert sorted(group.tolist() for group in groups) == [[i] for i in range(9)]


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99, 1.0])
def test_ellipse_holds_the_share_of_power_and_follows_the_shape(share: float) -> None:
    rows, columns = np.mgrid[:64, :64] - 32
    power = np.exp(-((rows / 10.0) ** 2) - (columns / 5.0) ** 2)
    inside = probe_ellipse(power, share)
    assert power[inside].sum() >= share * power.sum() * (1 - 1e-12)
    if share < 0.99:
        height, width = inside.any(axis=1).sum(), inside.any(axis=0).sum()
        assert height / width == pytest.approx(2, rel=0.15)
        smaller = probe_ellipse(power, share - 0.05)
        assert smaller.sum() < inside.sum()
        assert not (smaller & ~inside).any()
