"""Patterns made ready for the screen, and what a detector's pixel tells of the sample."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ptychogui.params.model import Parameters
from ptychogui.pictures.pattern_geometry import pattern_geometry
from ptychogui.pictures.pattern_picture import pattern_picture


def test_what_is_masked_neither_counts_nor_sets_the_levels() -> None:
    counts, bad = np.full((10, 10), 9, np.uint32), np.zeros((10, 10), bool)
    counts[0, 0], bad[0, 0] = 10**9, True
    picture = pattern_picture(counts, bad)
    assert picture.total == 99 * 9 and picture.levels[1] == pytest.approx(1.0)
    assert pattern_picture(counts).levels[1] > 5


def test_what_is_no_number_is_shown_as_nothing() -> None:
    picture = pattern_picture(np.array([[np.nan, -3.0], [np.inf, 9.0]]))
    assert picture.logs.whole.tolist() == [[0, 0], [0, 1]]
    assert pattern_picture(np.zeros((2, 2)), np.ones((2, 2), bool)).levels == (0.0, 0.1)


def known(**values: object) -> Parameters:
    given = {"experiment.energy_eV": 12398.42, "experiment.distance_m": 2.0, "experiment.detector_pixel_m": 1e-4}
    return Parameters().replace(given | {path.replace("__", "."): value for path, value in values.items()})


def test_the_frequency_rises_with_the_distance_from_the_beam() -> None:
    beam = pattern_geometry(known(preprocessing__center_px=(60.0, 70.0), preprocessing__size_px=64), (128, 128))
    assert beam is not None and beam.is_given and beam.center_px == (60, 70) and beam.side_px == 64
    assert beam.frequency(60, 70) == 0
    assert beam.frequency(63, 74) == pytest.approx(5 * 1e-4 / (1e-10 * 2), rel=1e-5)


def test_joined_pixels_make_the_square_larger() -> None:
    beam = pattern_geometry(known(preprocessing__bin_px=2, preprocessing__size_px=32), (128, 128))
    assert beam is not None and (beam.side_px, beam.bin_px, beam.is_given) == (64, 2, False)
    assert beam.center_px == (64, 64)


def test_what_is_not_known_is_not_said() -> None:
    beam = pattern_geometry(Parameters(), (128, 128))
    assert beam is not None and math.isnan(beam.frequency(1, 1))
    assert pattern_geometry(known(preprocessing__direct_beam="corner"), (128, 128)) is None
    assert pattern_geometry(known(preprocessing__center_px=(900.0, 70.0)), (128, 128)) is None
