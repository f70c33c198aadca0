"""Word of jobs that are done without the queue."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ptychogui.errors import DataError
from ptychogui.jobs.job import Job, Progress
from ptychogui.notify.settings import PostSettings
from ptychogui.paths import queue_folder
from ptychogui.queue.post import word_of
from ptychogui.queue.store import letters
from ptychogui.queue.store.letters import MAIL
from ptychogui.queue.store.store import Store
from ptychogui.states import State
from tests.jobs.fakes import make_job
from tests.notify.mail_server import MailServer, free_port, mail_server


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PTYCHOGUI_HOME", str(tmp_path / "home"))


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail_server() as server:
        _use(server.settings)
        yield server


def _use(settings: PostSettings) -> None:
    with Store(queue_folder()) as store:
        letters.keep_post_settings(store, settings)


def _job(tmp_path: Path, **values: Any) -> Job:
    return make_job(tmp_path / "result.cxi", **{"output.email": "user@example.org", **values})


def _progress(job: Job, state: State, error: float = 1.5) -> Progress:
    return Progress(job.id, 3, 5, error, 0.1, 10.0, 1e-9, state)


def test_a_mail_is_sent_when_a_job_has_ended(tmp_path: Path, server: MailServer) -> None:
    job = _job(tmp_path)
    with word_of(job) as hear:
        hear(_progress(job, State.RUNNING))
        hear(_progress(job, State.DONE))
    (mail,) = server.mails
    assert mail["Subject"] == f"[ptychogui] {job.title}: done"
    assert "1.5 after 3 of 5 iterations" in server.raw[0].decode()


def test_a_mail_is_sent_when_a_job_fails_and_the_failure_goes_on(tmp_path: Path, server: MailServer) -> None:
    job = _job(tmp_path)
    with pytest.raises(DataError, match="the scan is gone"), word_of(job) as hear:
        hear(_progress(job, State.RUNNING, math.nan))
        raise DataError("the scan is gone")
    assert [mail["Subject"] for mail in server.mails] == [f"[ptychogui] {job.title}: failed"]
    assert b"the scan is gone" in server.raw[0]


def test_no_mail_is_sent_of_what_the_user_broke_off(tmp_path: Path, server: MailServer) -> None:
    job = _job(tmp_path)
    with word_of(job) as hear:
        hear(_progress(job, State.CANCELLED))
    with pytest.raises(KeyboardInterrupt), word_of(job) as hear:
        hear(_progress(job, State.RUNNING))
        raise KeyboardInterrupt
    assert server.mails == []


def test_a_mail_that_cannot_be_sent_now_waits_in_the_queue(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    _use(PostSettings("127.0.0.1", free_port()))
    job = _job(tmp_path)
    with word_of(job) as hear:
        hear(_progress(job, State.DONE))
    with Store(queue_folder()) as store:
        assert [letter.report.title for letter in letters.waiting(store, MAIL)] == [job.title]
    assert caplog.text.count("no word is sent by mail") == 1


def test_nobody_who_wants_no_word_gets_a_queue(tmp_path: Path) -> None:
    job = _job(tmp_path, **{"output.email": ""})
    with word_of(job) as hear:
        hear(_progress(job, State.DONE))
    assert not queue_folder().exists()


def test_a_queue_that_cannot_be_used_is_said_and_harms_no_job(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    queue_folder().mkdir(parents=True)
    (queue_folder() / "queue.sqlite").write_text("this is no store, though it has the name of one" * 100)
    job = _job(tmp_path)
    with word_of(job) as hear:
        hear(_progress(job, State.DONE))
    assert "no word is sent of" in caplog.text and "is damaged" in caplog.text
