"""A helper process: it does one thing after the other, and what kills it is said once."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ptychogui.errors import DataError, DeviceError
from ptychogui.jobs.processes.child_main import InternalError
from ptychogui.jobs.processes.helper import HelperProcess


def counts(tell: Callable[[Any], None], number: int) -> int:
    for step in range(number):
        tell(step)
    return os.getpid()


def crashes(_tell: Callable[[Any], None]) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def refuses(_tell: Callable[[Any], None]) -> None:
    raise DataError("it is damaged")


def fails(_tell: Callable[[Any], None]) -> None:
    raise ZeroDivisionError


@pytest.fixture(scope="module")
def helper() -> Iterator[HelperProcess]:
    made = HelperProcess("helper")
    yield made
    made.end(for_good=True)


def test_one_process_does_all_and_tells_on_its_way(helper: HelperProcess) -> None:
    said: list[int] = []
    first = helper.do(counts, 3, tell=said.append)
    assert said == [0, 1, 2]
    with pytest.raises(DataError, match="it is damaged"):
        helper.do(refuses)
    with pytest.raises(InternalError, match="ZeroDivisionError"):
        helper.do(fails)
    assert helper.do(counts, 0) == first != os.getpid()


def test_another_one_follows_a_crash(helper: HelperProcess) -> None:
    first = helper.do(counts, 0)
    with pytest.raises(DeviceError, match="ended by itself: killed by signal 11"):
        helper.do(crashes)
    assert helper.do(counts, 0) != first


def test_after_the_end_for_good_nothing_is_done() -> None:
    helper = HelperProcess("helper")
    helper.end(for_good=True)
    assert helper.do(counts, 1) is None
