"""The coarse problem against the fine one: exact where both describe the same band-limited fields."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ptychogui.physics.coarser_pixel import (
    counts_share,
    crop_patterns,
    matching_scale,
    resample_object,
    resample_probe,
)
from ptychogui.physics.probe import gaussian
from ptychogui.physics.scan import ScanGeometry, coarser, place_windows
from ptychogui.physics.simulation import intensities

N = 48


def smooth_field(shape: tuple[int, int], band: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return coefficients (2 band + 1)^2 of a random periodic field, and the field on a grid, by the sum itself."""
    rng = np.random.default_rng(seed)
    coefficients = rng.normal(size=(2 * band + 1,) * 2) + 1j * rng.normal(size=(2 * band + 1,) * 2)
    return coefficients, evaluated(coefficients, shape)


def evaluated(coefficients: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    band = len(coefficients) // 2
    rows, columns = (
        np.exp(2j * np.pi * np.outer(np.arange(size) / size, np.arange(-band, band + 1))) for size in shape
    )
    return np.asarray(rows @ coefficients @ columns.T)


def relative(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


def resized_power(probe: np.ndarray, power: float) -> np.ndarray:
    return np.asarray(probe * np.sqrt(power / np.sum(np.abs(probe) ** 2)))


def tiled_problem(band: int, factor: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, ScanGeometry]:
    """Return an object of two periods of N, a probe and windows at random places: all sums of a few frequencies."""
    probe = np.stack([smooth_field((N, N), band, seed + mode)[1] for mode in range(2)])
    obj = np.tile(1 + 0.1 * smooth_field((N, N), band, seed + 5)[1], (2, 2))
    positions = np.random.default_rng(seed).uniform(0, 40, (7, 2))
    geometry = place_windows(positions, N, multiple=factor)
    assert max(geometry.object_shape) <= 2 * N
    return obj, probe, replace(geometry, object_shape=(2 * N, 2 * N))


@pytest.mark.parametrize("factor", [2, 4])
def test_the_coarse_problem_gives_the_middle_of_the_fine_patterns(factor: int) -> None:
    obj, probe, geometry = tiled_problem(band=2, factor=factor)
    fine = np.concatenate(list(intensities(obj, probe, geometry)))
    small = resample_object(obj, (2 * N // factor, 2 * N // factor))
    coarse = np.concatenate(list(intensities(small, resample_probe(probe, N // factor), coarser(geometry, factor))))
    np.testing.assert_allclose(coarse, crop_patterns(fine, N // factor), rtol=0, atol=2e-5 * fine.max())
    assert counts_share(np.sqrt(coarse), np.sqrt(fine)) == pytest.approx(1, abs=1e-5)


def test_a_beam_on_an_object_without_period_is_modelled_as_well() -> None:
    factor, rng = 2, np.random.default_rng(3)
    geometry = place_windows(rng.uniform(0, 60, (9, 2)), 64, margin_px=8, multiple=factor)
    obj = 1 + 0.05 * smooth_field(geometry.object_shape, 6, 1)[1]
    probe = 1e3 * gaussian(64, 1.0, 9.0)
    fine = np.concatenate(list(intensities(obj, probe, geometry)))
    rows, columns = geometry.object_shape
    small = resample_object(obj, (rows // factor, columns // factor))
    coarse = np.concatenate(list(intensities(small, resample_probe(probe, 32), coarser(geometry, factor))))
    assert relative(np.sqrt(coarse), np.sqrt(crop_patterns(fine, 32))) < 1e-3


@pytest.mark.parametrize(("large", "small"), [(48, 24), (48, 25), (45, 24), (45, 15)])
@pytest.mark.parametrize("kind", [np.uint16, np.float32])
def test_the_middle_is_kept_as_it_is(large: int, small: int, kind: type) -> None:
    stack: np.ndarray = np.random.default_rng(0).integers(0, 1000, (3, large, large)).astype(kind)
    cropped = crop_patterns(stack, small)
    assert cropped.dtype == kind
    first = large // 2 - small // 2
    middle = np.fft.fftshift(stack, axes=(1, 2))[:, first : first + small, first : first + small]
    np.testing.assert_array_equal(np.fft.fftshift(cropped, axes=(1, 2)), middle)


@pytest.mark.parametrize(("fine", "coarse"), [((48, 60), (24, 30)), ((45, 63), (15, 21)), ((48, 45), (16, 15))])
def test_an_object_keeps_its_values_at_its_places(fine: tuple[int, int], coarse: tuple[int, int]) -> None:
    coefficients, obj = smooth_field(fine, 7, 0)
    small = resample_object(obj, coarse)
    assert relative(small, evaluated(coefficients, coarse)) < 1e-6
    assert relative(resample_object(small, fine), obj) < 1e-6
    assert small.dtype == np.complex64


def test_empty_space_stays_empty() -> None:
    np.testing.assert_allclose(resample_object(np.ones((48, 60), np.complex64), (12, 15)), 1, atol=1e-6)


@pytest.mark.parametrize(("fine", "coarse"), [(48, 24), (48, 15), (45, 24), (45, 15)])
def test_a_probe_keeps_its_power_and_its_place(fine: int, coarse: int) -> None:
    beam = gaussian(fine, 1.0, 9.0) * (3 + 4j)
    small = resample_probe(beam, coarse)
    assert relative(small, gaussian(coarse, fine / coarse, 9.0) * (3 + 4j)) < 1e-3
    assert np.sum(np.abs(small) ** 2) == pytest.approx(np.sum(np.abs(beam) ** 2), rel=1e-5)
    assert relative(resample_probe(small, fine), beam) < 1e-3


def test_every_frequency_of_a_coarse_probe_is_found_again() -> None:
    rng = np.random.default_rng(1)
    small = (rng.normal(size=(2, 24, 24)) + 1j * rng.normal(size=(2, 24, 24))).astype(np.complex64)
    assert relative(resample_probe(resample_probe(small, 48), 24), small) < 1e-6


def test_a_probe_is_scaled_to_the_known_counts() -> None:
    obj, probe, geometry = tiled_problem(band=3, factor=1)
    probe = resized_power(probe, 1e5)
    amplitudes = np.sqrt(np.concatenate(list(intensities(obj, probe, geometry))))
    amplitudes[:, 5:9, 3] = -1
    counts = np.where(amplitudes < 0, np.iinfo(np.uint16).max, np.rint(amplitudes**2)).astype(np.uint16)
    for patterns in (amplitudes, counts):
        assert matching_scale(probe * 0.3, obj, geometry, patterns) == pytest.approx(1 / 0.3, rel=1e-3)


def test_nothing_can_be_scaled_to_no_counts() -> None:
    obj, probe, geometry = tiled_problem(band=2, factor=1)
    dark = np.zeros((7, N, N), np.uint8)
    assert matching_scale(probe, obj, geometry, dark) is None
    assert matching_scale(probe, 0 * obj, geometry, dark + 1) is None
    assert counts_share(crop_patterns(dark, 24), dark) == 1
