"""Constraints against their formulas, and against what they must leave alone: the diffraction patterns."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scipy.fft
import scipy.ndimage

from ptychogui.backends import Backend, open_backend
from ptychogui.engines import Problem, create_engine
from ptychogui.engines.constraints import Changes, Constraints, clamp, measured_counts, normalize, smooth
from ptychogui.params.reconstruction import Reconstruction
from ptychogui.physics.metrics import align
from ptychogui.physics.pattern_storage import compact
from ptychogui.physics.probe import gaussian, guess_probe, power_radius_px, radii_px, scale_to_counts
from ptychogui.physics.scan import ScanGeometry, place_windows
from ptychogui.physics.simulation import Recipe, intensities, simulate

N = 24
MARGIN = 8


def noise(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Return complex64 normal noise."""
    rng = np.random.default_rng(seed)
    return np.asarray(rng.standard_normal(shape) + 1j * rng.standard_normal(shape), np.complex64)


def disc(radius: float, n: int = N) -> np.ndarray:
    """Mark the pixels within a radius of the center."""
    return np.asarray(radii_px(n) <= radius)


def problem_of(probe: np.ndarray, seed: int = 0) -> Problem:
    """Return a scan of 12 random positions over a random object, with room around, and its exact patterns."""
    n = probe.shape[-1]
    geometry = place_windows(np.random.default_rng(seed).uniform(0, 20, (12, 2)).round(), n, MARGIN)
    obj = 1 + 0.5 * noise(geometry.object_shape, seed + 1)
    patterns = np.sqrt(np.concatenate(list(intensities(obj, probe, geometry))))
    return Problem(patterns, geometry, probe, obj)


def three_modes(seed: int = 5) -> np.ndarray:
    """Return a probe of three modes that are not orthogonal, inside a disc."""
    weights = np.array([3, 2, 1], np.float32)[:, None, None] * disc(7)
    return np.asarray(noise((3, N, N), seed) * weights)


def constrain(
    problem: Problem, backend: Backend, iteration: int = 1, **values: Any
) -> tuple[np.ndarray, np.ndarray, Changes]:
    """Apply the constraints of an iteration; return object, probe and what was changed."""
    first = {"noise_model": "gaussian", "update_probe": 1, "update_modes": 1, "orthogonalize_every": 1000}
    settings = Reconstruction(**{**first, **values})
    obj, probe = backend.asarray(problem.object.copy()), backend.asarray(problem.probe.copy())
    changes = Constraints(problem, settings, backend).apply(iteration, obj, probe)
    return backend.to_numpy(obj), backend.to_numpy(probe), changes


def exit_waves(obj: np.ndarray, probe: np.ndarray, geometry: ScanGeometry) -> np.ndarray:
    """Return complex (positions, modes, N, N)."""
    n = probe.shape[-1]
    return np.stack([probe * obj[row : row + n, column : column + n] for row, column in geometry.corners])


def patterns_of(obj: np.ndarray, probe: np.ndarray, geometry: ScanGeometry) -> np.ndarray:
    """Return the exact mean counts."""
    return np.concatenate(list(intensities(obj, probe, geometry)))


def relative(found: np.ndarray, expected: np.ndarray) -> float:
    """Return the largest difference over the largest value."""
    return float(abs(found - expected).max() / abs(expected).max())


@pytest.mark.parametrize("away", [(3, -4), (-5, 0), (1, 1)])
def test_centering_moves_exit_waves_as_a_whole(backend: Backend, away: tuple[int, int]) -> None:
    beam = noise((2, N, N), 1) * disc(6)
    beam = beam + beam[:, ::-1, ::-1][:, np.r_[N - 1, : N - 1]][:, :, np.r_[N - 1, : N - 1]]  # even: centered
    problem = problem_of(np.roll(beam, away, (1, 2)))
    obj, probe, changes = constrain(problem, backend, center_probe=1)
    assert backend.to_numpy(changes.shift).tolist() == [-away[0], -away[1]]
    assert np.array_equal(probe, beam)
    before = exit_waves(problem.object, problem.probe, problem.geometry)
    back = (-away[0], -away[1])
    assert np.array_equal(exit_waves(obj, probe, problem.geometry), np.roll(before, back, (-2, -1)))


