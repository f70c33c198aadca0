from __future__ import annotations

import itertools
import tracemalloc
from typing import Any

import numpy as np
import pytest

from ptychogui.errors import DataError, ParameterError
from ptychogui.params.preprocessing import Preprocessing
from ptychogui.physics import frames as frames_module, parallel
from ptychogui.physics.frames import ArrayFrames, Patterns, pattern_bytes, pattern_size, prepare_frames
from ptychogui.physics.orientation import Orientation
from ptychogui.physics.pattern_storage import amplitudes_of

SIZE = 16


def counts(shape: tuple[int, ...] = (3, SIZE, SIZE), dtype: Any = np.uint16) -> np.ndarray:
    return np.random.default_rng(4).integers(1, 200, shape).astype(dtype)


def prepare(
    stack: np.ndarray, rows: list[int] | None = None, bad: np.ndarray | None = None, **settings: Any
) -> Patterns:
    chosen = np.arange(len(stack)) if rows is None else np.array(rows)
    return prepare_frames(ArrayFrames(stack), chosen, bad, Preprocessing(**settings))


def shown(patterns: Patterns) -> np.ndarray:
    """Return squared amplitudes with the beam at the center again, -1 where free."""
    amplitudes = np.fft.fftshift(amplitudes_of(patterns.patterns), axes=(1, 2))
    return np.where(amplitudes < 0, -1, np.rint(amplitudes.astype(np.float64) ** 2))


def test_plain_counts_stay_counts_with_the_beam_in_the_corner() -> None:
    patterns = prepare(counts())
    assert patterns.patterns.dtype == np.uint8
    np.testing.assert_array_equal(shown(patterns), counts())
    assert patterns.patterns[1, 0, 0] == counts()[1, 8, 8]
    np.testing.assert_allclose(patterns.counts, counts().sum(axis=(1, 2)), rtol=1e-6)
    np.testing.assert_allclose(np.fft.fftshift(patterns.mean_pattern), counts().mean(axis=0), rtol=1e-6)
    assert patterns.max_counts == pytest.approx(counts().max())
    assert (patterns.free_pixels, patterns.saturated, patterns.notes) == (0, 0, ())


def test_each_position_gets_its_own_frame() -> None:
    stack = counts((5, SIZE, SIZE))
    np.testing.assert_array_equal(shown(prepare(stack, [3, 0, 3, 1])), stack[[3, 0, 3, 1]])


def test_chunks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    stack = counts((7, SIZE, SIZE))
    whole = prepare(stack, [6, 2, 2, 0, 5])
    monkeypatch.setattr(frames_module, "_CHUNK_BYTES", 2 * 4 * SIZE**2)
    parts = prepare(stack, [6, 2, 2, 0, 5])
    np.testing.assert_array_equal(parts.patterns, whole.patterns)
    np.testing.assert_allclose(parts.mean_pattern, whole.mean_pattern)
    np.testing.assert_array_equal(parts.counts, whole.counts)


def test_threads_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames_module, "_CHUNK_BYTES", 3 * 4 * SIZE**2)
    monkeypatch.setattr(frames_module, "_BLOCK_PX", 2 * SIZE**2)
    stack = np.random.default_rng(1).poisson(3e3, (40, SIZE, SIZE)).astype(np.uint32)
    stack[::7, 3, 4], stack[11] = 2**32 - 1, 0
    several = prepare(stack, threshold_counts=2900)
    monkeypatch.setattr(parallel, "_MOST_THREADS", 1)
    one = prepare(stack, threshold_counts=2900)
    assert several.notes == one.notes
    assert "6 saturated" in " ".join(one.notes)
    for field in ("patterns", "mean_pattern", "dead", "counts"):
        np.testing.assert_array_equal(getattr(several, field), getattr(one, field))
    for field in ("stxm", "dpc_px", "mean", "maximum", "variance"):
        np.testing.assert_array_equal(getattr(several.survey, field), getattr(one.survey, field))


@pytest.mark.parametrize(
    ("largest", "fraction", "kind"),
    [(254, 0, np.uint8), (255, 0, np.uint16), (65534, 0, np.uint16), (65535, 0, np.float32), (200, 0.5, np.float32)],
)
def test_patterns_take_the_smallest_type_for_all_of_them(
    monkeypatch: pytest.MonkeyPatch, largest: int, fraction: float, kind: Any
) -> None:
    monkeypatch.setattr(frames_module, "_CHUNK_BYTES", 2 * 8 * SIZE**2)
    stack = counts((9, SIZE, SIZE), np.float64)
    stack[3, 2, 2], stack[7, 4, 5] = np.nan, largest + fraction
    patterns = prepare(stack)
    assert patterns.patterns.dtype == kind
    expected = np.fft.ifftshift(np.where(np.isnan(stack), -1, np.sqrt(stack, dtype=np.float32)), axes=(1, 2))
    np.testing.assert_array_equal(amplitudes_of(patterns.patterns), expected.astype(np.float32))


