"""What the window shows of a run, as one frozen value made from what the session and the run have told.

`SessionState` and `RunState` hold what was told; each of a RunState's methods returns it as it is after one event.
`window_state` makes of the two what is shown: texts, numbers, and what may be pressed. There is no Qt in here.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from itertools import zip_longest
from pathlib import Path
from typing import Literal, TypeAlias

from ptychogui.jobs.job import Progress
from ptychogui.jobs.run_findings import RunFinding
from ptychogui.session_state import Obstacle, ScanSummary, SessionState
from ptychogui.texts import duration

_PROGRAM = "ptychogui"

FREE_ERROR_TIP = (
    "The free error is that of pixels which are held out: nothing is fitted to them. What lowers it brings the picture "
    "nearer to the sample. Where the error falls and the free error rises, noise is being fitted."
)
"""What is to be known of the free error."""

Kind = Literal["", "done", "failed"]
"""How a run ended; "" while it goes on."""

_Points: TypeAlias = tuple[tuple[int, float], ...]


class Phase(Enum):
    """Where the run is, or the result that was opened."""

    NONE = "none"
    """Nothing was run and no result opened."""
    QUEUED = "queued"
    """It waits for its turn, or to be let go."""
    PREPARING = "preparing"
    """Before the first iteration: reading, or waiting for files."""
    RUNNING = "running"
    PAUSED = "paused"
    STOPPING = "stopping"
    """Stop was pressed; the run ends within seconds."""
    OVER = "over"


@dataclass(frozen=True)
class ErrorCurve:
    """The error of every iteration so far.

    Attributes:
        iterations: how many there will be, at least 1.
        points: (iteration, error in photon-noise units) in the order of iterations; all errors are above 0.
        free: the same of the free error, that of the pixels that are held out.
        stages: the engines of the chain so far, each with the iteration after which it began.
    """

    iterations: int = 1
    points: _Points = ()
    free: _Points = ()
    stages: tuple[tuple[int, str], ...] = ()

    def with_error(self, iteration: int, error: float, free_error: float = math.nan) -> ErrorCurve:
        """Add errors in place of that iteration's and all later ones; what is no positive number is left out."""
        return self.with_errors([(iteration, error, free_error)])

    def with_errors(self, errors: Sequence[tuple[int, float, float]]) -> ErrorCurve:
        """Add the errors and free errors of many iterations, one after the other, as `with_error` does."""
        points = _with_points(self.points, [(iteration, error) for iteration, error, _ in errors])
        free = _with_points(self.free, [(iteration, error) for iteration, _, error in errors])
        return replace(self, points=points, free=free)

    def with_stages(self, stages: Sequence[tuple[str, int]]) -> ErrorCurve:
        """Add engines that were under way; one that begins before others takes their place."""
        known = dict(self.stages)
        for engine, begins in stages:
            if engine and known.get(begins) != engine:
                known = {start: name for start, name in known.items() if start < begins} | {begins: engine}
        return self if tuple(known.items()) == self.stages else replace(self, stages=tuple(known.items()))


def _with_points(points: _Points, new: Sequence[tuple[int, float]]) -> _Points:
    kept = list(points)
    for iteration, error in new:
        if math.isfinite(error) and error > 0:
            while kept and kept[-1][0] >= iteration:
                kept.pop()
            kept.append((iteration, error))
    return tuple(kept)


