"""Preflight: every check finds what was made wrong, says nothing of a sound scan, and its fix mends it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ptychogui.backends import open_backend
from ptychogui.backends.base import Backend
from ptychogui.errors import DataError
from ptychogui.io.dataset import Dataset
from ptychogui.io.simulated import dataset_of
from ptychogui.jobs.job import Job
from ptychogui.jobs.job_values import dataset_layers
from ptychogui.jobs.preflight import TITLES, Checker, Finding, Level, Preflight, preflight
from ptychogui.jobs.preflight.cost import time_text
from ptychogui.jobs.preflight.look import MOST_BYTES, MOST_FRAMES, read_sample
from ptychogui.jobs.prepare import opening
from ptychogui.params.model import Parameters, by_path, describe
from ptychogui.params.options import given_values
from ptychogui.params.origins import Source
from ptychogui.physics.frames import ArrayFrames
from ptychogui.physics.simulation import Recipe, SimulatedScan, simulate
from tests.jobs.fakes import GuardedFrames

Check = Callable[..., Preflight]
"""Checks a scan in memory with some parameters, by path with '__' for the dot."""

DIAMETER = 1.4e-6
SOUND = {"experiment__probe_diameter_m": DIAMETER}


@cache
def scan(**recipe: Any) -> SimulatedScan:
    return simulate(Recipe(**{"n": 64, "outer_zone_m": 80e-9, "scan_dims": (8, 8), **recipe}))


def dataset(counts: np.ndarray | None = None, **changes: Any) -> Dataset:
    made = dataset_of(scan())
    content: dict[str, Any] = {} if counts is None else {"frames": ArrayFrames(counts)}
    return replace(made, **content, **changes)


def job(source: Dataset, values: Mapping[str, Any]) -> Job:
    known = {key.replace("__", "."): (value, "test") for key, value in values.items()}
    parameters, origins = dataset_layers(source).with_layer(Source.USER, known).resolve()
    return Job("1", source.path, parameters, Path("result.cxi"), origins)


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch) -> Check:
    def run(source: Dataset, backend: Backend | None = None, **values: Any) -> Preflight:
        monkeypatch.setattr(opening, "open_dataset", lambda *_: source)
        return preflight(job(source, {**SOUND, **values}), backend)

    return run


def only(found: Preflight, name: str) -> Finding:
    """Return the single finding of a check."""
    (finding,) = found.of(name)
    return finding


def mended(check: Check, source: Dataset, finding: Finding, **values: Any) -> Preflight:
    """Apply a finding's fix on top of the values that led to it, and check again."""
    assert finding.fix is not None and finding.fix_text and finding.options
    fix = {path.replace(".", "__"): value for path, value in finding.fix.items()}
    return check(source, **{**values, **fix})


def levels(found: Preflight) -> dict[str, Level]:
    return {finding.check: finding.level for finding in reversed(found.findings)}


class TestSoundScan:
    @pytest.mark.parametrize("phantom", ["siemens", "cells", "grains"])
    @pytest.mark.parametrize("kind", ["spiral", "raster", "fly"])
    def test_everything_is_good(self, check: Check, kind: str, phantom: str) -> None:
        found = check(dataset_of(scan(scan=kind, phantom=phantom, background_counts=0.02)))
        assert set(levels(found).values()) == {Level.GOOD}, [f for f in found.findings if f.level is not Level.GOOD]
        assert [finding.check for finding in found.findings] == list(TITLES)[:10]
        assert all(finding.fix is None for finding in found.findings)
        assert found.level is Level.GOOD
        assert found.sampled == "64 of 64 frames"

    def test_a_real_scan_is_good(self, shared_data: Path) -> None:
        from ptychogui.jobs.job_values import job_layers

        path = shared_data / "siemens-star.cxi"
        parameters, origins = job_layers(path).resolve()
        found = preflight(Job("1", path, parameters, Path("r.cxi"), origins))
        assert found.level is Level.GOOD, found.findings
        assert "74 %" in only(found, "overlap").reason

    def test_a_grid_is_noted(self, check: Check) -> None:
        assert "grid" in only(check(dataset_of(scan(scan="raster"))), "overlap").reason
        assert "grid" not in only(check(dataset_of(scan(scan="spiral"))), "overlap").reason