@pytest.mark.parametrize(
    ("dtype", "settings", "wanted"),
    [
        (np.uint8, {}, 1), (np.int8, {}, 1), (np.uint16, {}, 2), (np.int32, {}, 4), (np.float32, {}, 4),
        (np.uint32, {"bit_depth": 16}, 2), (np.uint16, {"bit_depth": 8}, 1), (np.uint32, {"bit_depth": 17}, 4),
        (np.float32, {"bit_depth": 8}, 4), (np.uint8, {"data_are": "amplitudes"}, 4),
    ],
)  # fmt: skip
def test_no_pixel_takes_more_bytes_than_announced(dtype: Any, settings: dict[str, Any], wanted: int) -> None:
    assert pattern_bytes(np.dtype(dtype), Preprocessing(**settings)) == wanted
    largest = min(np.iinfo(dtype).max, 1 << 24) if np.issubdtype(dtype, np.integer) else 0.3
    stack = np.full((2, SIZE, SIZE), 3, dtype)
    stack[0, 0, :4] = [largest, largest - (largest > 1), 300 % (int(largest) + 1), 0]
    assert prepare(stack, **settings).patterns.dtype.itemsize <= wanted


@pytest.mark.parametrize(("last", "itemsize"), [(3, 1), (3000, 2), (300_000, 4)])
def test_memory_holds_the_patterns_and_a_chunk_no_more(
    monkeypatch: pytest.MonkeyPatch, last: int, itemsize: int
) -> None:
    monkeypatch.setattr(frames_module, "_CHUNK_BYTES", 4 * 4 * 64**2)
    stack = counts((400, 64, 64), np.uint32)
    stack[-1, 0, 0] = last
    tracemalloc.start()
    try:
        patterns = prepare(stack)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert patterns.patterns.dtype.itemsize == itemsize
    assert peak < 1.3 * 400 * 64**2 * itemsize + 40 * 4 * 4 * 64**2


@pytest.mark.parametrize(
    "choice", list(itertools.product(range(4), (False, True), (False, True), (False, True))), ids=str
)
def test_orientation_turns_frames_and_mask_alike_about_the_beam(choice: tuple[int, bool, bool, bool]) -> None:
    orientation = Orientation(*choice)
    stack = counts((2, 40, 44))
    bad = stack[0] > 180
    settings: dict[str, Any] = dict(zip(("rotate90", "flip_rows", "flip_columns", "transpose"), choice, strict=True))
    patterns = prepare(stack, bad=bad, center_px=(19, 23), size_px=SIZE, **settings)
    row, column = orientation.center_before(SIZE)
    part = (slice(19 - row, 19 - row + SIZE), slice(23 - column, 23 - column + SIZE))
    expected = np.where(bad, -1.0, stack)[:, part[0], part[1]]
    np.testing.assert_array_equal(shown(patterns), orientation.apply(expected))
    assert shown(patterns)[1, 8, 8] == (-1 if bad[19, 23] else stack[1, 19, 23])


def test_the_crop_is_about_the_center() -> None:
    stack = counts((1, 40, 50))
    patterns = prepare(stack, center_px=(18.4, 24.6), size_px=20)
    np.testing.assert_array_equal(shown(patterns), stack[:, 8:28, 15:35])
    assert patterns.center_px == (18, 25)
    assert patterns.notes == ("the pattern center (18.4, 24.6) is rounded to pixel (18, 25)",)


def test_what_lies_beyond_the_detector_is_free() -> None:
    stack = counts((1, 20, 24))
    patterns = prepare(stack, center_px=(2, 12), size_px=16)
    assert np.all(shown(patterns)[0, :6] == -1)
    np.testing.assert_array_equal(shown(patterns)[0, 6:], stack[0, :10, 4:20])
    assert patterns.dead.sum() == patterns.free_pixels == 6 * 16
    assert patterns.notes == ("96 of 256 pixels of a pattern lie beyond the detector and are left free",)


@pytest.mark.parametrize(
    ("shape", "center", "size"),
    [((514, 1030), None, 512), ((128, 128), None, 128), ((1030, 1065), (515, 532), 1024), ((100, 100), (40, 50), 80)],
)
def test_the_size_is_the_largest_with_a_fast_fft_that_fits(
    shape: tuple[int, int], center: tuple[float, float] | None, size: int
) -> None:
    assert pattern_size((1, *shape), Preprocessing(center_px=center)) == size


def test_a_given_size_is_kept() -> None:
    assert pattern_size((1, 100, 100), Preprocessing(size_px=122)) == 122


