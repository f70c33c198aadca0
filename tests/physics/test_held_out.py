"""Held-out pixels are known ones, all over each pattern, the same wherever a frame comes, and not known any more."""

from __future__ import annotations

import numpy as np
import pytest

from ptychogui.physics.amplitude_variance import expected_amplitude_variance
from ptychogui.physics.coarser_pixel import crop_patterns
from ptychogui.physics.held_out import HeldOut, drawn_pixels, hold_out
from ptychogui.physics.pattern_storage import KINDS, amplitudes_of, widened

_N = 32


def patterns_of(count: int, unknown: float = 0.1, kind: np.dtype = KINDS[0], n: int = _N) -> np.ndarray:
    """Draw counts of many patterns, a part of them not known."""
    rng = np.random.default_rng(0)
    counts = rng.poisson(5.0, (count, n, n)).astype(np.uint8)
    counts[rng.random(counts.shape) < unknown] = 255
    return widened(counts, kind)


def held(patterns: np.ndarray, share: float = 0.02, seed: int = 0, rows: np.ndarray | None = None) -> HeldOut:
    """Hold pixels out of frames that are in their order."""
    found = hold_out(patterns, np.arange(len(patterns)) if rows is None else rows, share, seed)
    assert found is not None
    return found


def as_mask(found: HeldOut, n: int = _N) -> np.ndarray:
    mask = np.zeros((len(found.pixels), n * n), bool)
    for row, pixels in zip(mask, found.pixels, strict=True):
        row[pixels[pixels >= 0]] = True
    return mask.reshape(-1, n, n)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_held_out_is_known_and_is_not_known_any_more(kind: np.dtype) -> None:
    patterns = patterns_of(50, kind=kind)
    before = amplitudes_of(patterns).copy()
    found = held(patterns)
    mask = as_mask(found)
    assert (before[mask] >= 0).all() and mask.sum() == found.count
    assert np.array_equal(amplitudes_of(patterns), np.where(mask, -1, before))
    for pixels, amplitudes, whole in zip(found.pixels, found.amplitudes, before, strict=True):
        assert np.array_equal(amplitudes, np.where(pixels >= 0, whole.reshape(-1)[pixels], 0))
        assert len(set(pixels[pixels >= 0].tolist())) == np.count_nonzero(pixels >= 0)


def test_it_is_the_share_of_the_known_pixels_at_every_radius() -> None:
    patterns = patterns_of(3000, unknown=0.3)
    known = amplitudes_of(patterns) >= 0
    mask = as_mask(held(patterns))
    along = np.fft.fftfreq(_N, 1 / _N)
    radii = np.hypot(along[:, None], along)
    for low, high in ((0, 1), (1, 3), (3, 6), (6, 10), (10, 16), (16, 23)):
        ring = (radii >= low) & (radii < high)
        expected = 0.02 * known[:, ring].sum()
        assert abs(mask[:, ring].sum() - expected) < 5 * np.sqrt(expected)
    whole = patterns_of(200, unknown=0)
    counts = (held(whole).pixels >= 0).sum(axis=1)
    assert counts.min() >= counts.max() - 1 == drawn_pixels(_N, 0.02) - 1 == 20


def test_each_pattern_has_others_and_each_pixel_its_turn() -> None:
    mask = as_mask(held(patterns_of(3000, unknown=0)))
    shared = np.count_nonzero(mask[1:] & mask[:-1]) / np.count_nonzero(mask)
    assert shared < 0.03
    turns = mask.sum(axis=0)
    assert turns.min() > 20 and turns.max() < 110  # 60 on the average


def test_a_frame_has_the_same_pixels_wherever_it_comes_and_whatever_is_masked() -> None:
    whole = as_mask(held(patterns_of(100, unknown=0)))
    rows = np.array([70, 3, 3, 99, 0, 41])
    some = as_mask(held(patterns_of(100, unknown=0)[rows], rows=rows))
    assert np.array_equal(some, whole[rows])
    masked = patterns_of(100, unknown=0.4)
    known = amplitudes_of(masked) >= 0
    assert np.array_equal(as_mask(held(masked)), whole & known)
    many = np.arange(3000)[::-1]  # more than are drawn for at a time
    assert np.array_equal(as_mask(held(patterns_of(3000, unknown=0), rows=many))[-100:], whole[::-1])


def test_the_seed_chooses() -> None:
    first, again, other = (as_mask(held(patterns_of(20), seed=seed)) for seed in (0, 0, 1))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_no_share_and_no_known_pixel_give_none() -> None:
    patterns = patterns_of(3)
    before = patterns.copy()
    assert hold_out(patterns, np.arange(3), 0.0, 0) is None
    assert np.array_equal(patterns, before)
    assert hold_out(np.full((3, 8, 8), 255, np.uint8), np.arange(3), 0.1, 0) is None


def test_a_few_of_many_small_patterns_are_held_out() -> None:
    """Less than one of each pattern: a pattern in six has one."""
    found = held(patterns_of(600, unknown=0, n=4), share=0.01)
    assert found.pixels.shape == (600, 1)
    assert 60 < found.count < 140


def test_those_of_cropped_patterns_are_the_same() -> None:
    patterns = patterns_of(30)
    before = patterns.copy()
    found = held(patterns)
    cropped = found.cropped(_N, 12)
    assert cropped is not None and found.cropped(_N, _N) is found
    mask = as_mask(cropped, 12)
    assert np.array_equal(mask, crop_patterns(as_mask(found), 12))
    assert np.array_equal(crop_patterns(patterns, 12)[mask], np.full(mask.sum(), 255))
    for pixels, amplitudes, whole in zip(
        cropped.pixels, cropped.amplitudes, amplitudes_of(crop_patterns(before, 12)), strict=True
    ):
        there = pixels >= 0
        assert np.array_equal(amplitudes[there], whole.reshape(-1)[pixels[there]])
    far = HeldOut(np.array([[_N * 16 + 16]], np.int32), np.ones((1, 1), np.float32))
    assert far.cropped(_N, 12) is None


def test_expected_is_what_photon_noise_makes_of_them() -> None:
    found = HeldOut(np.array([[3, 5, -1]], np.int32), np.array([[30.0, 1.0, 9.0]], np.float32))
    wanted = expected_amplitude_variance(np.array([900.0, 1.0])).sum()
    assert found.expected == pytest.approx(wanted) and found.count == 2
