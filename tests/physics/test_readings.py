"""What readings are: marks in place of counts whatever the type, noise below zero, units; and true counts that stay."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from ptychogui.params.preprocessing import Preprocessing
from ptychogui.physics.calibration import Calibration, calibrate_readings
from ptychogui.physics.cleaning import ReadingRules
from ptychogui.physics.frames import ArrayFrames, Patterns, prepare_frames
from ptychogui.physics.readings import ReadingsReport, examine_readings, step_of
from ptychogui.physics.simulation import Recipe, simulate

GAP = np.zeros((64, 64), bool)
GAP[20:23], GAP[:, 40:42] = True, True


PLAIN = ReadingsReport(ReadingRules(no_counts_from=2**31 - 2))
"""What is told of frames that are as they should be, in a type of more than 16 bits."""


@cache
def counts() -> np.ndarray:
    """Whole counts (24, 64, 64) of up to some thousands; int64."""
    scan = simulate(Recipe(n=64, outer_zone_m=80e-9, scan_dims=(4, 6), photons=5e5))
    return np.asarray(scan.counts).astype(np.int64)


def told(readings: np.ndarray, bad: np.ndarray | None = None, **values: Any) -> ReadingsReport:
    before = readings.copy()
    found = examine_readings(readings, bad, Preprocessing(**values))
    np.testing.assert_array_equal(readings, before)
    return found


def is_plain(frames: np.ndarray) -> bool:
    """Whether nothing is told of frames but that no reading is beyond 31 bits, where they are all far from it."""
    return told(frames) == (PLAIN if frames.dtype.itemsize > 2 and frames.max() < 2e8 else ReadingsReport())


def prepared(readings: np.ndarray, **values: Any) -> tuple[Patterns, tuple[str, ...]]:
    """Patterns of N = 64 with the beam at [32, 32], as a run makes them, and what is said."""
    frames, rows = ArrayFrames(readings), np.arange(len(readings))
    found = calibrate_readings(frames, rows, Calibration(Preprocessing(**values), None))
    made = prepare_frames(frames, rows, found.bad_pixels, found.preprocessing, rules=found.rules)
    return made, (*found.notes, *made.notes)


def free(patterns: Patterns) -> np.ndarray:
    kind = patterns.patterns.dtype
    mark = -1 if kind.kind == "f" else np.iinfo(kind).max
    return np.fft.fftshift(patterns.patterns == mark, axes=(1, 2))


def spoilt(dtype: Any, mark: float, where: np.ndarray = GAP) -> np.ndarray:
    frames = counts().astype(dtype)
    frames[:, where] = mark
    return frames


class TestMarks:
    @pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.uint64, np.uint32])
    @pytest.mark.parametrize("mark", [2**32 - 1, 2**32 - 2, 2**31 - 1])
    def test_the_largest_of_a_type_that_counts_came_from(self, dtype: Any, mark: int) -> None:
        patterns, notes = prepared(spoilt(dtype, mark))
        np.testing.assert_array_equal(free(patterns), np.broadcast_to(GAP, (24, 64, 64)))
        shown = f"{float(dtype(mark)):.12g}"
        assert notes[0].startswith(f"readings of {shown} are no counts and are left free: {GAP.sum()} pixels")
        assert patterns.max_counts == counts()[:, ~GAP].max()

    @pytest.mark.parametrize("dtype", [np.uint32, np.int32, np.float32, np.float64])
    @pytest.mark.parametrize("mark", [65535, 65534])
    def test_marks_of_16_bits_in_wider_frames(self, dtype: Any, mark: int) -> None:
        patterns, notes = prepared(spoilt(dtype, mark))
        assert (free(patterns) == GAP).all()
        assert f"readings of {mark} are no counts" in notes[0]

    def test_dead_pixels_next_to_gaps_as_dectris_has_them(self) -> None:
        frames = spoilt(np.uint16, 65535)
        frames[:, 5, 5:9] = 65534
        patterns, notes = prepared(frames)
        assert free(patterns)[:, 5, 5:9].all() and free(patterns).sum() == 24 * (GAP.sum() + 4)
        assert "readings of 65535 and 65534 are no counts" in notes[0]

    @pytest.mark.parametrize("mark", [255, 254])
    def test_marks_of_8_bits_among_larger_counts(self, mark: int) -> None:
        patterns, notes = prepared(spoilt(np.uint16, mark))
        assert (free(patterns) == GAP).all()
        assert f"readings of {mark} are no counts" in notes[0]
        assert patterns.max_counts == counts()[:, ~GAP].max() > 600

    @pytest.mark.parametrize("mark", [999999, 1e9, 3.4e38, 9.96921e36])
    def test_any_value_far_from_all_counts_that_stays_at_its_pixels(self, mark: float) -> None:
        patterns, notes = prepared(spoilt(np.float32, mark))
        assert (free(patterns) == GAP).all()
        assert f"readings of {float(np.float32(mark)):.12g} are no counts" in notes[0]

    def test_marks_that_a_flat_field_has_scaled(self) -> None:
        flat = np.random.default_rng(0).normal(1, 0.05, (64, 64))
        patterns, notes = prepared((spoilt(np.uint32, 2**32 - 1) * flat).astype(np.float32))
        assert (free(patterns) == GAP).all()
        assert "and 312 more" in notes[0] or "more are no counts" in notes[0]

    def test_marks_that_a_monitor_has_scaled(self) -> None:
        monitor = np.random.default_rng(0).normal(1, 0.05, (24, 1, 1))
        patterns, _ = prepared((spoilt(np.uint32, 2**32 - 1) / monitor).astype(np.float32))
        assert (free(patterns) == GAP).all()

    def test_a_mark_that_comes_now_and_then(self) -> None:
        frames = counts().astype(np.float64)
        frames[3, 30, 31] = frames[20, 5, 60] = 2**32 - 1
        patterns, _ = prepared(frames)
        assert free(patterns).sum() == 2 and free(patterns)[3, 30, 31] and free(patterns)[20, 5, 60]

    @pytest.mark.parametrize("mark", [-1, -2, -9999])
    @pytest.mark.parametrize("dtype", [np.int16, np.int32, np.float32])
    def test_marks_below_zero(self, dtype: Any, mark: int) -> None:
        patterns, notes = prepared(spoilt(dtype, mark))
        assert (free(patterns) == GAP).all()
        assert notes == (f"{24 * GAP.sum()} negative or undefined pixel readings are left free",)

    @pytest.mark.parametrize("mark", [np.nan, np.inf, -np.inf])
    @pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
    def test_what_is_no_number(self, dtype: Any, mark: float) -> None:
        frames = np.minimum(counts(), 60_000).astype(dtype)
        frames[:, GAP] = mark
        assert (free(prepared(frames)[0]) == GAP).all()

    @pytest.mark.parametrize("frames", [2, 3])
    @pytest.mark.parametrize("mark", [65535, 999999])
    def test_a_few_large_frames_are_enough(self, frames: int, mark: int) -> None:
        assert (free(prepared(spoilt(np.uint32, mark)[:frames])[0]) == GAP).all()

    def test_gaps_of_8_bits(self) -> None:
        frames = np.minimum(counts() // 30, 25).astype(np.uint8)
        frames[:, GAP] = 255
        assert told(frames).rules.no_counts_from == 255

    def test_sums_of_marks(self) -> None:
        assert told(spoilt(np.float64, 4 * (2**32 - 1))).rules.no_counts_from == 4 * (2**32 - 1)

    def test_roots_of_marks(self) -> None:
        roots = np.sqrt(spoilt(np.float64, 2**32 - 1)).astype(np.float32)
        patterns, _ = prepared(roots, data_are="amplitudes")
        assert (free(patterns) == GAP).all()

    def test_three_kinds_at_once(self) -> None:
        frames = spoilt(np.float32, 2**32 - 1)
        frames[:, 3, 3], frames[:, 4, 4], frames[:, 6, 6] = 1e20, -1, 65535
        expected = GAP.copy()
        expected[[3, 4, 6], [3, 4, 6]] = True
        assert (free(prepared(frames)[0]) == expected).all()

    def test_frames_without_light_hide_no_mark(self) -> None:
        frames = spoilt(np.float32, 2**32 - 1)
        frames[[0, 7, 8, 9, 10]] = 0
        assert told(frames).rules.no_counts_from == 2.0**32

    def test_pixels_that_are_masked_are_not_looked_at(self) -> None:
        assert told(spoilt(np.float32, 2**32 - 1), GAP) == PLAIN

    def test_a_mark_in_frames_that_are_not_looked_at(self) -> None:
        frames = np.concatenate([counts(), counts()]).astype(np.float32)
        frames[1, 30, 31] = 2**32 - 1
        patterns, notes = prepared(frames)
        assert free(patterns).sum() == 1
        assert notes == ("1 pixel readings that are no counts (at or above 2147483646) are left free",)

    @pytest.mark.parametrize("mark", [32767, 65535, 2**32 - 1])
    def test_known_marks_that_come_again_and_again(self, mark: int) -> None:
        frames = counts().astype(np.float32) * 8 + np.random.default_rng(1).poisson(3, counts().shape)
        assert frames.max() > 5000
        marked = np.random.default_rng(0).random(frames.shape) < 0.01
        frames[marked] = mark
        np.testing.assert_array_equal(free(prepared(frames)[0]), marked)

    def test_any_value_that_comes_again_and_again(self) -> None:
        frames = counts().astype(np.float64)
        frames[::3, 30:32, 31] = 7.7e7
        assert free(prepared(frames)[0]).sum() == 16


class TestTrueCounts:
    """Nothing is told of ordinary scans, so that their patterns stay as they are."""

    @pytest.mark.parametrize("dtype", [np.uint16, np.uint32, np.int32, np.float32, np.float64])
    def test_a_plain_scan(self, dtype: Any) -> None:
        assert is_plain(counts().astype(dtype))

    @pytest.mark.parametrize("photons", [1e2, 1e4, 1e6, 1e8])
    def test_few_and_many_photons(self, photons: float) -> None:
        assert is_plain(simulate(Recipe(n=64, outer_zone_m=80e-9, scan_dims=(4, 6), photons=photons)).counts)

    @pytest.mark.parametrize("beam", [20, 300, 65535, 1e6, 5e8])
    @pytest.mark.parametrize("around", [0.05, 3])
    def test_a_direct_beam_in_one_pixel(self, beam: float, around: float) -> None:
        random = np.random.default_rng(1)
        frames = random.poisson(around, (24, 32, 32)).astype(np.uint32)
        frames[:, 16, 16] = random.poisson(beam, 24)
        assert is_plain(frames)
        assert is_plain(frames.astype(np.float32))

    def test_a_narrow_bright_beam_in_some_frames_only(self) -> None:
        random = np.random.default_rng(1)
        frames = random.poisson(1.0, (24, 32, 32)).astype(np.uint32)
        frames[::5, 15:17, 15:17] = random.poisson(4e5, (5, 2, 2))
        assert is_plain(frames)

    def test_hot_pixels_and_a_cosmic_ray(self) -> None:
        random = np.random.default_rng(1)
        frames = random.poisson(2.0, (24, 32, 32)).astype(np.uint32)
        frames[:, 3, 4] = random.poisson(3e4, 24)
        frames[7, 20, 21] = 70_000
        assert is_plain(frames)

    def test_a_saturated_beam_is_no_mark(self) -> None:
        bright = counts() * 130 + np.random.default_rng(0).poisson(9, counts().shape)
        frames = np.minimum(bright, 65535).astype(np.uint32)
        assert (frames == 65535).sum() > 100
        assert is_plain(frames)

    def test_frames_that_are_all_the_same(self) -> None:
        assert is_plain(np.broadcast_to(counts()[:1], (24, 64, 64)).astype(np.float32))
        assert told(np.full((24, 16, 16), 3, np.uint8)) == ReadingsReport()

    @pytest.mark.parametrize("frames", [1, 2, 3])
    def test_few_frames(self, frames: int) -> None:
        assert is_plain(counts()[:frames].astype(np.float32))

    def test_nothing_at_all(self) -> None:
        assert told(np.zeros((3, 16, 16), np.uint16)) == told(np.full((3, 16, 16), np.nan)) == ReadingsReport()
        assert told(counts(), np.ones((64, 64), bool)) == ReadingsReport()


class TestNoise:
    def dark_subtracted(self, sigma: float) -> np.ndarray:
        random = np.random.default_rng(2)
        return counts() + random.normal(0, sigma, counts().shape)

    @pytest.mark.parametrize("sigma", [0.2, 1.0, 8.0])
    def test_noise_below_zero_counts_nothing(self, sigma: float) -> None:
        frames = self.dark_subtracted(sigma).astype(np.float32)
        patterns, notes = prepared(frames)
        assert patterns.free_pixels == 0
        np.testing.assert_allclose(patterns.counts, np.maximum(frames, 0).sum(axis=(1, 2)), rtol=1e-5)
        assert told(frames).rules.noise_from == pytest.approx(-8 * sigma, rel=0.15)
        assert "are noise" in notes[0]

    def test_noise_among_few_photons(self) -> None:
        random = np.random.default_rng(3)
        frames = random.poisson(0.5, (24, 32, 32)) + random.normal(0, 0.5, (24, 32, 32))
        assert told(frames).rules.noise_from == pytest.approx(-4, rel=0.15)

    def test_noise_in_whole_numbers(self) -> None:
        patterns, _ = prepared(np.rint(self.dark_subtracted(1.0)).astype(np.int32))
        assert patterns.free_pixels == 0 and patterns.patterns.dtype == np.uint16

    @pytest.mark.parametrize("dtype", [np.uint16, np.uint32])
    def test_noise_below_zero_that_an_unsigned_type_has_wrapped(self, dtype: Any) -> None:
        noisy = np.rint(self.dark_subtracted(3.0)).astype(np.int64)
        patterns, _ = prepared(noisy.astype(dtype))
        np.testing.assert_array_equal(free(patterns), noisy < 0)

    def test_a_bright_disc_near_the_largest_number_is_no_noise(self) -> None:
        frames = np.random.default_rng(1).poisson(20, (24, 32, 32)).astype(np.uint16)
        frames[:, 8:24, 8:24] = np.random.default_rng(2).poisson(62_000, (24, 16, 16))
        assert is_plain(frames)

    @pytest.mark.parametrize("mark", [-1, -2, -32768])
    def test_marks_among_noise_stay_free(self, mark: int) -> None:
        frames = np.rint(self.dark_subtracted(2.0)).astype(np.int32)
        frames[:, GAP] = mark
        assert (free(prepared(frames)[0]) == GAP).all()

    def test_large_values_below_zero_stay_free(self) -> None:
        frames = self.dark_subtracted(1.0).astype(np.float32)
        frames[5, 30, 30] = -500
        assert free(prepared(frames)[0]).sum() == 1

    @pytest.mark.parametrize("share", [0.001, 0.03])
    @pytest.mark.parametrize("mark", [-1, -2])
    def test_a_mark_now_and_then_is_no_noise(self, share: float, mark: int) -> None:
        frames = counts().astype(np.int32)
        frames[np.random.default_rng(0).random(frames.shape) < share] = mark
        assert told(frames) == PLAIN


class TestUnits:
    @pytest.mark.parametrize("scale", [1e9, 1e15, 1e30, 1e-9, 1e-20, 0.01, 7, 1e5, 1 / 652])
    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_whole_counts_come_back(self, scale: float, dtype: Any) -> None:
        patterns, notes = prepared((counts() * scale).astype(dtype))
        np.testing.assert_allclose(patterns.counts, counts().sum(axis=(1, 2)), rtol=1e-5)
        assert notes[0] == f"readings are whole multiples of {scale:.6g}, and are divided by it"

    def test_large_whole_numbers(self) -> None:
        patterns, _ = prepared(counts() * 10**9)
        np.testing.assert_allclose(patterns.counts, counts().sum(axis=(1, 2)), rtol=1e-12)

    def test_any_gaps_in_other_units(self) -> None:
        frames = spoilt(np.float64, 3.0 * counts().max()) * 1e9
        patterns, notes = prepared(frames)
        assert (free(patterns) == GAP).all()
        assert "multiples of 1e+09" in notes[1]

    def test_gaps_in_other_units(self) -> None:
        patterns, notes = prepared(spoilt(np.float64, 2**32 - 1) * 1e9)
        assert (free(patterns) == GAP).all()
        assert len(notes) == 3 and "multiples of 1e+09" in notes[1]

    @pytest.mark.parametrize("scale", [1e12, 1e-12])
    def test_readings_that_are_no_multiples_get_the_usual_size(self, scale: float) -> None:
        frames = (counts() * np.random.default_rng(0).normal(1, 0.1, (64, 64)) * scale).astype(np.float32)
        patterns, notes = prepared(frames)
        assert 5e5 < np.median(patterns.counts) < 2e6
        assert "not given in photons" in notes[0]

    @pytest.mark.parametrize("scale", [1e10, 1e-7])
    def test_amplitudes(self, scale: float) -> None:
        patterns, _ = prepared((np.sqrt(counts()) * scale).astype(np.float32), data_are="amplitudes")
        np.testing.assert_allclose(patterns.counts, counts().sum(axis=(1, 2)), rtol=1e-5)

    def test_threshold_and_background_are_in_the_units_of_the_frames(self) -> None:
        patterns, _ = prepared((counts() * 1e9).astype(np.float64), threshold_counts=2.5e9, subtract_threshold=True)
        kept = np.where(counts() >= 2.5, counts() - 2.5, 0)
        np.testing.assert_allclose(patterns.counts, kept.sum(axis=(1, 2)), rtol=1e-6)

    @pytest.mark.parametrize("scale", [1e-2, 1.7, 1e4])
    def test_a_flat_field_and_a_gain_stay_as_they_are(self, scale: float) -> None:
        flat = np.random.default_rng(0).normal(1, 0.1, (64, 64))
        assert told((counts() * flat * scale).astype(np.float32)) == PLAIN


class TestSteps:
    @pytest.mark.parametrize("step", [1.0, 0.37, 1e9, 1e-12])
    def test_whole_multiples_tell_their_step(self, step: float) -> None:
        assert step_of(np.array([2, 3, 7, 11, 13, 29, 31]) * step) == pytest.approx(step)
        assert step_of((np.arange(9) * step).astype(np.float32)) == pytest.approx(step)

    def test_other_numbers_have_none(self) -> None:
        assert step_of(np.sqrt(np.arange(40.0))) is None
        assert step_of(np.random.default_rng(0).random(99)) is None
        assert step_of(np.array([1.0, 2.0])) is None
        assert step_of(np.zeros(4)) is None


@pytest.mark.parametrize(("saturation", "limit"), [(5000, 5000), (5000.5, 5001), (300, 300), (1e9, 65535)])
@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_saturation_is_taken_exactly(saturation: float, limit: int, dtype: Any) -> None:
    frames = np.arange(24 * 256, dtype=np.int64).reshape(24, 16, 16) * 10
    frames[2, 3, 4] = limit - 1
    patterns = prepare_frames(
        ArrayFrames(frames.astype(dtype)), np.arange(24), None, Preprocessing(saturation_counts=saturation)
    )
    assert patterns.saturated == (frames >= limit).sum()
    assert patterns.max_counts == frames[frames < limit].max()


def test_saturation_of_amplitudes_is_in_counts() -> None:
    roots = np.sqrt(np.arange(512, dtype=np.float32)).reshape(2, 16, 16)
    preprocessing = Preprocessing(saturation_counts=300, data_are="amplitudes")
    assert prepare_frames(ArrayFrames(roots), np.arange(2), None, preprocessing).saturated == 212
