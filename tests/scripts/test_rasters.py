"""A lattice of dots in an error is seen in its spectrum, and noise is not taken for one."""

from __future__ import annotations

import numpy as np

from scripts.evidence.rasters import lattice_peak

_SIDE = 200
_WAVES = np.array([[0.0, 0.0671], [0.0671, 0.0], [0.0671, 0.0671]])


def test_dots_below_stronger_noise_stand_out_and_noise_does_not() -> None:
    rng = np.random.default_rng(3)
    noise = rng.normal(size=(_SIDE, _SIDE)) + 1j * rng.normal(size=(_SIDE, _SIDE))
    rows, columns = np.indices(noise.shape)
    assert lattice_peak(noise, _WAVES) < 2.3
    assert lattice_peak(noise + 0.2 * np.cos(2 * np.pi * (0.0671 * rows + 0.0671 * columns)), _WAVES) > 5
    assert lattice_peak(noise + 0.2 * np.cos(2 * np.pi * (0.1 * rows + 0.03 * columns)), _WAVES) < 2.3
