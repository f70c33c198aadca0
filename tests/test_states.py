"""The states of jobs and results: the words that stand in files."""

from __future__ import annotations

import json
import pickle

import pytest

from ptychogui.states import State


def test_the_words_are_those_of_files_that_are_written_already() -> None:
    assert [state.value for state in State] == [
        "held", "queued", "waiting", "running", "paused", "done", "stopped", "failed", "cancelled", "interrupted",
        "checkpoint", "truth",
    ]  # fmt: skip


@pytest.mark.parametrize("state", State)
def test_a_member_is_its_word_wherever_it_is_written(state: State) -> None:
    assert f"{state}" == str(state) == state == state.value
    assert json.loads(json.dumps(state)) == state.value
    assert pickle.loads(pickle.dumps(state)) is state
    assert State.read(state.value) is state


@pytest.mark.parametrize("word", ["", "Done", "name", "of a later version"])
def test_a_word_that_is_not_known_is_no_state(word: str) -> None:
    assert State.read(word) is None