@dataclass(frozen=True)
class RunState:
    """What the run has told so far.

    Attributes:
        phase: where it is.
        text: what goes on, in a few words.
        kind: how it ended.
        iteration: the newest that is done, None before the first word about it.
        iterations: how many there will be.
        error: the newest one, in photon-noise units; NaN if not known.
        free_error: that of the held-out pixels; NaN if not known, or if there are none.
        positions_per_s: speed, 0 if not known.
        seconds_left: time to the last iteration, infinite if not known or if there is none.
        facts: in place of the numbers, what is said of a result that was opened.
        result: the file that the run has left, or the one that was opened.
        curve: the error of every iteration.
        name: what the job is called, or the result that was opened.
        source: the scan; None if it has no file, or is not known.
        findings: what the convergence watch has found.
        elapsed_s: what its iterations have taken.
    """

    phase: Phase = Phase.NONE
    text: str = ""
    kind: Kind = ""
    iteration: int | None = None
    iterations: int = 0
    error: float = math.nan
    free_error: float = math.nan
    positions_per_s: float = 0.0
    seconds_left: float = math.inf
    facts: tuple[str, ...] = ()
    result: Path | None = None
    curve: ErrorCurve = ErrorCurve()
    name: str = ""
    source: Path | None = None
    elapsed_s: float = 0.0
    findings: tuple[RunFinding, ...] = ()

    @property
    def under_way(self) -> bool:
        """Whether there is a run that has not ended."""
        return self.phase in (Phase.PREPARING, Phase.RUNNING, Phase.PAUSED, Phase.STOPPING)

    @property
    def stoppable(self) -> bool:
        """Whether there is a run that goes on until its end."""
        return self.under_way and self.phase is not Phase.STOPPING

    def started(self, title: str, iterations: int) -> RunState:
        """Begin a run."""
        curve = ErrorCurve(max(iterations, 1))
        return RunState(Phase.PREPARING, f"Preparing {title}", curve=curve, name=self.name, source=self.source)

    def queued(self, text: str) -> RunState:
        """Say what it waits for before it begins, or goes on."""
        return replace(self, phase=Phase.QUEUED, text=text, kind="", seconds_left=math.inf)

    def paused(self, text: str) -> RunState:
        """Hold."""
        return replace(self, phase=Phase.PAUSED, text=text, kind="", seconds_left=math.inf)

    def resumed(self) -> RunState:
        """Go on after a pause."""
        return replace(self, phase=Phase.RUNNING, text="Running", kind="")

    def waiting(self, text: str) -> RunState:
        """Say what it waits for before its first iteration."""
        return replace(self, text=text, kind="") if self.stoppable else self

    def progressed(self, *told: Progress) -> RunState:
        """Take the numbers of one iteration or more, one after the other; 0 is before the first."""
        progress = told[-1]
        now = replace(
            self, iteration=progress.iteration, iterations=progress.iterations, error=progress.error,
            free_error=progress.free_error, facts=(), positions_per_s=progress.positions_per_s,
            seconds_left=progress.seconds_left, elapsed_s=progress.elapsed_s,
        )  # fmt: skip
        if not self.stoppable or self.phase is Phase.PAUSED:
            now = replace(now, seconds_left=math.inf)
        elif progress.iteration:
            now = replace(now, phase=Phase.RUNNING, text="Running", kind="")
        now = now.with_findings([finding for one in told for finding in one.findings])
        errors = [(one.iteration, one.error, one.free_error) for one in told if one.iteration]
        curve = self.curve.with_stages([one.stage for one in told])
        curve = curve.with_errors(errors) if errors else curve
        return now if curve is self.curve else replace(now, curve=curve)

    def with_findings(self, findings: Sequence[RunFinding]) -> RunState:
        """Take what the convergence watch has found; what was told before is no news."""
        kept = list(self.findings)
        for finding in findings:
            if finding not in kept:
                kept.append(finding)
        return replace(self, findings=tuple(kept)) if len(kept) > len(self.findings) else self

    def stopping(self) -> RunState:
        """Take that Stop was pressed."""
        return replace(self, phase=Phase.STOPPING, text="Stopping, the result is kept", kind="")

    def ended(self, text: str, kind: Kind, result: Path | None) -> RunState:
        """End it, with what it left."""
        return replace(self, phase=Phase.OVER, text=text, kind=kind, result=result, seconds_left=math.inf)

    def with_result(
        self, path: Path, facts: tuple[str, ...], errors: tuple[float, ...], free_errors: tuple[float, ...] = ()
    ) -> RunState:
        """Take a result that was opened; a run under way goes on, and shows again with its next iteration."""
        curve = ErrorCurve(max(len(errors), 1))
        for iteration, both in enumerate(zip_longest(errors, free_errors, fillvalue=math.nan), 1):
            curve = curve.with_error(iteration, *both)
        phase = self.phase if self.under_way else Phase.OVER
        return replace(
            self, phase=phase, text=path.stem, kind="done", facts=facts, result=path, curve=curve,
            name=self.name or path.name,
        )  # fmt: skip


@dataclass(frozen=True)
class StripState:
    """What the strip at the bottom shows.

    Attributes:
        text: what goes on.
        kind: how it ended, which colors the bar.
        numbers: short texts beside it.
        done: how far the bar is, of `total`.
        total: 0 where that is not known yet: the bar swings.
        result: the file that the folder's button leads to.
        tip: what is to be known of the numbers.
        name: whose all this is.
    """

    text: str
    kind: Kind
    numbers: tuple[str, ...]
    done: int
    total: int
    result: Path | None
    tip: str = ""
    name: str = ""


@dataclass(frozen=True)
class ShownJob:
    """Whose pictures and curves are shown.

    Attributes:
        name: of the job, or of the result that was opened; "" while there is neither.
        text: where it stands.
        is_of_another_scan: whether its scan is another than the one that is open.
        findings: what the convergence watch has found in it.
    """

    name: str = ""
    text: str = ""
    is_of_another_scan: bool = False
    findings: tuple[RunFinding, ...] = ()


