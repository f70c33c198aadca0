"""How long this program takes, with nothing set, to be as good as pty-chi at its end, on the reference scan."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from ptychogui.api import read_result, reconstruct
from ptychogui.io.simulated import read_truth
from scripts.evidence.cases import REFERENCE
from scripts.evidence.duel import problem_without_held_out
from scripts.evidence.rival import SETTINGS, Rival, Setting
from scripts.evidence.runs import cached, scan_file
from scripts.evidence.score import Reference


@dataclass(frozen=True)
class Reached:
    """Object errors of a program after each iteration, and the seconds since the first one began."""

    program: str
    setting: str
    seconds: list[float]
    errors: list[float]
    load: float

    def first_below(self, error: float) -> int | None:
        """Return the first iteration with an error so low, counted from 1; None where there is none."""
        return next((i for i, found in enumerate(self.errors, 1) if found <= error), None)


def ours(folder: Path, threads: int) -> Reached:
    """Reconstruct with nothing set; anew, since this program changes."""
    scan = scan_file(folder, "reference", REFERENCE)
    output, reference = scan.with_name("to-quality.cxi"), Reference(read_truth(scan))
    objects: list[np.ndarray] = []
    seconds: list[float] = []
    for progress in reconstruct(scan, output, wants_picture=lambda _iteration: True, device="cpu", threads=threads):
        if progress.estimate is not None and progress.iteration > len(objects):
            objects.append(progress.estimate.object)
            seconds.append(progress.elapsed_s)
    origin_m = read_result(output).object_origin_m
    assert origin_m is not None
    errors = [reference.compare(image, origin_m).error for image in objects]
    return Reached("ptychogui", "nothing set", seconds, errors, os.getloadavg()[0])


def theirs(folder: Path, iterations: int, threads: int) -> Iterator[Reached]:
    """Do, or read, pty-chi's runs of LSQML with each setting; only the last object is compared with the truth."""
    for setting in SETTINGS:
        if setting.engine == "lsqml":
            yield _kept(folder, setting, iterations, threads)


def table(their_runs: Sequence[Reached], our_run: Reached) -> Iterator[tuple[str, ...]]:
    """Say for each of pty-chi's runs what it came to, when this program was as good, and how many times sooner."""
    for run in sorted(their_runs, key=lambda run: run.errors[-1]):
        place = our_run.first_below(run.errors[-1])
        end = f"{run.errors[-1]:.4f}", f"{run.seconds[-1]:.1f}"
        if place is None:
            yield run.setting, *end, "never", "", ""
        else:
            our_s = our_run.seconds[place - 1]
            yield run.setting, *end, str(place), f"{our_s:.2f}", f"{run.seconds[-1] / our_s:.1f}"


def _kept(folder: Path, setting: Setting, iterations: int, threads: int) -> Reached:
    asked = {"setting": asdict(setting), "iterations": iterations, "threads": threads}
    path = folder / f"to-quality-{setting.label.replace(' ', '-').replace(',', '')}.json"
    return Reached(**cached(path, asked, lambda: asdict(_run(folder, setting, iterations, threads))))


def _run(folder: Path, setting: Setting, iterations: int, threads: int) -> Reached:
    scan = scan_file(folder, "reference", REFERENCE)
    problem = problem_without_held_out(scan, threads)
    rival = Rival(problem, setting, iterations, False, threads)
    elapsed_s = sum(rival.step() for _ in range(iterations))
    row_px, column_px = problem.geometry.origin_px
    origin_m = row_px * problem.object_pixel_m, column_px * problem.object_pixel_m
    error = Reference(read_truth(scan)).compare(rival.object, origin_m).error
    return Reached("pty-chi", setting.label, [elapsed_s], [error], os.getloadavg()[0])