@pytest.mark.parametrize(
    ("center", "said"),
    [((200, 8), "center is pixel .200, 8., but the detector has 40"), ((3, 20), "only 3 pixels from")],
)
def test_a_center_off_the_detector_is_refused(center: tuple[int, int], said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        prepare(counts((1, 40, 40)), center_px=center)


def test_the_threshold_makes_zeros() -> None:
    expected = np.where(counts() < 50, 0, counts())
    np.testing.assert_array_equal(shown(prepare(counts(), threshold_counts=50)), expected)


def test_saturation_by_bits_and_by_type() -> None:
    stack = counts()
    stack[0, 3, 4], stack[1, 5, 6], stack[2, 1, 1] = 4095, 5000, 65535
    by_bits, by_type = prepare(stack, bit_depth=12), prepare(stack)
    assert (by_bits.saturated, by_type.saturated) == (3, 1)
    assert shown(by_bits)[1, 5, 6] == -1
    assert shown(by_type)[1, 5, 6] == 5000
    assert by_type.notes == ("1 saturated pixel readings (at or above 65535) are left free",)


def test_the_largest_32_bit_count_is_saturated_and_its_neighbor_is_not() -> None:
    stack = counts(dtype=np.uint32)
    stack[0, 3, 4], stack[0, 3, 5] = 2**32 - 1, 2**32 - 2
    patterns = prepare(stack)
    assert patterns.saturated == 1
    assert patterns.max_counts == pytest.approx(2**32, rel=1e-6)


def test_sums_do_not_overflow() -> None:
    patterns = prepare(np.full((4, 64, 64), 60000, np.uint16))
    np.testing.assert_allclose(patterns.counts, 60000 * 64**2, rtol=1e-6)
    np.testing.assert_allclose(patterns.mean_pattern, 60000, rtol=1e-6)


def test_negative_and_undefined_readings_are_free() -> None:
    stack = counts(dtype=np.float32)
    stack[0, 0, 0], stack[0, 0, 1], stack[1, 2, 2] = -3, np.nan, np.inf
    patterns = prepare(stack)
    assert patterns.free_pixels == 3
    assert patterns.notes == ("3 negative or undefined pixel readings are left free",)
    assert np.isfinite(amplitudes_of(patterns.patterns)).all()


@pytest.mark.parametrize("data_are", ["counts", "amplitudes"])
def test_a_reading_that_is_no_count_makes_no_sum_infinite(data_are: str) -> None:
    stack = counts(dtype=np.float32)
    stack[1, 3, 3] = 3e38
    patterns = prepare(stack, data_are=data_are)
    assert np.isfinite(patterns.counts).all() and np.isfinite(patterns.survey.variance).all()
    assert patterns.free_pixels == 1
    assert patterns.max_counts == pytest.approx(stack[stack < 1e3].max() ** (1 if data_are == "counts" else 2))


def test_amplitudes_stay_amplitudes() -> None:
    roots = np.sqrt(counts(dtype=np.float64))
    patterns = prepare(roots, data_are="amplitudes", threshold_counts=50, bit_depth=7)
    expected = np.where(counts() >= 127, -1.0, np.where(counts() < 50, 0, counts()))
    np.testing.assert_array_equal(shown(patterns), expected)


def test_a_beam_in_the_corner_stays_there() -> None:
    stack = counts()
    bad = stack[0] > 190
    patterns = prepare(stack, bad=bad, direct_beam="corner", center_px=(3, 3))
    expected = np.where(bad, -1.0, stack)
    np.testing.assert_array_equal(np.fft.ifftshift(shown(patterns), axes=(1, 2)), expected)
    assert "not used" in patterns.notes[0]


def test_empty_patterns_are_mentioned() -> None:
    stack = counts()
    stack[1] = 0
    assert (prepare(stack).patterns[1] == 255).all()
    assert prepare(stack).notes == ("1 of 3 patterns are empty and left free, the first is that of position 1",)


@pytest.mark.parametrize(
    ("stack", "rows", "bad", "said"),
    [
        (counts()[0], [0], None, "must be a stack"),
        (counts(), [], None, "no diffraction pattern with a position"),
        (counts(), [0, 3], None, "ask for frames 0 to 3, but there are only 0 to 2"),
        (counts(), [0], np.zeros((4, 4), bool), "mask of bad pixels has shape .4, 4., but frames have .16, 16."),
        (counts(), [0], np.ones((SIZE, SIZE), bool), "the mask marks all 256 pixels of a pattern"),
        (np.zeros((1, SIZE, SIZE), np.uint16), [0], None, "all patterns are empty"),
    ],
)
def test_what_cannot_be_used_is_refused(stack: np.ndarray, rows: list[int], bad: np.ndarray | None, said: str) -> None:
    with pytest.raises(DataError, match=said):
        prepare(stack, rows, bad)
