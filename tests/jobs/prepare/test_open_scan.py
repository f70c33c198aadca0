"""A scan is opened once for its job, and again only where something changed since."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ptychogui.io import readers
from ptychogui.io.dataset import Dataset
from ptychogui.io.read_options import ReadOptions
from ptychogui.jobs import job_values
from ptychogui.jobs.job import Job
from ptychogui.jobs.job_values import plan_job
from ptychogui.jobs.prepare import open_scan as opening
from ptychogui.jobs.prepare.open_scan import open_scan
from tests.io.makers import COUNTS, make_cxi, make_frames, make_rows


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Return the paths of the scans that readers open."""
    paths: list[Path] = []

    def noted(path: Path, options: ReadOptions | None = None) -> Dataset:
        paths.append(path)
        return readers.open_dataset(path, options)

    for module in (job_values, opening):
        monkeypatch.setattr(module, "open_dataset", noted)
    return paths


def test_what_is_known_of_a_scan_is_not_read_again(tmp_path: Path, opened: list[Path]) -> None:
    path = make_cxi(tmp_path / "scan.cxi")
    job: Job = pickle.loads(pickle.dumps(plan_job(path, {}, tmp_path / "result.cxi")))
    for _ in range(2):
        with open_scan(job) as dataset:
            np.testing.assert_array_equal(dataset.frames.read([1, 3]), COUNTS[[1, 3]])
    assert opened == [path]


def _touch(path: Path) -> None:
    os.utime(path, ns=(1, 1))


def _move_positions(path: Path) -> None:
    make_cxi(path, {"entry_1/instrument_1/detector_1/distance": 2.5})


@pytest.mark.parametrize("change", [_touch, _move_positions])
def test_a_scan_that_changed_is_read_again(tmp_path: Path, opened: list[Path], change: Callable[[Path], None]) -> None:
    path = make_cxi(tmp_path / "scan.cxi")
    job = plan_job(path, {}, tmp_path / "result.cxi")
    change(path)
    with open_scan(job) as dataset, readers.open_dataset(path) as now:
        assert dataset.values == now.values
    assert opened == [path, path]


def test_a_file_that_came_since_belongs_to_the_scan(tmp_path: Path, opened: list[Path]) -> None:
    pattern = Path(make_rows(tmp_path, {1: make_frames(4), 2: make_frames(4)}))
    values = {"experiment.scan_dims": ((2, 4), ""), "experiment.step_m": ((1e-7, 1e-7), "")}
    job = plan_job(pattern, values, tmp_path / "result.cxi")
    make_rows(tmp_path, {3: make_frames(4)})
    with open_scan(job) as dataset:
        assert len(dataset.files) == 3
    assert opened == [pattern, pattern]


def test_a_scan_that_is_to_be_read_otherwise_is_read_again(tmp_path: Path, opened: list[Path]) -> None:
    path = make_cxi(tmp_path / "scan.cxi", {"other": COUNTS + 1})
    job = plan_job(path, {}, tmp_path / "result.cxi")
    otherwise = job.parameters.replace({"preprocessing.dataset_path": "/other"})
    with open_scan(replace(job, parameters=otherwise)) as dataset:
        np.testing.assert_array_equal(dataset.frames.read([0]), COUNTS[:1] + 1)
    assert opened == [path, path]
