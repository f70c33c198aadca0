"""What the window shows of a run, as one frozen value made from what the session and the run have told.

`SessionState` and `RunState` hold what was told; each of a RunState's methods returns it as it is after one event.
`window_state` makes of the two what is shown: texts, numbers, and what may be pressed. There is no Qt in here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import Enum
from itertools import zip_longest
from pathlib import Path
from typing import Literal, TypeAlias

from ptychogui.jobs.job import Progress

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
    PREPARING = "preparing"
    """Before the first iteration: reading, or waiting for files."""
    RUNNING = "running"
    STOPPING = "stopping"
    """Stop was pressed; the run ends within seconds."""
    OVER = "over"


@dataclass(frozen=True)
class ScanSummary:
    """What a scan's card says: the file, facts of a line each, and what the reader noticed; no file without a scan."""

    path: Path | None = None
    facts: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class SessionState:
    """What the session has told.

    Attributes:
        scan: the open scan, if there is one.
        opening: what is being opened or made, "" if nothing.
        runnable: whether there is something to reconstruct.
        wrong: what is wrong with each text in an editor that is no value.
    """

    scan: ScanSummary = ScanSummary()
    opening: str = ""
    runnable: bool = False
    wrong: tuple[str, ...] = ()


@dataclass(frozen=True)
class ErrorCurve:
    """The error of every iteration so far.

    Attributes:
        iterations: how many there will be, at least 1.
        points: (iteration, error in photon-noise units) in the order of iterations; all errors are above 0.
        free: the same of the free error, that of the pixels that are held out.
    """

    iterations: int = 1
    points: _Points = ()
    free: _Points = ()

    def with_error(self, iteration: int, error: float, free_error: float = math.nan) -> ErrorCurve:
        """Add errors in place of that iteration's and all later ones; what is no positive number is left out."""
        points, free = _with_point(self.points, iteration, error), _with_point(self.free, iteration, free_error)
        return replace(self, points=points, free=free)


def _with_point(points: _Points, iteration: int, error: float) -> _Points:
    if not (math.isfinite(error) and error > 0):
        return points
    while points and points[-1][0] >= iteration:
        points = points[:-1]
    return (*points, (iteration, error))


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

    @property
    def under_way(self) -> bool:
        """Whether there is a run that has not ended."""
        return self.phase in (Phase.PREPARING, Phase.RUNNING, Phase.STOPPING)

    @property
    def stoppable(self) -> bool:
        """Whether there is a run that goes on until its end."""
        return self.under_way and self.phase is not Phase.STOPPING

    def started(self, title: str, iterations: int) -> RunState:
        """Begin a run."""
        return RunState(Phase.PREPARING, f"Preparing {title}", curve=ErrorCurve(max(iterations, 1)))

    def waiting(self, text: str) -> RunState:
        """Say what it waits for before its first iteration."""
        return replace(self, text=text, kind="") if self.stoppable else self

    def progressed(self, progress: Progress) -> RunState:
        """Take the numbers of an iteration; 0 is before the first."""
        now = replace(
            self, iteration=progress.iteration, iterations=progress.iterations, error=progress.error,
            free_error=progress.free_error, facts=(), positions_per_s=progress.positions_per_s,
            seconds_left=progress.seconds_left,
        )  # fmt: skip
        if not self.stoppable:
            now = replace(now, seconds_left=math.inf)
        elif progress.iteration:
            now = replace(now, phase=Phase.RUNNING, text="Running", kind="")
        if not progress.iteration:
            return now
        return replace(now, curve=self.curve.with_error(progress.iteration, progress.error, progress.free_error))

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
        return replace(self, phase=phase, text=path.stem, kind="done", facts=facts, result=path, curve=curve)


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
    """

    text: str
    kind: Kind
    numbers: tuple[str, ...]
    done: int
    total: int
    result: Path | None
    tip: str = ""


@dataclass(frozen=True)
class WindowState:
    """What the window shows.

    Attributes:
        title: of the window.
        card: what the scan's card says.
        running: whether a run is under way.
        may_run: whether Run can be pressed; if not, and the user can do something about it, `run_hint` says what.
        may_stop: whether Stop can be pressed.
        may_simulate: whether a simulated scan can be made and run.
        strip: the strip at the bottom; None where there was no run.
        curve: the error of every iteration.
    """

    title: str
    card: ScanSummary
    running: bool
    may_run: bool
    run_hint: str
    may_stop: bool
    may_simulate: bool
    strip: StripState | None
    curve: ErrorCurve


_NO_SCAN = ScanSummary(facts=("Drop a file anywhere in the window, or open one.",))


def window_state(session: SessionState, run: RunState) -> WindowState:
    """Return what the window shows of a session and a run."""
    name = session.scan.path.name if session.scan.path else ""
    hint = "Correct the values marked red first" if session.wrong else "" if session.runnable else "Open a scan first"
    return WindowState(
        title=f"{name} — {_PROGRAM}" if name else _PROGRAM,
        card=_card(session),
        running=run.under_way,
        may_run=not hint and not run.under_way,
        run_hint=hint,
        may_stop=run.stoppable,
        may_simulate=not run.under_way,
        strip=None if run.phase is Phase.NONE else _strip(run),
        curve=run.curve,
    )


def _card(session: SessionState) -> ScanSummary:
    if session.opening:
        return ScanSummary(facts=(session.opening,))
    return session.scan if session.scan.path else _NO_SCAN


def _strip(run: RunState) -> StripState:
    swings = run.iteration is None and run.under_way
    total = 0 if swings else max(run.iterations, 1)
    tip = FREE_ERROR_TIP if math.isfinite(run.free_error) and not run.facts else ""
    return StripState(run.text, run.kind, run.facts or _numbers(run), run.iteration or 0, total, run.result, tip)


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


def duration(seconds: float) -> str:
    """Write a time for the eye: "8 s", "3 min 20 s", "2 h 5 min"."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def grouped(number: float) -> str:
    """Write a whole number with thin gaps between thousands: "12 500"."""
    return f"{number:,.0f}".replace(",", "\u202f")
