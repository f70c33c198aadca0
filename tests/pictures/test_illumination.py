"""Illumination: where light fell on the object."""

from __future__ import annotations

import numpy as np

from ptychogui.pictures.illumination import illumination, opacity, stretched


def test_light_lies_around_the_positions() -> None:
    probe = np.zeros((2, 16, 16), np.complex64)
    probe[:, 4:12, 4:12] = 1
    light = illumination((100, 80), probe, np.array([[30.0, 20.0], [30.0, 24.0]]))
    assert light.shape == (100, 80) and light.max() == 1
    rows, columns = np.nonzero(light > 0.1)
    assert (rows.min(), rows.max()) == (26, 33) and (columns.min(), columns.max()) == (16, 27)
    assert opacity(light)[30, 20] == 1 and opacity(light)[80, 60] == 0


def test_nothing_known_is_all_lit() -> None:
    assert illumination((8, 8), np.zeros((1, 4, 4), np.complex64), np.array([[4.0, 4.0]])).min() == 1
    assert illumination((8, 8), np.ones((1, 4, 4), np.complex64), np.empty((0, 2))).min() == 1


def test_a_small_map_is_stretched_over_the_object() -> None:
    assert stretched(np.array([[1.0, 2.0]]), (2, 4)).tolist() == [[1, 1, 2, 2], [1, 1, 2, 2]]
