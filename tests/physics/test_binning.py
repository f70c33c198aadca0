"""Binning, background and thresholds against sums that are written out pixel by pixel."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from ptychogui.errors import DataError, ParameterError
from ptychogui.params.preprocessing import Preprocessing
from ptychogui.physics.frames import ArrayFrames, Patterns, pattern_bytes, pattern_center, pattern_size, prepare_frames
from ptychogui.physics.orientation import Orientation
from ptychogui.physics.pattern_storage import amplitudes_of

SIZE = 16
GIVEN = "the pattern center (20, 30.5)"


def prepare(
    stack: np.ndarray, bad: np.ndarray | None = None, background: np.ndarray | None = None, **values: Any
) -> Patterns:
    return prepare_frames(ArrayFrames(stack), np.arange(len(stack)), bad, Preprocessing(**values), background)


def shown(patterns: Patterns) -> np.ndarray:
    """Return counts with the beam at the center again, -1 where free, to float32's precision."""
    amplitudes = np.fft.fftshift(amplitudes_of(patterns.patterns), axes=(1, 2)).astype(np.float64)
    return np.where(amplitudes < 0, -1, amplitudes**2)


def written_out(
    stack: np.ndarray, bad: np.ndarray, background: np.ndarray, k: int, start: tuple[int, int], values: dict[str, Any]
) -> np.ndarray:
    """Return counts (frames, SIZE, SIZE) of unturned patterns, -1 where free, a pixel at a time, in Python's integers
    or floats."""
    out = np.full((len(stack), SIZE, SIZE), -1.0)
    least, subtract = values.get("threshold_counts", 0.0), values.get("subtract_threshold", False)
    limit = 2 ** values["bit_depth"] - 1 if "bit_depth" in values else np.iinfo(stack.dtype).max
    for frame, i, j in np.ndindex(*out.shape):
        total = 0.0
        for row in range(start[0] + (i - SIZE // 2) * k, start[0] + (i - SIZE // 2 + 1) * k):
            for column in range(start[1] + (j - SIZE // 2) * k, start[1] + (j - SIZE // 2 + 1) * k):
                on = 0 <= row < stack.shape[1] and 0 <= column < stack.shape[2]
                if not on or bad[row, column] or not 0 <= int(stack[frame, row, column]) < limit:
                    total = np.nan
                    continue
                count = max(float(stack[frame, row, column]) - float(background[row, column]), 0.0)
                total += 0.0 if count < least else count - (least if subtract else 0.0)
        out[frame, i, j] = -1 if np.isnan(total) else total
    return out


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 10**6),
    k=st.integers(1, 4),
    dtype=st.sampled_from([np.uint8, np.int16, np.uint16, np.uint32]),
    threshold=st.sampled_from([0.0, 3.0, 7.5]),
    subtract=st.booleans(),
    dark=st.booleans(),
    bits=st.sampled_from([None, 6]),
)
def test_counts_are_what_they_are_pixel_by_pixel(
    seed: int, k: int, dtype: Any, threshold: float, subtract: bool, dark: bool, bits: int | None
) -> None:
    random = np.random.default_rng(seed)
    shape = (int(random.integers(SIZE * k - 5, SIZE * k + 12)), int(random.integers(SIZE * k, SIZE * k + 12)))
    stack = random.poisson(12, (2, *shape)).astype(dtype)
    stack[random.random(stack.shape) < 0.002] = np.iinfo(dtype).max
    stack[random.random(stack.shape) < 0.002] = 63
    bad = random.random(shape) < 0.003
    background = random.integers(0, 12, shape) / 4 if dark else np.zeros(shape)
    center = (float(random.integers(4, shape[0] - 2)), float(random.integers(4, shape[1] - 2)))
    start = (int(np.floor(center[0] - (k - 1) / 2 + 0.5)), int(np.floor(center[1] - (k - 1) / 2 + 0.5)))
    values: dict[str, Any] = {"threshold_counts": threshold, "subtract_threshold": subtract}
    values |= {} if bits is None else {"bit_depth": bits}
    expected = written_out(stack, bad, background, k, start, values)
    patterns = prepare(
        stack, bad, background if dark else None, bin_px=k, center_px=center, size_px=SIZE, **values
    )  # fmt: skip
    found = shown(patterns)
    np.testing.assert_array_equal(found < 0, expected < 0)
    np.testing.assert_allclose(found, expected, rtol=3e-7)
    if not dark and (threshold % 1 == 0 or not subtract):
        np.testing.assert_array_equal(np.rint(found), expected)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.int32, np.uint64])
