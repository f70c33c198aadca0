"""Lattices of made-up scans are found, with their frequencies, and no others are."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import pytest

from ptychogui.physics.scan_lattice import find_lattice, sample, strengths, traded_share
from ptychogui.physics.simulation import simulate
from tests.engines.scans import SMALL


def raster(rows: int, columns: int, first: tuple[float, float], second: tuple[float, float]) -> np.ndarray:
    """Return positions at whole multiples of two vectors, in px."""
    counts = np.argwhere(np.ones((rows, columns)))
    return np.asarray(counts @ np.array([first, second]))


LATTICES = {
    "raster": ((9.94, 0.0), (0.0, 9.94)),
    "oblong": ((6.5, 0.0), (0.0, 13.0)),
    "skewed": ((9.9, 1.3), (0.7, 12.1)),
    "turned": ((12.0, 9.0), (-9.0, 12.0)),
    "hexagonal": ((8.66, 5.0), (0.0, 10.0)),
}


@pytest.mark.parametrize("vectors", LATTICES.values(), ids=LATTICES.keys())
def test_waves_are_the_reciprocal_lattice(vectors: tuple[tuple[float, float], tuple[float, float]]) -> None:
    waves = find_lattice(raster(20, 20, *vectors) + np.array([100.3, -7.1]))
    turns = waves @ np.array(vectors).T
    np.testing.assert_allclose(turns, np.rint(turns), atol=1e-3)
    assert len(waves) >= 8
    lengths = np.hypot(*waves.T)
    assert (np.diff(lengths) > -1e-9).all()
    basis = np.linalg.inv(np.array(vectors)).T
    shortest = min(np.hypot(*(np.array(pair) @ basis)) for pair in np.ndindex(3, 3) if any(pair))
    assert lengths[0] <= shortest + 1e-5
    pairs = {tuple(np.rint(turn)) for turn in turns}
    assert not pairs & {(-row, -column) for row, column in pairs}, "one of each pair of opposite waves"


def test_lines_at_equal_distances_are_a_lattice_across_them() -> None:
    lines = raster(20, 20, (10.0, 0.0), (0.0, 10.0))
    lines[:, 1] += np.repeat(np.random.default_rng(1).uniform(-5, 5, 20), 20)
    waves = find_lattice(lines)
    np.testing.assert_allclose(np.abs(waves), [[0.1, 0], [0.2, 0], [0.3, 0]], atol=1e-3)


def test_jitter_takes_high_waves_first_and_at_last_all() -> None:
    exact, rng = raster(20, 20, (10.0, 0.0), (0.0, 10.0)), np.random.default_rng(3)
    counts = [len(find_lattice(exact + rng.uniform(-jitter, jitter, exact.shape))) for jitter in (0, 0.2, 0.5, 1, 2)]
    assert counts == sorted(counts, reverse=True)
    assert counts[1] == counts[0] > counts[2] > counts[3] > counts[4] == 0


def test_no_lattice_where_there_is_none() -> None:
    turn = np.arange(400)
    spiral = 6 * np.sqrt(turn)[:, None] * np.stack([np.cos(2.39996 * turn), np.sin(2.39996 * turn)], axis=-1)
    few = raster(6, 6, (10.0, 0.0), (0.0, 10.0))
    fine = raster(20, 20, (2.0, 0.0), (0.0, 2.0))  # no object has much at half a cycle a pixel
    line = raster(1, 9, (10.0, 0.0), (0.0, 10.0))
    for positions in (few, fine, spiral, spiral[:1], spiral[:3], np.zeros((50, 2)), line):
        assert find_lattice(positions).shape == (0, 2)


@pytest.mark.parametrize(("scan", "found"), [("raster", True), ("spiral", False)])
def test_scans_of_the_simulation(scan: Literal["raster", "spiral"], found: bool) -> None:
    recipe = replace(SMALL, scan=scan, photons=1e3)
    positions = simulate(recipe).positions_m / recipe.object_pixel_m
    assert bool(len(find_lattice(positions))) == found


def test_a_large_scan_is_judged_all_over_by_some_of_its_positions() -> None:
    positions = raster(300, 400, (7.3, 0.1), (-0.05, 5.1))
    waves = find_lattice(positions)
    chosen = sample(positions)
    assert len(chosen) == 10_000 == len(set(chosen.tolist()))
    np.testing.assert_allclose(strengths(waves, positions), 1, atol=0.01)


def test_the_share_that_is_traded_follows_the_strength() -> None:
    np.testing.assert_allclose(traded_share(np.array([0.5, 0.9, 0.94, 0.98, 1.0])), [0, 0, 0.5, 1, 1])
