"""Places of pixels in words."""

from __future__ import annotations

import numpy as np

from ptychogui.physics.pixel_text import areas_text, pixels_text


def test_whole_rows_and_columns_and_boxes_are_named() -> None:
    pixels = np.zeros((32, 32), bool)
    pixels[20:26], pixels[:, 4] = True, True
    assert areas_text(pixels) == "rows 20 to 25, column 4"
    pixels = np.zeros((32, 32), bool)
    pixels[:16, :16], pixels[30, 31] = True, True
    assert areas_text(pixels, (100, 200)) == "rows 100 to 115 of columns 200 to 215, row 130 of column 231"


def test_only_a_few_are_listed() -> None:
    pixels = np.zeros((32, 32), bool)
    pixels[::4] = True
    assert areas_text(pixels) == "row 0, row 4, row 8, row 12, ..."


def test_pixels_are_named_one_by_one() -> None:
    pixels = np.zeros((32, 32), bool)
    assert pixels_text(pixels) == ""
    pixels[3, 4] = pixels[5, 6] = True
    assert pixels_text(pixels) == "(3, 4), (5, 6)"
    assert pixels_text(pixels, (100, 200)) == "(103, 204), (105, 206)"
    pixels[7, :3] = True
    assert pixels_text(pixels) == "(3, 4), (5, 6), (7, 0), (7, 1), ..."
