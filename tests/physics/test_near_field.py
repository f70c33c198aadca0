"""Images near a sample are told from far fields, cut off or wide as these may be."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage

from ptychogui.physics.near_field import fringes, is_even, looks_near
from ptychogui.physics.simulation import Recipe, simulate

KNOWN = np.ones((128, 128), bool)


def says(frames: np.ndarray, known: np.ndarray | None = None) -> bool:
    good = np.ones(frames.shape[1:], bool) if known is None else known
    return is_even(frames.mean(axis=0), good) and looks_near(fringes(frames[:8], good))


def near(depth: float, counts: float, seed: int = 0) -> np.ndarray:
    """Return images (12, 128, 128) of a phase object that moves, some way behind it."""
    rng = np.random.default_rng(seed)
    rough = scipy.ndimage.gaussian_filter(rng.normal(size=(256, 256)), 3)
    wave = np.exp(1j * depth * rough / rough.std())
    f = np.fft.fftfreq(128)
    way = np.exp(-20j * np.pi * (f[:, None] ** 2 + f**2))
    corners = rng.integers(0, 128, (12, 2))
    images = [abs(np.fft.ifft2(way * np.fft.fft2(wave[r : r + 128, c : c + 128]))) ** 2 for r, c in corners]
    return rng.poisson(counts * np.array(images)).astype(float)


@pytest.mark.parametrize("counts", [20, 2000])
@pytest.mark.parametrize("depth", [0.2, 1.0])
def test_moving_fringes_up_to_the_borders_are_near_field(depth: float, counts: float) -> None:
    frames = near(depth, counts)
    assert says(frames)
    assert says(frames / counts), "in any scale of the counts"
    gaps = KNOWN.copy()
    gaps[60:68], gaps[:, 30] = False, False
    assert says(np.where(gaps, frames, 0), gaps)


@pytest.mark.parametrize("phantom", ["siemens", "cells", "grains"])
@pytest.mark.parametrize("probe", ["zone_plate", "gaussian"])
def test_a_beam_in_the_far_field_is_none(probe: str, phantom: str) -> None:
    recipe = Recipe(n=64, outer_zone_m=80e-9, scan_dims=(4, 4), probe=probe, phantom=phantom)  # type: ignore[arg-type]
    counts = simulate(recipe).counts.astype(float)
    assert not says(counts)
    assert not says(counts[:, 16:48, 16:48])
    assert not says(counts[:, 10:, :40])


def test_speckles_all_over_the_detector_are_none() -> None:
    rng = np.random.default_rng(1)
    pinhole = np.hypot(*(np.mgrid[:128, :128] - 64)) < 20
    waves = pinhole * np.exp(1j * rng.uniform(-np.pi, np.pi, (12, 128, 128)))
    frames = abs(np.fft.fft2(waves)) ** 2
    assert is_even(frames.mean(axis=0), KNOWN) or not says(frames)
    assert not says(frames)


@pytest.mark.parametrize("counts", [0.3, 5, 3000])
def test_even_light_without_fringes_is_none(counts: float) -> None:
    frames = np.random.default_rng(2).poisson(counts, (12, 128, 128)).astype(float)
    assert is_even(frames.mean(axis=0), KNOWN)
    assert fringes(frames, KNOWN) == 0


def test_nothing_at_all_is_none() -> None:
    assert not says(np.zeros((4, 32, 32)))
    assert not is_even(np.ones((32, 32)), np.zeros((32, 32), bool))
