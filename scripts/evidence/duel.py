"""This program and pty-chi on the same problem: the quality of both after a run, and their times in turns.

The two halves are apart, since errors depend on nothing but the problem, but times on what else the machine does.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from ptychogui.api import read_result, reconstruct
from ptychogui.backends import open_backend
from ptychogui.engines import ENGINES, Problem
from ptychogui.io.simulated import read_truth
from ptychogui.jobs.job_values import job_layers, make_job
from ptychogui.jobs.prepare.prepared_job import prepare
from ptychogui.states import State
from scripts.evidence.cases import REFERENCE, Run
from scripts.evidence.rival import SETTINGS, Rival, Setting
from scripts.evidence.runs import LEVEL, cached, scan_file
from scripts.evidence.score import Likeness, Reference

RIVALS = tuple(dict.fromkeys(setting.engine for setting in SETTINGS if setting.engine in ENGINES))
"""Engines that both programs have."""


_MARKS = (5, 10, 20, 40)
"""Iterations after which objects are compared with the truth, besides the last."""


@dataclass(frozen=True)
class Quality:
    """What a program gave with one engine: object error after each of some iterations, and what is resolved at the end.

    `resolved` is where the ring correlation with the truth falls below runs.LEVEL, as a part of Nyquist.
    """

    program: str
    engine: str
    setting: str
    iterations: list[int]
    errors: list[float]
    resolved: float

    @property
    def error(self) -> float:
        """The last object's."""
        return self.errors[-1]


@dataclass(frozen=True)
class Times:
    """Times of both programs with one engine: ms an iteration, one number a turn; `loads` are those of the machine."""

    engine: str
    sub_pixel: str
    setting: str
    threads: int
    our_ms: list[float]
    their_ms: list[float]
    loads: list[float]
    device: str
    date: str
    versions: dict[str, str]

    @property
    def ratio(self) -> float:
        """How many times faster this program is, of the medians."""
        return median(self.their_ms) / median(self.our_ms)


def their_quality(folder: Path, settings: Sequence[Setting], iterations: int, threads: int) -> list[Quality]:
    """Do, or read, pty-chi's runs with sub-pixel positions."""
    scan = scan_file(folder, "reference", REFERENCE)
    return [_their_quality(scan, folder, setting, iterations, threads) for setting in settings]


def kept_settings(folder: Path) -> tuple[Setting, ...]:
    """Return the settings whose quality is kept; all where an engine has none yet."""
    kept = tuple(setting for setting in SETTINGS if _kept_at(folder, setting).exists())
    return kept if {setting.engine for setting in kept} == set(RIVALS) else SETTINGS


def our_quality(folder: Path, iterations: int, threads: int) -> list[Quality]:
    """Reconstruct with every engine that pty-chi has too, anew, since this program changes."""
    scan = scan_file(folder, "reference", REFERENCE)
    return [_our_run(scan, engine, iterations, threads) for engine in RIVALS]


def best_settings(qualities: Sequence[Quality]) -> list[Setting]:
    """Return the setting with the smallest last error of each engine."""
    best = [min((q for q in qualities if q.engine == engine), key=lambda q: q.error) for engine in RIVALS]
    named = {(setting.engine, setting.label): setting for setting in SETTINGS}
    return [named[found.engine, found.setting] for found in best]


def compare_times(folder: Path, setting: Setting, sub_pixel: str, turns: int, threads: int) -> Times:
    """Let both do an iteration in turns, and measure each."""
    import ptychi
    import torch

    scan = scan_file(folder, "reference", REFERENCE)
    output = scan.with_name(f"{setting.engine}-{sub_pixel}.cxi")
    rival = Rival(problem_without_held_out(scan, threads), setting, turns, sub_pixel == "nearest", threads)
    our_ms, their_ms, loads = [], [], []
    for seconds in _our_turns(scan, output, setting.engine, sub_pixel, turns, threads):
        our_ms.append(seconds * 1e3)
        their_ms.append(rival.step() * 1e3)
        loads.append(os.getloadavg()[0])
    result = read_result(output)
    versions = {**result.versions, "pty-chi": ptychi.__version__, "torch": torch.__version__}
    return Times(
        engine=setting.engine, sub_pixel=sub_pixel, setting=setting.label, threads=threads, our_ms=our_ms,
        their_ms=their_ms, loads=loads, device=result.device, date=result.started, versions=versions,
    )  # fmt: skip


