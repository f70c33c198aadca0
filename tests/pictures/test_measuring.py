"""Measuring in pictures: profiles, their edges, and rectangles."""

from __future__ import annotations

import numpy as np
import pytest

from ptychogui.pictures.measuring import line_profile, statistics


def test_a_bar_has_two_edges_at_its_sides() -> None:
    image = np.zeros((50, 100), np.float32)
    image[:, 30:70] = 1
    profile = line_profile(image, (25, 10), (25, 90))
    assert profile.distances_px[-1] == 80
    assert profile.edges_px == pytest.approx((19.5, 59.5), abs=0.3)


def test_an_even_image_has_no_edges() -> None:
    assert line_profile(np.ones((9, 9), np.float32), (1, 1), (7, 7)).edges_px == ()
    assert line_profile(np.full((9, 9), np.nan, np.float32), (1, 1), (7, 7)).edges_px == ()


def test_a_line_of_no_length_is_no_error() -> None:
    profile = line_profile(np.ones((9, 9), np.float32), (3, 3), (3, 3))
    assert profile.edges_px == () and len(profile.values) == 2


def test_what_is_not_finite_does_not_count() -> None:
    found = statistics(np.array([1, 3, np.nan]))
    assert (found.pixels, found.mean, found.deviation, found.lowest, found.highest, found.total) == (2, 2, 1, 1, 3, 4)
    assert statistics(np.array([np.nan])).pixels == 0
