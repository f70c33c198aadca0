"""What is wrong with pairing, overlap and the object's size is found, and the fix mends it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ptychogui.errors import DataError
from ptychogui.io.notes import NO_POSITIONS, Note
from ptychogui.io.simulated import dataset_of
from ptychogui.jobs.preflight import Level
from tests.jobs.preflight.scans import Check, dataset, levels, mended, only, scan


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
        made = dataset(notes=(Note(f"{whose} no scan positions", NO_POSITIONS),), positions_m=None)
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


def test_positions_at_one_place(check: Check) -> None:
    found = check(dataset(positions_m=np.zeros((64, 2)))).of("overlap")[0]
    assert found.level is Level.STOP and "at one place" in found.title and isinstance(found.error, DataError)


@pytest.mark.parametrize("positions_m", [np.full((64, 2), np.nan), np.full((64, 2), 1e300)])
def test_positions_without_any_information(check: Check, positions_m: np.ndarray) -> None:
    found = check(dataset(positions_m=positions_m))
    assert not any("defect of ptychogui" in finding.reason for finding in found.findings), found.findings
    assert levels(found)["overlap"] is Level.UNKNOWN
