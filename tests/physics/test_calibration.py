"""What is found in frames before all of them are read: centers and bad pixels of simulated scans."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest

from ptychogui.errors import DataError
from ptychogui.params.preprocessing import Preprocessing
from ptychogui.physics.bad_pixels import suspicious_pixels
from ptychogui.physics.calibration import Calibration, calibrate, calibrate_readings
from ptychogui.physics.cleaning import ReadingRules
from ptychogui.physics.frames import ArrayFrames
from ptychogui.physics.simulation import Recipe, simulate

SHIFT = (7, -12)


@cache
def simulated() -> np.ndarray:
    """Counts (36, 64, 64) with the beam at [32, 32]."""
    return np.asarray(simulate(Recipe(n=64, outer_zone_m=80e-9, scan_dims=(6, 6), photons=1e5)).counts)


def off_center() -> np.ndarray:
    stack = np.zeros((36, 120, 100), simulated().dtype)
    stack[:, 60 + SHIFT[0] - 32 : 92 + SHIFT[0], 50 + SHIFT[1] - 32 : 82 + SHIFT[1]] = simulated()
    return stack


def look(stack: np.ndarray, bad: np.ndarray | None = None, rows: Any = None, **values: Any) -> Calibration:
    chosen = np.arange(len(stack)) if rows is None else np.asarray(rows)
    return calibrate(ArrayFrames(stack), chosen, bad, Preprocessing(**values))


class Watched(ArrayFrames):
    def __init__(self, array: np.ndarray) -> None:
        super().__init__(array)
        self.asked: list[list[int]] = []

    def read(self, rows: Sequence[int] | np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        self.asked.append(list(rows))
        return super().read(rows)


def test_nothing_is_read_where_nothing_is_asked_for() -> None:
    bad, given = np.ones((64, 64), bool), Preprocessing()
    frames = Watched(simulated())
    assert calibrate(frames, np.arange(36), bad, given) == Calibration(given, bad)
    assert frames.asked == []


def test_a_few_frames_tell_what_counts_and_are_read_once() -> None:
    bad, given = np.zeros((64, 64), bool), Preprocessing()
    bad[4:6] = True
    frames = Watched(simulated())
    calibration = calibrate_readings(frames, np.arange(36), Calibration(given, bad))
    assert [len(rows) for rows in frames.asked] == [24] and frames.asked[0][-1] == 35
    assert calibration.preprocessing is given
    assert calibration.bad_pixels is bad
    assert calibration.rules == ReadingRules()
    assert calibration.notes == ()
    assert calibrate_readings(frames, np.arange(36), calibration) is calibration


@pytest.mark.parametrize("asked", [False, True])
def test_marks_are_told_with_what_else_is_asked_for(asked: bool) -> None:
    stack = off_center().astype(np.float32)
    stack[:, 40:43] = 2.0**32
    stack[:, :, 60] = 254
    calibration = calibrate_readings(ArrayFrames(stack), np.arange(36), look(stack, find_center=asked))
    assert calibration.rules is not None and calibration.rules.no_counts_from == 2.0**32
    assert calibration.bad_pixels is not None
    assert np.argwhere(calibration.bad_pixels.any(axis=0)).tolist() == [[60]]
    assert calibration.notes[0] == (
        "readings of 4294967296 and 254 are no counts and are left free: 417 pixels have them in 24 frames from all "
        "over the scan"
    )
    if asked:
        assert calibration.preprocessing.center_px == pytest.approx((67, 38), abs=0.5)


def test_the_center_is_found_to_half_a_pixel() -> None:
    calibration = look(off_center(), find_center=True)
    assert calibration.preprocessing.center_px == pytest.approx((67, 38), abs=0.5)
    assert calibration.bad_pixels is None
    assert "in 36 of 36 frames, 13." in calibration.notes[0]
    assert calibration.notes[0].endswith("pixels from the detector's center")


def test_a_found_center_goes_before_a_given_one() -> None:
    calibration = look(off_center(), find_center=True, center_px=(67, 42))
    assert calibration.preprocessing.center_px == pytest.approx((67, 38), abs=0.5)
    assert calibration.notes[0].endswith("pixels from the pattern center (67, 42)")


@pytest.mark.parametrize("given", [(67, 38), (66, 39), (67, 36)])
def test_a_center_that_is_near_enough_is_kept(given: tuple[float, float]) -> None:
    calibration = look(off_center(), find_center=True, center_px=given)
    assert calibration.preprocessing.center_px == given
    assert calibration.notes[0].endswith("which is kept")


def test_neither_hot_nor_saturated_nor_masked_pixels_pull_the_center() -> None:
    stack, bad = off_center(), np.zeros((120, 100), bool)
    stack[:, 5, 90], stack[:, 110:, 4] = 60000, np.iinfo(stack.dtype).max
    stack[:, 20:30, 80:], bad[20:30, 80:] = 50000, True
    calibration = look(stack, bad, find_center=True)
    assert calibration.preprocessing.center_px == pytest.approx((67, 38), abs=0.5)


def test_roots_have_the_same_center() -> None:
    calibration = look(np.sqrt(off_center(), dtype=np.float32), find_center=True, data_are="amplitudes")
    assert calibration.preprocessing.center_px == pytest.approx((67, 38), abs=0.5)


def test_a_beam_that_saturates_now_and_then_has_its_center() -> None:
    stack = off_center().astype(np.uint8)
    bright = off_center() > 0.7 * off_center().max(axis=(1, 2), keepdims=True)
    stack[bright] = 255
    assert look(stack, find_center=True).preprocessing.center_px == pytest.approx((67, 38), abs=0.5)


def test_roots_in_small_integers_do_not_overflow() -> None:
    roots = np.sqrt(off_center() * 30).astype(np.uint8)
    calibration = look(roots, find_center=True, find_bad_pixels=True, data_are="amplitudes")
    assert calibration.preprocessing.center_px == pytest.approx((67, 38), abs=0.5)
    beyond = ~off_center().any(axis=0)
    assert calibration.bad_pixels is not None and not (calibration.bad_pixels & ~beyond).any()


def test_a_center_that_cant_be_found_is_said() -> None:
    dark = look(np.zeros((4, 32, 32), np.uint16), find_center=True)
    assert dark.preprocessing.center_px is None
    assert dark.notes == ("the center is not found: nothing is seen in 4 of 4 frames",)
    corner = look(simulated(), find_center=True, direct_beam="corner")
    assert "not looked for: the frames hold the direct beam at element" in corner.notes[0]


@pytest.mark.parametrize("corner", [False, True])
def test_bad_pixels_are_found_and_joined_to_the_mask(corner: bool) -> None:
    stack, bad = simulated().copy(), np.zeros((64, 64), bool)
    stack[:, 31, 40] = 0
    stack[:, 10, 8] += np.random.default_rng(0).poisson(200, 36).astype(stack.dtype)
    stack[:, 50, 50] = 777
    stack[5:35:10, 20, 44] += 400
    bad[3, 3] = True
    values: dict[str, Any] = {"find_bad_pixels": True}
    if corner:
        stack, bad = np.fft.ifftshift(stack, axes=(1, 2)), np.fft.ifftshift(bad)
        values["direct_beam"] = "corner"
    calibration = look(stack, bad, **values)
    assert calibration.bad_pixels is not None
    found = np.fft.fftshift(calibration.bad_pixels) if corner else calibration.bad_pixels
    assert np.argwhere(found).tolist() == [[3, 3], [10, 8], [20, 44], [31, 40], [50, 50]]
    assert calibration.notes[0].startswith(
        "1 dead, 1 hot, 1 stuck, 1 flickering pixels are found in 36 of 36 frames and are left free: ("
    )


def test_a_hot_pixel_that_saturates_now_and_then_is_found() -> None:
    stack = simulated().astype(np.uint16)
    stack[:, 10, 8] = np.random.default_rng(0).poisson(60_000, 36)
    stack[7, 10, 8], stack[20, 40, 40] = 65535, 65535
    broken = stack.astype(np.int32)
    broken[7, 10, 8] = broken[20, 40, 40] = -1
    for frames in (stack, broken):
        calibration = look(frames, find_bad_pixels=True)
        assert calibration.bad_pixels is not None
        assert np.argwhere(calibration.bad_pixels).tolist() == [[10, 8]]


@pytest.mark.parametrize("photons", [1e3, 1e5, 1e7])
def test_a_sound_detector_keeps_all_its_pixels(photons: float) -> None:
    stack = simulate(Recipe(n=64, outer_zone_m=80e-9, scan_dims=(6, 6), photons=photons)).counts
    calibration = look(np.asarray(stack), find_bad_pixels=True)
    assert calibration.bad_pixels is None
    assert calibration.notes == ("no bad pixel is found in 36 of 36 frames",)


@pytest.mark.parametrize(("mean", "frames"), [(12, 4), (10, 6), (300, 3)])
def test_chance_makes_no_bad_pixels_on_a_large_detector(mean: float, frames: int) -> None:
    stack = np.random.default_rng(7).poisson(mean, (frames, 1024, 1024)).astype(np.uint16)
    assert suspicious_pixels(stack, np.ones((1024, 1024), bool)).all.any()
    assert look(stack, find_bad_pixels=True).bad_pixels is None


@pytest.mark.parametrize(("mean", "is_dead"), [(1.8, False), (4.0, True)])
def test_a_dark_pixel_is_dead_where_photons_cant_have_missed_it(mean: float, is_dead: bool) -> None:
    stack = np.random.default_rng(8).poisson(mean, (10, 256, 256)).astype(np.uint16)
    stack[:, 100, 50] = 0
    assert suspicious_pixels(stack, np.ones((256, 256), bool)).dead[100, 50]
    found = look(stack, find_bad_pixels=True).bad_pixels
    assert ([] if found is None else np.argwhere(found).tolist()) == [[100, 50]] * is_dead


def test_frames_without_any_noise_are_not_taken_for_bad_pixels() -> None:
    stack = np.repeat(simulated()[:1], 20, axis=0)
    calibration = look(stack, find_bad_pixels=True)
    assert calibration.bad_pixels is None
    assert "so many are none, and stay" in calibration.notes[0]


def test_a_narrow_direct_beam_is_no_hot_pixel() -> None:
    random = np.random.default_rng(1)
    stack = random.poisson(2, (20, 64, 64)).astype(np.uint16)
    for place in ((33, 31), (8, 9)):
        stack[:, place[0], place[1]] = random.poisson(5000, 20)
    calibration = look(stack, find_bad_pixels=True)
    assert calibration.bad_pixels is not None
    assert np.argwhere(calibration.bad_pixels).tolist() == [[8, 9]]


def test_too_few_frames_tell_nothing_about_pixels() -> None:
    calibration = look(simulated(), rows=[4, 4, 9], find_bad_pixels=True)
    assert calibration.bad_pixels is None
    assert calibration.notes == ("bad pixels are not looked for: 2 of 36 frames are too few to tell",)


def test_a_bounded_number_of_frames_is_read_from_all_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ptychogui.physics.calibration._MOST_BYTES", 5 * simulated()[0].nbytes)
    monkeypatch.setattr("ptychogui.physics.calibration._BYTES_TO_COUNT", 4 * simulated()[0].nbytes)
    frames = Watched(simulated())
    calibration = calibrate(frames, np.arange(36)[::-1], None, Preprocessing(find_center=True))
    assert frames.asked == [[0, 11, 23, 35], [0, 8, 17, 26, 35]]
    assert "in 5 of 36 frames" in calibration.notes[0]


def test_a_mask_of_another_detector_is_refused() -> None:
    with pytest.raises(DataError, match="mask of bad pixels has shape"):
        look(simulated(), np.zeros((3, 3), bool), find_center=True)


@pytest.mark.parametrize("corner", [False, True])
def test_dead_areas_are_found_and_do_not_pull_the_center(corner: bool) -> None:
    stack, bad = simulated().copy(), np.zeros((64, 64), bool)
    stack[:, 20:26], stack[:, :30, :28], stack[:, 31, 40] = 0, 9, 0
    bad[3, 40] = True
    dead = np.zeros((64, 64), bool)
    dead[20:26] = dead[:30, :28] = dead[31, 40] = dead[3, 40] = True
    values: dict[str, Any] = {"find_bad_pixels": True, "find_center": True}
    if corner:
        stack, bad = np.fft.ifftshift(stack, axes=(1, 2)), np.fft.ifftshift(bad)
        values["direct_beam"] = "corner"
    calibration = look(stack, bad, **values)
    assert calibration.bad_pixels is not None
    np.testing.assert_array_equal(np.fft.fftshift(calibration.bad_pixels) if corner else calibration.bad_pixels, dead)
    if not corner:
        assert calibration.notes[0].endswith("which is kept")
        assert calibration.notes[1:3] == (
            "216 pixels in rows 20 to 25 of columns 28 to 63 never count in 36 of 36 frames and are left free",
            "840 pixels in rows 0 to 29 of columns 0 to 27 always read the same in 36 of 36 frames and are left free",
        )
    assert calibration.notes[-1].startswith("1 dead, 0 hot, 0 stuck, 0 flickering pixels are found")


def test_half_of_a_detector_may_be_dead() -> None:
    stack = simulated().copy()
    stack[:, :, 32:] = 0
    calibration = look(stack, find_bad_pixels=True)
    assert calibration.bad_pixels is not None
    assert calibration.bad_pixels[:, 32:].all() and not calibration.bad_pixels[:, :32].any()
    assert calibration.notes == (
        "2048 pixels in columns 32 to 63 never count in 36 of 36 frames and are left free",
        "no other bad pixel is found in 36 of 36 frames",
    )
