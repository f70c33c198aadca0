"""Patterns that compiled code makes are those that numpy makes, to the last bit where counts are exact in both."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from ptychogui.backends import compiled_pattern_maker
from ptychogui.backends.compiler import load_kernels
from ptychogui.errors import DataError
from ptychogui.params.preprocessing import Preprocessing
from ptychogui.physics import frames as frames_module, parallel, pattern_maker
from ptychogui.physics.cleaning import ReadingRules
from ptychogui.physics.frames import ArrayFrames, Patterns, prepare_frames
from ptychogui.physics.survey import Survey

ROWS, COLUMNS = 26, 33
LEVELS = {
    "uint8": (0, 3, 253, 254),
    "uint16": (0, 3, 254, 255, 46340, 46341, 65534),
    "uint32": (0, 3, 254, 255, 46341, 65534, 65535, 90000),
}


@pytest.fixture(autouse=True, scope="module")
def _kernels() -> None:
    load_kernels()


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several chunks of several blocks, of which the last ones are smaller."""
    monkeypatch.setattr(frames_module, "_CHUNK_BYTES", 12 * ROWS * COLUMNS)
    monkeypatch.setattr(frames_module, "_BLOCK_PX", 2 * ROWS * COLUMNS)


def compiled(spec: pattern_maker.PatternSpec, sink: pattern_maker.PatternSink) -> pattern_maker.MakePatterns:
    """The compiled way, or none: numpy does not step in."""
    assert spec.cleaner.is_whole
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled_pattern_maker, "numpy_maker", None)
        return compiled_pattern_maker.compiled_maker(spec, sink)


def assert_same(one: Patterns, other: Patterns) -> None:
    assert one.patterns.dtype == other.patterns.dtype
    for made, wanted in ((one, other), (one.survey, other.survey)):
        for field in dataclasses.fields(made):
            value = getattr(made, field.name)
            if not isinstance(value, Survey):
                np.testing.assert_array_equal(value, getattr(wanted, field.name), err_msg=field.name)


@st.composite
def scans(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, Preprocessing]:
    """Frames with rare bright, saturated and dark ones, positions, bad pixels and settings of any kind."""
    random = np.random.default_rng(draw(st.integers(0, 10**6)))
    dtype = draw(st.sampled_from(sorted(LEVELS)))
    stack = random.poisson(draw(st.sampled_from([0.05, 20])), (13, ROWS, COLUMNS)).astype(dtype)
    for frame, level in draw(st.lists(st.tuples(st.integers(0, 12), st.sampled_from(LEVELS[dtype])), max_size=5)):
        stack[frame, random.integers(ROWS), random.integers(COLUMNS)] = level
    stack[random.random(stack.shape) < draw(st.sampled_from([0, 0.01]))] = np.iinfo(dtype).max
    stack[draw(st.lists(st.integers(0, 12), max_size=3))] = draw(st.sampled_from([0, np.iinfo(dtype).max]))
    stack[6, 12:15, 15:18] = 9
    chosen = draw(st.one_of(st.just(list(range(13))), st.lists(st.integers(0, 12), min_size=1, max_size=17)))
    bad = random.random((ROWS, COLUMNS)) < draw(st.sampled_from([0.02, 0.5])) if draw(st.booleans()) else None
    return stack, np.array([*chosen, 6]), bad, Preprocessing(
        bit_depth=draw(st.sampled_from([None, 7, 12])), threshold_counts=draw(st.sampled_from([0, 2.5, 4, 1e6])),
        center_px=draw(st.sampled_from([None, (13, 16), (2, 30), (24.6, 5)])),
        size_px=draw(st.sampled_from([16, 24, 30])),
        saturation_counts=draw(st.sampled_from([None, None, 9.5, 254, 65535])),
        direct_beam=draw(st.sampled_from(["center", "corner"])), rotate90=draw(st.integers(0, 3)),
        flip_rows=draw(st.booleans()), flip_columns=draw(st.booleans()), transpose=draw(st.booleans()),
    )  # fmt: skip


def forbidden(*_: object) -> pattern_maker.MakePatterns:
    raise AssertionError("made by compiled code")


def outcome(scan: Any, **how: Any) -> Patterns | str:
    """What is made, or what is said in its place."""
    stack, rows, bad, preprocessing = scan
    try:
        return prepare_frames(ArrayFrames(stack), rows, bad, preprocessing, **how)
    except DataError as error:
        return str(error)


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(scans(), st.booleans(), st.sampled_from([None, 3.0, 254, 65534]))
def test_it_makes_what_numpy_makes(scan: Any, keep: bool, no_counts_from: float | None) -> None:
    rules = ReadingRules(no_counts_from)
    made = outcome(scan, keep=keep, maker=compiled, rules=rules)
    wanted = outcome(scan, keep=keep, rules=rules)
    if isinstance(made, str) or isinstance(wanted, str):
        assert made == wanted
        return
    assert_same(made, wanted)


