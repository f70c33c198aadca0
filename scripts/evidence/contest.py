"""A contest: one scan reconstructed with nothing set, with settings by hand, and by pty-chi, against its truth."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ptychogui.api import read_result, reconstruct
from ptychogui.io.simulated import read_truth
from ptychogui.jobs.provenance import now
from scripts.evidence.cases import Run, command
from scripts.evidence.contests import Contest
from scripts.evidence.duel import problem_without_held_out
from scripts.evidence.rival import Rival, Setting
from scripts.evidence.runs import MARKS, cached, scan_file
from scripts.evidence.score import Reference

WITHIN = 1.05
"""Times the error of the best by hand that a run with nothing set may have."""

_RIVAL_BATCHES: Mapping[str, Mapping[str, Any]] = {
    "random batches of 50": {"reconstructor_options.batch_size": 50},
    "compact batches of 50, momentum": {
        "reconstructor_options.batch_size": 50,
        "reconstructor_options.batching_mode": "compact",
        "reconstructor_options.momentum_acceleration_gain": 0.5,
    },
}
_RIVAL_POSITIONS: Mapping[str, Any] = {"probe_position_options.optimizable": True}


@dataclass(frozen=True)
class Followed:
    """A run whose objects were compared with the truth on the way.

    `seconds` are those since the first iteration began, without comparisons; `errors` are of the object. Both go along
    `iterations`, as `misfit` does, in photon-noise units, which is empty for another program.
    """

    label: str
    command: str
    iterations: list[int]
    seconds: list[float]
    errors: list[float]
    misfit: list[float]
    notes: list[str]
    device: str
    load: float
    date: str
    versions: dict[str, str]

    @property
    def error(self) -> float:
        """Of the last object."""
        return self.errors[-1]


@dataclass(frozen=True)
class Decided:
    """What a contest came to: the run with nothing set, those by hand, and pty-chi's, of which there may be none."""

    contest: Contest
    auto: Followed
    by_hand: tuple[Followed, ...]
    rivals: tuple[Followed, ...]

    @property
    def best(self) -> Followed:
        """The best by hand."""
        return min(self.by_hand, key=lambda run: run.error)

    @property
    def rival(self) -> Followed | None:
        """The best of pty-chi, if it was run."""
        return min(self.rivals, key=lambda run: run.error, default=None)

    @property
    def ratio(self) -> float:
        """How many times the error of the best by hand that of the run with nothing set is."""
        return self.auto.error / self.best.error


def decide(contest: Contest, folder: Path, rivals: Path, threads: int) -> Decided:
    """Do, or read, our runs of a contest; those of pty-chi are read where they are kept.

    Args:
        contest: the scan.
        folder: for files.
        rivals: where `their_runs` keeps what it measured.
        threads: of the CPU.
    """
    scan = scan_file(folder, contest.stem, contest.recipe)

    def follow(run: Run) -> Followed:
        name = f"{contest.stem}-{_file_name(run.label)}"
        asked = {"recipe": asdict(contest.recipe), "run": asdict(run), "threads": threads}
        return _kept(folder / f"{name}.json", asked, lambda: _follow(run, scan, folder / f"{name}.cxi", threads))

    grid = [(run, follow(run)) for run in contest.grid()]
    best, _ = min(grid, key=lambda tried: tried[1].error)
    by_hand = *(found for _, found in grid), *map(follow, contest.nearby(best))
    theirs = (_rival_file(contest, setting, rivals) for setting in _rival_settings(contest))
    return Decided(contest, follow(contest.auto()), by_hand, tuple(map(_read, filter(Path.exists, theirs))))


def their_runs(contest: Contest, folder: Path, iterations: int, threads: int) -> list[Followed]:
    """Do, or read, pty-chi's runs on the scan of a contest, with the true number of modes.

    Args:
        contest: the scan.
        folder: for files.
        iterations: epochs.
        threads: of the CPU.
    """
    scan = scan_file(folder, contest.stem, contest.recipe)
    return [
        _kept(
            _rival_file(contest, setting, folder),
            {"recipe": asdict(contest.recipe), "setting": asdict(setting), "iterations": iterations},
            lambda setting=setting: _their_run(contest, scan, setting, iterations, threads),  # type: ignore[misc]
        )
        for setting in _rival_settings(contest)
    ]


def _follow(run: Run, scan: Path, output: Path, threads: int) -> Followed:
    """Reconstruct, and compare with the truth on the way and at the end, wherever that is."""
    reference, objects, seconds = Reference(read_truth(scan)), {}, {}
    notes: list[str] = []
    given = {**({"engine": run.engine} if run.engine else {}), **run.options, "device": "cpu", "threads": threads}
    for progress in reconstruct(scan, output, wants_picture=lambda i: i in MARKS, **given):
        notes += progress.notes
        if progress.estimate is not None and progress.iteration:
            objects[progress.iteration] = progress.estimate.object
            seconds[progress.iteration] = progress.elapsed_s
    result = read_result(output)
    output.unlink()
    assert result.object_origin_m is not None
    return Followed(
        label=run.label, command=command(scan.name, given), iterations=list(objects),
        seconds=list(seconds.values()),
        errors=[reference.compare(image, result.object_origin_m).error for image in objects.values()],
        misfit=[float(result.errors[mark - 1]) for mark in objects], notes=notes, device=result.device,
        load=os.getloadavg()[0], date=result.started, versions=dict(result.versions),
    )  # fmt: skip


def _their_run(contest: Contest, scan: Path, setting: Setting, iterations: int, threads: int) -> Followed:
    import ptychi
    import torch

    said = {f"experiment.{name}": (value, "the user") for name, value in contest.said.items()}
    values = {"experiment.probe_modes": (contest.modes, "the truth"), **said}
    problem = problem_without_held_out(scan, threads, values)
    reference, rival = Reference(read_truth(scan)), Rival(problem, setting, iterations, False, threads)
    row_px, column_px = problem.geometry.origin_px
    origin_m = row_px * problem.object_pixel_m, column_px * problem.object_pixel_m
    marks = [mark for mark in MARKS if mark < iterations] + [iterations]
    seconds, errors, elapsed_s = [], [], 0.0
    for iteration in range(1, iterations + 1):
        elapsed_s += rival.step()
        if iteration in marks:
            seconds.append(elapsed_s)
            errors.append(reference.compare(rival.object, origin_m).error)
    return Followed(
        label=setting.label, command="", iterations=marks, seconds=seconds, errors=errors, misfit=[], notes=[],
        device=f"cpu, {threads} threads", load=os.getloadavg()[0], date=now(),
        versions={"pty-chi": ptychi.__version__, "torch": torch.__version__},
    )  # fmt: skip


def _rival_settings(contest: Contest) -> tuple[Setting, ...]:
    """Return batch sizes about the best one, with refined positions where they are off."""
    more = _RIVAL_POSITIONS if contest.is_off else {}
    return tuple(Setting(label, "lsqml", {**options, **more}) for label, options in _RIVAL_BATCHES.items())


def _rival_file(contest: Contest, setting: Setting, folder: Path) -> Path:
    return folder / f"{contest.stem}-{_file_name(setting.label)}.json"


def _file_name(label: str) -> str:
    return label.replace(",", "").replace(" ", "-")


def _kept(path: Path, asked: Mapping[str, Any], measure: Callable[[], Followed]) -> Followed:
    return Followed(**cached(path, asked, lambda: asdict(measure())))


def _read(path: Path) -> Followed:
    return Followed(**json.loads(path.read_text())["measured"])