@pytest.mark.parametrize("seed", range(4))
def test_centering_leaves_at_most_half_a_pixel_and_then_rests(backend: Backend, seed: int) -> None:
    away = np.random.default_rng(seed).uniform(-5, 5, 2)
    rows, columns = np.mgrid[:N, :N] - N // 2
    beam = np.exp(-((rows - away[0]) ** 2 + (columns - away[1]) ** 2) / 8)[None].astype(np.complex64)
    problem = problem_of(beam)
    obj, probe, _ = constrain(problem, backend, center_probe=1)
    left = scipy.ndimage.center_of_mass(abs(probe[0]) ** 2) - np.array(N // 2)
    assert abs(left).max() < 0.51
    assert relative(patterns_of(obj, probe, problem.geometry), np.square(problem.patterns)) < 1e-4
    again, _, changes = constrain(replace(problem, probe=probe, object=obj), backend, center_probe=1)
    assert not backend.to_numpy(changes.shift).any()
    assert np.array_equal(again, obj)


def test_centering_repeats_the_rim_of_the_object(backend: Backend) -> None:
    problem = problem_of(np.roll(three_modes(), (3, -2), (1, 2)))
    obj, _, changes = constrain(problem, backend, center_probe=1)
    moved = scipy.ndimage.shift(problem.object, backend.to_numpy(changes.shift), order=0, mode="nearest")
    assert np.array_equal(obj, moved)


def test_support_is_zero_outside_its_disc(backend: Backend) -> None:
    problem = replace(problem_of(noise((2, N, N), 3)), object_pixel_m=5e-9)
    _, probe, changes = constrain(problem, backend, probe_support_m=60.5e-9)
    assert np.array_equal(probe, problem.probe * disc(6))
    assert changes == Changes(probe=True)


def test_threshold_follows_the_smoothed_intensity(backend: Backend) -> None:
    beam = gaussian(64, 1.0, 12.0) * (1 + 0.1 * noise((2, 64, 64), 4))
    problem = problem_of(beam.astype(np.complex64))
    _, probe, _ = constrain(problem, backend, probe_threshold=0.1)
    smoothed = scipy.ndimage.gaussian_filter((abs(problem.probe) ** 2).sum(axis=0), 1.0, mode="wrap", truncate=8)
    sure = abs(smoothed / smoothed.max() - 0.1) > 1e-3
    kept = smoothed >= 0.1 * smoothed.max()
    assert 0.02 < kept.mean() < 0.2
    assert np.array_equal(probe[:, sure], (problem.probe * kept)[:, sure])


def test_orthogonal_modes_keep_the_patterns(backend: Backend) -> None:
    problem = problem_of(three_modes())
    obj, probe, changes = constrain(problem, backend, orthogonalize_every=1)
    modes = probe.reshape(3, -1).astype(np.complex128)
    gram = modes @ modes.conj().T
    assert relative(gram, np.diag(np.sort(gram.diagonal().real)[::-1])) < 1e-6
    assert relative(patterns_of(obj, probe, problem.geometry), np.square(problem.patterns)) < 1e-5
    turned = np.tensordot(backend.to_numpy(changes.rotation), problem.probe, 1)
    assert relative(probe, turned) < 1e-6


def test_power_is_that_of_the_counts_and_exit_waves_stay(backend: Backend) -> None:
    problem = problem_of(three_modes())
    obj, probe, changes = constrain(problem, backend, keep_power=1)
    assert (abs(probe) ** 2).sum() == pytest.approx(np.square(problem.patterns).sum() / 12, rel=1e-5)
    before = exit_waves(problem.object, problem.probe, problem.geometry)
    assert relative(exit_waves(obj, probe, problem.geometry), before) < 1e-6
    assert relative(probe, problem.probe * float(backend.to_numpy(changes.scale))) < 1e-6


@pytest.mark.parametrize("kind", [np.float32, np.uint16])
def test_counts_of_pixels_that_are_never_known_are_the_probe_s(kind: type) -> None:
    probe = scale_to_counts(gaussian(N, 1.0, 5.0), 1e4)
    far = abs(scipy.fft.fft2(probe[0], norm="ortho"))
    amplitudes = np.stack([far, 2 * far]).astype(np.float32)
    if kind is np.uint16:
        amplitudes = np.sqrt(np.rint(amplitudes**2))
    amplitudes[:, :3] = -1
    amplitudes[1, 3] = -1
    expected = (far**2)[4:].sum() * 2.5 + (far**2)[3].sum()
    share = (far**2)[3:].sum() / (far**2).sum()
    patterns = compact(amplitudes) if kind is np.uint16 else amplitudes
    assert patterns.dtype == kind
    assert measured_counts(patterns, probe) == pytest.approx(expected / share, rel=1e-3)


def test_normalizing_brings_the_illuminated_modulus_to_one(backend: Backend) -> None:
    problem = problem_of(three_modes())
    weight = np.random.default_rng(0).random(problem.object.shape).astype(np.float32)
    obj, probe = backend.asarray(3 * problem.object), backend.asarray(problem.probe.copy())
    factor = normalize(obj, probe, backend.asarray(weight), backend.xp)
    scaled = backend.to_numpy(obj)
    assert np.average(abs(scaled), weights=weight) == pytest.approx(1, rel=1e-6)
    assert relative(scaled * float(backend.to_numpy(factor)), 3 * problem.object) < 1e-6
    assert relative(backend.to_numpy(probe), problem.probe * float(backend.to_numpy(factor))) < 1e-6


@pytest.mark.parametrize("weight", [0.03, 0.125])
def test_smoothing_is_a_convolution_that_repeats_the_rim(backend: Backend, weight: float) -> None:
    before = noise((17, 23), 6)
    obj = backend.asarray(before.copy())
    smooth(obj, weight)
    cross = weight * np.array([[0, 1, 0], [1, 1 / weight - 4, 1], [0, 1, 0]])
    expected = scipy.ndimage.convolve(before.astype(np.complex128), cross, mode="nearest")
    found = backend.to_numpy(obj)
    assert relative(found, expected) < 1e-6
    assert abs(found).max() <= abs(before).max()
    assert found.sum(dtype=np.complex128) == pytest.approx(before.sum(dtype=np.complex128), rel=1e-5)


def test_the_finest_chequers_are_what_smoothing_takes_away(backend: Backend) -> None:
    rows, columns = np.mgrid[:20, :20]
    obj = backend.asarray(np.where((rows + columns) % 2, 1, -1).astype(np.complex64))
    smooth(obj, 0.125)
    assert abs(backend.to_numpy(obj)[1:-1, 1:-1]).max() < 1e-6


def test_clamp_shortens_what_is_too_long_and_keeps_its_phase(backend: Backend) -> None:
    before = noise((31, 33), 7)
    before[0, 0] = 0
    obj = backend.asarray(before.copy())
    clamp(obj, 1.2, backend.xp)
    found, long = backend.to_numpy(obj), abs(before) > 1.2
    assert np.array_equal(found[~long], before[~long])
    assert abs(abs(found[long]) - 1.2).max() < 1e-6
    assert abs(np.angle(found[long] * before[long].conj())).max() < 1e-6


def test_positive_phases_become_zero_until_their_iteration(backend: Backend) -> None:
    problem = problem_of(three_modes())
    obj, _, changes = constrain(problem, backend, 4, phase_constraint=4)
    before = problem.object.astype(np.complex128)
    expected = abs(before) * np.exp(1j * np.minimum(np.angle(before), 0))
    assert changes == Changes(object=True)
    assert relative(obj, expected) < 1e-6
    obj, _, changes = constrain(problem, backend, 5, phase_constraint=4)
    assert changes == Changes()
    assert np.array_equal(obj, problem.object)


def test_no_constraint_undoes_another(backend: Backend) -> None:
    problem = problem_of(np.roll(noise((3, N, N), 8) * disc(8), (2, -1), (1, 2)))
    every: dict[str, Any] = {
        "center_probe": 1, "probe_support_m": 13.0, "probe_threshold": 0.05, "orthogonalize_every": 1, "keep_power": 1,
        "object_smoothness": 0.1, "object_clamp": 0.9, "phase_constraint": 1,
    }  # fmt: skip
    obj, probe, changes = constrain(problem, backend, **every)
    assert changes.probe and changes.object
    assert not probe[:, ~disc(6.5)].any()
    modes = probe.reshape(3, -1).astype(np.complex128)
    gram = modes @ modes.conj().T
    assert relative(gram, np.diag(gram.diagonal().real)) < 1e-6
    counts = np.square(problem.patterns, dtype=np.float64).sum() / len(problem.patterns)
    assert (abs(probe) ** 2).sum() == pytest.approx(counts, rel=1e-5)
    assert abs(obj).max() < 0.9 * (1 + 1e-6)
    assert obj.imag.max() <= 0


def due(schedule: str, name: str, iterations: int, backend: Backend, **values: Any) -> list[int]:
    """Return the iterations in which a scheduled constraint acts."""
    problem = problem_of(three_modes())
    field = {"center_probe": "shift", "keep_power": "scale"}[name]
    acted = (constrain(problem, backend, i, **{name: schedule, **values})[2] for i in range(1, iterations + 1))
    return [i for i, changes in enumerate(acted, 1) if getattr(changes, field) is not None]


@pytest.mark.parametrize("name", ["center_probe", "keep_power"])
def test_schedules_say_when(backend: Backend, name: str) -> None:
    assert due("2:6:2", name, 8, backend) == [2, 4, 6]
    assert due("never", name, 3, backend) == []


@pytest.mark.parametrize("frozen", ["update_probe", "update_object"])
@pytest.mark.parametrize("name", ["center_probe", "keep_power"])
def test_what_changes_both_waits_for_both(backend: Backend, name: str, frozen: str) -> None:
    assert due("1", name, 4, backend, **{frozen: "3"}) == [3, 4]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, [5, 10, 15]),
        ({"update_modes": "7"}, [10, 15]),
        ({"update_modes": "1:6"}, [5, 10]),
        ({"update_probe": "2::4"}, [5, 10, 15]),
        ({"update_modes": "never"}, []),
    ],
)
def test_modes_are_orthogonalized_after_they_moved(
    backend: Backend, values: dict[str, Any], expected: list[int]
) -> None:
    problem = problem_of(three_modes())
    values = {"orthogonalize_every": 5, **values}
    found = [i for i in range(1, 16) if constrain(problem, backend, i, **values)[2].rotation is not None]
    assert found == expected


