"""Patterns that compiled code makes are those that numpy makes, to the last bit where counts are exact in both."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from ptychogui.backends import compiler, sifting
from ptychogui.backends.compiler import load_kernels
from ptychogui.params.model import Preprocessing
from ptychogui.physics import frames as frames_module, making, pipeline
from ptychogui.physics.frames import ArrayFrames, Patterns, prepare_frames
from ptychogui.physics.survey import Survey

ROWS, COLUMNS = 26, 33
LEVELS = {
    "uint8": (0, 3, 253, 254), "uint16": (0, 3, 254, 255, 65533, 65534), "uint32": (0, 3, 254, 255, 65534, 65535, 90000)
}  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def _kernels() -> None:
    load_kernels()


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several chunks of several blocks, of which the last ones are smaller."""
    monkeypatch.setattr(frames_module, "_CHUNK_BYTES", 5 * 4 * ROWS * COLUMNS)
    monkeypatch.setattr(frames_module, "_BLOCK_PX", 2 * ROWS * COLUMNS)


def compiled(recipe: making.Recipe, put: making.Put) -> making.Make:
    """The compiled way, or none: numpy does not step in."""
    assert recipe.sieve.is_whole
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sifting, "numpy_maker", None)
        return sifting.compiled_maker(recipe, put)


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
        center_px=draw(st.sampled_from([None, (13, 16), (2, 30), (24.6, 5)])), size_px=draw(st.sampled_from([16, 24, 30])),
        direct_beam=draw(st.sampled_from(["center", "corner"])), rotate90=draw(st.integers(0, 3)),
        flip_rows=draw(st.booleans()), flip_columns=draw(st.booleans()), transpose=draw(st.booleans()),
    )  # fmt: skip


def outcome(scan: Any, **how: Any) -> Patterns | str:
    """What is made, or what is said in its place."""
    stack, rows, bad, preprocessing = scan
    try:
        return prepare_frames(ArrayFrames(stack), rows, bad, preprocessing, **how)
    except frames_module.DataError as error:
        return str(error)


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(scans())
def test_it_makes_what_numpy_makes(scan: Any) -> None:
    made, wanted = outcome(scan, maker=compiled), outcome(scan)
    if isinstance(made, str) or isinstance(wanted, str):
        assert made == wanted
        return
    assert_same(made, wanted)
