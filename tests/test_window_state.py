"""What the window shows of a run, without Qt: from events to one frozen value."""

from __future__ import annotations

import math
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import Any

import pytest

from ptychogui.jobs.job import Progress
from ptychogui.session_state import MISSING, Obstacle, ScanSummary, SessionState
from ptychogui.states import State
from ptychogui.window_state import ErrorCurve, JobsState, RunState, StripState, grouped, window_state

SCAN = ScanSummary(Path("/data/fly0012.cxi"), ("CXI",), ("one pattern is lost",))
READY = SessionState(SCAN, runnable=True)
RESULT = Path("/data/fly0012-001.cxi")
STARTED = RunState().started("fly0012", 20)


def progress(iteration: int, error: float = 1.234, speed: float = 12345.0, elapsed_s: float = 0.0) -> Progress:
    return Progress("job", iteration, 20, error, elapsed_s, speed, 1e-8, State.RUNNING)


def strip(run: RunState, session: SessionState = READY) -> StripState:
    shown = window_state(session, run).strip
    assert shown is not None
    return shown


def test_at_first_there_is_an_invitation() -> None:
    shown = window_state(SessionState(), RunState())
    assert (shown.title, shown.strip, shown.may_run) == ("ptychogui", None, False)
    assert shown.card.path is None and "Drop a file" in shown.card.facts[0]
    assert shown.run_hint == "Open a scan first"
    with pytest.raises(FrozenInstanceError):
        shown.may_run = True  # type: ignore[misc]


def test_an_open_scan_is_in_card_and_title_and_can_be_run() -> None:
    shown = window_state(READY, RunState())
    assert (shown.title, shown.card, shown.run_hint) == ("fly0012.cxi — ptychogui", SCAN, "")
    assert shown.may_run


def test_while_a_file_is_opened_the_card_says_so_and_the_title_stays() -> None:
    shown = window_state(replace(READY, opening="Opening b.cxi"), RunState())
    assert shown.card == ScanSummary(facts=("Opening b.cxi",))
    assert shown.title == "fly0012.cxi — ptychogui"


def test_what_is_wrong_in_the_form_keeps_run_away() -> None:
    shown = window_state(
        replace(READY, wrong=(Obstacle("reconstruction.iterations", "Iterations", "no number"),)), RunState()
    )
    assert not shown.may_run and "red: Iterations: no number" in shown.run_hint


def test_what_is_missing_keeps_run_away_and_is_said_once() -> None:
    one = Obstacle("experiment.distance_m", "Detector distance", MISSING)
    typed = Obstacle("experiment.distance_m", "Detector distance", "not a number")
    shown = window_state(replace(READY, missing=(one,)), RunState())
    assert not shown.may_run and shown.run_hint == "First mend what is red: Detector distance is missing"
    assert window_state(replace(READY, missing=(one,), wrong=(typed,)), RunState()).obstacles == (typed,)


@pytest.mark.parametrize(
    "run",
    [
        STARTED,
        STARTED.waiting("Waiting for raw files"),
        STARTED.progressed(progress(1)),
        STARTED.progressed(progress(1)).paused("Paused"),
        STARTED.stopping(),
        STARTED.ended("Stopped", "done", RESULT),
        STARTED.ended("Failed", "failed", None),
        RunState().with_result(RESULT, (), ()),
    ],
)
def test_the_form_is_free_for_the_next_job_whatever_the_shown_one_does(run: RunState) -> None:
    shown = window_state(READY, run)
    assert shown.may_run and shown.running is run.under_way


def test_what_may_be_done_with_jobs_is_what_the_queue_says() -> None:
    jobs = JobsState(frozenset({"pause"}), has_ended=True, follows=False, is_busy=True)
    shown = window_state(READY, STARTED, jobs)
    assert (shown.may, shown.has_ended, shown.follows, shown.asks_at_end) == (frozenset({"pause"}), True, False, True)
    closed = window_state(READY, STARTED, JobsState(closed="The queue is damaged"))
    assert not closed.may_run and closed.run_hint == closed.queue_closed == "The queue is damaged"


def test_whose_pictures_are_shown_is_named_and_another_scans_look_so() -> None:
    run = replace(STARTED, name="fly0012 (job 3)", source=SCAN.path)
    shown = window_state(READY, run).shown
    assert (shown.name, shown.is_of_another_scan) == ("fly0012 (job 3)", False)
    assert strip(run).name == "fly0012 (job 3)"
    other = replace(READY, scan=replace(SCAN, path=Path("/data/fly0013.cxi")))
    assert window_state(other, run).shown.is_of_another_scan
    assert not window_state(other, replace(run, source=None)).shown.is_of_another_scan
    assert not window_state(SessionState(), run).shown.is_of_another_scan


def test_a_stop_that_was_asked_for_stays_so_while_the_form_is_edited() -> None:
    run = STARTED.progressed(progress(1)).stopping()
    for session in (READY, replace(READY, runnable=False), replace(READY, wrong=(Obstacle("a.b", "B", "x"),))):
        assert strip(run, session).text == "Stopping, the result is kept"


def test_what_holds_has_no_time_left_and_goes_on() -> None:
    run = STARTED.progressed(progress(5, elapsed_s=61 / 3)).paused("Paused")
    assert strip(run).text == "Paused" and not any("left" in number for number in strip(run).numbers)
    run = run.progressed(progress(6, elapsed_s=25.0))
    assert strip(run.resumed()).text == "Running" and run.elapsed_s == 25.0


