"""A queue of the test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ptychogui.queue.store.job_text import JobText
from ptychogui.queue.store.store import ANY, NewJob, Store
from tests.jobs.fakes import make_job

Add = Callable[..., int]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "queue"


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    with Store(folder) as opened:
        yield opened


@pytest.fixture
def add(store: Store, tmp_path: Path) -> Add:
    """Put a small simulated job into the queue; `what` tells tests.jobs.fakes.play what to do."""
    count = iter(range(1_000_000))

    def one(what: str = "", device: str = ANY, priority: int = 0, held: bool = False, **values: Any) -> int:
        job = make_job(tmp_path / f"result-{next(count)}.cxi", what, **values)
        return store.add([NewJob(JobText.of(job, {"ptychogui": "0"}), device, priority, held)])[0]

    return one
