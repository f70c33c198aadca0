"""An exact raster against one with jitter, and without the choice that engines make of what a period leaves open."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from ptychogui.api import read_result, reconstruct
from ptychogui.engines import lsqml
from ptychogui.io.result import Result
from ptychogui.io.simulated import read_truth
from ptychogui.physics.scan_lattice import find_lattice
from scripts.evidence.cases import REFERENCE, Run
from scripts.evidence.runs import cached, scan_file
from scripts.evidence.score import Likeness, Reference

EXACT = replace(REFERENCE, scan="raster")
JITTERED = replace(EXACT, jitter_m=2 * REFERENCE.object_pixel_m / 2**0.5)
"""Two pixels of jitter: root 2 on each axis."""

_LATEST = {"lsqml": (100, 300, 1000), "dm": (100,)}
"""Iterations after which objects are compared with the truth."""

_NEAR, _FAR = 3, 8
"""Bins of the spectrum about a frequency of the lattice that are its neighborhood."""


@dataclass(frozen=True)
class Periodic:
    """What a run came to; lists go along `iterations`.

    `errors` are of the object; `peaks` say how many times the error's spectrum at a frequency of the exact raster,
    the worst one, is its root mean square in the neighborhood; `result` is the file of the reconstruction.
    """

    label: str
    engine: str
    jittered: bool
    chosen: bool
    command: str
    iterations: list[int]
    errors: list[float]
    peaks: list[float]
    result: str
    device: str
    load: float
    date: str
    versions: dict[str, str]


def measure_rasters(folder: Path, threads: int) -> list[Periodic]:
    """Do, or read, the runs of LSQML and DM on both rasters, and LSQML's on the exact one without the choice."""
    found = []
    for engine, jittered, chosen in (
        ("lsqml", False, False), ("lsqml", False, True), ("lsqml", True, True), ("dm", False, True), ("dm", True, True),
    ):  # fmt: skip
        scan, recipe = ("jittered", JITTERED) if jittered else ("raster", EXACT)
        path = scan_file(folder, scan, recipe)
        marks = [mark for mark in _LATEST[engine] if chosen or mark < 1000]
        run = Run(f"{engine}, {scan}{'' if chosen else ', not chosen'}", engine)
        asked = {"recipe": asdict(recipe), "run": asdict(run), "marks": marks, "threads": threads}
        stem = f"{scan}-{engine}{'' if chosen else '-not-chosen'}"
        values = cached(
            folder / f"{stem}.json", asked,
            lambda run=run, path=path, stem=stem, marks=marks, chosen=chosen: _measure(  # type: ignore[misc]
                run, path, folder / f"{stem}-result.cxi", marks, chosen, threads
            ),
        )  # fmt: skip
        found.append(Periodic(**values))
    return found


def error_image(run: Periodic, folder: Path) -> tuple[np.ndarray, float]:
    """Return how far a run's object is from the truth, in a square that is lit all over, and the size of a pixel.

    Returns:
        complex (side, side), the difference relative to the truth's mean magnitude; metres.
    """
    truth = read_truth(folder / ("jittered.cxi" if run.jittered else "raster.cxi"))
    result, reference = read_result(folder / run.result), Reference(truth)
    likeness = reference.compare(result.object, _origin(result))
    return _difference(likeness, truth, reference), result.object_pixel_m


def _measure(run: Run, scan: Path, output: Path, marks: list[int], chosen: bool, threads: int) -> dict[str, Any]:
    truth, objects = read_truth(scan), {}
    reference = Reference(truth)
    parameters = run.parameters(marks[-1], threads)
    with _as_asked(chosen):
        for progress in reconstruct(scan, output, wants_picture=lambda i: i in marks, **parameters):
            if progress.estimate is not None and progress.iteration in marks:
                objects[progress.iteration] = progress.estimate.object
    result = read_result(output)
    seen = [reference.compare(objects[mark], _origin(result)) for mark in marks]
    waves = find_lattice(read_truth(scan.with_name("raster.cxi")).positions_m / truth.object_pixel_m)
    return asdict(Periodic(
        label=run.label, engine=run.engine, jittered="jittered" in run.label, chosen=chosen,
        command=run.command(scan.name, marks[-1], threads), iterations=marks, errors=[one.error for one in seen],
        peaks=[lattice_peak(_difference(one, truth, reference), waves) for one in seen], result=output.name,
        device=result.device, load=os.getloadavg()[0], date=result.started, versions=dict(result.versions),
    ))  # fmt: skip


@contextmanager
def _as_asked(chosen: bool) -> Iterator[None]:
    """Leave what a period leaves open to the iterations, unless it is to be chosen."""
    if chosen:
        yield
        return
    with patch.object(lsqml, "find_trade", lambda *_: None):
        yield


def lattice_peak(difference: np.ndarray, waves: np.ndarray) -> float:
    """Return how far the spectrum at the worst of some frequencies stands out of what is beside it.

    Args:
        difference: complex (side, side).
        waves: float (waves, 2), cycles per pixel.
    """
    side = len(difference)
    seen = difference * np.hanning(side)[:, None] * np.hanning(side)
    power, bins, places = np.abs(np.fft.fft2(seen)) ** 2, np.fft.fftfreq(side), np.arange(side)
    found = []
    for row, column in np.concatenate([waves, -waves]):
        height = np.exp(-2j * np.pi * row * places) @ seen @ np.exp(-2j * np.pi * column * places)
        rows, columns = ((bins - part + 0.5) % 1 - 0.5 for part in (row, column))
        away = np.maximum(np.abs(rows)[:, None], np.abs(columns)) * side
        found.append(np.abs(height) ** 2 / power[(away > _NEAR) & (away < _FAR)].mean())
    return float(np.sqrt(max(found)))


def _difference(likeness: Likeness, truth: Result, reference: Reference) -> np.ndarray:
    true = truth.object[reference.square]
    return np.asarray((likeness.estimate[reference.square] - true) / np.abs(true).mean())


def _origin(result: Result) -> tuple[float, float]:
    assert result.object_origin_m is not None, "this program's results say where their object lies"
    return result.object_origin_m
