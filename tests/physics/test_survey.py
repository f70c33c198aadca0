"""What a scan shows at a glance, against plain numpy over the whole stack, and against what optics says."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from ptychogui.params.preprocessing import Preprocessing
from ptychogui.physics import frames as frames_module
from ptychogui.physics.frames import ArrayFrames, Patterns, prepare_frames
from ptychogui.physics.pattern_storage import amplitudes_of

SIZE = 16


def prepare(stack: np.ndarray, bad: np.ndarray | None = None, **values: Any) -> Patterns:
    return prepare_frames(ArrayFrames(stack), np.arange(len(stack)), bad, Preprocessing(**values))


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 10**6), level=st.sampled_from([0.1, 5, 5e4]), bin_px=st.integers(1, 2), frames=st.integers(1, 9)
)
def test_it_is_that_of_the_patterns(seed: int, level: float, bin_px: int, frames: int) -> None:
    random = np.random.default_rng(seed)
    stack = random.poisson(level, (frames, SIZE * bin_px, SIZE * bin_px)).astype(np.uint32)
    stack[random.random(stack.shape) < 0.01] = 2**32 - 1
    stack[0, 0, 0] = 1
    patterns = prepare(stack, random.random(stack.shape[1:]) < 0.01, bin_px=bin_px, size_px=SIZE)
    amplitudes = np.fft.fftshift(amplitudes_of(patterns.patterns), axes=(1, 2)).astype(np.float64)
    counts = np.ma.masked_array(amplitudes**2, amplitudes < 0)
    rows, columns = np.indices((SIZE, SIZE)) - SIZE // 2
    survey = patterns.survey
    total = counts.sum(axis=(1, 2)).filled(0)
    np.testing.assert_allclose(survey.stxm, total, rtol=1e-6)
    mass = [(counts * place).sum(axis=(1, 2)).filled(0) for place in (rows, columns)]
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(survey.dpc_px, np.transpose(mass) / total[:, None], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(survey.mean, counts.mean(axis=0).filled(0), rtol=1e-6)
    np.testing.assert_allclose(survey.maximum, counts.max(axis=0).filled(0), rtol=1e-6)
    # Counts are squares of float32 roots: off by a part in 10^7 of themselves, not of their deviation.
    np.testing.assert_allclose(survey.variance, counts.var(axis=0).filled(0), rtol=1e-3, atol=1e-3 * level)
    for array in (survey.stxm, survey.dpc_px, survey.mean, survey.maximum, survey.variance):
        assert array.dtype == np.float32


def test_a_pattern_that_moves_is_seen_to_move() -> None:
    spot = np.zeros((5, 32, 32), np.uint16)
    steps = np.array([[0, 0], [1, 0], [0, 2], [-3, 1], [4, -4]])
    for frame, (row, column) in zip(spot, steps, strict=True):
        frame[15 + row : 18 + row, 15 + column : 18 + column] = 100
    np.testing.assert_allclose(prepare(spot).survey.dpc_px, steps, atol=1e-5)
    np.testing.assert_allclose(prepare(spot).survey.stxm, 900, rtol=1e-6)
    turned = prepare(spot, rotate90=1, size_px=24).survey.dpc_px
    np.testing.assert_allclose(turned, np.stack([-steps[:, 1], steps[:, 0]], 1), atol=1e-5)


@pytest.mark.parametrize("choice", list(itertools.product(range(4), (False, True), (False, True))), ids=str)
def test_the_mean_pattern_has_the_beam_in_the_middle(choice: tuple[int, bool, bool]) -> None:
    stack = np.ones((2, 40, 40), np.uint8)
    stack[:, 18, 23] = 100
    turn: dict[str, Any] = dict(zip(("rotate90", "flip_rows", "transpose"), choice, strict=True))
    mean = prepare(stack, center_px=(18, 23), size_px=SIZE, **turn).survey.mean
    assert np.argwhere(mean > 50).tolist() == [[8, 8]]


def test_variance_is_that_of_photons() -> None:
    stack = np.random.default_rng(0).poisson(1e6, (400, SIZE, SIZE)).astype(np.uint32)
    survey = prepare(stack).survey
    np.testing.assert_allclose(survey.variance, stack.astype(np.float64).var(axis=0), rtol=1e-3)
    assert survey.variance.mean() == pytest.approx(1e6, rel=0.02)


def test_the_largest_counts_do_not_overflow() -> None:
    stack = np.full((300, SIZE, SIZE), 2**32 - 2, np.uint32)
    survey = prepare(stack).survey
    np.testing.assert_allclose(survey.stxm, (2**32 - 2) * SIZE**2, rtol=1e-6)
    np.testing.assert_allclose(survey.mean, 2**32, rtol=1e-6)
    assert survey.variance.max() < 1e-5 * 2.0**64


def test_an_empty_pattern_has_no_center_of_mass() -> None:
    stack = np.random.default_rng(1).poisson(9, (3, SIZE, SIZE)).astype(np.uint16)
    stack[1] = 0
    survey = prepare(stack).survey
    assert np.isnan(survey.dpc_px).tolist() == [[False] * 2, [True] * 2, [False] * 2]
    assert survey.stxm[1] == 0
    np.testing.assert_allclose(survey.mean, stack[[0, 2]].mean(axis=0), rtol=1e-6)


def test_a_pixel_that_is_never_known_shows_nothing() -> None:
    bad = np.zeros((SIZE, SIZE), bool)
    bad[3, 5] = True
    survey = prepare(np.full((3, SIZE, SIZE), 7, np.uint8), bad).survey
    assert (survey.mean[3, 5], survey.maximum[3, 5], survey.variance[3, 5]) == (0, 0, 0)
    np.testing.assert_allclose(survey.dpc_px, [[(-128 + 5) / 255, (-128 + 3) / 255]] * 3, rtol=1e-5)


def test_chunks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    stack = np.random.default_rng(2).poisson(30, (7, SIZE, SIZE)).astype(np.uint16)
    whole = prepare(stack).survey
    monkeypatch.setattr(frames_module, "_CHUNK_BYTES", 2 * 4 * SIZE**2)
    parts = prepare(stack).survey
    np.testing.assert_array_equal(parts.stxm, whole.stxm)
    np.testing.assert_array_equal(parts.dpc_px, whole.dpc_px)
    np.testing.assert_array_equal(parts.maximum, whole.maximum)
    np.testing.assert_allclose(parts.variance, whole.variance, rtol=1e-5)
