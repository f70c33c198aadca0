"""Warm-up of a GPU, where array expressions are compiled when they are first used: a tiny scan, by a job's options."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import get_type_hints

import numpy as np

from ptychogui.backends.base import Backend
from ptychogui.engines import create_engine
from ptychogui.engines.base import Engine, Problem, Step
from ptychogui.jobs.stages import planned_stages
from ptychogui.params.reconstruction import Reconstruction
from ptychogui.params.schedule import Schedule, ScheduleText
from ptychogui.physics.held_out import HeldOut
from ptychogui.physics.scan import place_windows

_N, _SIDE, _STEP_PX = 32, 9, 3.3

_DONE, _ITERATIONS = 7, 8
"""Iterations that lie behind the tiny scan, so that what an engine does each tenth time comes, and those that are done:
groups grow, and averages begin, in them."""

_LATER = {"center_probe": 12, "keep_power": 12}
"""Iterations that begin what is done with and without other things between iterations."""

_SOON_S = 0.5
"""What is compiled already is there by then."""

_SAID = "Compiling what this job does between kernels, for this GPU: some seconds, once"


def warm_up(
    problem: Problem,
    settings: Reconstruction,
    backend: Backend,
    tell: Callable[[str], None],
    clock_s: Callable[[], float] = time.monotonic,
) -> None:
    """Have CuPy compile what it will need: it does so where an expression is first used, and keeps it on disk.

    Args:
        problem: what is to be reconstructed; its patterns' dtype and its number of modes count.
        settings: of the job.
        backend: an open device; a host has nothing to compile.
        tell: hears, once, that this takes a while, if it does.
        clock_s: the time; for tests.
    """
    if not backend.compiles_expressions:
        return
    begin_s, told, tiny = clock_s(), False, _tiny(problem)
    for stage in {stage.engine: stage for stage in planned_stages(settings)}.values():
        for _ in _steps(create_engine(tiny, _soon(stage.settings(settings)), backend)):
            if not told and clock_s() - begin_s > _SOON_S:
                told = True
                tell(_SAID)


def _steps(engine: Engine) -> Iterator[Step]:
    """Do the iterations, whatever becomes of the numbers."""
    with np.errstate(all="ignore"):
        yield from (engine.step() for _ in range(_ITERATIONS))
    engine.finish()


def _tiny(problem: Problem) -> Problem:
    """Return a scan of a few positions of the same kind."""
    rows, columns = np.mgrid[:_SIDE, :_SIDE].reshape(2, -1) * _STEP_PX
    geometry = place_windows(np.stack([rows, columns], axis=1), _N)
    if not problem.geometry.fractions.any():
        geometry = replace(geometry, fractions=np.zeros_like(geometry.fractions))
    radius = np.hypot(*(np.mgrid[:_N, :_N] - _N // 2))
    one = np.zeros((len(rows), 1), np.int32)
    modes = np.arange(1, 1 + len(problem.probe))[:, None, None]
    return Problem(
        patterns=np.ones((len(rows), _N, _N), problem.patterns.dtype),
        geometry=geometry,
        probe=np.exp(-((radius / (modes + 2)) ** 2)).astype(np.complex64),
        object=np.ones(geometry.object_shape, np.complex64),
        iteration=_DONE,
        object_pixel_m=problem.object_pixel_m,
        held_out=None if problem.held_out is None else HeldOut(one, one.astype(np.float32)),
    )


def _soon(settings: Reconstruction) -> Reconstruction:
    """Return settings by which all that is ever done is done in the first few iterations, some of it in each."""
    kinds = get_type_hints(Reconstruction, include_extras=True)
    schedules = {name: str(getattr(settings, name)) for name, kind in kinds.items() if kind == ScheduleText}
    soon = {name: str(_LATER.get(name, 1)) if Schedule.parse(text).first else text for name, text in schedules.items()}
    changed = {
        "iterations": _ITERATIONS,
        "orthogonalize_every": 2,
        "phase_constraint": _DONE + _ITERATIONS if settings.phase_constraint else 0,
        "average_last": 0.5 if settings.average_last else 0.0,
    }
    return settings.model_copy(update={**soon, **changed})
