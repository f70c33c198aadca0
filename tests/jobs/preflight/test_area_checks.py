"""Areas that do not count, and frames of another kind of measurement, are told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ptychogui.jobs.preflight import Level
from tests.jobs.preflight.scans import GAPS, Check, dataset, mended, only, scan


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


def test_near_field_data_are_told(check: Check) -> None:
    rng = np.random.default_rng(0)
    rough = rng.normal(size=(64, 128, 128))
    smooth = np.fft.ifft2(np.fft.fft2(rough) * (np.hypot(*np.meshgrid(*[np.fft.fftfreq(128)] * 2)) < 0.1)).real
    counts = rng.poisson(100 * (1 + 0.3 * smooth / smooth.std()).clip(0))[:, :64, :64].astype(np.uint16)
    titles = [finding.title for finding in check(dataset(counts)).of("sampling")]
    assert "This may be near-field data" in titles
