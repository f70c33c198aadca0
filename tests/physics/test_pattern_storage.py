"""Patterns in fewer bytes: nothing is lost, and what would be is not made smaller."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as arrays

from ptychogui.physics import pattern_storage
from ptychogui.physics.pattern_storage import KINDS, PatternStack, amplitudes_of, compact, kind_for, widened


def roots(counts: Any) -> np.ndarray:
    """Return amplitudes of counts, -1 where they are negative."""
    values = np.asarray(counts, np.float32)
    return np.where(values < 0, np.float32(-1), np.sqrt(np.maximum(values, 0)))


@pytest.mark.parametrize(
    ("largest", "kind"), [(0, np.uint8), (254, np.uint8), (255, np.uint16), (65534, np.uint16), (65535, np.float32)]
)
def test_every_count_below_the_mark_of_a_free_pixel_comes_back(largest: int, kind: Any) -> None:
    amplitudes = roots(np.append(np.arange(largest + 1), -1))
    patterns = compact(amplitudes)
    assert patterns.dtype == kind
    assert np.array_equal(amplitudes_of(patterns), amplitudes)


@given(arrays.arrays(np.float32, (3, 4), elements=st.floats(-1, 300, width=32)))
def test_nothing_is_lost_whatever_the_amplitudes(values: np.ndarray) -> None:
    amplitudes = np.where(values < 0, np.float32(-1), values)
    assert np.array_equal(amplitudes_of(compact(amplitudes)), amplitudes)


@pytest.mark.parametrize("count", [0.5, 1.0001, 200.25])
def test_what_is_no_whole_count_stays_an_amplitude(count: float) -> None:
    assert compact(roots([3, count])).dtype == np.float32


@pytest.mark.parametrize(("first", "second"), [(a, b) for i, a in enumerate(KINDS) for b in KINDS[i:]])
def test_a_wider_type_holds_the_same(first: np.dtype, second: np.dtype) -> None:
    amplitudes = roots([0, 1, 254, -1])
    patterns = widened(widened(compact(amplitudes), first), second)
    assert patterns.dtype == second
    assert np.array_equal(amplitudes_of(patterns), amplitudes)


@given(st.lists(st.sampled_from([3.0, 254.0, 255.0, 65534.0, 65535.0, 0.5, -1.0]), min_size=1, max_size=9))
def test_a_stack_holds_what_was_added_in_the_smallest_type_for_all(counts: list[float]) -> None:
    amplitudes = roots(np.broadcast_to(np.reshape(counts, (-1, 1, 1)), (len(counts), 2, 2)))
    stack = PatternStack(amplitudes.shape)
    for first in range(0, len(counts), 2):
        piece = compact(amplitudes[first : first + 2])
        stack.put(first, piece, piece.dtype)
    assert stack.patterns.dtype == compact(amplitudes).dtype
    assert np.array_equal(amplitudes_of(stack.patterns), amplitudes)


def test_threads_may_put_pieces_down_in_any_order_while_the_type_widens() -> None:
    random = np.random.default_rng(2)
    amplitudes = roots(random.poisson(20, (240, 8, 8)))
    amplitudes[random.random(amplitudes.shape) < 0.05] = -1
    amplitudes[100, 0, 0], amplitudes[181, 3, 3], amplitudes[60, 1, 1] = np.sqrt([255, 70000, 254], dtype=np.float32)
    stack = PatternStack((240, 8, 8))

    def put(first: int) -> None:
        piece = compact(amplitudes[first : first + 3])
        stack.put(first, piece, piece.dtype)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(put, random.permutation(np.arange(0, 240, 3)).tolist()))
    assert stack.patterns.dtype == np.float32
    assert np.array_equal(amplitudes_of(stack.patterns), amplitudes)


def test_patterns_may_be_made_where_they_stay_once_they_are_held_in_their_type() -> None:
    stack = PatternStack((4, 2, 2))
    with stack.room(0, 1, KINDS[1]) as place:
        assert place is None  # nothing is known of the type of all
    stack.put(0, compact(roots(np.full((1, 2, 2), 300))), KINDS[1])
    with stack.room(1, 1, KINDS[0]) as place:
        assert place is None
    with stack.room(2, 2, KINDS[1]) as place:
        assert place is not None
        place[:] = 7
    stack.put(1, np.full((1, 2, 2), 5, np.uint8), KINDS[0])
    assert stack.patterns[:, 0, 0].tolist() == [300, 5, 7, 7]


def test_what_was_made_in_its_place_is_kept_when_the_type_widens() -> None:
    stack = PatternStack((3, 2, 2))
    stack.put(0, np.full((1, 2, 2), 4, np.uint8), KINDS[0])
    with stack.room(1, 1, KINDS[0]) as place:
        assert place is not None
        place[:] = [[9, 255], [0, 1]]
    stack.put(2, compact(roots(np.full((1, 2, 2), 300))), KINDS[1])
    assert stack.patterns.tolist() == [[[4, 4], [4, 4]], [[9, 65535], [0, 1]], [[300, 300], [300, 300]]]


def test_memory_stays_where_it_is_while_patterns_are_made_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    stack = PatternStack((3, 2, 2))
    stack.put(0, compact(roots(np.full((1, 2, 2), 300))), KINDS[1])
    late, waiting, wait = compact(roots(np.full((1, 2, 2), 70000))), threading.Event(), stack._turn.wait

    def tell_and_wait() -> None:
        waiting.set()
        wait()

    monkeypatch.setattr(stack._turn, "wait", tell_and_wait)
    other = threading.Thread(target=stack.put, args=(2, late, KINDS[2]))
    with stack.room(1, 1, KINDS[1]) as place:
        other.start()
        assert waiting.wait(10)
        assert place is not None
        place[:] = 7
    other.join()
    assert np.array_equal(amplitudes_of(stack.patterns)[:, 0, 0], roots([300, 7, 70000]))


def test_memory_stays_where_it_is_while_a_thread_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    stack = PatternStack((3, 2, 2))
    stack.put(0, compact(roots(np.full((1, 2, 2), 300))), KINDS[1])
    late, asked, wait = compact(roots(np.full((1, 2, 2), 70000))), threading.Event(), stack._turn.wait

    def wait_and_tell() -> None:
        asked.set()
        wait()

    def put_late() -> None:
        stack.put(2, late, KINDS[2])
        asked.set()

    def interrupted(patterns: np.ndarray, kind: np.dtype) -> np.ndarray:
        monkeypatch.undo()
        monkeypatch.setattr(stack._turn, "wait", wait_and_tell)
        other.start()
        assert asked.wait(10)
        return widened(patterns, kind)

    other = threading.Thread(target=put_late)
    monkeypatch.setattr(pattern_storage, "widened", interrupted)
    stack.put(1, compact(roots(np.full((1, 2, 2), 7))), KINDS[0])
    other.join()
    assert np.array_equal(amplitudes_of(stack.patterns)[:, 0, 0], roots([300, 7, 70000]))


@pytest.mark.parametrize("largest", [254, 255, 65534, 65535])
@pytest.mark.parametrize("dtype", [np.uint16, np.uint32])
def test_counts_in_a_wider_type_than_they_need_are_narrowed(dtype: Any, largest: int) -> None:
    mark = np.iinfo(dtype).max
    if largest >= mark:
        return
    counts = np.array([[[0, mark], [largest, 7]], [[mark, 1], [2, 3]]], dtype)
    stack = PatternStack(counts.shape)
    stack.put(1, counts[1:], KINDS[0])
    stack.put(0, counts[:1], kind_for(largest))
    assert stack.patterns.dtype == kind_for(largest)
    assert np.array_equal(amplitudes_of(stack.patterns), roots(np.where(counts == mark, -1.0, counts)))
