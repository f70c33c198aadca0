"""Levels leave out outliers."""

from __future__ import annotations

import numpy as np
import pytest

from ptychogui.pictures.levels import robust_levels


def test_robust_levels_leave_out_outliers_and_what_is_no_number() -> None:
    values = np.append(np.linspace(0, 1, 1000), [1e9, np.nan, np.inf])
    low, high = robust_levels(values)
    assert 0 < low < 0.01
    assert 0.99 < high <= 1
    assert robust_levels(np.full(5, 3.0)) == (3.0, 4.0)
    assert robust_levels(np.array([np.nan])) == (0.0, 1.0)
    assert robust_levels(np.arange(10.0), np.arange(10) < 1) == (0.0, 1.0)


def test_levels_keep_zero_in_the_middle_and_a_least_range() -> None:
    assert robust_levels(np.array([-1.0, 3.0]), percent=0, about_zero=True) == (-3.0, 3.0)
    assert robust_levels(np.zeros(4), about_zero=True) == (-0.5, 0.5)
    assert robust_levels(np.full(4, 2.0), least_range=0.1) == pytest.approx((1.95, 2.05))
    assert robust_levels(np.array([0.0, 1.0]), percent=0, least_range=0.1) == (0.0, 1.0)