class TestSample:
    def test_it_is_bounded_and_spread(self) -> None:
        frames = np.zeros((1000, 32, 32), np.uint8)
        sample = read_sample(dataset(frames, frame_rows=np.arange(1000)))
        assert len(sample.rows) == MOST_FRAMES
        assert (sample.rows[0], sample.rows[-1]) == (0, 999)
        assert np.ptp(np.diff(sample.rows)) <= 1

    def test_large_frames_are_few(self) -> None:
        asked: list[int] = []

        class Large(ArrayFrames):
            def read(self, rows: Any, out: Any = None) -> np.ndarray:
                asked.append(len(rows))
                return np.zeros((len(rows), 1, 1), np.uint16)

        frames = Large(np.zeros((1, 1, 1), np.uint16))
        frames.shape = (500, 2000, 2000)
        read_sample(dataset(frames=frames, frame_rows=np.arange(500)))
        assert asked == [MOST_BYTES // 8_000_000]

    def test_a_scan_without_frames_is_refused(self) -> None:
        with pytest.raises(DataError, match="no frame with a position"):
            read_sample(dataset(frames=GuardedFrames(np.zeros((4, 8, 8))), frame_rows=np.zeros(0, int)))

    def test_what_cannot_be_read_is_left_out_and_said(self, check: Check) -> None:
        whole = dataset_of(scan())

        class Damaged(ArrayFrames):
            def read(self, rows: Any, out: np.ndarray | None = None) -> np.ndarray:
                if 5 in rows:
                    raise DataError("frame 5 of a.h5 can't be read")
                return super().read(rows, out)

        damaged: Any = Damaged(whole.frames.read(range(whole.frames.shape[0])))
        finding = only(check(replace(whole, frames=damaged)), "pairing")
        assert (finding.title, finding.level) == ("Some frames can't be read", Level.LOOK)
        assert "1 of those that were looked at: frame 5 of a.h5" in finding.reason


class TestValues:
    @pytest.mark.parametrize(
        ("path", "wrong", "right"),
        [
            ("experiment.energy_eV", 8.8, 8800.0),
            ("experiment.distance_m", 1920.0, 1.92),
            ("experiment.detector_pixel_m", 150.0, 150e-6),
            ("experiment.detector_pixel_m", 0.15, 150e-6),
        ],
    )
    def test_a_value_of_another_unit(self, check: Check, path: str, wrong: float, right: float) -> None:
        key = path.replace(".", "__")
        finding = check(dataset(), **{key: wrong}).of("values")[0]
        assert finding.level is Level.STOP and by_path()[path].title in finding.title
        assert finding.fix == {path: pytest.approx(right)}
        assert only(mended(check, dataset(), finding), "values").level is Level.GOOD

    def test_a_value_that_nothing_mends(self, check: Check) -> None:
        finding = check(dataset(), experiment__energy_eV=5e9).of("values")[0]
        assert (finding.level, finding.fix) == (Level.STOP, None)

    def test_a_value_without_effect_goes_back(self, check: Check) -> None:
        wrong = {"reconstruction__engine": "dm", "reconstruction__momentum": 0.5, "experiment__probe_modes": 2}
        finding = only(check(dataset(), **wrong), "values")
        assert finding.level is Level.STOP and "no effect in DM" in finding.reason
        assert finding.fix == {"reconstruction.momentum": 0.0}
        assert only(mended(check, dataset(), finding, **wrong), "values").level is Level.GOOD

    def test_what_is_missing_is_said_and_the_frames_are_looked_at_all_the_same(self, check: Check) -> None:
        source = dataset(values={})
        found = check(source)
        assert found.of("values")[0].level is Level.STOP
        assert "--energy" in found.of("values")[0].reason
        assert levels(found)["center"] is levels(found)["saturation"] is levels(found)["photons"] is Level.GOOD
        assert levels(found)["overlap"] is levels(found)["object"] is Level.UNKNOWN
        assert only(found, "overlap").title == "Can't check: overlap"


class TestPairing:
    def test_frames_without_a_position(self, check: Check) -> None:
        rows = np.arange(60)
        source = dataset(frame_rows=rows, positions_m=scan().positions_m[:60])
        finding = only(check(source), "pairing")
        assert finding.level is Level.LOOK and "4 of 64 frames have no position" in finding.reason

    def test_the_readers_notes_are_shown(self, check: Check) -> None:
        source = dataset(notes=("2 frames have no position and are left out",))
        assert only(check(source), "pairing").reason == "2 frames have no position and are left out"

    @pytest.mark.parametrize("whose", ["the file has", "the files have"])
    def test_raw_files_need_no_positions_of_their_own(self, check: Check, tmp_path: Path, whose: str) -> None:
        made = dataset(notes=(f"{whose} no scan positions",), positions_m=None)
        np.savetxt(tmp_path / "list.csv", scan().positions_m, delimiter=",")
        assert only(check(made, experiment__positions_file=tmp_path / "list.csv"), "pairing").level is Level.GOOD
        (finding,) = check(made).of("pairing")
        assert finding.level is Level.STOP and "no scan positions" in finding.reason

    def test_a_computed_scan_of_another_size(self, check: Check) -> None:
        wrong = {"experiment__scan_pattern": "raster", "experiment__scan_dims": (8, 7),
                 "experiment__step_m": (4e-7, 4e-7)}  # fmt: skip
        finding = only(check(dataset(), **wrong), "pairing")
        assert finding.level is Level.STOP and "56 scan positions" in finding.reason and "64 frames" in finding.reason
        found = mended(check, dataset(), finding, **wrong)
        assert only(found, "pairing").level is Level.GOOD

    def test_positions_that_are_not_there(self, check: Check) -> None:
        found = check(dataset(positions_m=None))
        assert only(found, "pairing").level is Level.STOP
        assert "--positions-file" in only(found, "pairing").reason
        assert levels(found)["overlap"] is Level.UNKNOWN

    @pytest.mark.parametrize(("factor", "title"), [(0, "empty"), (0.05, "dim"), (9, "bright")])
    def test_odd_frames(self, check: Check, factor: float, title: str) -> None:
        counts = scan().counts.astype(np.uint32)
        counts[[5, 17]] = (counts[[5, 17]] * factor).astype(np.uint32)
        finding = only(check(dataset(counts)), "pairing")
        assert finding.level is Level.LOOK and title in finding.title
        assert "2 of 64 of 64 frames" in finding.reason or "frame 5, 17" in finding.reason

    @pytest.mark.parametrize("dtype", [np.uint16, np.float32])
    def test_repeated_frames(self, check: Check, dtype: Any) -> None:
        counts = scan().counts.astype(dtype)
        counts[30:40] = counts[30]
        finding = only(check(dataset(counts)), "pairing")
        assert (finding.level, finding.title) == (Level.LOOK, "Frames are repeated")
        assert "9 of 64 of 64 frames" in finding.reason and "frame 31 as frame 30" in finding.reason

    def test_frames_of_a_few_photons_may_be_alike(self, check: Check) -> None:
        counts = scan().counts.copy()
        counts[[3, 4, 9]] = 0
        counts[[3, 4], 32, 32] = 1
        assert not any("repeated" in finding.title for finding in check(dataset(counts)).of("pairing"))


class TestOverlap:
    def test_steps_too_large_for_the_beam(self, check: Check) -> None:
        found = check(dataset_of(scan(overlap=0.35)))
        assert only(found, "overlap").level is Level.LOOK
        assert "37 %" in only(found, "overlap").reason

    def test_no_overlap_at_all(self, check: Check) -> None:
        found = check(dataset_of(scan(overlap=-0.3)))
        assert only(found, "overlap").level is Level.STOP
        assert "64 of 64 positions" in only(found, "overlap").reason

    def test_an_unknown_beam_can_not_be_compared(self, check: Check) -> None:
        finding = only(check(dataset(), experiment__probe_diameter_m=None), "overlap")
        assert finding.level is Level.UNKNOWN and "not known" in finding.reason

    def test_isolated_and_repeated_positions(self, check: Check) -> None:
        positions_m = scan().positions_m.copy()
        positions_m[7] = positions_m[8]
        positions_m[3] = (20e-6, 0)
        titles = [finding.title for finding in check(dataset(positions_m=positions_m)).of("overlap")]
        assert sorted(titles) == ["Isolated positions", "Positions come twice"]

    def test_the_beam_of_the_files_illumination(self, check: Check) -> None:
        source = dataset(probe=scan().probe)
        finding = only(check(source, experiment__probe_diameter_m=None), "overlap")
        assert finding.level is Level.GOOD and "illumination" in finding.reason
        assert "71 %" in finding.reason


class TestObject:
    def test_a_step_of_another_unit(self, check: Check) -> None:
        wrong = {
            "experiment__scan_pattern": "raster",
            "experiment__scan_dims": (8, 8),
            "experiment__step_m": (0.42, 0.42),
        }
        finding = only(check(dataset(), **wrong), "object")
        assert finding.level is Level.STOP and finding.fix == {"experiment.step_m": (4.2e-7, 4.2e-7)}
        found = mended(check, dataset(), finding, **wrong)
        assert only(found, "object").level is only(found, "overlap").level is Level.GOOD

    @pytest.mark.parametrize(("factor", "level"), [(1e3, Level.STOP), (1e6, Level.STOP), (1e-3, Level.LOOK)])
    def test_positions_of_another_unit(self, check: Check, factor: float, level: Level) -> None:
        finding = check(dataset(positions_m=scan().positions_m * factor)).of("object")[0]
        assert finding.level is level and finding.fix is None
        assert f"{1 / factor:g} times as large" in finding.fix_text

    def test_a_stage_that_slipped(self, check: Check) -> None:
        positions_m = scan().positions_m.copy()
        positions_m[3] = (5e-5, 5e-5)
        assert only(check(dataset(positions_m=positions_m)), "object").level is Level.LOOK

    def test_joined_pixels_have_a_smaller_window(self, check: Check) -> None:
        plain, joined = (
            only(
                check(dataset(probe=scan().probe), preprocessing__bin_px=k, experiment__probe_diameter_m=None),
                "sampling",
            )
            for k in (1, 2)
        )
        beam = plain.reason.split(" (")[0]
        assert joined.reason.startswith(beam)
        assert "of its window of 3.61 µm" in plain.reason and "of its window of 1.8 µm" in joined.reason


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
        source = dataset_of(scan(photons=200))
        finding = only(check(source), "photons")
        assert finding.level is Level.STOP and finding.fix == {"reconstruction.noise_model": "poisson"}
        assert only(mended(check, source, finding), "photons").level is Level.GOOD

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


class TestCost:
    def test_memory_and_time_of_a_small_scan(self, check: Check, backend: Backend) -> None:
        found = check(dataset(), backend, reconstruction__iterations=7)
        assert only(found, "memory").level is Level.GOOD and backend.name in only(found, "memory").reason
        time_found = only(found, "time")
        assert "estimate" in time_found.reason and "7 iterations" in time_found.reason
        assert time_found.level is (Level.LOOK if backend.name == "numpy" else Level.GOOD)
        assert [finding.check for finding in found.findings] == list(TITLES)

    @pytest.mark.parametrize("engine", ["epie", "dm", "raar", "lsqml", "dm:3/2,lsqml"])
    def test_every_engine_is_timed(self, check: Check, engine: str) -> None:
        with open_backend("cpu", 2) as backend:
            found = check(dataset(), backend, reconstruction__engine=engine, experiment__probe_modes=2)
        assert only(found, "time").title.startswith("About ")
        assert found.level is Level.GOOD

    def test_what_does_not_fit_is_made_to_fit(self, check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
        wrong = {"reconstruction__engine": "dm", "experiment__probe_modes": 4}
        with open_backend("numpy") as backend:
            monkeypatch.setattr(backend, "memory_free_bytes", lambda: 115_000_000)
            finding = only(check(dataset(), backend, **wrong), "memory")
            assert finding.level is Level.STOP and "GB" in finding.reason and finding.fix
            fix = {path.replace(".", "__"): value for path, value in finding.fix.items()}
            assert only(check(dataset(), backend, **{**wrong, **fix}), "memory").level is Level.GOOD
            monkeypatch.setattr(backend, "memory_free_bytes", lambda: 1000)
            assert only(check(dataset(), backend, **wrong), "memory").fix is None

    def test_a_time_limit_that_is_too_short(self, check: Check) -> None:
        wrong = {"reconstruction__iterations": 1_000_000, "reconstruction__time_limit_s": 2.0}
        with open_backend("cpu", 2) as backend:
            finding = only(check(dataset(), backend, **wrong), "time")
        assert finding.level is Level.LOOK and finding.fix == {"reconstruction.time_limit_s": None}

    @pytest.mark.parametrize(("seconds", "text"), [(0.2, "1 s"), (59, "59 s"), (600, "10 min"), (7200, "2.0 h")])
    def test_times_are_written_as_said(self, seconds: float, text: str) -> None:
        assert time_text(seconds) == text


class TestChecker:
    def test_a_device_that_is_not_there_is_a_finding(self, monkeypatch: pytest.MonkeyPatch) -> None:
        source = dataset()
        monkeypatch.setattr(opening, "open_dataset", lambda *_: source)
        with Checker() as checker:
            found = checker.check(job(source, {**SOUND, "devices__device": "cuda:99"}))
            finding = only(found, "memory")
            assert finding.level is Level.STOP and "cuda:99" in finding.reason
            assert finding.fix == {"devices.device": "auto"}
            assert only(found, "time").level is Level.UNKNOWN
            again = checker.check(job(source, {**SOUND, "devices__device": "auto"}))
            assert only(again, "memory").level is Level.GOOD

    def test_a_simulated_scan_can_be_checked(self) -> None:
        parameters = Parameters().replace(
            {"experiment.simulate": True, "experiment.scan_dims": (4, 4), "devices.device": "numpy"}
        )
        with Checker() as checker:
            found = checker.check(Job("1", None, parameters, Path("r.cxi")))
        assert found.of("values") and found.sampled == "16 of 16 frames"


NONSENSE: list[dict[str, Any]] = [
    {"experiment__energy_eV": 1e-300},
    {"experiment__distance_m": 1e300},
    {"experiment__detector_pixel_m": 1e-300, "experiment__distance_m": 1e300},
    {"experiment__probe_diameter_m": 1e-300},
    {"experiment__probe_diameter_m": 1e300},
    {"preprocessing__center_px": (-5.0, 1e9)},
    {"preprocessing__center_px": (0.0, 0.0)},
    {"preprocessing__center_px": (63.0, 63.0), "preprocessing__size_px": 4096},
    {"preprocessing__size_px": 4096},
    {"preprocessing__bit_depth": 1},
    {"preprocessing__threshold_counts": 1e30},
    {"preprocessing__mask_file": Path("/nowhere/mask.npy")},
    {"reconstruction__probe_guess": Path("/nowhere/probe.npy")},
    {"experiment__positions_file": Path("/nowhere/positions.csv")},
    {"experiment__drift_m": (1e300, 1e300), "experiment__scan_dims": (8, 8)},
    {"experiment__scan_pattern": "raster"},
    {"reconstruction__coarse_levels": 3, "reconstruction__iterations": 1},
    {"reconstruction__engine": "lsqml/8,dm/8"},
    {"preprocessing__data_are": "amplitudes", "preprocessing__direct_beam": "corner"},
]


@pytest.mark.parametrize("values", NONSENSE, ids=lambda values: ",".join(values))
def test_nonsense_is_found_and_never_fatal(check: Check, values: dict[str, Any]) -> None:
    with open_backend("numpy") as backend:
        found = check(dataset(), backend, **values)
    assert {finding.check for finding in found.findings} == set(TITLES)
    assert not any("defect of ptychogui" in finding.reason for finding in found.findings), found.findings


@pytest.mark.parametrize("fill", [0, 65535])
def test_frames_without_any_information(check: Check, fill: int) -> None:
    found = check(dataset(np.full((64, 64, 64), fill, np.uint16)))
    assert not any("defect of ptychogui" in finding.reason for finding in found.findings), found.findings
    assert levels(found)["center"] is Level.UNKNOWN
    assert levels(found)["photons"] is Level.STOP


def test_positions_at_one_place(check: Check) -> None:
    found = check(dataset(positions_m=np.zeros((64, 2)))).of("overlap")[0]
    assert found.level is Level.STOP and "at one place" in found.title and isinstance(found.error, DataError)


@pytest.mark.parametrize("positions_m", [np.full((64, 2), np.nan), np.full((64, 2), 1e300)])
def test_positions_without_any_information(check: Check, positions_m: np.ndarray) -> None:
    found = check(dataset(positions_m=positions_m))
    assert not any("defect of ptychogui" in finding.reason for finding in found.findings), found.findings
    assert levels(found)["overlap"] is Level.UNKNOWN


def test_every_fix_can_be_typed(check: Check) -> None:
    """The options of a fix mean, on the command line, just what the fix says."""
    import click

    from ptychogui.params.options import options

    fixes = {"preprocessing.center_px": (37.0, 28.0), "preprocessing.size_px": 96, "preprocessing.bit_depth": 8,
             "experiment.energy_eV": 8800.0, "experiment.step_m": (4.2e-7, 1e-6), "devices.device": "auto",
             "experiment.probe_diameter_m": None, "reconstruction.half_precision": True,
             "reconstruction.time_limit_s": None, "reconstruction.noise_model": "poisson"}  # fmt: skip
    typed: dict[str, Any] = {}

    @click.command()
    @options(describe())
    @click.pass_context
    def command(context: click.Context, /, **_values: Any) -> None:
        typed.update({path: value for path, (value, _) in given_values(context, describe()).items()})

    import shlex

    finding = Finding("values", Level.LOOK, "", "", fixes)
    command.main(shlex.split(finding.options), standalone_mode=False)
    assert typed == fixes


GAPS = np.zeros((64, 64), bool)
GAPS[20:23] = GAPS[:, 40:42] = True


class TestAreas:
    @pytest.mark.parametrize(("place", "named"), [
        (np.s_[20:26, :], "384 pixels in rows 20 to 25"), (np.s_[:, 28:], "2304 pixels in columns 28 to 63"),
        (np.s_[:32, :32], "1024 pixels in rows 0 to 31 of columns 0 to 31"),
    ])  # fmt: skip
    @pytest.mark.parametrize(("number", "what"), [(0, "never count"), (17, "always read the same")])
    def test_they_are_named_and_the_fix_frees_them(
        self, check: Check, place: Any, named: str, number: int, what: str
    ) -> None:
        counts = scan().counts.copy()
        counts[:, place[0], place[1]] = number
        found = check(dataset(counts))
        (finding,) = found.of("pixels")
        assert (finding.level, finding.title) == (Level.LOOK, f"Areas that {what}")
        assert finding.reason == f"{named} {what} in 64 of 64 frames"
        assert finding.options == "--find-bad-pixels"
        assert only(mended(check, dataset(counts), finding), "pixels").level is Level.GOOD
        center = only(found, "center")
        assert center.level is Level.GOOD or (center.title == "The beam may be off center" and center.fix is None)

    @pytest.mark.parametrize("scale", [40, 1e9])
    def test_dark_places_of_frames_in_other_units_are_only_dark(self, check: Check, scale: float) -> None:
        counts = scan(photons=1e4).counts.copy()
        counts[:, :3, 9:12] = 0
        assert only(check(dataset(counts * scale)), "pixels").level is Level.GOOD

    @pytest.mark.parametrize("option", [{}, {"saturation_counts": 150}, {"bit_depth": 7}])
    def test_pixels_that_are_always_saturated_are_named_where_it_is_not_known(
        self, check: Check, option: dict[str, Any]
    ) -> None:
        counts = np.minimum(scan().counts, 127 if "bit_depth" in option else 150)
        findings = check(dataset(counts), **{f"preprocessing__{name}": value for name, value in option.items()})
        titles = [finding.title for finding in findings.of("pixels")]
        assert titles == (["Pixels look sound"] if option else ["Areas that always read the same"])

    @pytest.mark.parametrize("masked", [True, False])
    def test_good_pixels_beside_gaps_stay_good(self, check: Check, masked: bool) -> None:
        counts = scan().counts.copy()
        counts[:, GAPS] = 0
        found = check(dataset(counts, bad_pixels=GAPS if masked else None), preprocessing__find_bad_pixels=not masked)
        assert only(found, "pixels").level is Level.GOOD
        assert only(found, "pixels").reason.startswith(f"{GAPS.sum()} of 4096 pixels are marked as bad")


class TestMasks:
    @pytest.mark.parametrize("bad", [GAPS, np.hypot(*(np.mgrid[:64, :64] - 32)) > 25])
    def test_one_that_hides_no_light_is_good(self, check: Check, bad: np.ndarray) -> None:
        assert only(check(dataset(bad_pixels=bad)), "mask").title == "The mask leaves the light"

    @pytest.mark.parametrize("bad", [GAPS, GAPS.T, np.roll(GAPS, 9, 0)])
    def test_the_files_own_the_other_way_round_is_a_stop_that_an_option_mends(
        self, check: Check, bad: np.ndarray
    ) -> None:
        finding = only(check(dataset(bad_pixels=~bad)), "mask")
        assert (finding.level, finding.title) == (Level.STOP, "The mask may be the other way round")
        assert f"the file's own mask: {4096 - bad.sum()} of 4096 pixels (9" in finding.reason
        assert finding.options == "--invert-mask"
        assert only(mended(check, dataset(bad_pixels=~bad), finding), "mask").level is Level.GOOD

    def test_one_that_was_turned_round_for_nothing_is_told(self, check: Check) -> None:
        finding = only(check(dataset(bad_pixels=GAPS), preprocessing__invert_mask=True), "mask")
        assert (finding.level, finding.options) == (Level.STOP, "--no-invert-mask")

    def test_a_mask_file_has_its_own_option(self, check: Check, tmp_path: Path) -> None:
        np.save(tmp_path / "m.npy", ~GAPS)
        values = {"preprocessing__mask_file": tmp_path / "m.npy"}
        source = dataset(bad_pixels=GAPS.T)
        finding = only(check(source, **values), "mask")
        assert finding.level is Level.STOP and finding.options == "--invert-mask-file"
        good = only(mended(check, source, finding, **values), "mask")
        assert good.reason.startswith(f"the file's own mask and the mask m.npy: {(GAPS | GAPS.T).sum()} of 4096 pixels")

    def test_an_option_without_its_mask_is_told(self, check: Check, tmp_path: Path) -> None:
        np.save(tmp_path / "m.npy", ~GAPS)
        source = dataset(bad_pixels=None)
        values = {"preprocessing__mask_file": tmp_path / "m.npy", "preprocessing__invert_mask": True}
        stop, look = check(source, **values).of("mask")
        assert (stop.level, look.title) == (Level.STOP, "There is no such mask to turn round")
        assert look.options == "--no-invert-mask --invert-mask-file"
        assert only(mended(check, source, look, **values), "mask").level is Level.GOOD

    @pytest.mark.parametrize("own", [True, False])
    def test_everything_masked_is_a_stop(self, check: Check, tmp_path: Path, own: bool) -> None:
        np.save(tmp_path / "m.npy", np.ones((64, 64)) if not own else GAPS)
        values = {"preprocessing__mask_file": tmp_path / "m.npy"}
        source = dataset(bad_pixels=np.ones((64, 64), bool) if own else GAPS)
        finding = only(check(source, **values), "mask")
        assert (finding.level, finding.title) == (Level.STOP, "Everything is masked")
        assert "marks 4096 of 4096 pixels" in finding.reason and f"marks {GAPS.sum()} of 4096 pixels" in finding.reason
        assert finding.options == ("--invert-mask" if own else "--invert-mask-file")


def test_near_field_data_are_told(check: Check) -> None:
    rng = np.random.default_rng(0)
    rough = rng.normal(size=(64, 128, 128))
    smooth = np.fft.ifft2(np.fft.fft2(rough) * (np.hypot(*np.meshgrid(*[np.fft.fftfreq(128)] * 2)) < 0.1)).real
    counts = rng.poisson(100 * (1 + 0.3 * smooth / smooth.std()).clip(0))[:, :64, :64].astype(np.uint16)
    titles = [finding.title for finding in check(dataset(counts)).of("sampling")]
    assert "This may be near-field data" in titles
