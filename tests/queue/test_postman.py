"""The postman: each letter once, closed ways tried again and said once, restarts in the midst, several postmen."""

from __future__ import annotations

import logging
import smtplib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ptychogui.errors import OutputError
from ptychogui.notify.not_sent import RefusedError, UnreachableError
from ptychogui.notify.report import Report
from ptychogui.notify.settings import PostSettings
from ptychogui.queue import postman as module
from ptychogui.queue.postman import FIRST_PAUSE_S, LONGEST_PAUSE_S, MOST_TRIES, Postman, mail
from ptychogui.queue.store import letters
from ptychogui.queue.store.letters import DESKTOP, MAIL, WEBHOOK
from ptychogui.queue.store.store import Store
from tests.notify.mail_server import free_port, mail_server

LIMIT_S = 30.0


class Box:
    """A way that takes reports, or answers with the next error of a list."""

    def __init__(self, *answers: Exception | None) -> None:
        self.got: list[str] = []
        self.tried = 0
        self.answers = list(answers)
        self.has_come = threading.Event()

    def __call__(self, report: Report, _settings: PostSettings) -> None:
        self.tried += 1
        answer = self.answers.pop(0) if self.answers else None
        if answer is not None:
            raise answer
        self.got.append(report.uid)
        self.has_come.set()


