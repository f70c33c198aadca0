"""Dead areas of every size and shape are found, and none where it is just dark."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from ptychogui.physics.dead_areas import dead_areas
from ptychogui.physics.simulation import Recipe, simulate

S = np.s_
ROWS, COLUMNS = np.mgrid[:64, :64] - 32
FARAWAY = np.hypot(ROWS, COLUMNS)


@cache
def counts(**recipe: Any) -> np.ndarray:
    values = {"n": 64, "outer_zone_m": 80e-9, "scan_dims": (6, 6), **recipe}
    return np.asarray(simulate(Recipe(**values)).counts).astype(np.float64)


def boxes(*places: Any) -> np.ndarray:
    marked = np.zeros((64, 64), bool)
    for place in places:
        marked[place] = True
    return marked


def found_in(frames: np.ndarray, known: np.ndarray | None = None) -> np.ndarray:
    return dead_areas(frames, np.ones(frames.shape[1:], bool) if known is None else known).all


SHAPES = {
    "a row": boxes(S[30]), "two columns": boxes(S[:, 40:42]), "three rows": boxes(S[20:23]),
    "six rows": boxes(S[20:26]),
    "a cross": boxes(S[31:34], S[:, 31:34]), "a wide cross": boxes(S[20:26], S[:, 40:46]),
    "several gaps": boxes(S[24:26], S[36:38], S[:, 20:23], S[:, 44:47]), "a part of a strip": boxes(S[24:28, :32]),
    "a third": boxes(S[:24]), "the upper half": boxes(S[:32]), "the right half": boxes(S[:, 32:]),
    "a quarter": boxes(S[32:, :32]), "three quarters": boxes(S[:32], S[:, :32]),
    "two modules": boxes(S[:30, :30], S[34:, 34:]),
    "a module in the middle": boxes(S[22:42, 22:42]), "a module at the edge": boxes(S[:28, 20:44]),
    "a chip": boxes(S[24:32, 40:48]), "both edges": boxes(S[:16], S[48:]), "all edges": ~boxes(S[16:48, 16:48]),
    "a beamstop": FARAWAY < 6, "a large beamstop": FARAWAY < 14, "its arm": (FARAWAY < 8) | boxes(S[30:34, :32]),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_what_counts_nothing_is_found_and_no_light_is_lost(shape: str) -> None:
    frames, dead = counts().copy(), SHAPES[shape]
    frames[:, dead] = 0
    found = found_in(frames)
    lost = counts().sum(axis=0)[found != dead]
    assert lost.sum() < 2e-4 * counts().sum(), np.argwhere(found != dead)
    assert not lost.any() or lost.max() < 300


@pytest.mark.parametrize("photons", [1e4, 1e7])
def test_a_strip_is_found_in_faint_and_bright_light(photons: float) -> None:
    frames = counts(photons=photons).copy()
    frames[:, 28:34] = 0
    np.testing.assert_array_equal(found_in(frames), boxes(S[28:34]))


@pytest.mark.parametrize("number", [1, 7, 30_000, 4294967296.0])
@pytest.mark.parametrize("shape", ["six rows", "the upper half", "a quarter", "a beamstop", "all edges"])
def test_what_always_reads_one_number_is_found(shape: str, number: float) -> None:
    frames = counts().copy()
    frames[:, SHAPES[shape]] = number
    areas = dead_areas(frames, np.ones((64, 64), bool))
    np.testing.assert_array_equal(areas.constant, SHAPES[shape])
    assert not areas.silent.any()
    assert [what for _, what in areas.kinds] == ["always read the same"]


@pytest.mark.parametrize("pedestal", [100, 0.25])
def test_what_a_detector_reads_in_the_dark_makes_no_dead_area_but_may_be_one(pedestal: float) -> None:
    frames = counts() + pedestal
    assert not found_in(frames).any()
    frames[:, 28:34] = pedestal
    np.testing.assert_array_equal(found_in(frames), boxes(S[28:34]))


def test_a_mask_may_cover_a_part_of_a_dead_area() -> None:
    frames, known = counts().copy(), ~boxes(S[22:24], S[40:])
    frames[:, 20:26] = 0
    np.testing.assert_array_equal(found_in(frames, known), boxes(S[20:22], S[24:26]))


def test_a_mask_of_all_of_it_leaves_nothing_to_find() -> None:
    frames, gap = counts().copy(), SHAPES["a wide cross"]
    frames[:, gap] = 0
    assert not found_in(frames, ~gap).any()


@pytest.mark.parametrize("place", [(22, 30), (20, 12), (25, 40)])
def test_single_hits_do_not_hide_a_dead_strip(place: tuple[int, int]) -> None:
    frames = counts().copy()
    frames[:, 20:26] = 0
    frames[7, place[0], place[1]], frames[3, 21, 50] = 1, 2
    np.testing.assert_array_equal(found_in(frames), boxes(S[20:26]) & ~boxes(S[place], S[21, 50]))


def test_a_pixel_that_shines_in_a_dead_module_does_not_hide_it() -> None:
    frames = counts().copy()
    frames[:, :32, :32] = 0
    frames[:, 10, 10] = np.random.default_rng(0).poisson(200, len(frames))
    np.testing.assert_array_equal(found_in(frames), boxes(S[:32, :32]) & ~boxes(S[10, 10]))


@pytest.mark.parametrize("phantom", ["siemens", "cells", "grains"])
@pytest.mark.parametrize("probe", ["zone_plate", "gaussian"])
@pytest.mark.parametrize("photons", [1e2, 1e3, 1e5, 1e7])
def test_a_sound_detector_has_none(photons: float, probe: str, phantom: str) -> None:
    assert not found_in(counts(photons=photons, probe=probe, phantom=phantom)).any()


@pytest.mark.parametrize("light", [1e3, 1e5, 1e7])
@pytest.mark.parametrize("frames", [3, 40])
@pytest.mark.parametrize(
    "beam",
    [
        np.exp(-(FARAWAY**2) / 2 / 1.5**2), np.exp(-(FARAWAY**2) / 2 / 6**2),
        FARAWAY < 12, (FARAWAY < 20) & (FARAWAY > 5), (abs(ROWS) < 9) & (abs(COLUMNS) < 14),
        np.hypot(ROWS + 27, COLUMNS - 9) < 11, np.ones((64, 64)), 1 / (1 + (FARAWAY / 4) ** 4),
    ],
    ids=["narrow", "wide", "disc", "ring", "rectangle", "cut off", "flat", "tails"],
)  # fmt: skip
def test_a_beam_without_a_sample_is_dark_around_and_not_dead(beam: np.ndarray, frames: int, light: float) -> None:
    rng = np.random.default_rng(3)
    bright = rng.uniform(0.5, 1.5, (frames, 1, 1))
    assert not found_in(rng.poisson(bright * beam * light / beam.sum())).any()


@pytest.mark.parametrize("mean", [0.3, 1, 3])
@pytest.mark.parametrize("frames", [2, 3, 5])
def test_chance_lets_no_pixels_read_the_same_on_a_large_detector(frames: int, mean: float) -> None:
    assert not found_in(np.random.default_rng(6).poisson(mean, (frames, 512, 512))).any()


def test_spots_of_a_lattice_are_no_modules() -> None:
    spots = sum(np.hypot(ROWS - row, COLUMNS - column) < 4 for row in (-20, 0, 20) for column in (-20, 0, 20))
    rng = np.random.default_rng(4)
    assert not found_in(rng.poisson(200.0 * spots * rng.uniform(0.5, 1.5, (20, 1, 1)))).any()


def test_frames_that_are_all_the_same_or_empty_tell_nothing() -> None:
    assert not found_in(np.repeat(counts()[:1], 20, axis=0)).any()
    assert not found_in(np.zeros((20, 64, 64))).any()
