"""The convergence watch: sees in errors, probes and positions when a run goes wrong, and says so once for each kind.

It looks at nothing but what an iteration tells anyway, and at estimates that were copied for a picture or a checkpoint.
Its limits leave sound runs far from them: of 64 runs on the contests' sixteen scans (scripts/evidence/contests.py) two
give a finding, and those two diverge.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ptychogui.engines.state import EngineState
from ptychogui.jobs.run_findings import RunFinding
from ptychogui.params.model import by_path
from ptychogui.params.reconstruction import Reconstruction

_STRETCH = 20
"""Iterations that are looked at together."""
_FAR_ABOVE, _STANDING = 3.0, 2e-3
"""A run stands still where an error this high, in units of photon noise, falls by no larger part in a stretch."""
_LEFT = 10
"""Iterations that must be left: at the end a high error is said in any case."""
_AMPLITUDE, _TURNS = 0.03, 0.7
"""An error goes up and down where its spread is this part of it, and so many steps turn back; sound runs: 0.0043."""
_RISE = 1.5
"""Times its lowest stretch that an error must be."""
_DRIFT, _POWER = 0.125, 0.2
"""Part of the window that a probe must have moved, and of its power that it must be down to; other runs: 0.05, 0.93."""
_FARTHEST, _MOST = 1.0, 95.0
"""Beam radii (root mean square) by which so many percent of the positions may be off from where they began."""
_RELAXING = ("dm", "raar")
"""Their errors rise where they are to leave more of the misfit, and stand while they search."""


def steps_used(settings: Reconstruction) -> dict[str, float]:
    """Return how far an engine goes in a step, by parameter path."""
    if settings.relaxation_used is not None:
        return {"reconstruction.relaxation": settings.relaxation_used}
    return {"reconstruction.object_step": settings.object_step, "reconstruction.probe_step": settings.probe_step}


def steps_text(settings: Reconstruction) -> str:
    """Say how carefully an engine goes on: "steps of 0.5"."""
    if settings.relaxation_used is not None:
        return f"a relaxation of {settings.relaxation:g}"
    steps = dict.fromkeys((settings.object_step, settings.probe_step))
    return "steps of " + " and ".join(f"{step:g}" for step in steps)


def way_out_of_divergence(engine: str) -> str:
    """Say what to try where an engine diverges with smaller steps as well."""
    relaxing = by_path()["reconstruction.relaxation"]
    return f"a smaller {relaxing.option}" if relaxing.heeded_by([engine]) else "a smaller --object-step or --probe-step"


def setback(what: str, iteration: int, settings: Reconstruction) -> RunFinding:
    """Return the finding that an engine has diverged, and goes on with these settings."""
    kind = "not a number" if "number" in what else "divergence"
    return RunFinding(kind, iteration, f"{what} after iteration {iteration}", steps_used(settings), "smaller steps")


class ConvergenceWatch:
    """Sees when a stage of a job goes wrong. Each kind of finding is said once.

    Args:
        settings: of the job.
        modes: of the probe.
    """

    def __init__(self, settings: Reconstruction, modes: int) -> None:
        self._settings, self._modes = settings, modes
        self._said: set[str] = set()
        self._looked = 0
        self._first_px: np.ndarray | None = None
        self._power = self._drift_px = self._off_px = 0.0
        self._center_px: np.ndarray | None = None

    def state(self) -> EngineState:
        """Return what it has seen and said."""
        return {
            "said": sorted(self._said), "looked": self._looked, "first_px": self._first_px,
            "center_px": self._center_px, "power": self._power, "drift_px": self._drift_px, "off_px": self._off_px,
        }  # fmt: skip

    def restore(self, state: EngineState) -> None:
        """Go on as one that gave this state."""
        self._said, self._looked = {*state["said"]}, state["looked"]
        self._first_px, self._center_px = (  # copies, since the state may lie in an open file
            None if state[name] is None else np.array(state[name]) for name in ("first_px", "center_px")
        )
        self._power, self._drift_px, self._off_px = state["power"], state["drift_px"], state["off_px"]

    def look(self, engine: str, begin: int, errors: Sequence[float], left: int) -> tuple[RunFinding, ...]:
        """Look at the errors of a stage.

        Args:
            engine: of the stage.
            begin: iterations before it.
            errors: of all iterations of the job that are known.
            left: iterations still to do.
        """
        stage = np.array(errors[begin:][-3 * _STRETCH :])
        is_time = len(errors) // _STRETCH != self._looked
        self._looked = len(errors) // _STRETCH
        if not is_time or len(stage) < 3 * _STRETCH or not np.isfinite(stage).all():
            return ()
        found = [self._oscillation(stage[-_STRETCH:], engine, len(errors))]
        if engine not in _RELAXING:
            found.append(self._rise(np.array(errors[begin:]), len(errors)))
            found.append(self._stagnation(stage, len(errors)) if left >= _LEFT else None)
        return self._new(found)

    def see(self, iteration: int, probe: np.ndarray, positions_px: np.ndarray, engine: str) -> tuple[RunFinding, ...]:
        """Look at an estimate that was copied anyway.

        Args:
            iteration: after which it was.
            probe: complex64 (modes, N, N).
            positions_px: float64 (positions, 2), in pixels of the probe.
            engine: of the stage.
        """
        light = (np.abs(probe) ** 2).sum(axis=0, dtype=np.float64)
        power = float(light.sum())
        if not 0 < power < math.inf:
            return ()
        center_px, radius_px = _center_and_radius(light, power)
        if self._first_px is None or self._center_px is None or len(self._first_px) != len(positions_px):
            self._first_px, self._center_px, self._power = positions_px.copy(), center_px, power
            return ()
        return self._new(
            [
                self._drift(iteration, center_px, probe.shape[-1]),
                self._loss(iteration, power),
                self._runaway(iteration, positions_px, radius_px, engine),
            ]
        )

    def begin_stage(self) -> None:
        """Take the next estimate as the one to compare with: its pixel may be another."""
        self._first_px = self._center_px = None
        self._power = self._drift_px = self._off_px = 0.0

    def _new(self, found: Sequence[RunFinding | None]) -> tuple[RunFinding, ...]:
        new = tuple(one for one in found if one is not None and one.kind not in self._said)
        self._said |= {one.kind for one in new}
        return new

    def _oscillation(self, errors: np.ndarray, engine: str, iteration: int) -> RunFinding | None:
        steps = np.diff(errors)
        turns = float(np.mean(steps[1:] * steps[:-1] < 0))
        line = np.polynomial.Polynomial.fit(np.arange(len(errors)), errors, 1)(np.arange(len(errors)))
        spread, mean = float(np.std(errors - line)), float(errors.mean())
        if turns < _TURNS or spread < _AMPLITUDE * mean or abs(line[-1] - line[0]) > 2 * spread:
            return None
        fix = {path: round(step / 2, 6) for path, step in steps_used(self._of(engine)).items()}
        reason = f"the error goes up and down by {spread / mean:.0%} around {mean:.3g}, and does not fall"
        return RunFinding("oscillation", iteration, reason, fix, "smaller steps")

    def _rise(self, errors: np.ndarray, iteration: int) -> RunFinding | None:
        means = errors[: len(errors) // _STRETCH * _STRETCH].reshape(-1, _STRETCH).mean(axis=1)
        lowest = int(means.argmin())
        if not (
            lowest < len(means) - 2 and means[-1] > means[-2] > means[lowest] and means[-1] > _RISE * means[lowest]
        ):
            return None
        fix = {path: round(step / 2, 6) for path, step in steps_used(self._settings).items()}
        reason = f"the error rises, from {means[lowest]:.3g} to {means[-1]:.3g} by iteration {iteration}"
        return RunFinding("rise", iteration, reason, fix, "smaller steps")

    def _stagnation(self, stage: np.ndarray, iteration: int) -> RunFinding | None:
        first, middle, last = stage.reshape(3, _STRETCH).mean(axis=1)
        if last < _FAR_ABOVE or min(first - middle, middle - last) > _STANDING * last or first - last > 0.01 * last:
            return None
        reason = (
            f"the error stands still at {last:.3g}, where 1 is what photon noise explains: from {first:.4g} to "
            f"{last:.4g} in forty iterations, by iteration {iteration}"
        )
        advice = (
            "another orientation, distance or pairing if the object shows nothing; more modes of the probe if it does"
        )
        return RunFinding("stagnation", iteration, reason, {"experiment.probe_modes": self._modes + 1}, advice)

    def _drift(self, iteration: int, center_px: np.ndarray, n: int) -> RunFinding | None:
        assert self._center_px is not None
        before, self._drift_px = self._drift_px, float(np.hypot(*(center_px - self._center_px)))
        if not self._drift_px > max(_DRIFT * n, before):
            return None
        reason = f"the probe has moved by {self._drift_px:.1f} of {n} pixels by iteration {iteration}, and goes on"
        return RunFinding("probe drift", iteration, reason, {"reconstruction.center_probe": "1"}, "to keep it centered")

    def _loss(self, iteration: int, power: float) -> RunFinding | None:
        share = power / self._power
        if share >= _POWER:
            return None
        reason = f"the probe is down to {share:.2g} of its first power by iteration {iteration}"
        return RunFinding("probe power", iteration, reason, {"reconstruction.keep_power": "1"}, "to keep its power")

    def _runaway(self, iteration: int, positions_px: np.ndarray, radius_px: float, engine: str) -> RunFinding | None:
        assert self._first_px is not None
        moved = positions_px - self._first_px
        far = float(np.percentile(np.hypot(*(moved - np.median(moved, axis=0)).T), _MOST))
        before, self._off_px = self._off_px, far
        if not far > max(_FARTHEST * radius_px, before) or not by_path()[_REFINE].heeded_by([engine]):
            return None
        reason = (
            f"one in twenty positions has moved by more than {far:.1f} pixels by iteration {iteration}, and goes on; "
            f"the beam's radius is {radius_px:.1f}"
        )
        return RunFinding(
            "positions", iteration, reason, {_REFINE: "never"}, "to keep positions where they were measured"
        )

    def _of(self, engine: str) -> Reconstruction:
        return self._settings.model_copy(update={"engine": engine})


_REFINE = "reconstruction.position_correction"


def _center_and_radius(light: np.ndarray, power: float) -> tuple[np.ndarray, float]:
    """Return the center of mass, float64 (2,), and the root mean square radius of a beam, in pixels."""
    rows, columns = light.sum(axis=1) / power, light.sum(axis=0) / power
    at = np.arange(len(light))
    center_px = np.array([rows @ at, columns @ at])
    squares = rows @ (at - center_px[0]) ** 2 + columns @ (at - center_px[1]) ** 2
    return center_px, math.sqrt(squares)
