"""On which side of the focus a guessed beam is: the truth of simulated scans, turned and not, at every size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ptychogui.backends import open_backend
from ptychogui.jobs.prepare.probe_trial import Guess, ProbeTrial
from ptychogui.params.preprocessing import Preprocessing
from ptychogui.params.reconstruction import Reconstruction
from ptychogui.physics.frames import ArrayFrames, Patterns, prepare_frames
from ptychogui.physics.optics import object_pixel_m
from ptychogui.physics.probe import guess_probe, usual_diameter_m
from ptychogui.physics.scan import ScanGeometry, place_windows, to_pixels
from ptychogui.physics.simulation import Recipe, simulate


def scanned(recipe: Recipe, turned: bool) -> tuple[Patterns, ScanGeometry, Guess]:
    """Simulate a scan; patterns turned by 180 degrees are those of the conjugate beam, on the focus' other side."""
    scan = simulate(recipe)
    counts = np.roll(scan.counts[:, ::-1, ::-1], 1, axis=(1, 2)) if turned else scan.counts
    patterns = prepare_frames(ArrayFrames(counts), np.arange(len(counts)), None, Preprocessing())
    pixel_m = object_pixel_m(recipe.energy_eV, recipe.distance_m, recipe.detector_pixel_m, recipe.n)
    diameter_m = usual_diameter_m(scan.positions_m)

    def guess(size: float, upstream: bool) -> np.ndarray:
        return guess_probe(patterns.mean_pattern, patterns.dead, pixel_m, size * diameter_m, upstream)

    return patterns, place_windows(to_pixels(scan.positions_m, pixel_m), recipe.n, 2), guess


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(("n", "fractions"), [(128, (1.0,)), (128, (0.6, 0.25, 0.15)), (256, (0.6, 0.25, 0.15))])
def test_the_side_is_found_from_one_mode_and_the_middle_of_the_patterns(
    n: int, fractions: tuple[float, ...], turned: bool
) -> None:
    patterns, geometry, guess = scanned(Recipe(n=n, scan_dims=(8, 8), mode_fractions=fractions, photons=1e5), turned)
    obj = np.ones(geometry.object_shape, np.complex64)
    with open_backend("cpu", 2) as backend:
        trial = ProbeTrial(patterns.patterns, geometry, obj, Reconstruction(), backend)
        middle, best = trial.middle(), trial.best(guess)
    assert middle.patterns.shape == (64, 128, 128)
    assert (best.upstream, best.size) == (turned, 1.0) and best.probe.shape == (1, n, n)


def test_the_middle_is_the_same_scan_at_a_coarser_pixel() -> None:
    patterns, geometry, guess = scanned(Recipe(n=256, scan_dims=(6, 6)), False)
    odd = replace(geometry, object_shape=(geometry.object_shape[0] + 1, geometry.object_shape[1]))
    row, column = np.indices(odd.object_shape) / 200
    obj = np.exp(1j * np.sin(row + column)).astype(np.complex64)
    with open_backend("numpy") as backend:
        trial = ProbeTrial(patterns.patterns, odd, obj, Reconstruction(), backend)
        middle = trial.middle()
        whole, part = trial.misfit(guess(1.0, False)), middle.misfit(guess(1.0, False))
    rows, columns = middle.geometry.object_shape
    assert (rows, columns) == middle.object.shape and rows * 2 >= odd.object_shape[0]
    ends = middle.geometry.corners.max(axis=0) + middle.geometry.window_px
    assert (ends <= (rows, columns)).all() and (middle.geometry.corners >= 0).all()
    inner = slice(20, 160)
    np.testing.assert_allclose(middle.object[inner, inner], obj[::2, ::2][inner, inner], atol=0.05)
    assert part == pytest.approx(whole, rel=0.35)
