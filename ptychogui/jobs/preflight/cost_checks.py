"""Checks of what a run will take of its device: memory, and time, measured on a few patterns."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ptychogui.backends.base import Backend
from ptychogui.engines import Extent, create_engine, memory_needed
from ptychogui.engines.base import Problem
from ptychogui.errors import MemoryBudgetError, ParameterError
from ptychogui.jobs.preflight.findings import Finding, Level, share_text
from ptychogui.jobs.preflight.sampled_scan import SampledScan
from ptychogui.jobs.prepare.memory_check import check_memory
from ptychogui.jobs.prepare.model_trial import said_model
from ptychogui.jobs.stages import PlannedStage, planned_stages, total_iterations
from ptychogui.physics.coarser_pixel import crop_patterns
from ptychogui.physics.probe import gaussian, scale_to_counts
from ptychogui.physics.scan import coarser
from ptychogui.texts import counted

_FEW, _MANY = 64, 512
"""Positions that a step is timed on at most: at first, and then to tell which time does not grow with them."""
_WORK_PX = {"numpy": 1 << 17}
"""By device: pixels of exit waves to time a step on; of others, those of _FEW positions of 128 x 128 and more."""
_USUAL_WORK_PX = 1 << 23
_MOST_OBJECT_PX = 1 << 24
_REMEMBERED = 64
_LONG_S = 3600.0
_SMALLEST_PX = 32
_ROOM = 0.5
"""Part of a device's free memory that a timing may take."""


@dataclass(frozen=True)
class Speed:
    """Seconds that a step takes besides its positions, and for each of them, measured on so many of them."""

    fixed_s: float
    each_s: float
    measured_on: int


@dataclass
class Speeds:
    """Times of steps that were measured, by what they depend on; the oldest are forgotten."""

    known: OrderedDict[Any, Speed] = field(default_factory=OrderedDict)

    def get(self, key: Any, measure: Callable[[], Speed]) -> Speed:
        """Return what is known for a key, or measure it."""
        if key not in self.known:
            self.known[key] = measure()
            while len(self.known) > _REMEMBERED:
                self.known.popitem(last=False)
        return self.known[key]


def check_run_memory(scan: SampledScan, backend: Backend) -> Iterator[Finding]:
    """Ask the job's own budget, and look for the smallest change that makes it fit."""
    free = backend.memory_free_bytes()
    try:
        notes = check_memory(scan.extent, scan.settings, backend)
    except MemoryBudgetError as error:
        fix, text = _fitting(scan, backend)
        yield Finding("memory", Level.STOP, "It does not fit in memory", str(error), fix, text)
        return
    extent = scan.extent
    needed = max(memory_needed(stage.engine, extent, stage.settings(scan.settings), backend)
                 for stage in planned_stages(scan.settings))  # fmt: skip
    what = f"{extent.positions} patterns of {extent.n} x {extent.n} and {counted(extent.modes, 'probe mode')}"
    reason = (f"{what} take about {needed / 1e9:.2g} GB, of {free / 1e9:.3g} GB free on {backend.name}")  # fmt: skip
    for note in notes:
        yield Finding("memory", Level.LOOK, "Patterns stream from this computer", note, None,
                      "it works, but slower; a smaller crop would fit")  # fmt: skip
    yield Finding("memory", Level.GOOD, "It fits in memory", reason)


def _fitting(scan: SampledScan, backend: Backend) -> tuple[Mapping[str, Any] | None, str]:
    """Return the first change, the mildest first, with which the job fits."""
    for fix, text in _changes(scan):
        try:
            changed = scan.with_parameters(scan.job.parameters.replace(fix))
            check_memory(changed.extent, changed.settings, backend)
        except (MemoryBudgetError, ParameterError):
            continue
        return fix, text
    return None, "take another device, fewer patterns, or end other programs"


def _changes(scan: SampledScan) -> Iterator[tuple[Mapping[str, Any], str]]:
    engines = {stage.engine for stage in planned_stages(scan.settings)}
    holding = engines & {"dm", "raar"}
    if holding and not scan.settings.half_precision:
        yield {"reconstruction.half_precision": True}, "keep the exit waves in half of the memory"
    if holding:
        yield {"reconstruction.engine": "lsqml"}, "LSQML does not hold the exit waves of all positions"
    n = scan.n // 4 * 2
    while n >= _SMALLEST_PX:
        yield {"preprocessing.size_px": n}, f"crop patterns to {n} x {n}: the object gets coarser"
        n = n // 4 * 2


