"""Want of memory: how it is told, and what is smaller then."""

from __future__ import annotations

from pathlib import Path

import pytest

from ptychogui.jobs.processes.messages import Failed
from ptychogui.queue import memory
from ptychogui.queue.memory import is_out_of_memory, kills_so_far, with_smaller_batch
from tests.jobs.fakes import make_job


def test_the_systems_count_is_read_where_there_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = tmp_path / "vmstat"
    counts.write_text("pgfault 17\noom_kill 3\nnr_free 1\n")
    monkeypatch.setattr(memory, "_COUNTS", counts)
    assert kills_so_far() == 3
    counts.write_text("pgfault 17\n")
    assert kills_so_far() == 0
    counts.unlink()
    assert kills_so_far() == 0


@pytest.mark.parametrize(
    ("message", "kind", "is_so"),
    [
        ("cuda:0 has too little memory", "MemoryBudgetError", True),
        ("internal error: MemoryError: the memory is used up", "internal", True),
        ("internal error: ZeroDivisionError", "internal", False),
        ("the scan names a MemoryError: odd", "DataError", False),
    ],
)
def test_which_failures_are_want_of_memory(message: str, kind: str, is_so: bool) -> None:
    assert is_out_of_memory(Failed("1", message, kind=kind)) is is_so


@pytest.mark.parametrize(("given", "then"), [(None, 8), (100, 50), (1, 1)])
def test_a_batch_is_halved(tmp_path: Path, given: int | None, then: int) -> None:
    job = make_job(tmp_path / "r.cxi", reconstruction__engine="dm:5,epie:5", reconstruction__batch_size=given)
    assert with_smaller_batch(job).parameters.reconstruction.batch_size == then


def test_where_that_saves_nothing_the_job_stays_as_it_is(tmp_path: Path) -> None:
    job = make_job(tmp_path / "r.cxi", reconstruction__engine="dm")
    assert with_smaller_batch(job) is job
