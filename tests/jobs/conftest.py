"""What several tests of jobs ask for."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ptychogui.engines import ENGINES
from ptychogui.engines.base import Problem
from ptychogui.io.dataset import Dataset
from ptychogui.jobs import engine_chain as chain
from ptychogui.jobs.job import Job
from ptychogui.jobs.prepare import open_scan as opening
from ptychogui.jobs.prepare.prepared_job import PreparedJob, prepare
from ptychogui.params.chain import ENGINE_NAMES
from ptychogui.params.model import Parameters
from tests.jobs.fakes import FakeEngine, Prepare
from tests.jobs.scripted_engines import Engine, Script


@pytest.fixture
def prepare_scan(monkeypatch: pytest.MonkeyPatch) -> Prepare:
    """Prepare a scan in memory with some parameters; no pixel is held out unless that is asked for."""

    def run(dataset: Dataset, backend: Any = None, **values: Any) -> PreparedJob:
        monkeypatch.setattr(opening, "open_dataset", lambda _path, _options: dataset)
        values = {"reconstruction__held_out": 0.0, **values}
        parameters = Parameters().replace({key.replace("__", "."): value for key, value in values.items()})
        return prepare(Job("1", dataset.path, parameters, Path("result.cxi")), backend)

    return run


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "result.cxi"


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Any]]:
    """Have the runner take fake engines with these errors; gives weak references to those that it takes."""

    def use(*errors: float) -> list[Any]:
        taken: list[Any] = []

        def create(problem: Problem, _settings: object, _backend: object) -> FakeEngine:
            engine = FakeEngine(problem, list(errors))
            taken.append(weakref.ref(engine))
            return engine

        monkeypatch.setattr(chain, "create_engine", create)
        return taken

    return use


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    """Put scripted engines in the place of all."""
    made = Script()
    for name in ENGINE_NAMES:
        monkeypatch.setitem(ENGINES, name, lambda problem, settings, _backend: Engine(made, problem, settings))
    yield made
