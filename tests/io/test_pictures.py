"""Pictures: phases, ramps, limits and colors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from ptychogui.io import pictures

ROWS, COLUMNS = np.indices((40, 50))


@given(st.floats(-1.5, 1.5), st.floats(-1.5, 1.5), st.floats(-3, 3))
def test_leveling_removes_any_ramp(row_slope: float, column_slope: float, offset: float) -> None:
    bump = 0.3 * np.sin(ROWS / 3.0) * np.cos(COLUMNS / 2.0)
    ramp = row_slope * ROWS + column_slope * COLUMNS + offset
    plain = pictures.phase_image(np.exp(1j * bump), level=True)
    leveled = pictures.phase_image(np.exp(1j * (bump + ramp)), level=True)
    np.testing.assert_allclose(leveled, plain, atol=1e-5)
    assert np.abs(plain - bump).max() < 0.1


def test_nothing_but_the_mean_phase_is_removed_without_leveling() -> None:
    ramp = 0.02 * COLUMNS
    phase = pictures.phase_image(np.exp(1j * (ramp + 2.0)))
    np.testing.assert_allclose(np.diff(phase, axis=1), 0.02, atol=1e-6)
    assert abs(phase.mean()) < 1e-3


def test_a_weight_keeps_the_rest_out_of_the_plane() -> None:
    inside = COLUMNS < 30
    field = np.exp(1j * np.where(inside, 0.05 * COLUMNS, 0.0))
    phase = pictures.phase_image(field, level=True, weight=inside)
    np.testing.assert_allclose(phase[inside], 0.0, atol=1e-6)


@given(st.floats(-5, 5), st.floats(0.01, 5))
def test_leveling_keeps_the_magnitude(slope: float, height: float) -> None:
    field = height * np.exp(1j * slope * ROWS)
    np.testing.assert_allclose(np.abs(pictures.level_phase(field)), height, rtol=1e-9)


def test_an_empty_field_has_a_picture() -> None:
    assert pictures.thumbnail(np.zeros((4, 4), np.complex64)).shape == (4, 4, 3)
    assert not pictures.complex8(np.zeros((4, 4), np.complex64)).any()


def test_robust_limits_leave_out_outliers_and_what_is_no_number() -> None:
    values = np.append(np.linspace(0, 1, 1000), [1e9, np.nan, np.inf])
    low, high = pictures.robust_limits(values)
    assert 0 < low < 0.01
    assert 0.99 < high <= 1
    assert pictures.robust_limits(np.full(5, 3.0)) == (3.0, 4.0)
    assert pictures.robust_limits(np.array([np.nan])) == (0.0, 1.0)
    assert pictures.robust_limits(np.arange(10.0), np.arange(10) < 1) == (0.0, 1.0)


def test_gray_spans_black_to_white() -> None:
    np.testing.assert_array_equal(pictures.gray8(np.array([-9, 0, 1, 2, np.nan]), (0.0, 2.0)), [0, 0, 128, 255, 0])


def test_the_perceptual_map_gets_steadily_lighter() -> None:
    colors = pictures.perceptual8(np.linspace(0, 1, 64), (0.0, 1.0)).astype(float)
    luminance = (colors / 255) ** 2.2 @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(luminance) > 0).all()


def test_the_color_wheel_tells_phases_and_magnitudes_apart() -> None:
    phases = np.exp(1j * np.linspace(0, 2 * np.pi, 6, endpoint=False))
    colors = pictures.complex8(np.concatenate([phases, 0.3 * phases, [0.0]]))
    assert len({tuple(color) for color in colors.tolist()}) == 13
    assert colors[:6].sum(axis=1).min() > colors[6:12].sum(axis=1).max()
    assert colors[-1].tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("shape", "expected"), [((600, 300), (200, 100)), ((256, 17), (256, 17)), ((1000, 1), (250, 1))]
)
def test_thumbnails_are_small(shape: tuple[int, int], expected: tuple[int, int]) -> None:
    picture = pictures.thumbnail(np.ones(shape, np.complex64))
    assert picture.shape == (*expected, 3)
    assert picture.dtype == np.uint8


def test_layers_multiply() -> None:
    layers = np.stack([np.full((2, 3), 2j), np.full((2, 3), 3.0)])
    np.testing.assert_array_equal(pictures.flatten_layers(layers), np.full((2, 3), 6j))