@dataclass(frozen=True)
class WindowState:
    """What the window shows.

    Attributes:
        title: of the window.
        card: what the scan's card says.
        running: whether the run that is shown is under way.
        may_run: whether Run can be pressed; if not, and the user can do something about it, `run_hint` says what.
        queue_closed: why nothing can be put into the queue; "" where it can.
        may: keys of what can be done with the jobs that are chosen.
        has_ended: whether there are jobs that are over.
        has_waiting, has_held: whether there are jobs that will begin by themselves, and such that are kept from it.
        follows: whether the job that is shown is the one that runs.
        asks_at_end: whether a job would be broken off if the window closed.
        strip: the strip at the bottom; None where there was no run.
        curve: the error of every iteration.
        shown: whose pictures and curves are shown.
        obstacles: the parameters that stand in the way of Run.
        undo, redo: what the next step back or forth in the form would change; "" where there is none.
    """

    title: str
    card: ScanSummary
    running: bool
    may_run: bool
    run_hint: str
    queue_closed: str
    may: frozenset[str]
    has_ended: bool
    has_waiting: bool
    has_held: bool
    follows: bool
    asks_at_end: bool
    strip: StripState | None
    curve: ErrorCurve
    shown: ShownJob = ShownJob()
    obstacles: tuple[Obstacle, ...] = ()
    undo: str = ""
    redo: str = ""


_NO_SCAN = ScanSummary(facts=("Drop a file anywhere in the window, or open one.",))


@dataclass(frozen=True)
class JobsState:
    """What the queue has told.

    Attributes:
        may: keys of what can be done with the jobs that are chosen in it.
        has_ended: whether the queue has jobs that are over.
        has_waiting, has_held: whether it has such as will begin by themselves, and such as are kept from it.
        follows: whether the one that runs is chosen by itself.
        closed: why nothing can be put into the queue; "" where it can.
        is_busy: whether this window does a job.
        compiling: how far the compiling of the kernels is, which jobs wait for; "" where nothing is compiled.
    """

    may: frozenset[str] = frozenset()
    has_ended: bool = False
    has_waiting: bool = False
    has_held: bool = False
    follows: bool = True
    closed: str = ""
    is_busy: bool = False
    compiling: str = ""


def window_state(session: SessionState, run: RunState, jobs: JobsState = JobsState()) -> WindowState:
    """Return what the window shows of a session, a run, and the jobs that are chosen."""
    name = session.scan.path.name if session.scan.path else ""
    hint = jobs.closed or _hint(session)
    return WindowState(
        title=f"{name} — {_PROGRAM}" if name else _PROGRAM,
        card=_card(session),
        running=run.under_way,
        may_run=not hint,
        run_hint=hint,
        queue_closed=jobs.closed,
        may=jobs.may,
        has_ended=jobs.has_ended,
        has_waiting=jobs.has_waiting,
        has_held=jobs.has_held,
        follows=jobs.follows,
        asks_at_end=jobs.is_busy,
        strip=None if run.phase is Phase.NONE else _strip(run, jobs.compiling),
        curve=run.curve,
        shown=_shown(session, run),
        obstacles=session.obstacles,
        undo=session.undo,
        redo=session.redo,
    )


def _hint(session: SessionState) -> str:
    """Say what has to be done before Run can be pressed; "" for nothing."""
    found = session.obstacles
    if found:
        return f"First mend what is red: {'; '.join(one.text for one in found[:3])}{' ...' if len(found) > 3 else ''}"
    return "" if session.runnable else "Open a scan first"


def _shown(session: SessionState, run: RunState) -> ShownJob:
    its, mine = run.source, session.scan.path
    is_other = its is not None and mine is not None and os.path.abspath(its) != os.path.abspath(mine)
    return ShownJob(run.name, run.text, is_other, run.findings)


def _card(session: SessionState) -> ScanSummary:
    if session.opening:
        return ScanSummary(facts=(session.opening,))
    return session.scan if session.scan.path else _NO_SCAN


def _strip(run: RunState, compiling: str) -> StripState:
    swings = run.iteration is None and run.under_way and run.phase is not Phase.PAUSED
    total = 0 if swings else max(run.iterations, 1)
    tip = FREE_ERROR_TIP if math.isfinite(run.free_error) and not run.facts else ""
    numbers = run.facts or _numbers(run)
    waits = bool(compiling) and run.phase in (Phase.QUEUED, Phase.PREPARING)
    text = f"{compiling[0].upper()}{compiling[1:]}" if waits else run.text
    return StripState(text, run.kind, numbers, run.iteration or 0, total, run.result, tip, run.name)


def _numbers(run: RunState) -> tuple[str, ...]:
    if run.iteration is None:
        return ()
    parts = [f"iteration {run.iteration} / {run.iterations}"]
    if math.isfinite(run.error) and run.iteration:
        free = f", free {run.free_error:#.3g}" if math.isfinite(run.free_error) else ""
        parts.append(f"error {run.error:#.3g}{free}")
    if run.positions_per_s > 0:
        parts.append(f"{grouped(run.positions_per_s)} positions/s")
    if math.isfinite(run.seconds_left) and run.iteration < run.iterations:
        parts.append(f"{duration(run.seconds_left)} left")
    return tuple(parts)


def grouped(number: float) -> str:
    """Write a whole number with thin gaps between thousands: "12 500"."""
    return f"{number:,.0f}".replace(",", "\u202f")
