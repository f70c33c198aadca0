"""Masks that hide the light are told, with the option that turns them round."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ptychogui.jobs.preflight import Level
from tests.jobs.preflight.scans import GAPS, Check, dataset, mended, only


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
        stop, warning = check(source, **values).of("mask")
        assert (stop.level, warning.title) == (Level.STOP, "There is no such mask to turn round")
        assert warning.options == "--no-invert-mask --invert-mask-file"
        assert only(mended(check, source, warning, **values), "mask").level is Level.GOOD

    @pytest.mark.parametrize("own", [True, False])
    def test_everything_masked_is_a_stop(self, check: Check, tmp_path: Path, own: bool) -> None:
        np.save(tmp_path / "m.npy", np.ones((64, 64)) if not own else GAPS)
        values = {"preprocessing__mask_file": tmp_path / "m.npy"}
        source = dataset(bad_pixels=np.ones((64, 64), bool) if own else GAPS)
        finding = only(check(source, **values), "mask")
        assert (finding.level, finding.title) == (Level.STOP, "Everything is masked")
        assert "marks 4096 of 4096 pixels" in finding.reason and f"marks {GAPS.sum()} of 4096 pixels" in finding.reason
        assert finding.options == ("--invert-mask" if own else "--invert-mask-file")
