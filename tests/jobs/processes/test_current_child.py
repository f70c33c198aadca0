"""One child at a time: made when it is needed, ended by any thread, and not made again after the end."""

from __future__ import annotations

from collections.abc import Iterator

import psutil
import pytest

from ptychogui.jobs.processes.child_process import ChildProcess
from ptychogui.jobs.processes.current_child import CurrentChild
from tests.jobs.processes import works


@pytest.fixture
def current() -> Iterator[CurrentChild]:
    made = CurrentChild()
    yield made
    made.end(for_good=True)


def make() -> ChildProcess:
    return ChildProcess(works.echo, name="test child")


def test_it_is_made_once_and_ended_at_once(current: CurrentChild) -> None:
    child = current.get(make)
    assert child is not None and current.get(make) is child
    current.end()
    assert not psutil.pid_exists(child.pid)
    assert not current.let_go(child)
    assert current.get(make) is not child


def test_one_that_ended_by_itself_is_ours_until_it_is_let_go(current: CurrentChild) -> None:
    child = current.get(make)
    assert child is not None and current.let_go(child)
    assert not current.let_go(child)
    assert not psutil.pid_exists(child.pid)


def test_after_the_end_for_good_none_is_made(current: CurrentChild) -> None:
    current.end(for_good=True)
    assert current.get(make) is None
