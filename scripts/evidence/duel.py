"""This program and pty-chi in turns on the same problem: time and quality of both."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from ptychogui.api import read_result, reconstruct
from ptychogui.engines import ENGINES, Problem
from ptychogui.io.simulated import read_truth
from ptychogui.jobs.job import JobState
from ptychogui.jobs.layers import job_layers, make_job
from ptychogui.jobs.prepare import prepare
from scripts.evidence.cases import REFERENCE, Run
from scripts.evidence.rival import SETTINGS, Rival, Setting
from scripts.evidence.runs import LEVEL, cached, scan_file
from scripts.evidence.score import Reference

_TURNS = 10


@dataclass(frozen=True)
class Duel:
    """What both gave with one engine. Times are ms an iteration, one number a turn; `loads` are those of the machine.

    Errors are of the object against the truth; `resolved` is where the ring correlation with it falls below
    runs.LEVEL, as a part of Nyquist.
    """

    engine: str
    sub_pixel: str
    setting: str
    iterations: int
    threads: int
    our_ms: list[float]
    their_ms: list[float]
    our_error: float
    their_error: float
    our_resolved: float
    their_resolved: float
    loads: list[float]
    device: str
    date: str
    versions: dict[str, str]

    @property
    def ratio(self) -> float:
        """How many times faster this program is, of the medians."""
        return median(self.their_ms) / median(self.our_ms)


def fight(folder: Path, iterations: int, threads: int) -> list[Duel]:
    """Do, or read, every duel: all settings with sub-pixel positions, and the best of each engine with rounded ones."""
    scan = scan_file(folder, "reference", REFERENCE)
    found = []
    for engine in ("lsqml", "dm", "epie"):
        settings = [setting for setting in SETTINGS if setting.engine == engine and engine in ENGINES]
        duels = [_cached(scan, folder, setting, "fourier", iterations, threads) for setting in settings]
        found += duels
        if duels:
            best = min(zip(settings, duels, strict=True), key=lambda pair: pair[1].their_error)[0]
            found.append(_cached(scan, folder, best, "nearest", iterations, threads))
    return found


def _cached(scan: Path, folder: Path, setting: Setting, sub_pixel: str, iterations: int, threads: int) -> Duel:
    name = f"{setting.engine}-{sub_pixel}-{setting.label.replace(' ', '-').replace(',', '')}"
    asked = {"recipe": asdict(REFERENCE), "setting": asdict(setting), "sub_pixel": sub_pixel,
             "iterations": iterations, "threads": threads}  # fmt: skip
    path = folder / f"{name}.json"
    return Duel(**cached(path, asked, lambda: asdict(_duel(scan, setting, sub_pixel, iterations, threads))))


def _duel(scan: Path, setting: Setting, sub_pixel: str, iterations: int, threads: int) -> Duel:
    import ptychi
    import torch

    output = scan.with_name(f"{setting.engine}-{sub_pixel}.cxi")
    problem = _problem(scan, output)
    reference = Reference(read_truth(scan))
    rival = Rival(problem, setting, iterations, sub_pixel == "nearest", threads)
    ours = _our_turns(scan, output, setting.engine, sub_pixel, iterations, threads)
    our_ms, their_ms, loads = [], [], []
    for turn, seconds in enumerate(ours):
        steps = iterations * (turn + 1) // _TURNS - iterations * turn // _TURNS
        our_ms.append(seconds / steps * 1e3)
        their_ms.append(sum(rival.step() for _ in range(steps)) / steps * 1e3)
        loads.append(os.getloadavg()[0])
    result = read_result(output)
    assert result.object_origin_m is not None
    our, their = (reference.compare(found, result.object_origin_m) for found in (result.object, rival.object))
    versions = {**result.versions, "pty-chi": ptychi.__version__, "torch": torch.__version__}
    return Duel(
        engine=setting.engine, sub_pixel=sub_pixel, setting=setting.label, iterations=iterations, threads=threads,
        our_ms=our_ms, their_ms=their_ms, our_error=our.error, their_error=their.error,
        our_resolved=our.ring.falls_below(LEVEL), their_resolved=their.ring.falls_below(LEVEL), loads=loads,
        device=result.device, date=result.started, versions=versions,
    )  # fmt: skip


def _problem(scan: Path, output: Path) -> Problem:
    """Return what an engine of ours would get: patterns, windows, the guessed probe and an empty object."""
    return prepare(make_job(job_layers(scan), scan, output)).problem


def _our_turns(scan: Path, output: Path, engine: str, sub_pixel: str, iterations: int, threads: int) -> Iterator[float]:
    """Reconstruct with default parameters in turns; yields the seconds that the iterations of each turn took."""
    before = 0.0
    options = Run(engine, engine, {"sub_pixel": sub_pixel}).parameters(iterations, threads)
    ends = [iterations * (turn + 1) // _TURNS for turn in range(_TURNS)]
    for progress in reconstruct(scan, output, **options):
        if (progress.state is JobState.RUNNING and progress.iteration in ends[:-1]) or progress.state is JobState.DONE:
            yield progress.elapsed_s - before
            before = progress.elapsed_s
