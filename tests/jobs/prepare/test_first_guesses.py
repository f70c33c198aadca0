"""The first probe and the first object: the user's, the file's, a result's, or a guess."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ptychogui.physics.frames import ArrayFrames
from ptychogui.physics.modes import add_modes
from ptychogui.physics.probe import gaussian
from tests.jobs.fakes import Prepare, result_file, scan


def counts_of(probe: np.ndarray) -> float:
    return float((np.abs(probe) ** 2).sum(dtype=np.float64))


def test_the_files_illumination_is_the_first_probe(prepare_scan: Prepare) -> None:
    own = gaussian(32, 1.0, 5.0)
    prepared = prepare_scan(scan(probe=own))
    expected = own * np.sqrt(16000 / counts_of(own))
    np.testing.assert_allclose(prepared.problem.probe, expected, rtol=1e-5, atol=1e-4)
    assert prepared.notes == ()


def test_an_illumination_of_another_size_is_resampled(prepare_scan: Prepare) -> None:
    prepared = prepare_scan(scan(probe=gaussian(64, 1.0, 5.0)))
    assert prepared.problem.probe.shape == (1, 32, 32)
    assert prepared.notes == ("the illumination in scan.h5 has 64 x 64 pixels and is resampled to 32 x 32",)


def test_modes_that_are_not_asked_for_are_noted(prepare_scan: Prepare) -> None:
    prepared = prepare_scan(scan(probe=add_modes(gaussian(32, 1.0, 5.0), 4)), experiment__probe_modes=2)
    assert len(prepared.problem.probe) == 2
    assert prepared.notes == (
        "the illumination in scan.h5 has 4 probe modes, of which the strongest 2 are used; see --probe-modes",
    )


def test_a_probe_size_goes_before_the_illumination_and_a_guess_before_both(
    prepare_scan: Prepare, tmp_path: Path
) -> None:
    guess = gaussian(32, 1.0, 9.0)
    np.save(tmp_path / "probe.npy", guess)
    settings: dict[str, Any] = {"experiment__probe_diameter_m": 1e-6}
    prepared = prepare_scan(scan(probe=gaussian(32, 1.0, 5.0)), **settings)
    np.testing.assert_array_equal(prepared.problem.probe, prepare_scan(scan(), **settings).problem.probe)
    assert prepared.notes == ("the file's illumination is not used, since a probe size is given",)
    settings["reconstruction__probe_guess"] = tmp_path / "probe.npy"
    given = prepare_scan(scan(probe=gaussian(32, 1.0, 5.0)), **settings)
    assert given.notes == (f"the given probe size is not used, since {tmp_path / 'probe.npy'} is the first probe",)
    np.testing.assert_allclose(given.problem.probe, guess * np.sqrt(16000 / counts_of(guess)), rtol=1e-5, atol=1e-4)


def test_the_probe_has_the_counts_of_what_the_detector_can_see(prepare_scan: Prepare) -> None:
    own = gaussian(32, 1.0, 3.0) * 1000
    far = np.abs(np.fft.fftshift(np.fft.fft2(own[0], norm="ortho"))) ** 2
    frames = ArrayFrames(np.broadcast_to(far, (12, 32, 32)).astype(np.float32))
    bad = np.zeros((32, 32), bool)
    bad[14:17] = True
    prepared = prepare_scan(scan(probe=own / 7, frames=frames, bad_pixels=bad))
    np.testing.assert_allclose(prepared.problem.probe, own, rtol=1e-4, atol=1e-2)


def test_the_first_object_is_centered(prepare_scan: Prepare, tmp_path: Path) -> None:
    shape = prepare_scan(scan()).problem.object.shape
    guess = np.full((shape[0] - 4, shape[1] + 6), 0.5j, np.complex64)
    np.save(tmp_path / "object.npy", guess)
    prepared = prepare_scan(scan(), reconstruction__object_guess=tmp_path / "object.npy")
    assert prepared.problem.object.shape == shape
    assert np.all(prepared.problem.object[2:-2] == np.complex64(0.5j))
    assert np.all(prepared.problem.object[:2] == 1) and np.all(prepared.problem.object[-2:] == 1)
    assert "is centered on" in prepared.notes[0]


def test_a_results_object_lies_where_it_lay(prepare_scan: Prepare, tmp_path: Path) -> None:
    plain = prepare_scan(scan())
    (row_px, column_px), pixel_m = plain.problem.geometry.origin_px, plain.object_pixel_m
    origin_m = ((row_px + 3) * pixel_m, (column_px - 7) * pixel_m)
    path = result_file(tmp_path / "result.cxi", object_pixel_m=pixel_m, object_origin_m=origin_m)
    prepared = prepare_scan(scan(), reconstruction__object_guess=path)
    given = prepared.problem.object == np.complex64(0.5j)
    expected = np.zeros_like(given)
    expected[3:43, :43] = True
    np.testing.assert_array_equal(given, expected[: given.shape[0], : given.shape[1]])
    assert np.all(prepared.problem.object[~given] == 1)
    assert prepared.notes == ()


def test_a_results_object_gets_the_pixel_of_the_job(prepare_scan: Prepare, tmp_path: Path) -> None:
    plain = prepare_scan(scan())
    (row_px, column_px), pixel_m = plain.problem.geometry.origin_px, plain.object_pixel_m
    coarse: dict[str, Any] = {"object_pixel_m": 2 * pixel_m, "object_origin_m": (row_px * pixel_m, column_px * pixel_m)}
    rows = (plain.problem.object.shape[0] + 1) // 2
    ramp = np.exp(2j * np.pi * np.arange(rows) / rows)[:, None] * np.ones(60)
    path = result_file(tmp_path / "result.cxi", object=ramp.astype(np.complex64), **coarse)
    prepared = prepare_scan(scan(), reconstruction__object_guess=path)
    fine = np.exp(2j * np.pi * np.arange(2 * rows) / (2 * rows))[: plain.problem.object.shape[0], None]
    np.testing.assert_allclose(prepared.problem.object, np.broadcast_to(fine, plain.problem.object.shape), atol=1e-5)
    assert "and is resampled to" in prepared.notes[0]


@pytest.mark.parametrize("origin_m", [None, (1.0, 1.0)])
def test_a_results_object_from_nowhere_is_centered(prepare_scan: Prepare, tmp_path: Path, origin_m: Any) -> None:
    plain = prepare_scan(scan())
    path = result_file(tmp_path / "result.cxi", object_pixel_m=plain.object_pixel_m, object_origin_m=origin_m)
    prepared = prepare_scan(scan(), reconstruction__object_guess=path)
    assert prepared.problem.object[plain.problem.object.shape[0] // 2, plain.problem.object.shape[1] // 2] == 0.5j
    assert "is centered on" in prepared.notes[0]


def test_a_given_probe_is_kept_where_it_shall_not_be_scaled(prepare_scan: Prepare, tmp_path: Path) -> None:
    guess = 7 * gaussian(32, 1.0, 9.0)
    np.save(tmp_path / "probe.npy", guess)
    settings: dict[str, Any] = {"reconstruction__probe_guess": tmp_path / "probe.npy"}
    kept = prepare_scan(scan(), **settings, reconstruction__rescale_probe=False)
    np.testing.assert_array_equal(kept.problem.probe, guess)
    assert counts_of(prepare_scan(scan(), **settings).problem.probe) == pytest.approx(16 * 1000, rel=1e-5)


def test_an_illumination_is_of_single_detector_pixels(prepare_scan: Prepare) -> None:
    own = gaussian(32, 1.0, 3.0)
    prepared = prepare_scan(scan(probe=own), preprocessing__bin_px=2)
    inner = own[0, 8:24, 8:24] / np.abs(own).max()
    np.testing.assert_allclose(prepared.problem.probe[0] / np.abs(prepared.problem.probe).max(), inner, atol=2e-2)


def test_a_results_probe_keeps_its_size_in_meters(prepare_scan: Prepare, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"preprocessing__bin_px": 2}
    pixel_m = prepare_scan(scan()).object_pixel_m
    probe = gaussian(32, 1.0, 3.0)
    path = result_file(tmp_path / "r.cxi", probe=probe, object_pixel_m=pixel_m, object_origin_m=(0.0, 0.0))
    settings["reconstruction__probe_guess"] = path
    prepared = prepare_scan(scan(), **settings)
    found = prepared.problem.probe[0] / np.abs(prepared.problem.probe).max()
    np.testing.assert_allclose(found, probe[0, 8:24, 8:24] / np.abs(probe).max(), atol=2e-2)
    wide = result_file(tmp_path / "w.cxi", probe=probe, object_pixel_m=pixel_m / 2, object_origin_m=(0.0, 0.0))
    prepared = prepare_scan(scan(), reconstruction__probe_guess=wide)
    assert prepared.notes == (f"{wide} has pixels of {pixel_m / 2:.4g} m and is resampled to {pixel_m:.4g} m",)
