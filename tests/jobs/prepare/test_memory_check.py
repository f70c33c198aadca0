"""What is refused for lack of memory, and what is streamed instead."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from ptychogui.backends.numpy_backend import NumpyBackend
from ptychogui.engines import Extent, memory_needed
from ptychogui.engines.resident_patterns import memory_streamed, resident_patterns
from ptychogui.errors import MemoryBudgetError
from ptychogui.jobs.prepare.memory_check import check_memory
from ptychogui.params.reconstruction import Reconstruction

_SCAN = Extent(100_000, 256, 1, (3000, 3000), True, 2)
"""13.1 GB of patterns."""


class Card(NumpyBackend):
    """A device of its own with some memory to spare."""

    name = "cuda:0"
    xp: Any = object()

    def __init__(self, free_bytes: int) -> None:
        self._free_bytes = free_bytes

    def memory_free_bytes(self) -> int:
        return self._free_bytes


@pytest.fixture
def computer(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Give the computer 100 GB to spare, or as many as the test says."""
    memory = SimpleNamespace(available=100 * 10**9)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    return memory


def needed(engine: str, card: Card) -> int:
    return memory_needed(engine, _SCAN, Reconstruction(engine=engine), card)


@pytest.mark.parametrize("engine", ["epie", "lsqml"])
def test_patterns_that_do_not_fit_are_streamed_and_the_job_says_so(computer: SimpleNamespace, engine: str) -> None:
    settings, title = Reconstruction(engine=engine), {"epie": "ePIE", "lsqml": "LSQML"}[engine]
    assert check_memory(_SCAN, settings, Card(int(needed(engine, Card(0)) / 0.89))) == ()
    card = Card(needed(engine, Card(0)))
    resident = resident_patterns(engine, _SCAN, settings, card)
    assert 0 < resident < 100_000
    assert memory_streamed(engine, _SCAN, settings, card, resident) <= 0.9 * card.memory_free_bytes()
    (note,) = check_memory(_SCAN, settings, card)
    assert note == (
        f"cuda:0 holds {resident} of the 100000 patterns (13.11 GB); each iteration of {title} reads the others from "
        "this computer's memory"
    )


@pytest.mark.parametrize("engine", ["epie", "lsqml"])
def test_a_job_is_refused_only_if_it_does_not_fit_without_any_patterns(computer: SimpleNamespace, engine: str) -> None:
    settings = Reconstruction(engine=engine)
    least = memory_streamed(engine, _SCAN, settings, Card(0), 0)
    assert least < needed(engine, Card(0)) - 0.99 * _SCAN.frame_bytes
    (note,) = check_memory(_SCAN, settings, Card(least))
    assert note.startswith("cuda:0 holds 0 of the 100000 patterns")
    with pytest.raises(MemoryBudgetError, match="GB of the memory of cuda:0"):
        check_memory(_SCAN, settings, Card(least - 1))


def test_a_scan_that_a_ring_would_not_make_smaller_is_not_streamed(computer: SimpleNamespace) -> None:
    settings, few = Reconstruction(engine="epie"), replace(_SCAN, positions=2 * Card(0).batch_size(2 * 8 * 256**2))
    least = memory_needed("epie", few, settings, Card(0))
    assert check_memory(few, settings, Card(least)) == ()
    with pytest.raises(MemoryBudgetError, match="GB of the memory of cuda:0"):
        check_memory(few, settings, Card(least - 1))


def test_page_locked_memory_is_counted_on_the_computer(computer: SimpleNamespace) -> None:
    settings = Reconstruction(engine="lsqml")
    roomy, tight = Card(10**12), Card(memory_streamed("lsqml", _SCAN, settings, Card(0), 0))
    computer.available = int(1.5 * _SCAN.frame_bytes)
    assert check_memory(_SCAN, settings, roomy) == ()
    with pytest.raises(MemoryBudgetError, match=r"needs 26\.\d+ GB of this computer's memory"):
        check_memory(_SCAN, settings, tight)


def test_every_stage_has_its_own_note(computer: SimpleNamespace) -> None:
    card = Card(needed("lsqml", Card(0)))
    notes = check_memory(_SCAN, Reconstruction(engine="epie:5/2,lsqml:5"), card)
    assert [note.split(" iteration of ")[1][:5] for note in notes] == ["LSQML"]
    notes = check_memory(_SCAN, Reconstruction(engine="epie:5,lsqml:5"), Card(needed("epie", Card(0))))
    assert [note.split(" iteration of ")[1][:5] for note in notes] == ["ePIE ", "LSQML"]
