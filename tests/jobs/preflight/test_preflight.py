"""All checks together: they say nothing of a sound scan, nonsense never ends them, and a checker keeps its device."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ptychogui.backends import open_backend
from ptychogui.io.dataset import Dataset
from ptychogui.io.simulated import dataset_of
from ptychogui.jobs.job import Job
from ptychogui.jobs.preflight import TITLES, Checker, Level, preflight
from ptychogui.jobs.preflight.sampled_scan import FrameSample, read_sample
from ptychogui.jobs.prepare import open_scan as opening
from ptychogui.params.model import Parameters
from tests.io.raw.makers import make_master
from tests.jobs.preflight.scans import SOUND, Check, dataset, job, levels, only, scan


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

    def test_a_sample_is_read_again_where_a_file_with_frames_changed(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        read: list[int] = []

        def read_told(dataset: Dataset) -> FrameSample:
            read.append(1)
            return read_sample(dataset)

        monkeypatch.setattr("ptychogui.jobs.preflight.read_sample", read_told)
        master = make_master(tmp_path)
        one = Job("1", master, Parameters().replace({"devices.device": "cuda:99"}), tmp_path / "r.cxi")
        with Checker() as checker:
            for times in (1, 1):
                checker.check(one)
                assert len(read) == times
            os.utime(tmp_path / "m_data_000002.h5", ns=(1, 1))
            checker.check(one)
        assert len(read) == 2

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
    {"preprocessing__center_px": (63.0, 63.0), "preprocessing__size_px": 1024},
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
