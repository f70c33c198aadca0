"""Work on threads comes out in order, is bounded, and ends with the first failure."""

from __future__ import annotations

import threading
import time

import pytest

from ptychogui.physics.parallel import map_in_order


def test_results_come_in_the_order_of_the_pieces() -> None:
    def work(piece: int) -> int:
        time.sleep(0.002 * (piece % 3))
        return piece**2

    assert list(map_in_order(work, range(40))) == [piece**2 for piece in range(40)]
    assert list(map_in_order(work, [])) == []


def test_no_more_results_are_made_than_threads_and_one() -> None:
    made: list[int] = []
    most_ahead = 0
    for taken, _ in enumerate(map_in_order(made.append, range(50))):
        time.sleep(0.001)
        most_ahead = max(most_ahead, len(made) - taken)
    assert len(made) == 50
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
