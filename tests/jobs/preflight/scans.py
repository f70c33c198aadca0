"""A sound scan in memory, to be spoiled, and how its findings are asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ptychogui.io.dataset import Dataset
from ptychogui.io.simulated import dataset_of
from ptychogui.jobs.job import Job
from ptychogui.jobs.job_values import dataset_layers
from ptychogui.jobs.preflight import Finding, Level, Preflight
from ptychogui.params.origins import Source
from ptychogui.physics.frames import ArrayFrames
from ptychogui.physics.simulation import Recipe, SimulatedScan, simulate

Check = Callable[..., Preflight]
"""Checks a scan in memory with some parameters, by path with '__' for the dot."""

DIAMETER = 1.4e-6

SOUND = {"experiment__probe_diameter_m": DIAMETER}


@cache
def scan(**recipe: Any) -> SimulatedScan:
    return simulate(Recipe(**{"n": 64, "outer_zone_m": 80e-9, "scan_dims": (8, 8), **recipe}))


def dataset(counts: np.ndarray | None = None, **changes: Any) -> Dataset:
    made = dataset_of(scan())
    content: dict[str, Any] = {} if counts is None else {"frames": ArrayFrames(counts)}
    return replace(made, **content, **changes)


def job(source: Dataset, values: Mapping[str, Any]) -> Job:
    known = {key.replace("__", "."): (value, "test") for key, value in values.items()}
    parameters, origins = dataset_layers(source).with_layer(Source.USER, known).resolve()
    return Job("1", source.path, parameters, Path("result.cxi"), origins)


def only(found: Preflight, name: str) -> Finding:
    """Return the single finding of a check."""
    (finding,) = found.of(name)
    return finding


def mended(check: Check, source: Dataset, finding: Finding, **values: Any) -> Preflight:
    """Apply a finding's fix on top of the values that led to it, and check again."""
    assert finding.fix is not None and finding.fix_text and finding.options
    fix = {path.replace(".", "__"): value for path, value in finding.fix.items()}
    return check(source, **{**values, **fix})


def levels(found: Preflight) -> dict[str, Level]:
    return {finding.check: finding.level for finding in reversed(found.findings)}


GAPS = np.zeros((64, 64), bool)

GAPS[20:23] = GAPS[:, 40:42] = True
