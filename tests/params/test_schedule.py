from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from ptychogui.params.schedule import Schedule

SCHEDULES = st.builds(
    lambda first, more, every: Schedule(first, None if more is None else first + more, every),
    st.integers(1, 1000), st.none() | st.integers(0, 1000), st.integers(1, 50),
)  # fmt: skip


@given(SCHEDULES)
def test_a_schedule_as_text_and_back(schedule: Schedule) -> None:
    assert Schedule.parse(str(schedule)) == schedule


@pytest.mark.parametrize(
    ("text", "due"),
    [
        ("3", [3, 4, 5, 6, 7, 8, 9]),
        ("3:5", [3, 4, 5]),
        ("3:8:2", [3, 5, 7]),
        ("3::3", [3, 6, 9]),
        (":2", [1, 2]),
        ("never", []),
        ("0", []),
        ("", []),
        ("0:5:2", []),
    ],
)
def test_iterations_that_are_due(text: str, due: list[int]) -> None:
    schedule = Schedule.parse(text)
    assert [iteration for iteration in range(1, 10) if schedule.due(iteration)] == due


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("soon", "must be FROM, FROM:UNTIL or FROM:UNTIL:EVERY, in iterations, or 'never'"),
        ("-1", "must be FROM"),
        ("1:2:3:4", "must be FROM"),
        ("5:4", "must end at or after iteration 5, not at 4"),
        ("1:5:0", "must be updated every 1 or more iterations"),
    ],
)
def test_what_is_no_schedule_is_refused(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Schedule.parse(text)


def test_a_schedule_is_written_in_one_way() -> None:
    assert [str(Schedule.parse(text)) for text in ("7:", "7:9:1", "0:3", "2::4")] == ["7", "7:9", "never", "2::4"]
