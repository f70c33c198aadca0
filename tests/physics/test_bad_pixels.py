"""Bad pixels told by a few frames: those that were made bad are found, and no other."""

from __future__ import annotations

import numpy as np
import pytest

from ptychogui.physics.bad_pixels import suspicious_pixels
from ptychogui.physics.simulation import Recipe, simulate

RECIPE = Recipe(n=64, outer_zone_m=80e-9, scan_dims=(6, 6))


def known(pixels: int = 64) -> np.ndarray:
    return np.ones((pixels, pixels), bool)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("photons", [1e3, 1e5, 1e7])
def test_a_sound_detector_has_none(photons: float, seed: int) -> None:
    counts = simulate(Recipe(**{**vars(RECIPE), "photons": photons, "seed": seed})).counts
    assert not suspicious_pixels(counts.astype(float), known()).all.any()


def test_dead_pixels_in_the_light_are_found() -> None:
    scan = simulate(Recipe(**{**vars(RECIPE), "dead_pixels": 12}))
    found = suspicious_pixels(scan.counts.astype(float), known())
    around = simulate(RECIPE).counts.sum(axis=0)
    np.testing.assert_array_equal(found.dead[around > 40], scan.bad_pixels[around > 40])
    assert not found.hot.any() and not found.stuck.any()
    assert found.dead.sum() >= 3


def test_frames_that_were_not_exposed_hide_no_stuck_pixel() -> None:
    counts = simulate(RECIPE).counts.astype(float)
    counts[:, 22:24, 22] = 40
    counts[-5:] = 0
    np.testing.assert_array_equal(np.argwhere(suspicious_pixels(counts, known()).stuck), [[22, 22], [23, 22]])


def test_hot_and_stuck_pixels_are_told_apart() -> None:
    counts = simulate(RECIPE).counts.astype(float)
    rng = np.random.default_rng(0)
    counts[:, 3, 5] = rng.poisson(5000, len(counts))
    counts[:, 50, 40] = 77
    counts[:, 30, 30] = 12
    found = suspicious_pixels(counts, known())
    assert np.argwhere(found.hot).tolist() == [[3, 5]]
    assert np.argwhere(found.stuck).tolist() == [[30, 30], [50, 40]]
    assert not found.dead.any()


@pytest.mark.parametrize(("place", "jump"), [((30, 36), 600), ((20, 40), 2500), ((3, 5), 80)])
def test_a_pixel_that_flickers_is_found_in_the_light_and_in_the_dark(place: tuple[int, int], jump: int) -> None:
    counts = simulate(RECIPE).counts.astype(float)
    counts[::9, place[0], place[1]] += jump
    found = suspicious_pixels(counts, known())
    assert np.argwhere(found.flickering).tolist() == [list(place)]
    assert not (found.dead | found.hot | found.stuck).any()


def test_a_single_hit_makes_no_pixel_flicker() -> None:
    counts = simulate(RECIPE).counts.astype(float)
    counts[7, 20, 40] += 5000
    assert not suspicious_pixels(counts, known()).flickering.any()
    counts[8, 20, 40] += 5000
    assert not suspicious_pixels(counts[5:12], known()).flickering.any()
    assert suspicious_pixels(counts, known()).flickering.any()


def test_two_hot_neighbors_do_not_hide_each_other() -> None:
    counts = np.random.default_rng(0).poisson(1.0, (20, 32, 32)).astype(float)
    counts[:, 10, 10:12] += np.random.default_rng(1).poisson(100, (20, 2))
    assert np.argwhere(suspicious_pixels(counts, known(32)).hot).tolist() == [[10, 10], [10, 11]]


def test_masked_pixels_are_not_looked_at() -> None:
    counts, good = np.full((5, 16, 16), 3.0), known(16)
    counts[:, 4, 4] = 1e6
    good[4, 4] = False
    assert not suspicious_pixels(counts, good).all.any()


GAP = np.zeros((64, 64), bool)
GAP[20:23] = GAP[:, 40:42] = True


@pytest.mark.parametrize("gap", [GAP, np.roll(GAP, 3, 1), np.roll(GAP, (5, -8), (0, 1)), GAP | GAP.T])
@pytest.mark.parametrize("photons", [1e4, 1e6])
def test_good_pixels_beside_a_gap_are_not_called_bad(photons: float, gap: np.ndarray) -> None:
    counts = simulate(Recipe(**{**vars(RECIPE), "photons": photons})).counts.astype(float)
    counts[:, gap] = np.random.default_rng(2).uniform(0, 1e6, counts[:, gap].shape)
    assert not suspicious_pixels(counts, ~gap).all.any()


def test_bad_pixels_beside_a_gap_are_found() -> None:
    counts = simulate(RECIPE).counts.astype(float)
    rng = np.random.default_rng(0)
    counts[:, 30, 39] = 0
    counts[:, 5, 42] = rng.poisson(5000, len(counts))
    counts[::9, 23, 4] += 250
    counts[:, GAP] = 0
    found = suspicious_pixels(counts, ~GAP)
    assert [np.argwhere(pixels).tolist() for pixels in (found.dead, found.hot, found.flickering)] == [
        [[30, 39]], [[5, 42]], [[23, 4]]
    ]  # fmt: skip


def test_a_beam_that_ends_just_behind_a_gap_does_not_shine() -> None:
    counts = np.random.default_rng(0).poisson(0.5, (20, 32, 32)).astype(float)
    counts[:, 8:20, 8:20] += np.random.default_rng(1).poisson(100, (20, 12, 12))
    counts[:, 8:18, 19] = counts[:, 19, 19] = 0
    known = np.ones((32, 32), bool)
    known[:, 14:19] = False
    assert not suspicious_pixels(counts, known).hot.any()
