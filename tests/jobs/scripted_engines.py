"""Engines that do as a script says, and the chains that run them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ptychogui.backends.numpy_backend import NumpyBackend
from ptychogui.engines.base import Estimate, Problem, Step
from ptychogui.engines.state import EngineState
from ptychogui.jobs.engine_chain import EngineChain
from ptychogui.jobs.prepare.prepared_job import prepare
from ptychogui.params.reconstruction import Reconstruction
from tests.jobs.fakes import make_job

BACKEND = NumpyBackend()

GOOD = 1.5

BAD = math.nan


@dataclass
class Script:
    """What engines shall do, and what they were given.

    `error` tells the error of an iteration with these settings, `free_error` its free error, `shift_px` how far each
    step moves the positions, `late` whether errors come a step late, and `broken` the iterations whose estimate has no
    numbers.
    """

    error: Callable[[int, Reconstruction], float] = lambda _iteration, _settings: GOOD
    free_error: Callable[[int], float] | None = None
    shift_px: float = 0.0
    late: bool = False
    broken: tuple[int, ...] = ()
    made: list[Engine] = field(default_factory=list)


class Engine:
    """Adds one to object and probe with every step."""

    def __init__(self, script: Script, problem: Problem, settings: Reconstruction) -> None:
        self.script, self.problem, self.settings = script, problem, settings
        self.iteration = problem.iteration
        self._untold: list[float] = []
        script.made.append(self)

    @property
    def done(self) -> int:
        return self.iteration - self.problem.iteration

    def step(self) -> Step:
        self.iteration += 1
        told = tuple(self._untold) if self.script.late else ()
        error = self.script.error(self.iteration, self.settings)
        self._untold = [error] if self.script.late else []
        free = () if self.script.free_error is None else (self.script.free_error(self.iteration),)
        return Step(self.iteration, told if self.script.late else (error,), free, (f"step {self.iteration}",))

    def finish(self) -> Step:
        untold, self._untold = tuple(self._untold), []
        return Step(self.iteration, untold)

    def estimate(self) -> Estimate:
        value = np.nan if self.iteration in self.script.broken else self.done
        return Estimate(self.problem.object + np.complex64(value), self.problem.probe + np.complex64(self.done))

    def state(self) -> EngineState:
        return {"iteration": self.iteration, "untold": [*self._untold], "object": self.problem.object}

    def restore(self, state: EngineState) -> None:
        self.iteration, self._untold = state["iteration"], [*state["untold"]]
        np.testing.assert_array_equal(self.problem.object, state["object"], err_msg="made of another problem")

    def wind_up(self) -> int:
        return 0

    def steady_since(self) -> int | None:
        return self.problem.iteration

    def errors_of_positions(self) -> np.ndarray:
        return np.ones(len(self.problem.geometry.corners), np.float32)

    def positions_px(self) -> np.ndarray:
        geometry = self.problem.geometry
        return np.asarray(geometry.corners + geometry.fractions + self.done * self.script.shift_px)


def chain_of(engine: str, **values: Any) -> EngineChain:
    changes = {f"reconstruction.{name}": value for name, value in {"engine": engine, **values}.items()}
    prepared = prepare(make_job(Path("result.cxi"), **changes))
    return EngineChain(prepared.problem, prepared.parameters.reconstruction, BACKEND)


def run(chain: EngineChain) -> list[int]:
    """Go on to the end; give the iteration after each step."""
    seen = []
    while chain.iteration < chain.iterations:
        chain.step()
        seen.append(chain.iteration)
    chain.settle()
    return seen


def notes(chain: EngineChain) -> list[str]:
    return [note for note in chain.notes if not note.startswith("step ")]
