"""Work on threads comes out in order, is bounded, and ends with the first failure."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from ptychogui.physics.parallel import map_in_order


def test_results_come_in_the_order_of_the_pieces() -> None:
    done = [threading.Event() for _ in range(40)]

    def work(piece: int) -> int:
        if piece % 2 == 0:
            assert done[piece + 1].wait(20)
        done[piece].set()
        return piece**2

    assert list(map_in_order(work, range(40))) == [piece**2 for piece in range(40)]
    assert list(map_in_order(work, [])) == []


def test_no_more_results_are_made_than_threads_and_one() -> None:
    asked: list[int] = []
    result = threading.Semaphore(0)

    def pieces() -> Iterator[int]:
        for piece in range(50):
            asked.append(piece)
            yield piece

    made = most_ahead = 0
    for taken, _ in enumerate(map_in_order(lambda _: result.release(), pieces())):
        while made < len(asked):
            assert result.acquire(timeout=20)
            made += 1
        most_ahead = max(most_ahead, made - taken)
    assert made == 50
    assert most_ahead <= 6


def test_pieces_are_worked_on_at_the_same_time() -> None:
    meeting = threading.Barrier(2, timeout=20)
    assert sorted(map_in_order(lambda _: meeting.wait(), range(2))) == [0, 1]


def test_the_first_failure_is_raised_and_what_came_before_it_is_there() -> None:
    def work(piece: int) -> int:
        if piece >= 3:
            raise ValueError(f"piece {piece}")
        return piece

    seen = []
    with pytest.raises(ValueError, match="piece 3"):
        for result in map_in_order(work, range(20)):
            seen.append(result)
    assert seen == [0, 1, 2]
