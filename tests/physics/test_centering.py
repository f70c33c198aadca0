"""The beam's center: exact on simulated beams, whatever the sample, the gaps, the background and the noise do."""

from __future__ import annotations

import numpy as np
import pytest

from ptychogui.physics.centering import beam_center, bright_level
from ptychogui.physics.simulation import Recipe, simulate


def mean_pattern(**recipe) -> np.ndarray:
    small = {"n": 64, "outer_zone_m": 80e-9, "scan_dims": (6, 6)}
    return np.asarray(simulate(Recipe(**{**small, **recipe})).counts.mean(axis=0))


ALL = np.ones((64, 64), bool)


@pytest.mark.parametrize("phantom", ["siemens", "cells", "grains"])
@pytest.mark.parametrize("photons", [1e3, 1e6])
def test_neither_sample_nor_noise_moves_the_center(phantom: str, photons: float) -> None:
    assert beam_center(mean_pattern(phantom=phantom, photons=photons), ALL) == pytest.approx((32, 32), abs=0.5)


@pytest.mark.parametrize("shift", [(3, -5), (-7, 0), (0, 9)])
def test_it_moves_with_the_pattern(shift: tuple[int, int]) -> None:
    moved = np.roll(mean_pattern(), shift, axis=(0, 1))
    assert beam_center(moved, ALL) == pytest.approx((32 + shift[0], 32 + shift[1]), abs=0.5)


def test_a_background_and_hot_pixels_do_not_pull() -> None:
    pattern = np.roll(mean_pattern(), (4, 4), axis=(0, 1)) + 20
    pattern[5, 60] = pattern.max() * 1000
    assert beam_center(pattern, ALL) == pytest.approx((36, 36), abs=0.5)


def test_gaps_do_not_pull() -> None:
    pattern, known = np.roll(mean_pattern(), (4, -6), axis=(0, 1)), ALL.copy()
    known[:, 10:20], known[50:54] = False, False
    assert beam_center(np.where(known, pattern, 0), known) == pytest.approx((36, 26), abs=0.5)


def test_a_large_detector_is_binned_first() -> None:
    detector = np.zeros((1100, 900))
    detector[700:764, 300:364] = mean_pattern()
    assert beam_center(detector, np.ones(detector.shape, bool)) == pytest.approx((732, 332), abs=0.5)


@pytest.mark.parametrize("known", [True, False])
def test_nothing_seen_has_no_center(known: bool) -> None:
    assert beam_center(np.zeros((32, 32)), np.full((32, 32), known)) is None


def test_the_bright_level_is_that_of_half_of_the_counts() -> None:
    assert bright_level(np.array([[0.0, 1.0, 1.0], [1.0, 7.0, 9.0]])) == 8.0
    assert bright_level(np.zeros((2, 2))) == 0.0
