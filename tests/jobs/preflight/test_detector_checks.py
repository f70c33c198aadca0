"""What is wrong with center, sampling, saturation, pixels and photons is found, and the fix mends it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ptychogui.io.simulated import dataset_of
from ptychogui.jobs.preflight import Level
from tests.jobs.preflight.scans import Check, dataset, levels, mended, only, scan


class TestCenter:
    def test_a_beam_off_center(self, check: Check) -> None:
        source = dataset(np.roll(scan().counts, (5, -4), axis=(1, 2)))
        finding = only(check(source), "center")
        assert finding.level is Level.LOOK and finding.fix == {"preprocessing.center_px": (37.0, 28.0)}
        assert finding.options == "--center 37,28"
        assert only(mended(check, source, finding), "center").level is Level.GOOD

    def test_a_center_that_is_found_is_checked(self, check: Check) -> None:
        source = dataset(np.roll(scan().counts, (5, -4), axis=(1, 2)))
        finding = only(check(source, preprocessing__find_center=True), "center")
        assert finding.level is Level.GOOD and "patterns at (37, 28)" in finding.reason

    def test_a_wrong_center(self, check: Check) -> None:
        wrong = {"preprocessing__center_px": (20.0, 32.0), "preprocessing__size_px": 32}
        finding = only(check(dataset(), **wrong), "center")
        assert finding.fix == {"preprocessing.center_px": (32.0, 32.0)}
        assert only(mended(check, dataset(), finding, **wrong), "center").level is Level.GOOD

    def test_a_beam_at_the_corner(self, check: Check) -> None:
        source = dataset(np.fft.ifftshift(scan().counts, axes=(1, 2)))
        assert only(check(source, preprocessing__direct_beam="corner"), "center").level is Level.GOOD
        finding = only(check(source), "center")
        assert finding.level is Level.STOP and finding.fix == {"preprocessing.direct_beam": "corner"}
        finding = only(check(dataset(), preprocessing__direct_beam="corner"), "center")
        assert finding.fix == {"preprocessing.direct_beam": "center"}
        assert only(mended(check, dataset(), finding), "center").level is Level.GOOD


class TestSampling:
    def test_a_crop_through_the_beam(self, check: Check) -> None:
        finding = only(check(dataset(), preprocessing__size_px=24), "sampling")
        assert finding.level is Level.LOOK and "border" in finding.title
        assert only(mended(check, dataset(), finding), "sampling").level is Level.GOOD

    def test_a_beam_wider_than_its_window(self, check: Check) -> None:
        finding = only(check(dataset(), experiment__probe_diameter_m=1.4e-5), "sampling")
        assert finding.level is Level.STOP and finding.fix == {"experiment.probe_diameter_m": None}
        assert only(mended(check, dataset(), finding), "sampling").level is Level.GOOD

    def test_a_beam_of_a_few_pixels(self, check: Check) -> None:
        wrong = {"experiment__probe_diameter_m": 2.4e-7, "preprocessing__size_px": 44}
        findings = check(dataset(), **wrong).of("sampling")
        (finding,) = (finding for finding in findings if "few pixels" in finding.title)
        again = mended(check, dataset(), finding, **wrong).of("sampling")
        assert not any("few pixels" in finding.title for finding in again)


class TestSaturation:
    def test_a_plateau_tells_the_bit_depth(self, check: Check) -> None:
        counts = np.minimum(scan().counts, 255)
        finding = only(check(dataset(counts)), "saturation")
        assert finding.level is Level.LOOK and finding.fix == {"preprocessing.bit_depth": 8}
        again = mended(check, dataset(counts), finding)
        assert "plateau" not in " ".join(finding.title for finding in again.of("saturation")).lower()

    def test_a_plateau_at_no_power_of_two(self, check: Check) -> None:
        counts = np.minimum(scan().counts, 300)
        finding = only(check(dataset(counts)), "saturation")
        assert (finding.level, finding.fix) == (Level.LOOK, {"preprocessing.saturation_counts": 300})
        assert "exactly 300" in finding.reason
        assert finding.options == "--saturation 300"
        again = mended(check, dataset(counts), finding)
        assert "plateau" not in " ".join(finding.title for finding in again.of("saturation")).lower()

    @pytest.mark.parametrize("top", [100, 1000, 1234])
    def test_a_plateau_with_many_readings_below(self, check: Check, top: int) -> None:
        counts = np.minimum(scan().counts, top)
        finding = only(check(dataset(counts)), "saturation")
        assert finding.fix == {"preprocessing.saturation_counts": top}

    @pytest.mark.parametrize(("option", "value"), [("saturation_counts", 40.0), ("bit_depth", 5)])
    def test_a_saturation_that_the_counts_go_beyond_is_doubted(self, check: Check, option: str, value: float) -> None:
        found = check(dataset(), **{f"preprocessing__{option}": value})
        finding = found.of("saturation")[0]
        assert finding.level is Level.STOP and "contradicts the counts" in finding.title
        assert finding.fix == {f"preprocessing.{option}": None}
        assert only(mended(check, dataset(), finding), "saturation").level is Level.GOOD

    def test_a_saturation_beyond_the_type_is_said(self, check: Check) -> None:
        finding = only(check(dataset(), preprocessing__saturation_counts=1e12), "saturation")
        assert finding.level is Level.GOOD and "the saturation of 1e+12 is beyond it" in finding.reason

    @pytest.mark.parametrize("dtype", [np.uint16, np.uint32, np.float32, np.int64])
    def test_gaps_that_read_the_largest_number_are_not_saturated(self, check: Check, dtype: Any) -> None:
        counts = scan().counts.astype(dtype)
        counts[:, 20:23] = 65535 if dtype is np.uint16 else 2**32 - 1
        assert only(check(dataset(counts, bad_pixels=None)), "saturation").level is Level.GOOD

    @pytest.mark.parametrize(("bit_depth", "level"), [(9, Level.LOOK), (8, Level.STOP)])
    def test_much_of_it_is_saturated(self, check: Check, bit_depth: int, level: Level) -> None:
        found = check(dataset_of(scan(bit_depth=bit_depth)))
        assert found.of("saturation")[0].level is level

    @pytest.mark.parametrize("photons", [1e2, 1e3, 1e4])
    def test_small_counts_are_no_plateau(self, check: Check, photons: float) -> None:
        assert only(check(dataset_of(scan(photons=photons))), "saturation").level is Level.GOOD


class TestPixels:
    def test_dead_pixels_are_listed_in_the_files_coordinates(self, check: Check) -> None:
        counts = np.pad(scan().counts, ((0, 0), (10, 0), (0, 6)))
        counts[:, 10 + 20, 45] = 0
        found = check(dataset(counts, bad_pixels=None), preprocessing__center_px=(42.0, 32.0))
        finding = only(found, "pixels")
        assert finding.level is Level.LOOK and "(30, 45)" in finding.reason and "1 pixel " in finding.reason

    def test_bad_pixels_are_mended_by_having_them_found(self, check: Check) -> None:
        counts = scan().counts.copy()
        counts[:, 3, 5] = np.random.default_rng(0).poisson(5000, len(counts))
        finding = only(check(dataset(counts)), "pixels")
        assert finding.level is Level.LOOK and finding.options == "--find-bad-pixels"
        assert only(check(dataset(counts), preprocessing__find_bad_pixels=True), "pixels").level is Level.GOOD

    def test_pixels_that_are_found_are_no_matter(self, check: Check) -> None:
        counts = scan().counts.copy()
        counts[:, 3, 5] = np.random.default_rng(0).poisson(5000, len(counts))
        finding = only(check(dataset(counts), preprocessing__find_bad_pixels=True), "pixels")
        assert finding.level is Level.GOOD and "1 of 4096 pixels are marked" in finding.reason

    def test_a_mask_mends_it(self, check: Check, tmp_path: Path) -> None:
        counts = scan().counts.copy()
        counts[:, 3, 5] = np.random.default_rng(0).poisson(5000, len(counts))
        counts[:, 6, 50] = 77
        titles = {finding.title for finding in check(dataset(counts)).of("pixels")}
        assert titles == {"Pixels that shine", "Pixels that do not change"}
        mask = np.zeros((64, 64), bool)
        mask[[3, 6], [5, 50]] = True
        np.save(tmp_path / "mask.npy", mask)
        found = check(dataset(counts), preprocessing__mask_file=tmp_path / "mask.npy")
        assert only(found, "pixels").level is Level.GOOD and "2 of 4096 pixels" in only(found, "pixels").reason


class TestPhotons:
    def test_few_photons_need_the_poisson_model(self, check: Check) -> None:
        source, wrong = dataset_of(scan(photons=200)), {"reconstruction__noise_model": "gaussian"}
        finding = only(check(source, **wrong), "photons")
        assert finding.level is Level.STOP and finding.fix == {"reconstruction.noise_model": "poisson"}
        assert only(mended(check, source, finding, **wrong), "photons").level is Level.GOOD

    @pytest.mark.parametrize(
        ("varies", "name"), [(0.0, "of amplitudes until the model nearly fits, then of photons"), (0.1, "gaussian")]
    )
    def test_the_noise_model_that_auto_comes_to_is_said(self, check: Check, varies: float, name: str) -> None:
        monitor = np.linspace(1 - varies, 1 + varies, 64)[:, None, None]
        counts = (scan(photons=1e4).counts * monitor).astype(np.float32)
        auto = only(check(dataset(counts), reconstruction__noise_model="auto"), "photons")
        assert f"; noise model: {name}, since " in auto.reason
        asked = only(check(dataset(counts), reconstruction__noise_model="gaussian"), "photons")
        assert "noise model" not in asked.reason

    def test_few_photons_need_lsqml(self, check: Check) -> None:
        source, wrong = dataset_of(scan(photons=200)), {"reconstruction__engine": "epie"}
        finding = only(check(source, **wrong), "photons")
        assert finding.level is Level.LOOK
        assert only(mended(check, source, finding, **wrong), "photons").level is Level.GOOD

    def test_frames_that_are_no_counts(self, check: Check) -> None:
        flat = np.random.default_rng(0).normal(1, 0.05, (64, 64))
        finding = only(check(dataset((scan().counts * flat / 3000).astype(np.float32))), "photons")
        assert finding.level is Level.LOOK and "in other units" in finding.title

    @pytest.mark.parametrize("scale", [1e-5, 1e-9, 1e9])
    def test_frames_in_other_units_are_divided(self, check: Check, scale: float) -> None:
        found = check(dataset((scan().counts * scale).astype(np.float32)))
        finding = only(found, "photons")
        assert finding.level is Level.LOOK and f"divided by {scale:.6g}" in finding.reason
        assert set(levels(found).values()) == {Level.LOOK, Level.GOOD}
        assert [f.check for f in found.findings if f.level is Level.LOOK] == ["photons"]

    def test_readings_that_vary_less_than_photons(self, check: Check) -> None:
        flat = np.random.default_rng(0).normal(1, 0.05, (64, 64))
        counts = scan(photons=1e5).counts * flat
        assert only(check(dataset(counts.astype(np.float32))), "photons").level is Level.GOOD
        finding = only(check(dataset((counts / 50).astype(np.float32))), "photons")
        assert finding.level is Level.LOOK and finding.title == "Readings vary less than photons"

    @pytest.mark.parametrize(("offset", "noise"), [(50, 0), (100, 3), (1000, 10)])
    def test_an_offset_is_told_and_taken_off(self, check: Check, offset: int, noise: float) -> None:
        readout = np.random.default_rng(0).normal(offset, noise, scan().counts.shape).round()
        made = dataset((scan().counts + readout).astype(np.uint16))
        finding = only(check(made), "photons")
        assert (finding.level, finding.title) == (Level.LOOK, "Readings have an offset")
        assert finding.fix is not None and finding.options.endswith(" --subtract-threshold")
        assert offset <= finding.fix["preprocessing.threshold_counts"] <= offset + 3
        again = mended(check, made, finding)
        assert only(again, "photons").level is Level.GOOD and only(again, "pixels").level is Level.GOOD

    def test_light_all_over_the_detector_is_no_offset(self, check: Check) -> None:
        light = np.random.default_rng(0).poisson(200, scan().counts.shape)
        assert only(check(dataset(scan().counts + light)), "photons").level is Level.GOOD

    def test_amplitudes_that_are_given_as_counts(self, check: Check) -> None:
        roots = np.sqrt(scan().counts).astype(np.float32)
        finding = only(check(dataset(roots)), "photons")
        assert finding.level is Level.STOP and finding.fix == {"preprocessing.data_are": "amplitudes"}
        assert only(mended(check, dataset(roots), finding), "photons").level is Level.GOOD

    @pytest.mark.parametrize("dtype", [np.uint16, np.float32])
    def test_counts_that_are_given_as_amplitudes(self, check: Check, dtype: Any) -> None:
        counts = scan().counts.astype(dtype)
        finding = check(dataset(counts), preprocessing__data_are="amplitudes").of("photons")[0]
        assert finding.level is Level.LOOK and finding.fix == {"preprocessing.data_are": "counts"}
        assert only(mended(check, dataset(counts), finding), "photons").level is Level.GOOD

    @pytest.mark.parametrize("what", [0, np.nan, -1])
    def test_frames_without_light(self, check: Check, what: float) -> None:
        finding = only(check(dataset(np.full(scan().counts.shape, what, np.float32))), "photons")
        assert finding.level is Level.STOP and finding.title == "The frames show nothing"


@pytest.mark.parametrize("fill", [0, 65535])
def test_frames_without_any_information(check: Check, fill: int) -> None:
    found = check(dataset(np.full((64, 64, 64), fill, np.uint16)))
    assert not any("defect of ptychogui" in finding.reason for finding in found.findings), found.findings
    assert levels(found)["center"] is Level.UNKNOWN
    assert levels(found)["photons"] is Level.STOP
