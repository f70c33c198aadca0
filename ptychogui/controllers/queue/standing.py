"""From where a job stands in the store to what the window shows of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ptychogui.jobs.job import Progress
from ptychogui.params.form_words import in_form_words
from ptychogui.queue.store.entry import Entry
from ptychogui.queue_state import job_name
from ptychogui.states import State
from ptychogui.window_state import Phase, RunState

_ENDS = {State.DONE: "Finished", State.STOPPED: "Stopped", State.CANCELLED: "Cancelled", State.FAILED: "Failed"}
_WAITS = {State.QUEUED: "Queued", State.HELD: "Held", State.INTERRUPTED: "Interrupted, goes on by itself"}


def begun(entry: Entry) -> RunState:
    """Return a job before anything is known of its iterations."""
    source = None if entry.source is None else Path(entry.source)
    named = replace(RunState(), name=job_name(entry.id, entry.title), source=source)
    return named.started(entry.title, entry.iterations)


def stands(run: RunState | None, entry: Entry) -> RunState:
    """Return what is shown of a job.

    Args:
        run: what was shown before, with the numbers and the curve that its lane has told; None for nothing.
        entry: the job.
    """
    run = _with_figures(begun(entry) if run is None or entry.state is State.QUEUED else run, entry)
    if entry.state in _ENDS:
        return _ended(run, entry)
    if entry.state in _WAITS:
        return run.queued(_with_cause(_WAITS[entry.state], entry))
    if entry.state is State.PAUSED:
        return run.paused(_with_cause("Paused", entry))
    return _under_way(run, entry)


def _under_way(run: RunState, entry: Entry) -> RunState:
    if run.phase in (Phase.QUEUED, Phase.OVER):
        run = replace(begun(entry), curve=run.curve)  # what goes on from a checkpoint goes on with its curve
    if entry.asked == "stop":
        return run if run.phase is Phase.STOPPING else run.stopping()
    if entry.state is State.WAITING:
        return run.waiting(entry.cause)
    if run.phase is Phase.PAUSED:
        return run.resumed()
    return run


def _ended(run: RunState, entry: Entry) -> RunState:
    has_result = entry.state in (State.DONE, State.STOPPED)
    took = f" after {run.elapsed_s:.1f} s" if has_result and run.elapsed_s else ""
    text = _with_cause(f"{_ENDS[entry.state]}{took}", entry)
    return run.ended(text, "done" if has_result else "failed", Path(entry.result) if has_result else None)


def _with_figures(run: RunState, entry: Entry) -> RunState:
    """Take the numbers of the store where they are newer than those of a lane of this window, which has all."""
    if not entry.iteration or entry.iteration <= (run.iteration or 0):
        return run
    error = float("nan") if entry.error is None else entry.error
    told = Progress(entry.uid, entry.iteration, entry.iterations, error, 0.0, 0.0, float("nan"))
    return replace(run.progressed(told), seconds_left=float("inf"))


def _with_cause(text: str, entry: Entry) -> str:
    return f"{text}: {in_form_words(entry.cause)}" if entry.cause else text