class Clock:
    """The postman's clock."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


Owe = Callable[..., None]


@pytest.fixture
def owe(store: Store) -> Iterator[Owe]:
    def one(*uids: str, way: str = MAIL) -> None:
        with store.transaction() as change:
            for uid in uids:
                letters.owe(change, Report(uid, f"scan {uid}", "done", "user@example.org"), [way])

    return one  # type: ignore[return-value]


def _causes(store: Store) -> list[str]:
    return [letter.cause for letter in letters.waiting(store, MAIL)]


def test_each_letter_is_sent_once(folder: Path, store: Store, owe: Owe) -> None:
    box = Box()
    postman = Postman(folder, {MAIL: box})
    owe("1", "2")
    assert postman.deliver(store) and postman.deliver(store)
    owe("3")
    assert Postman(folder, {MAIL: box}).deliver(store)
    assert box.got == ["1", "2", "3"]


def test_a_way_that_is_closed_is_tried_in_growing_pauses_and_said_once(
    folder: Path, store: Store, owe: Owe, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    owe("1", "2")
    box = Box(*[UnreachableError("the server is down")] * 12)
    postman = Postman(folder, {MAIL: box})
    pauses_s = []
    with caplog.at_level(logging.INFO):
        while not postman.deliver(store):
            tried, began_s = box.tried, clock.now_s
            while box.tried == tried and not box.got:
                clock.now_s += FIRST_PAUSE_S / 2
                postman.deliver(store)
            pauses_s.append(clock.now_s - began_s)
    assert pauses_s[:4] == [FIRST_PAUSE_S * 2**n for n in range(4)] and pauses_s[-1] == LONGEST_PAUSE_S
    assert box.got == ["1", "2"]
    assert sum("the server is down" in record.message for record in caplog.records) == 1
    assert sum("is sent again" in record.message for record in caplog.records) == 1


def test_why_a_letter_waits_is_known(folder: Path, store: Store, owe: Owe) -> None:
    owe("1", "2")
    Postman(folder, {MAIL: Box(UnreachableError("the server is down"))}).deliver(store)
    assert _causes(store) == ["the server is down", ""]


def test_one_way_that_is_closed_does_not_close_the_others(folder: Path, store: Store, owe: Owe) -> None:
    owe("1")
    owe("1", way=WEBHOOK)
    owe("1", way=DESKTOP)
    hook, desk = Box(), Box()
    ways = {MAIL: Box(UnreachableError("it is down")), WEBHOOK: hook, DESKTOP: desk}
    assert not Postman(folder, ways).deliver(store)
    assert (hook.got, desk.got, _causes(store)) == (["1"], ["1"], ["it is down"])


def test_other_settings_are_tried_at_once(folder: Path, store: Store, owe: Owe, clock: Clock) -> None:
    owe("1")
    box = Box(UnreachableError("no such host"))
    postman = Postman(folder, {MAIL: box})
    assert not postman.deliver(store) and not postman.deliver(store)
    assert box.tried == 1
    letters.keep_post_settings(store, PostSettings("mail.example.org"))
    assert postman.deliver(store)


def test_a_letter_that_is_refused_for_good_is_given_up_and_that_is_said(
    folder: Path, store: Store, owe: Owe, caplog: pytest.LogCaptureFixture
) -> None:
    owe("1", "2")
    box = Box(RefusedError("550 no such user", is_final=True))
    assert Postman(folder, {MAIL: box}).deliver(store)
    assert box.got == ["2"] and letters.waiting(store, MAIL) == []
    assert "word of scan 1 is given up: 550 no such user" in caplog.text


def test_a_letter_that_is_refused_for_now_does_not_hold_up_others(
    folder: Path, store: Store, owe: Owe, clock: Clock
) -> None:
    owe("1", "2")
    box = Box(RefusedError("450 come again later", is_final=False))
    postman = Postman(folder, {MAIL: box})
    assert not postman.deliver(store)
    assert (box.got, _causes(store)) == (["2"], ["450 come again later"])
    assert not postman.deliver(store) and box.tried == 2
    clock.now_s += FIRST_PAUSE_S
    assert postman.deliver(store) and box.got == ["2", "1"]


def test_nothing_is_tried_for_ever(folder: Path, store: Store, owe: Owe, clock: Clock) -> None:
    owe("1")
    box = Box(*[RefusedError("450 come again later", is_final=False)] * 1000)
    postman = Postman(folder, {MAIL: box})
    while not postman.deliver(store):
        clock.now_s += LONGEST_PAUSE_S
    assert box.tried == MOST_TRIES


def test_a_defect_in_one_letter_is_no_matter_to_the_others(folder: Path, store: Store, owe: Owe, clock: Clock) -> None:
    owe("1", "2")
    box = Box(ZeroDivisionError("by zero"))
    assert not Postman(folder, {MAIL: box}).deliver(store)
    assert (box.got, _causes(store)) == (["2"], ["internal error: ZeroDivisionError: by zero"])


def test_what_was_sent_is_not_sent_again_where_the_disk_is_full(
    folder: Path, store: Store, owe: Owe, monkeypatch: pytest.MonkeyPatch
) -> None:
    owe("1", "2")
    box, remove, fails = Box(), letters.remove, iter([True, True])

    def full(store: Store, number: int) -> None:
        if next(fails, False):
            raise OutputError("the disk is full")
        remove(store, number)

    monkeypatch.setattr(letters, "remove", full)
    postman = Postman(folder, {MAIL: box})
    for _ in range(2):
        with pytest.raises(OutputError):
            postman.deliver(store)
    assert postman.deliver(store)
    assert box.got == ["1", "2"] and letters.waiting(store, MAIL) == []


def test_a_second_postman_leaves_the_letters_to_the_first(folder: Path, store: Store, owe: Owe) -> None:
    owe("1")
    second = Box()

    def first(_report: Report, _settings: PostSettings) -> None:
        assert not Postman(folder, {MAIL: second}).deliver(store)

    assert Postman(folder, {MAIL: first}).deliver(store)
    assert second.tried == 0


def test_he_walks_until_he_is_told_to_leave_and_takes_the_last_letter_along(
    folder: Path, store: Store, owe: Owe
) -> None:
    box = Box()
    postman = Postman(folder, {MAIL: box})
    postman.start()
    owe("1")
    postman.leave(LIMIT_S)
    assert box.got == ["1"]


def test_a_store_that_cannot_be_used_for_a_while_is_tried_again(
    folder: Path, store: Store, owe: Owe, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    waiting, fails = letters.waiting, iter([True, True])

    def full(store: Store, way: str) -> list[letters.Letter]:
        if next(fails, False):
            raise OutputError("the disk is full")
        return waiting(store, way)

    monkeypatch.setattr(letters, "waiting", full)
    monkeypatch.setattr(module, "FIRST_PAUSE_S", 0.01)
    owe("1")
    box = Box()
    postman = Postman(folder, {MAIL: box})
    postman.start()
    assert box.has_come.wait(LIMIT_S)
    postman.leave(LIMIT_S)
    assert box.got == ["1"] and caplog.text.count("the disk is full") == 1


def test_a_server_that_dies_after_it_took_a_mail_may_get_it_twice_but_as_the_same_mail(
    folder: Path, store: Store, owe: Owe, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    owe("1")
    send = smtplib.SMTP.data

    def lost(server: smtplib.SMTP, message: bytes) -> tuple[int, bytes]:
        send(server, message)
        raise smtplib.SMTPServerDisconnected("the network is gone")

    with mail_server() as server:
        letters.keep_post_settings(store, server.settings)
        with monkeypatch.context() as patch:
            patch.setattr(smtplib.SMTP, "data", lost)
            assert not Postman(folder, {MAIL: mail}).deliver(store)
        assert Postman(folder, {MAIL: mail}).deliver(store)
        assert len({one["Message-ID"] for one in server.mails}) == 1 and len(server.mails) == 2


def test_letters_wait_for_a_server_over_a_restart(folder: Path, store: Store, owe: Owe) -> None:
    owe("1", "2")
    port = free_port()
    letters.keep_post_settings(store, PostSettings("127.0.0.1", port, sender="scan@beamline.org"))
    assert not Postman(folder, {MAIL: mail}).deliver(store)
    with mail_server(port=port) as server:
        assert Postman(folder, {MAIL: mail}).deliver(store)
        assert [one["Subject"] for one in server.mails] == ["[ptychogui] scan 1: done", "[ptychogui] scan 2: done"]
