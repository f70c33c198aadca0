"""A catalog of the test's own, and results to put into it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ptychogui.io.result import write_result
from ptychogui.params.origins import Layers, Source
from ptychogui.params.storage import to_json
from ptychogui.states import State
from tests.io.makers import make_result

Make = Callable[..., Path]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of the user's catalog."""
    monkeypatch.setenv("PTYCHOGUI_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "catalog"


@pytest.fixture
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for results whose path has nothing of the test's name, which searches would find in it."""
    folder = tmp_path_factory.mktemp("x") / "results"
    folder.mkdir()
    return folder


@pytest.fixture
def make(results: Path) -> Make:
    """Write a result by name, whose parameters are given by path."""

    def one(name: str, values: dict[str, Any] | None = None, **changes: Any) -> Path:
        parameters, origins = Layers().with_layer(
            Source.USER, {path: (value, "test") for path, value in (values or {}).items()}
        ).resolve()  # fmt: skip
        path = results / name
        path.parent.mkdir(parents=True, exist_ok=True)
        said = {
            "parameters": to_json(parameters, origins), "errors": np.array([2.0, 1.25]), "state": State.DONE,
            "finished": "2026-11-30T10:00:00+00:00", "title": path.stem,
        }  # fmt: skip
        write_result(path, make_result(**{**said, **changes}))
        return path

    return one