def test_what_is_not_updated_is_not_touched(backend: Backend) -> None:
    problem = problem_of(noise((2, N, N), 9))
    every: dict[str, Any] = {
        "probe_support_m": 6.0, "probe_threshold": 0.3, "center_probe": 1, "keep_power": 1, "object_smoothness": 0.1,
        "object_clamp": 0.5, "phase_constraint": 9, "orthogonalize_every": 1,
    }  # fmt: skip
    obj, probe, changes = constrain(problem, backend, update_object="never", **every)
    assert np.array_equal(obj, problem.object) and changes.probe and not changes.object
    obj, probe, changes = constrain(problem, backend, update_probe="never", **every)
    assert np.array_equal(probe, problem.probe) and changes.object and not changes.probe


SMALL = Recipe(n=64, scan_dims=(10, 10), probe_diameter_m=700e-9, overlap=0.75, detector_pixel_m=150e-6)


def reconstruct(
    photons: float, shift: tuple[int, int] = (0, 0), share: float | None = None, **values: Any
) -> tuple[float, np.ndarray]:
    """Reconstruct a simulated star, by ePIE unless another engine is named, from a guess that may be off center.

    `share` is the part of the true probe's power that the support holds. Returns the relative error of the object, on
    what is well lit, and the probe's center of mass.
    """
    scan = simulate(replace(SMALL, photons=photons))
    pixel_m, counts = scan.object_pixel_m, np.fft.ifftshift(scan.counts, axes=(1, 2))
    geometry = place_windows(scan.positions_m / pixel_m, SMALL.n)
    guess = guess_probe(counts.mean(axis=0), None, pixel_m, SMALL.probe_diameter_m)
    empty = np.ones(geometry.object_shape, np.complex64)
    problem = Problem(counts, geometry, np.roll(guess, shift, (1, 2)), empty, object_pixel_m=pixel_m)
    if share is not None:
        values["probe_support_m"] = 2 * power_radius_px(scan.probe, share) * pixel_m
    with open_backend("cpu", threads=2) as backend:
        usual = {"engine": "epie", "iterations": 40, "noise_model": "gaussian"}
        engine = create_engine(problem, Reconstruction.model_validate(usual | values), backend)
        for _ in range(40):
            engine.step()
        estimate = engine.estimate()
    lit = illumination(scan.probe, geometry)
    truth = scan.object[: empty.shape[0], : empty.shape[1]]
    error = align(estimate.object, truth, lit > 0.1 * lit.max()).error
    return error, np.array(scipy.ndimage.center_of_mass((abs(estimate.probe) ** 2).sum(axis=0)))


