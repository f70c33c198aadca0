"""What word is owed of a job that ends: to whom, of which ends, with what in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from ptychogui.jobs.run_findings import RunFinding
from ptychogui.notify.settings import PostSettings
from ptychogui.params.origins import Origin, Source
from ptychogui.queue.store import changes, journal, letters
from ptychogui.queue.store.batch import Refused, add_batch, ended_untold
from ptychogui.queue.store.job_text import JobText
from ptychogui.queue.store.letters import DESKTOP, MAIL, WEBHOOK
from ptychogui.queue.store.store import NewJob, Store
from ptychogui.queue.store.word import note_told, values_told, ways_for
from ptychogui.states import State
from tests.jobs.fakes import make_job
from tests.queue.conftest import Add

TO = {"output.email": "user@example.org"}
ALL = PostSettings(webhook="https://example.org/hook", desktop=True)


def _end(store: Store, state: State, cause: str = "") -> None:
    claim = journal.claim(store, "cpu:0", "me", {})
    assert claim is not None
    journal.end(store, claim, state, cause)


def test_a_job_that_ends_is_told_of(store: Store, add: Add) -> None:
    job = add(**TO)
    _end(store, State.FAILED, "the scan is gone")
    (letter,) = letters.waiting(store, MAIL)
    told, entry = letter.report, store.entry(job)
    assert (told.to, told.job, told.state, told.cause) == ("user@example.org", job, "failed", "the scan is gone")
    assert (told.title, told.device, told.ended, told.result) == (entry.title, "cpu:0", entry.ended, "")
    assert told.log.endswith(f"jobs/{job}/log.txt")


def test_what_went_wrong_on_the_way_is_told(store: Store, add: Add) -> None:
    job = add(**TO)
    claim = journal.claim(store, "cpu:0", "me", {})
    assert claim is not None
    journal.note_findings(store, job, [RunFinding("rise", 7, "the error rises from 1 to 2")])
    journal.end(store, claim, State.DONE)
    (letter,) = letters.waiting(store, MAIL)
    assert letter.report.noticed == ("The error rises: the error rises from 1 to 2",)


def test_a_job_that_is_retried_is_told_of_anew(store: Store, add: Add) -> None:
    job = add(**TO)
    _end(store, State.FAILED, "the scan is gone")
    changes.retry(store, job)
    _end(store, State.DONE)
    assert [letter.report.state for letter in letters.waiting(store, MAIL)] == ["failed", "done"]
    assert letters.waiting(store, MAIL)[1].report.result == store.entry(job).result


def test_one_that_is_interrupted_has_not_ended(store: Store, add: Add) -> None:
    add(**TO)
    claim = journal.claim(store, "cpu:0", "me", {})
    assert claim is not None
    journal.interrupt(store, claim, "its process died")
    assert letters.waiting(store, MAIL) == []


def test_without_an_address_nothing_is_owed(store: Store, add: Add) -> None:
    add()
    _end(store, State.DONE)
    assert not any(letters.waiting(store, way) for way in (MAIL, WEBHOOK, DESKTOP))


def test_a_job_that_cannot_be_read_ends_all_the_same(store: Store, add: Add) -> None:
    job = add(**TO)
    with store.transaction() as change:
        change.execute("UPDATE contents SET text = '{}'")
    _end(store, State.FAILED, "it can't be read")
    assert store.entry(job).state is State.FAILED and letters.waiting(store, MAIL) == []


def _batch(store: Store, tmp_path: Path, *values: dict[str, str], refused: Sequence[Refused] = ()) -> int:
    jobs = [make_job(tmp_path / f"{n}.cxi", "", **one) for n, one in enumerate(values)]
    return add_batch(store, "two scans", "ptychogui batch", [NewJob(JobText.of(job, {})) for job in jobs], refused)[0]


def _tell(store: Store) -> None:
    for ended in ended_untold(store):
        note_told(store, ended)


def test_a_batch_is_told_of_once_at_its_end_to_all_who_want_it(store: Store, tmp_path: Path) -> None:
    letters.keep_post_settings(store, ALL)
    other = {"output.email": "other@example.org, user@example.org"}
    _batch(store, tmp_path, TO, other, {}, refused=[Refused("/data/broken.mda", "it is truncated")])
    for state in (State.DONE, State.FAILED):
        _end(store, state, "the scan is gone" * (state is State.FAILED))
        _tell(store)
    assert letters.waiting(store, MAIL) == letters.waiting(store, DESKTOP) == []
    _end(store, State.DONE)
    for _ in range(2):
        _tell(store)
    (letter,) = letters.waiting(store, MAIL)
    told = letter.report
    assert (told.title, told.state) == ("two scans", "failed")
    assert told.to == "user@example.org, other@example.org"
    assert [(line.state, line.cause) for line in told.jobs] == [
        ("done", ""), ("failed", "the scan is gone"), ("done", ""), ("refused", "it is truncated"),
    ]  # fmt: skip
    assert told.jobs[0].result.endswith("0.cxi") and not told.jobs[1].result
    assert len(letters.waiting(store, DESKTOP)) == 1 and len(letters.waiting(store, WEBHOOK)) == 4


@pytest.mark.parametrize(("state", "mails"), [(State.DONE, 0), (State.FAILED, 1)])
def test_of_a_batch_only_failures_are_told_where_that_is_wanted(
    store: Store, tmp_path: Path, state: State, mails: int
) -> None:
    _batch(store, tmp_path, {**TO, "output.email_on": "failure"})
    _end(store, state)
    _tell(store)
    assert len(letters.waiting(store, MAIL)) == mails


def test_each_job_of_a_batch_is_told_of_where_that_is_wanted(store: Store, tmp_path: Path) -> None:
    _batch(store, tmp_path, *[{**TO, "output.email_on": "each"}] * 2)
    for _ in range(2):
        _end(store, State.DONE)
        _tell(store)
    assert [letter.report.jobs for letter in letters.waiting(store, MAIL)] == [(), ()]


def test_a_batch_that_is_reopened_is_told_of_anew(store: Store, tmp_path: Path) -> None:
    _batch(store, tmp_path, TO)
    _end(store, State.FAILED)
    _tell(store)
    changes.retry(store, 1)
    _end(store, State.DONE)
    _tell(store)
    assert [letter.report.state for letter in letters.waiting(store, MAIL)] == ["failed", "done"]


@pytest.mark.parametrize(
    ("state", "when", "ways"),
    [
        (State.DONE, "end", [MAIL, WEBHOOK, DESKTOP]),
        (State.STOPPED, "each", [MAIL, WEBHOOK, DESKTOP]),
        (State.FAILED, "failure", [MAIL, WEBHOOK, DESKTOP]),
        (State.DONE, "failure", [WEBHOOK, DESKTOP]),
        (State.CANCELLED, "end", [WEBHOOK]),
    ],
)
def test_which_ends_are_told(state: State, when: str, ways: list[str], tmp_path: Path) -> None:
    job = make_job(tmp_path / "result.cxi", **TO, **{"output.email_on": when})
    assert ways_for(job, state, ALL) == ways


def test_values_that_are_no_defaults_are_told_with_their_origins(tmp_path: Path) -> None:
    job = replace(
        make_job(tmp_path / "result.cxi", "", **{"reconstruction.iterations": 7}),
        origins={
            "reconstruction.iterations": Origin(Source.USER, "--iterations"),
            "experiment.energy_eV": Origin(Source.DEFAULT),
        },
    )
    assert values_told(job) == {"reconstruction.iterations": "7  (user: --iterations)"}