@pytest.mark.parametrize("k", [2, 3, 16])
def test_sums_near_the_types_maximum_do_not_overflow(dtype: Any, k: int) -> None:
    almost = min(int(np.iinfo(dtype).max) - 1, 2**52 // k**2)
    patterns = prepare(
        np.full((2, SIZE * k, SIZE * k), almost, dtype), bin_px=k, size_px=SIZE, center_px=(8 * k + k / 2 - 0.5,) * 2
    )
    assert (patterns.free_pixels, patterns.saturated) == (0, 0)
    np.testing.assert_allclose(shown(patterns), almost * k**2, rtol=3e-7)
    np.testing.assert_allclose(patterns.counts, almost * k**2 * SIZE**2, rtol=3e-7)


@pytest.mark.parametrize(("count", "kind"), [(63, np.uint8), (64, np.uint16), (16383, np.uint16), (16384, np.float32)])
def test_joined_counts_take_the_smallest_type_that_holds_them(count: int, kind: Any) -> None:
    patterns = prepare(np.full((1, 2 * SIZE, 2 * SIZE), count, np.uint16), bin_px=2)
    assert patterns.patterns.dtype == kind
    np.testing.assert_allclose(shown(patterns), 4 * count, rtol=3e-7)


def test_one_saturated_or_bad_pixel_frees_the_joined_one() -> None:
    stack, bad = np.ones((2, 2 * SIZE, 2 * SIZE), np.uint8), np.zeros((2 * SIZE, 2 * SIZE), bool)
    stack[0, 5, 7], bad[30, 1] = 255, True
    patterns = prepare(stack, bad, bin_px=2)
    expected = np.full((2, SIZE, SIZE), 4.0)
    expected[0, 2, 3], expected[:, 15, 0] = -1, -1
    np.testing.assert_array_equal(np.rint(shown(patterns)), expected)
    assert (patterns.saturated, patterns.free_pixels) == (1, 3)
    assert "1 of 256 pixels of a pattern are marked as bad and are left free" in patterns.notes


@pytest.mark.parametrize("turn", [{"rotate90": 1}, {"flip_rows": True}, {"rotate90": 3, "transpose": True}])
def test_turning_and_joining_can_be_exchanged(turn: dict[str, Any]) -> None:
    stack = np.random.default_rng(0).poisson(9, (2, 60, 64)).astype(np.uint16)
    plain = shown(prepare(stack, bin_px=3, center_px=(30, 31), size_px=SIZE))
    turned = shown(prepare(stack, bin_px=3, center_px=(30, 31), size_px=SIZE, **turn))
    orientation = Orientation.of(Preprocessing(**turn))
    row, column = orientation.center_before(SIZE)
    rolled = np.roll(plain, (row - SIZE // 2, column - SIZE // 2), axis=(1, 2))
    inner = np.roll(orientation.apply(rolled), 0)[:, 1:-1, 1:-1]
    np.testing.assert_array_equal(turned[:, 1:-1, 1:-1], inner)


@pytest.mark.parametrize(
    ("center", "k", "pixel", "note"),
    [
        (None, 2, (32, 32), ()),
        ((20.5, 30.5), 2, (20, 30), ()),
        ((20, 30), 3, (20, 30), ()),
        ((20, 30.5), 2, (20, 30), (f"{GIVEN} is rounded to (20.5, 30.5), the middle of 2 x 2 pixels",)),
    ],
)  # fmt: skip
def test_the_center_is_a_place_on_the_detector(
    center: tuple[float, float] | None, k: int, pixel: tuple[int, int], note: tuple[str, ...]
) -> None:
    stack = np.ones((1, 64, 64), np.uint8)
    stack[0, pixel[0], pixel[1]] = 100
    patterns = prepare(stack, bin_px=k, center_px=center, size_px=SIZE)
    assert (
        patterns.center_px
        == (pixel if k == 2 else (20, 30))
        == pattern_center(stack.shape, Preprocessing(bin_px=k, center_px=center, size_px=SIZE))
    )
    assert np.argwhere(shown(patterns)[0] > 50).tolist() == [[8, 8]]
    assert tuple(said for said in patterns.notes if "beyond" not in said) == note


@pytest.mark.parametrize(("shape", "k", "size"), [((514, 1030), 2, 256), ((64, 64), 4, 16), ((1000, 1000), 3, 330)])
def test_the_size_is_in_joined_pixels(shape: tuple[int, int], k: int, size: int) -> None:
    assert pattern_size((1, *shape), Preprocessing(bin_px=k)) == size
    assert pattern_size((1, *shape), Preprocessing(bin_px=k, size_px=20)) == 20


def test_a_detector_too_small_to_join_is_refused() -> None:
    with pytest.raises(
        ParameterError, match=r"only 3 pixels from the edge of the 64 x 64 detector, joined 9 x 9; corr"
    ):
        pattern_size((1, 64, 64), Preprocessing(bin_px=9))


@pytest.mark.parametrize(
    ("dtype", "values", "wanted"),
    [
        (np.uint8, {"bin_px": 2}, 2), (np.uint16, {"bin_px": 2}, 4), (np.uint16, {"bin_px": 2, "bit_depth": 12}, 2),
        (np.uint16, {"bit_depth": 6, "bin_px": 2}, 1), (np.uint8, {"background_file": "dark.npy"}, 4),
        (np.uint8, {"subtract_threshold": True, "threshold_counts": 2}, 1),
        (np.uint8, {"subtract_threshold": True, "threshold_counts": 2.5}, 4), (np.uint8, {"threshold_counts": 2.5}, 1),
    ],
)  # fmt: skip
def test_no_pixel_takes_more_bytes_than_announced(dtype: Any, values: dict[str, Any], wanted: int) -> None:
    assert pattern_bytes(np.dtype(dtype), Preprocessing(**values)) == wanted
    largest = min(np.iinfo(dtype).max, 2 ** values.get("bit_depth", 32) - 1) - 1
    stack = np.full((2, 2 * SIZE, 2 * SIZE), largest, dtype)
    dark = np.full((2 * SIZE, 2 * SIZE), 0.3) if "background_file" in values else None
    patterns = prepare(stack, background=dark, **values)
    assert patterns.free_pixels == 0
    assert patterns.patterns.dtype.itemsize <= wanted


def test_a_background_is_taken_off_in_counts_and_clamped() -> None:
    stack = np.array([[5, 2], [0, 9]], np.uint16).repeat(8, 0).repeat(8, 1)[None]
    patterns = prepare(stack, background=np.full((16, 16), 2.5))
    np.testing.assert_allclose(shown(patterns)[0, ::8, ::8], [[2.5, 0], [0, 6.5]], rtol=3e-7)
    assert patterns.free_pixels == 0
    roots = prepare(np.sqrt(stack), background=np.full((16, 16), 2.5), data_are="amplitudes")
    np.testing.assert_allclose(shown(roots)[0, ::8, ::8], [[2.5, 0], [0, 6.5]], rtol=3e-7)


def test_a_bad_pixel_stays_free_whatever_the_background_says() -> None:
    bad = np.zeros((SIZE, SIZE), bool)
    bad[3, 4] = True
    patterns = prepare(np.full((1, SIZE, SIZE), 5, np.uint8), bad, np.full((SIZE, SIZE), -3.0))
    assert shown(patterns)[0, 3, 4] == -1
    np.testing.assert_allclose(np.delete(shown(patterns)[0].ravel(), 3 * SIZE + 4), 8, rtol=3e-7)


def test_roots_are_joined_as_counts() -> None:
    counts = np.random.default_rng(2).poisson(20, (2, 32, 32))
    roots = prepare(np.sqrt(counts), bin_px=2, data_are="amplitudes", threshold_counts=16, subtract_threshold=True)
    plain = prepare(counts.astype(np.uint16), bin_px=2, threshold_counts=16, subtract_threshold=True)
    np.testing.assert_allclose(shown(roots), shown(plain), rtol=1e-6, atol=1e-6)


def test_a_threshold_of_nothing_subtracts_nothing() -> None:
    stack = np.random.default_rng(2).poisson(20, (2, SIZE, SIZE)).astype(np.float32) + 0.25
    one, other = prepare(stack), prepare(stack, subtract_threshold=True)
    np.testing.assert_array_equal(one.patterns, other.patterns)


def test_a_beam_in_the_corner_is_joined_about_the_center() -> None:
    stack = np.random.default_rng(3).poisson(5, (1, 40, 40)).astype(np.uint8)
    centered = shown(prepare(stack, bin_px=2, size_px=SIZE))
    corner = shown(prepare(np.fft.ifftshift(stack, axes=(1, 2)), bin_px=2, size_px=SIZE, direct_beam="corner"))
    np.testing.assert_array_equal(corner, centered)


def test_a_background_of_another_detector_is_refused() -> None:
    with pytest.raises(DataError, match=r"the background has shape \(4, 4\), but frames have \(16, 16\); give a backg"):
        prepare(np.ones((1, SIZE, SIZE), np.uint8), background=np.zeros((4, 4)))