def illumination(probe: np.ndarray, geometry: ScanGeometry) -> np.ndarray:
    """Return the illumination of the object, (rows, columns)."""
    lit = np.zeros(geometry.object_shape)
    for row, column in geometry.corners:
        lit[row : row + probe.shape[-1], column : column + probe.shape[-1]] += (abs(probe) ** 2).sum(axis=0)
    return lit


def test_a_support_that_is_right_helps_where_photons_are_few() -> None:
    assert reconstruct(1e4, share=0.99)[0] < reconstruct(1e4)[0]


def test_a_probe_that_starts_off_center_is_brought_back_at_no_cost() -> None:
    error, place = reconstruct(1e6, shift=(6, -5))
    assert abs(place - [38, 27]).max() < 0.5
    centered_error, centered = reconstruct(1e6, shift=(6, -5), center_probe=1)
    assert abs(centered - 32).max() < 0.5
    assert centered_error < 1.05 * error


def test_a_sample_that_only_absorbs_is_better_with_its_clamp() -> None:
    assert reconstruct(1e6, object_clamp=1.0)[0] < 0.95 * reconstruct(1e6)[0]


def test_a_clamp_and_the_scale_that_is_taken_out_do_not_fight() -> None:
    assert reconstruct(1e6, engine="lsqml", object_clamp=1.0)[0] < 1.1 * reconstruct(1e6, engine="lsqml")[0]
