"""Numbers of frames as text."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from ptychogui.errors import ParameterError
from ptychogui.params.model import Parameters
from ptychogui.params.preprocessing import numbers_in, numbers_text, without_number


@given(st.sets(st.integers(1, 60)))
def test_numbers_come_back_as_they_were(numbers: set[int]) -> None:
    text = numbers_text(range(number, number + 1) for number in numbers)
    assert {number for part in numbers_in(text) for number in part} == numbers


@given(st.sets(st.integers(1, 60), min_size=1), st.integers(1, 60))
def test_one_number_is_taken_out(numbers: set[int], number: int) -> None:
    text = numbers_text(without_number(numbers_in(",".join(map(str, numbers))), number))
    assert {one for part in numbers_in(text) for one in part} == numbers - {number}


def test_there_is_one_way_of_writing() -> None:
    given = Parameters().replace({"preprocessing.excluded_frames": " 4, 3,7-9 ,8-12"})
    assert given.preprocessing.excluded_frames == "3-4,7-12"


@pytest.mark.parametrize("text", ["x", "3-", "5-3", "0", "0-4", "1;2"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(ParameterError, match="numbers"):
        Parameters().replace({"preprocessing.excluded_frames": text})
