"""A child seen from inside: what is raised can always be sent, and no message of the parent's is lost."""

from __future__ import annotations

import pickle
from multiprocessing import Pipe

import pytest

from ptychogui.errors import Alternative, AmbiguousPairingError, DataError
from ptychogui.jobs.processes.child_main import InternalError, Over, Parcel, Parent, Raised
from tests.jobs.processes.works import UnpicklableError, UnprintableError


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ZeroDivisionError("a bug"), "ZeroDivisionError: a bug"),
        (KeyError(), "KeyError"),
        (ValueError("two\n  lines"), "ValueError: two lines"),
        (MemoryError("1 TB"), "MemoryError: the memory is used up (1 TB)"),
        (UnprintableError(), "UnprintableError: it can't be put into words"),
        (RuntimeError("x" * 10_000), f"RuntimeError: {'x' * 10_000}"[:1000]),
    ],
)
def test_a_defect_becomes_a_line_that_can_be_sent(error: Exception, line: str) -> None:
    raised = pickle.loads(pickle.dumps(Raised.of(error)))
    assert raised.line == line
    assert isinstance(raised.error(), InternalError)


def test_a_refusal_keeps_what_it_holds() -> None:
    ways = (Alternative({"preprocessing.first_file": 1}, "--first-file 1", "file 20 is missing"),)
    error = Raised.of(AmbiguousPairingError("in several ways", ways)).error()
    assert isinstance(error, AmbiguousPairingError) and error.alternatives == ways


def test_a_refusal_that_cant_be_pickled_keeps_its_text() -> None:
    error = Raised.of(UnpicklableError("scan.h5: no frames")).error()
    assert not isinstance(error, DataError) and str(error) == "scan.h5: no frames"


def test_a_parcel_is_packed_when_it_is_sent() -> None:
    content = (len, ["three", "words", "here"])
    parcel = Parcel(content)
    assert parcel.open() is content
    assert pickle.loads(pickle.dumps(parcel)).open() == content


def test_messages_that_came_before_they_were_wanted_are_taken_first() -> None:
    parent, taken = Parent(Pipe()[1]), list[str]()
    for message in ("one", "two"):
        parent._take(pickle.dumps(message))
    parent.on_message(taken.append, lambda: None)
    parent._take(pickle.dumps("three"))
    assert taken == ["one", "two", "three"]


def test_who_begins_to_listen_too_late_is_told_that_the_parent_is_gone() -> None:
    parent, taken, told = Parent(Pipe()[1]), list[str](), list[bool]()
    parent.gone.set()
    parent._take(None)
    parent.on_message(taken.append, lambda: told.append(True))
    assert told and not taken


def test_only_the_first_end_counts() -> None:
    ours, theirs = Pipe()
    parent = Parent(theirs)
    parent.end(ZeroDivisionError("a bug"))
    parent.end()
    first = ours.recv()
    assert isinstance(first, Over) and first.raised is not None
    assert not ours.poll()


def test_what_is_sent_to_a_parent_that_is_gone_is_dropped() -> None:
    ours, theirs = Pipe()
    ours.close()
    with pytest.raises(OSError):
        theirs.send("anyone there?")
    Parent(theirs).send("anyone there?")
    assert not theirs.closed