def test_what_waits_says_so_and_its_bar_stands() -> None:
    shown = strip(RunState().queued("Queued"))
    assert (shown.text, shown.done, shown.total) == ("Queued", 0, 1)


def test_a_run_from_start_to_end() -> None:
    run = STARTED
    assert strip(run) == StripState("Preparing fly0012", "", (), 0, 0, None)
    run = run.waiting("Waiting for raw files, 24 patterns so far")
    assert (strip(run).text, strip(run).total) == ("Waiting for raw files, 24 patterns so far", 0)
    run = run.progressed(progress(0, math.nan, 0.0))
    assert strip(run).text == "Waiting for raw files, 24 patterns so far"
    assert (strip(run).numbers, strip(run).done, strip(run).total) == (("iteration 0 / 20",), 0, 20)
    run = run.progressed(progress(5, elapsed_s=61 / 3))
    assert (strip(run).text, strip(run).done) == ("Running", 5)
    assert strip(run).numbers == ("iteration 5 / 20", "error 1.23", "12\u202f345 positions/s", "1 min 1 s left")
    assert strip(run.stopping()).text == "Stopping, the result is kept"
    run = run.ended("Finished after 3.0 s", "done", RESULT)
    assert strip(run) == StripState(
        "Finished after 3.0 s", "done", ("iteration 5 / 20", "error 1.23", "12\u202f345 positions/s"), 5, 20, RESULT
    )


def test_what_is_not_known_is_not_said() -> None:
    run = STARTED.progressed(progress(1, math.nan, 0.0)).stopping().progressed(progress(2, math.nan, 0.0, 2.0))
    assert strip(run).numbers == ("iteration 2 / 20",)


def test_a_run_that_ends_before_its_first_iteration_leaves_an_empty_bar() -> None:
    ended = strip(STARTED.stopping().ended("Cancelled", "done", None))
    assert (ended.done, ended.total, ended.numbers) == (0, 1, ())


def test_the_next_run_begins_anew() -> None:
    run = STARTED.progressed(progress(5)).ended("Failed", "failed", RESULT).started("fly0013", 7)
    assert run == RunState().started("fly0013", 7)
    assert run.curve == ErrorCurve(7)


def test_a_result_that_was_opened_shows_its_facts_and_errors() -> None:
    run = RunState().with_result(RESULT, ("result", "done"), (5.0, 3.0))
    assert strip(run) == StripState("fly0012-001", "done", ("result", "done"), 0, 1, RESULT, "", RESULT.name)
    assert run.curve == ErrorCurve(2, ((1, 5.0), (2, 3.0)))


def test_the_free_error_has_its_number_and_its_curve() -> None:
    run = STARTED.progressed(replace(progress(1), free_error=2.345)).progressed(progress(2))
    assert run.curve.free == ((1, 2.345),) and len(run.curve.points) == 2
    assert (strip(run).numbers[1], strip(run).tip) == ("error 1.23", "")
    run = run.progressed(replace(progress(2), free_error=1.5))
    assert run.curve.free == ((1, 2.345), (2, 1.5))
    assert strip(run).numbers[1] == "error 1.23, free 1.50" and "held out" in strip(run).tip
    opened = RunState().with_result(RESULT, (), (5.0, 3.0), (6.0, 4.0))
    assert opened.curve == ErrorCurve(2, ((1, 5.0), (2, 3.0)), ((1, 6.0), (2, 4.0)))


def test_a_result_that_is_opened_in_mid_run_gives_way_to_the_next_iteration() -> None:
    run = STARTED.progressed(progress(5)).with_result(RESULT, ("result",), (5.0, 3.0))
    assert strip(run).text == "fly0012-001"
    run = run.progressed(progress(6))
    assert strip(run).text == "Running" and strip(run).numbers[0] == "iteration 6 / 20"


def test_many_iterations_are_taken_as_one_after_the_other() -> None:
    told = [progress(0, math.nan), progress(1, 5.0), progress(2, 80.0), progress(2, 3.0), progress(3, math.nan)]
    one_by_one = STARTED
    for one in told:
        one_by_one = one_by_one.progressed(one)
    together = STARTED.progressed(*told)
    assert together.curve == one_by_one.curve and together.curve.points == ((1, 5.0), (2, 3.0))
    assert together.iteration == one_by_one.iteration == 3


def curve_of(*points: tuple[int, float]) -> Any:
    curve = ErrorCurve(10)
    for iteration, error in points:
        curve = curve.with_error(iteration, error)
    return curve.points


def test_what_is_no_error_is_left_out() -> None:
    assert curve_of(*enumerate((5.0, math.nan, math.inf, 0.0, 2.0), 1)) == ((1, 5.0), (5, 2.0))


def test_iterations_that_are_done_again_take_the_place_of_what_came_to_nothing() -> None:
    points = curve_of((1, 5.0), (2, 3.0), (3, 80.0), (2, 3.0), (3, 2.0), (3, 2.0))
    assert points == ((1, 5.0), (2, 3.0), (3, 2.0))


def test_thousands_are_set_apart() -> None:
    assert grouped(12345.4) == "12\u202f345"


def test_engines_of_a_chain_are_known_by_where_they_began() -> None:
    curve = ErrorCurve(10).with_stages([("dm", 0), ("dm", 0), ("lsqml", 5)])
    assert curve.stages == ((0, "dm"), (5, "lsqml"))
    assert curve.with_stages([("lsqml", 5), ("", 0)]) is curve
    assert curve.with_stages([("epie", 3)]).stages == ((0, "dm"), (3, "epie"))
