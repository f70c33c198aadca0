"""How likely photons alone are."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from ptychogui.physics.outlier_limits import surprise_limit, surprise_of_alike


@pytest.mark.parametrize("mean", [30.0, 300.0])
@pytest.mark.parametrize("frames", [2, 3, 8])
def test_equal_readings_are_as_likely_as_their_formula_says(mean: float, frames: int) -> None:
    likely = scipy.stats.poisson.pmf(np.arange(int(4 * mean)), mean)
    assert surprise_of_alike(np.array(mean), frames) == pytest.approx(-np.log(np.sum(likely**frames)), rel=0.01)


def test_more_pixels_ask_for_more_surprise() -> None:
    assert surprise_limit(1000) - surprise_limit(10) == pytest.approx(np.log(100))
    assert np.exp(-surprise_limit(512 * 512)) * 512 * 512 == pytest.approx(1e-3)
