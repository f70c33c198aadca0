"""Thumbnails are small."""

from __future__ import annotations

import numpy as np
import pytest

from ptychogui.pictures.colors import complex8
from ptychogui.pictures.thumbnails import flatten_layers, thumbnail


def test_an_empty_field_has_a_picture() -> None:
    assert thumbnail(np.zeros((4, 4), np.complex64)).shape == (4, 4, 3)
    assert not complex8(np.zeros((4, 4), np.complex64)).any()


@pytest.mark.parametrize(
    ("shape", "expected"), [((600, 300), (200, 100)), ((256, 17), (256, 17)), ((1000, 1), (250, 1))]
)
def test_thumbnails_are_small(shape: tuple[int, int], expected: tuple[int, int]) -> None:
    picture = thumbnail(np.ones(shape, np.complex64))
    assert picture.shape == (*expected, 3)
    assert picture.dtype == np.uint8


def test_layers_multiply() -> None:
    layers = np.stack([np.full((2, 3), 2j), np.full((2, 3), 3.0)])
    np.testing.assert_array_equal(flatten_layers(layers), np.full((2, 3), 6j))
