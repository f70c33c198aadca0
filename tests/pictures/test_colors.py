"""Colors tell values apart."""

from __future__ import annotations

import numpy as np

from ptychogui.pictures.colors import complex8, gray8, perceptual8


def test_gray_spans_black_to_white() -> None:
    np.testing.assert_array_equal(gray8(np.array([-9, 0, 1, 2, np.nan]), (0.0, 2.0)), [0, 0, 128, 255, 0])


def test_the_perceptual_map_gets_steadily_lighter() -> None:
    colors = perceptual8(np.linspace(0, 1, 64), (0.0, 1.0)).astype(float)
    luminance = (colors / 255) ** 2.2 @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(luminance) > 0).all()


def test_the_color_wheel_tells_phases_and_magnitudes_apart() -> None:
    phases = np.exp(1j * np.linspace(0, 2 * np.pi, 6, endpoint=False))
    colors = complex8(np.concatenate([phases, 0.3 * phases, [0.0]]))
    assert len({tuple(color) for color in colors.tolist()}) == 13
    assert colors[:6].sum(axis=1).min() > colors[6:12].sum(axis=1).max()
    assert colors[-1].tolist() == [0, 0, 0]