def _their_quality(scan: Path, folder: Path, setting: Setting, iterations: int, threads: int) -> Quality:
    asked = {"recipe": asdict(REFERENCE), "setting": asdict(setting), "iterations": iterations}
    return Quality(
        **cached(_kept_at(folder, setting), asked, lambda: asdict(_their_run(scan, setting, iterations, threads)))
    )


def _kept_at(folder: Path, setting: Setting) -> Path:
    return folder / f"quality-{setting.engine}-{setting.label.replace(' ', '-').replace(',', '')}.json"


def _their_run(scan: Path, setting: Setting, iterations: int, threads: int) -> Quality:
    problem, reference = problem_without_held_out(scan, threads), Reference(read_truth(scan))
    rival = Rival(problem, setting, iterations, False, threads)
    row_px, column_px = problem.geometry.origin_px
    origin_m = row_px * problem.object_pixel_m, column_px * problem.object_pixel_m
    marks, scores = _marks(iterations), []
    for iteration in range(1, iterations + 1):
        rival.step()
        if iteration in marks:
            scores.append(reference.compare(rival.object, origin_m))
    return _quality("pty-chi", setting.engine, setting.label, marks, scores)


def _our_run(scan: Path, engine: str, iterations: int, threads: int) -> Quality:
    reference, marks, objects = Reference(read_truth(scan)), _marks(iterations), {}
    output = scan.with_name(f"{engine}-quality.cxi")
    options = _options(engine, "fourier", iterations, threads)
    for progress in reconstruct(scan, output, wants_picture=lambda i: i in marks, **options):
        if progress.estimate is not None and progress.iteration in marks:
            objects[progress.iteration] = progress.estimate.object
    origin_m = read_result(output).object_origin_m
    assert origin_m is not None
    return _quality("ptychogui", engine, "", marks, [reference.compare(objects[mark], origin_m) for mark in marks])


def _quality(program: str, engine: str, setting: str, marks: list[int], scores: list[Likeness]) -> Quality:
    errors, resolved = [score.error for score in scores], scores[-1].ring.falls_below(LEVEL)
    return Quality(program, engine, setting, marks, errors, resolved)


def _marks(iterations: int) -> list[int]:
    return [mark for mark in _MARKS if mark < iterations] + [iterations]


def problem_without_held_out(scan: Path, threads: int, values: Mapping[str, tuple[Any, str]] | None = None) -> Problem:
    """Return what an engine of ours gets: patterns, windows, the guessed probe and an empty object.

    All pixels are known: pty-chi has one mask for all patterns, and each has others held out.

    Args:
        scan: its file.
        threads: of the CPU.
        values: parameters, with where they come from.
    """
    layers = job_layers(scan, {**(values or {}), "reconstruction.held_out": (0.0, "pty-chi")})
    with open_backend("cpu", threads) as backend:
        return prepare(make_job(layers, scan, scan.with_name("unused.cxi")), backend).problem


def _options(engine: str, sub_pixel: str, iterations: int, threads: int) -> dict[str, Any]:
    """Return our parameters: the defaults, but without refined positions, which pty-chi leaves out unless asked."""
    fixed = {"position_correction": "never"} if engine == "lsqml" else {}
    return Run(engine, engine, {"sub_pixel": sub_pixel, **fixed}).parameters(iterations, threads)


def _our_turns(scan: Path, output: Path, engine: str, sub_pixel: str, turns: int, threads: int) -> Iterator[float]:
    """Reconstruct, an iteration a turn; yields the seconds that each took."""
    before = 0.0
    for progress in reconstruct(scan, output, **_options(engine, sub_pixel, turns, threads)):
        if (progress.state is State.RUNNING and 0 < progress.iteration < turns) or progress.state is State.DONE:
            yield progress.elapsed_s - before
            before = progress.elapsed_s
