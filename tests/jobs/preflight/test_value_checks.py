"""Values that can't be meant, that do nothing or that are missing are found, and the fix mends them."""

from __future__ import annotations

import pytest

from ptychogui.jobs.preflight import Level
from ptychogui.params.model import by_path
from tests.jobs.preflight.scans import Check, dataset, levels, mended, only


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