@pytest.mark.parametrize("threads", [2, 4])
def test_threads_do_not_show_where_sums_are_rounded(monkeypatch: pytest.MonkeyPatch, threads: int) -> None:
    stack = np.random.default_rng(3).integers(0, 2**32, (90, ROWS, COLUMNS), np.uint32)
    scan = stack, np.arange(90), None, Preprocessing()
    monkeypatch.setattr(os, "cpu_count", lambda: threads)
    several = outcome(scan, maker=compiled)
    monkeypatch.setattr(parallel, "_MOST_THREADS", 1)
    one = outcome(scan, maker=compiled)
    assert isinstance(one, Patterns)
    assert isinstance(several, Patterns)
    assert_same(several, one)


def test_the_largest_counts_are_summed_as_whole_numbers() -> None:
    stack = np.random.default_rng(5).integers(0, 2**32 - 1, (7, 20, 20), np.uint32)
    patterns = outcome((stack, np.arange(7), None, Preprocessing(size_px=20)), maker=compiled)
    assert isinstance(patterns, Patterns)
    assert patterns.counts.tolist() == [sum(frame.ravel().tolist()) for frame in stack]
    pixels = np.fft.ifftshift(stack, axes=(1, 2)).astype(object)
    np.testing.assert_allclose(patterns.mean_pattern, (pixels.sum(axis=0) / 7).astype(float), rtol=1e-15)
    exact = (7 * (pixels**2).sum(axis=0) - pixels.sum(axis=0) ** 2) / 49
    np.testing.assert_allclose(np.fft.ifftshift(patterns.survey.variance), exact.astype(float), rtol=1e-6)


@pytest.mark.parametrize("level", [46340, 46341, 60000, 65534])
@pytest.mark.parametrize("frames", [1, 2])
def test_bright_pixels_that_stay_bright_are_summed_exactly(level: int, frames: int) -> None:
    stack = np.ones((4, ROWS, COLUMNS), np.uint16)
    stack[:frames, 13, 14:18] = level
    patterns = outcome((stack, np.arange(4), None, Preprocessing(size_px=16, center_px=(13, 16))), maker=compiled)
    assert isinstance(patterns, Patterns)
    counts = stack[:, 13, 14].astype(float)
    assert patterns.mean_pattern.max() == counts.mean()
    np.testing.assert_allclose(patterns.survey.variance.max(), counts.var(), rtol=1e-6)


def test_bright_rows_far_from_the_beam_are_summed_exactly() -> None:
    size, bright = 1024, 30000
    stack = np.zeros((2, size, size), np.uint16)
    stack[0, 700, 600:] = stack[1, 700, :400] = bright
    patterns = outcome((stack, np.arange(2), None, Preprocessing(size_px=size)), maker=compiled)
    assert isinstance(patterns, Patterns)
    assert patterns.counts.tolist() == [bright * 424, bright * 400]
    assert patterns.survey.dpc_px.tolist() == [[188, np.arange(88, 512).mean()], [188, np.arange(-512, -112).mean()]]


@pytest.mark.parametrize(
    ("dtype", "values"),
    [
        ("int32", {}), (">u2", {}), ("uint64", {}), ("float32", {}), ("uint16", {"bin_px": 2, "size_px": 16}),
        ("uint16", {"data_are": "amplitudes"}), ("uint16", {"threshold_counts": 2, "subtract_threshold": True}),
    ],
)  # fmt: skip
def test_all_others_are_left_to_numpy(monkeypatch: pytest.MonkeyPatch, dtype: str, values: dict[str, Any]) -> None:
    monkeypatch.setattr(compiled_pattern_maker, "_maker", forbidden)
    stack = np.random.default_rng(0).poisson(7, (5, ROWS, COLUMNS)).astype(dtype)
    scan = stack, np.arange(5), None, Preprocessing(**values)
    made, wanted = outcome(scan, maker=compiled_pattern_maker.compiled_maker), outcome(scan)
    assert isinstance(made, Patterns)
    assert isinstance(wanted, Patterns)
    assert_same(made, wanted)


def test_it_does_not_wait_for_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled_pattern_maker, "cached_kernels", lambda: None)
    monkeypatch.setattr(compiled_pattern_maker, "_maker", forbidden)
    stack = np.full((2, ROWS, COLUMNS), 3, np.uint8)
    made = outcome((stack, np.arange(2), None, Preprocessing()), maker=compiled_pattern_maker.compiled_maker)
    assert isinstance(made, Patterns)
