"""Phases: ramps and offsets are taken out, and nothing else."""

from __future__ import annotations

import numpy as np
from hypothesis import given, strategies as st

from ptychogui.pictures.phase import level_phase, phase_image

ROWS, COLUMNS = np.indices((40, 50))


@given(st.floats(-1.5, 1.5), st.floats(-1.5, 1.5), st.floats(-3, 3))
def test_leveling_removes_any_ramp(row_slope: float, column_slope: float, offset: float) -> None:
    bump = 0.3 * np.sin(ROWS / 3.0) * np.cos(COLUMNS / 2.0)
    ramp = row_slope * ROWS + column_slope * COLUMNS + offset
    plain = phase_image(np.exp(1j * bump), level=True)
    leveled = phase_image(np.exp(1j * (bump + ramp)), level=True)
    np.testing.assert_allclose(leveled, plain, atol=1e-5)
    assert np.abs(plain - bump).max() < 0.1


def test_nothing_but_the_mean_phase_is_removed_without_leveling() -> None:
    ramp = 0.02 * COLUMNS
    phase = phase_image(np.exp(1j * (ramp + 2.0)))
    np.testing.assert_allclose(np.diff(phase, axis=1), 0.02, atol=1e-6)
    assert abs(phase.mean()) < 1e-3


def test_a_weight_keeps_the_rest_out_of_the_plane() -> None:
    inside = COLUMNS < 30
    field = np.exp(1j * np.where(inside, 0.05 * COLUMNS, 0.0))
    phase = phase_image(field, level=True, weight=inside)
    np.testing.assert_allclose(phase[inside], 0.0, atol=1e-6)


@given(st.floats(-5, 5), st.floats(0.01, 5))
def test_leveling_keeps_the_magnitude(slope: float, height: float) -> None:
    field = height * np.exp(1j * slope * ROWS)
    np.testing.assert_allclose(np.abs(level_phase(field)), height, rtol=1e-9)
