"""A child that answers in steps: all arrive, refusals and deaths are told, and it can be ended at any moment."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import psutil
import pytest

from ptychogui.errors import DataError, DeviceError
from ptychogui.jobs.job import Job
from ptychogui.jobs.orientation.doctor import OrientationProgress, open_and_examine
from ptychogui.jobs.processes.child_main import InternalError
from ptychogui.jobs.processes.questions import QuestionProcess, Tell
from tests.jobs.fakes import make_job

JOB = make_job(Path("result.cxi"))


def counts(job: Job, tell: Tell) -> None:
    tell(os.getpid())
    tell(job.id)


def refuses(_job: Job, tell: Tell) -> None:
    tell(os.getpid())
    raise DataError("scan.h5: no frames")


def dies(_job: Job, tell: Tell) -> None:
    tell(os.getpid())
    os.kill(os.getpid(), signal.SIGKILL)


def has_a_defect(_job: Job, tell: Tell) -> None:
    tell(os.getpid())
    raise ZeroDivisionError


def never_ends(_job: Job, tell: Tell) -> None:
    tell(os.getpid())
    threading.Event().wait()


def test_all_answers_come_in_their_order_and_the_child_is_gone() -> None:
    answers: list[object] = []
    assert QuestionProcess().ask(counts, JOB, answers.append)
    assert answers[0] != os.getpid() and answers[1:] == [JOB.id]
    assert not psutil.pid_exists(int(str(answers[0])))


def test_what_the_work_refuses_is_raised_here() -> None:
    answers: list[object] = []
    with pytest.raises(DataError, match="no frames"):
        QuestionProcess().ask(refuses, JOB, answers.append)
    assert len(answers) == 1


def test_a_child_that_dies_is_told_and_the_next_works() -> None:
    process = QuestionProcess()
    with pytest.raises(DeviceError, match=r"ended by itself: killed by signal 9 \(SIGKILL\)"):
        process.ask(dies, JOB, lambda _answer: None)
    with pytest.raises(InternalError, match="ZeroDivisionError") as caught:
        process.ask(has_a_defect, JOB, lambda _answer: None)
    assert "in has_a_defect" in str(caught.value.__cause__)
    assert process.ask(counts, JOB, lambda _answer: None)


def test_it_can_be_ended_from_another_thread_and_goes_on_after() -> None:
    process, begun, outcomes = QuestionProcess(), threading.Event(), list[bool]()
    pids: list[int] = []

    def told(answer: object) -> None:
        pids.append(int(str(answer)))
        begun.set()

    thread = threading.Thread(target=lambda: outcomes.append(process.ask(never_ends, JOB, told)))
    thread.start()
    assert begun.wait(30)
    process.end()
    thread.join(10)
    assert outcomes == [False] and not psutil.pid_exists(pids[0])
    assert process.ask(counts, JOB, lambda _answer: None)
    process.end(for_good=True)
    assert not process.ask(counts, JOB, lambda _answer: None)


def test_the_doctor_comes_to_its_verdict_in_a_child() -> None:
    steps: list[OrientationProgress] = []
    job = make_job(Path("result.cxi"), experiment__scan_dims=(6, 6))
    assert QuestionProcess().ask(open_and_examine, job, steps.append)
    assert [step.done for step in steps] == list(range(steps[-1].total + 1))
    verdict = steps[-1].verdict
    assert verdict is not None and len(verdict.ranking) == 16
