"""Pictures in several sizes: what a screen is given of them."""

from __future__ import annotations

import numpy as np
import pytest

from ptychogui.pictures.pyramid import pyramid, reduced
from ptychogui.pictures.thumbnails import shrink


def test_a_screen_gets_about_its_own_pixels() -> None:
    tall = pyramid(np.arange(1024 * 1024, dtype=np.float32).reshape(1024, 1024))
    assert [size.shape[0] for size in tall.sizes] == [1024, 512, 256]
    whole, box = tall.part((0, 0, 1024, 1024), (300, 300))
    assert whole.shape == (256, 256) and box == (0, 0, 1024, 1024)
    near, box = tall.part((100.5, 200, 180, 260), (300, 300))
    assert near.shape == (80, 60) and box == (100, 200, 180, 260)
    np.testing.assert_array_equal(near, tall.whole[100:180, 200:260])


def test_a_region_outside_is_cut_to_the_picture() -> None:
    part, box = pyramid(np.zeros((10, 20), np.float32)).part((-5, -5, 50, 50), (100, 100))
    assert part.shape == (10, 20) and box == (0, 0, 10, 20)
    part, _ = pyramid(np.zeros((10, 20), np.float32)).part((50, 50, 60, 60), (100, 100))
    assert part.shape == (1, 1)


def test_odd_sizes_are_halved_by_means() -> None:
    image = np.ones((301, 513), np.float32)
    halves = pyramid(image).sizes
    assert [half.shape for half in halves] == [(301, 513), (150, 256)]
    assert float(halves[1].min()) == float(halves[1].max()) == 1


@pytest.mark.parametrize(("shape", "longest_px"), [((100, 60), 100), ((100, 61), 50), ((120, 90), 20), ((101, 64), 17)])
def test_blocks_are_averaged_as_for_thumbnails(shape: tuple[int, int], longest_px: int) -> None:
    image = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    np.testing.assert_allclose(reduced(image, longest_px), shrink(image, longest_px), rtol=1e-4, atol=1e-6)
