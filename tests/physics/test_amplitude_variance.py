from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from ptychogui.physics.amplitude_variance import expected_amplitude_variance


def exact(mean: float) -> float:
    counts = np.arange(int(mean + 20 * np.sqrt(mean) + 40))
    return float(np.sum(scipy.stats.poisson.pmf(counts, mean) * (np.sqrt(counts) - np.sqrt(mean)) ** 2))


@pytest.mark.parametrize("mean", np.geomspace(1e-4, 1e4, 33))
def test_variance_follows_the_poisson_sum(mean: float) -> None:
    assert expected_amplitude_variance(mean) == pytest.approx(exact(mean), rel=0.06)


def test_limits_of_few_and_of_many_photons() -> None:
    assert expected_amplitude_variance(0.0) == 0
    assert expected_amplitude_variance(1e-9) == pytest.approx(2e-9, rel=1e-6)
    assert expected_amplitude_variance(1e9) == pytest.approx(0.25, rel=1e-6)


def test_single_precision_stays_single() -> None:
    assert expected_amplitude_variance(np.ones(3, np.float32)).dtype == np.float32