def check_time(scan: SampledScan, backend: Backend, speeds: Speeds) -> Iterator[Finding]:
    """Measure a step on a few patterns and reckon what the whole run takes."""
    settings, positions, stages = scan.settings, len(scan.positions_m), planned_stages(scan.settings)
    reading_s = scan.sample.seconds / len(scan.sample.rows) * positions
    found = [(stage, _speed(scan, stage, backend, speeds)) for stage in stages]
    run_s = sum(stage.iterations * (speed.fixed_s + speed.each_s * positions) for stage, speed in found)
    count = total_iterations(settings)
    measured = min(speed.measured_on for _, speed in found)
    reason = (f"estimate, from steps measured on {counted(measured, 'position')}: {counted(count, 'iteration')} of "
              f"{run_s / count:.2g} s on {backend.name}, and {reading_s:.1g} s to read the frames")  # fmt: skip
    total_s = run_s + reading_s
    limit_s = settings.time_limit_s
    title = f"About {time_text(total_s)}"
    if limit_s is not None and run_s > limit_s:
        text = f"the time limit of {time_text(limit_s)} will stop it after about {share_text(limit_s / run_s)}"
        yield Finding("time", Level.LOOK, title, f"{reason}; {text}", {"reconstruction.time_limit_s": None},
                      "take the limit away")  # fmt: skip
    elif backend.name == "numpy":
        yield Finding("time", Level.LOOK, title, f"{reason}; numpy is the slow, readable device",
                      {"devices.device": "auto"}, "take the best device that works")  # fmt: skip
    elif total_s > _LONG_S:
        text = "begin with a coarse object, or take another device"
        yield Finding("time", Level.LOOK, title, reason, _shorter(scan), text)
    yield Finding("time", Level.GOOD, title, reason)


def _shorter(scan: SampledScan) -> Mapping[str, Any] | None:
    can_crop = scan.settings.coarse_levels == 0 and scan.n % 4 == 0 and scan.n >= 2 * _SMALLEST_PX
    return {"reconstruction.coarse_levels": 1} if can_crop and total_iterations(scan.settings) > 1 else None


def time_text(seconds: float) -> str:
    """Write a time as a person would say it."""
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _speed(scan: SampledScan, stage: PlannedStage, backend: Backend, speeds: Speeds) -> Speed:
    settings = stage.settings(scan.settings)
    key = (backend.name, scan.job.parameters.devices.threads, settings.model_dump_json(exclude={"iterations", "seed"}),
           scan.n // stage.crop, scan.parameters.experiment.modes, scan.geometry.object_shape)  # fmt: skip
    return speeds.get(key, lambda: _measured(scan, stage, backend))


def _measured(scan: SampledScan, stage: PlannedStage, backend: Backend) -> Speed:
    """Time a step on a few positions and on more, which tells the two parts of a step apart.

    Raises:
        ParameterError: even a few positions would take too long.
    """
    wave_px = (scan.n // stage.crop) ** 2 * scan.parameters.experiment.modes
    fitting = _WORK_PX.get(backend.name, _USUAL_WORK_PX) // wave_px
    if not fitting or np.prod(scan.geometry.object_shape) > _MOST_OBJECT_PX:
        raise ParameterError(f"patterns or object are too large to measure a step on {backend.name} in a moment")
    many = min(_MANY, fitting, len(scan.positions_m))
    few = max(1, min(_FEW, many // 4))
    few_s = _step_s(scan, stage, backend, few)
    if many < 2 * few:
        return Speed(0.0, few_s / few, few)
    many_s = _step_s(scan, stage, backend, many)
    each_s = max(many_s - few_s, 0.1 * many_s * (many - few) / many) / (many - few)
    return Speed(max(many_s - each_s * many, 0.0), each_s, many)


def _step_s(scan: SampledScan, stage: PlannedStage, backend: Backend, positions: int) -> float:
    """Time a step in the middle of a run on some positions, after one that makes plans."""
    problem = _part(scan, stage, positions)
    decided = scan.suitable_noise_model(scan.patterns).decide(said_model(scan.parameters).decide(scan.settings))
    settings = stage.settings(decided).model_copy(update={"iterations": max(stage.iterations, 4)})
    needed = memory_needed(stage.engine, Extent.of(problem, settings), settings, backend)
    if needed > _ROOM * backend.memory_free_bytes():
        raise MemoryBudgetError(f"{backend.name} has no room to measure a step")
    with np.errstate(all="ignore"):  # patterns of other positions need not converge
        engine = create_engine(problem, settings, backend)
        engine.step()
        engine.finish()
        start = time.perf_counter()
        engine.step()
        engine.finish()
        engine.estimate()
    return time.perf_counter() - start


def _part(scan: SampledScan, stage: PlannedStage, positions: int) -> Problem:
    """Return a problem of the run's size, but of some positions all over the scan, with the sample's patterns."""
    chosen = np.linspace(0, len(scan.positions_m) - 1, positions).astype(int)
    whole = scan.geometry
    geometry = replace(whole, corners=whole.corners[chosen], fractions=whole.fractions[chosen])
    patterns = scan.patterns.patterns[np.arange(positions) % len(scan.prepared_rows)]
    if stage.crop > 1:
        geometry = coarser(geometry, stage.crop)
        patterns = crop_patterns(patterns, geometry.window_px)
    pixel_m = scan.pixel_m * stage.crop
    width_m = min(max(scan.beam.diameter_m, 4 * pixel_m), scan.window_m / 2)
    probe = gaussian(geometry.window_px, pixel_m, width_m)
    modes = np.concatenate([probe] * scan.parameters.experiment.modes)
    counts = float(scan.patterns.mean_pattern.sum())
    return Problem(patterns, geometry, scale_to_counts(modes, counts), np.ones(geometry.object_shape, np.complex64),
                   iteration=max(3, stage.iterations // 2), object_pixel_m=pixel_m)  # fmt: skip
