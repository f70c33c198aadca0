"""Reconstructions of simulated scans, measured against their truth; what was measured once is read again."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ptychogui.api import read_result, reconstruct
from ptychogui.io.result import Result
from ptychogui.io.simulated import read_truth, recipe_to_json, write_scan
from ptychogui.physics.simulation import Recipe, simulate
from scripts.evidence.cases import Case, Run
from scripts.evidence.score import Reference, position_errors_px

LEVEL = 0.5
"""Ring correlation with the truth that tells how far an object is resolved."""

MARKS = (1, 2, 3, 4, 5, 7, 10, 14, 20, 28, 40, 56, 75, 100, 140, 200, 280, 400)
"""Iterations after which objects are compared with the truth, besides the last."""


@dataclass(frozen=True)
class Measured:
    """What a run gave. Lists go along `iterations`.

    `seconds` since the first iteration began, without scoring; `errors` of the object against the truth; `noise` is
    the misfit to the patterns in photon-noise units; `frequency` (cycles per pixel) and `correlation` are the ring
    correlation of the last object with the truth, `resolved` where it falls below LEVEL as a part of Nyquist;
    `position_px` is the median distance of the positions from the true ones.
    """

    label: str
    engine: str
    command: str
    iterations: list[int]
    seconds: list[float]
    errors: list[float]
    noise: list[float]
    frequency: list[float]
    correlation: list[float]
    resolved: float
    position_px: float
    device: str
    load: float
    date: str
    versions: dict[str, str]


def scan_file(folder: Path, name: str, recipe: Recipe) -> Path:
    """Return a simulated scan's file, written now unless it is there."""
    path = folder / f"{name}.cxi"
    if not path.exists() or read_truth(path).recipe != recipe_to_json(recipe):
        folder.mkdir(parents=True, exist_ok=True)
        write_scan(path, simulate(recipe))
    return path


def cached(path: Path, asked: Mapping[str, Any], measure: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
    """Read what was measured for the same question, or measure and keep it."""
    question = json.loads(json.dumps(asked))
    if path.exists():
        kept = json.loads(path.read_text())
        if kept["asked"] == question:
            return dict(kept["measured"])
    print(f"measuring {path.stem}", flush=True)
    measured = dict(measure())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"asked": question, "measured": measured}, indent=1))
    return measured


def measure_case(case: Case, folder: Path, iterations: int, threads: int) -> list[Measured]:
    """Do, or read, all runs of a case."""
    scan = scan_file(folder, case.name, case.recipe)
    truth = read_truth(scan)
    reference = Reference(truth)
    found = []
    for run in case.runs:
        name = f"{case.name}-{run.label.replace(', ', '-').replace(' ', '-')}"
        asked = {"recipe": asdict(case.recipe), "run": asdict(run), "iterations": iterations, "threads": threads}
        values = cached(
            folder / f"{name}.json", asked,
            lambda run=run, name=name: asdict(  # type: ignore[misc]
                _measure(run, scan, folder / f"{name}.cxi", truth, reference, iterations, threads)
            ),
        )  # fmt: skip
        found.append(Measured(**values))
    return found


def _measure(
    run: Run, scan: Path, output: Path, truth: Result, reference: Reference, iterations: int, threads: int
) -> Measured:
    marks = [mark for mark in MARKS if mark < iterations] + [iterations]
    objects, seconds = {}, {}
    for progress in reconstruct(
        scan, output, wants_picture=lambda i: i in marks, **run.parameters(iterations, threads)
    ):
        if progress.estimate is not None and progress.iteration in marks:
            objects[progress.iteration] = progress.estimate.object
            seconds[progress.iteration] = progress.elapsed_s
    result = read_result(output)
    assert result.object_origin_m is not None
    scores = [reference.compare(objects[mark], result.object_origin_m) for mark in marks]
    ring = scores[-1].ring
    return Measured(
        label=run.label, engine=run.engine, command=run.command(scan.name, iterations, threads), iterations=marks,
        seconds=[seconds[mark] for mark in marks], errors=[score.error for score in scores],
        noise=[float(result.errors[mark - 1]) for mark in marks], frequency=ring.frequency.tolist(),
        correlation=ring.correlation.tolist(), resolved=ring.falls_below(LEVEL),
        position_px=float(np.median(position_errors_px(result, truth))), device=result.device,
        load=os.getloadavg()[0], date=result.started, versions=dict(result.versions),
    )  # fmt: skip
