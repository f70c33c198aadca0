"""Sending by SMTP to a real server: TLS, log-in, refusals, servers that are not there or say nothing."""

from __future__ import annotations

from email.message import EmailMessage
from pathlib import Path

import pytest

from ptychogui.notify.not_sent import RefusedError, UnreachableError
from ptychogui.notify.password import VARIABLE
from ptychogui.notify.settings import PostSettings
from ptychogui.notify.smtp import send
from tests.notify.mail_server import PASSWORD, MailServer, free_port, mail_server, silent_server, trusted_here

TO = ["user@example.org"]


def _mail(_limit_bytes: int = 0, text: str = "all is done") -> EmailMessage:
    message = EmailMessage()
    message["Subject"], message["To"], message["From"] = "a scan", TO[0], "scan@beamline.org"
    message.set_content(text)
    return message


def _sent(server: MailServer, settings: PostSettings | None = None) -> None:
    assert send(settings or server.settings, TO, _mail, timeout_s=10.0) == ()
    assert [mail["Subject"] for mail in server.mails] == ["a scan"]


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, PASSWORD)


@pytest.mark.parametrize("wants_user", [False, True])
@pytest.mark.parametrize("tls", ["none", "starttls", "tls"])
def test_a_mail_comes_to_a_server(tls: str, wants_user: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trusted_here(tmp_path, monkeypatch)
    with mail_server(tls, wants_user) as server:
        _sent(server)


@pytest.mark.parametrize("tls", ["starttls", "tls"])
def test_a_server_with_the_certificate_of_another_gets_nothing(
    tls: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusted_here(tmp_path, monkeypatch, "another.example.org")
    with mail_server(tls, wants_user=True) as server:
        with pytest.raises(UnreachableError, match="certificate verify failed"):
            send(server.settings, TO, _mail)
        assert server.mails == []


def test_a_server_without_tls_gets_nothing_where_tls_is_wanted() -> None:
    with mail_server() as server:
        settings = PostSettings("localhost", server.settings.port, "starttls")
        with pytest.raises(UnreachableError, match="STARTTLS"):
            send(settings, TO, _mail)
        assert server.mails == []


def test_a_wrong_password_is_the_servers_matter_and_is_not_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "another word")
    with (
        mail_server(wants_user=True) as server,
        pytest.raises(UnreachableError, match="refuses the user beamline") as told,
    ):
        send(server.settings, TO, _mail)
    assert "another word" not in str(told.value)


def test_a_password_that_smtp_cannot_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "päss")
    with mail_server(wants_user=True) as server, pytest.raises(UnreachableError, match="other letters than ASCII"):
        send(server.settings, TO, _mail)


def test_without_a_password_it_is_said_how_to_give_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "")
    with mail_server(wants_user=True) as server, pytest.raises(UnreachableError, match="ptychogui mail --password"):
        send(server.settings, TO, _mail)


def test_no_password_goes_over_a_network_in_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    with mail_server(wants_user=True) as server:
        monkeypatch.setattr("ptychogui.notify.smtp._is_here", lambda _host: False)
        with pytest.raises(UnreachableError, match="tls=starttls"):
            send(server.settings, TO, _mail)


@pytest.mark.parametrize(("host", "is_here"), [("localhost", True), ("127.0.0.1", True), ("::1", True),
                                               ("mail.example.org", False), ("192.168.0.1", False)])  # fmt: skip
def test_which_servers_are_this_machine(host: str, is_here: bool) -> None:
    from ptychogui.notify.smtp import _is_here

    assert _is_here(host) is is_here


@pytest.mark.parametrize(
    ("command", "answer", "is_final"),
    [
        (f"RCPT {TO[0]}", "550 no such user", True),
        (f"RCPT {TO[0]}", "450 come again later", False),
        ("DATA", "554 looks like spam", True),
        ("DATA", "451 the disk is full", False),
        ("MAIL", "552 too much", True),
    ],
)
def test_a_mail_that_is_refused_is_told_from_a_server_that_fails(command: str, answer: str, is_final: bool) -> None:
    with mail_server() as server:
        server.answers[command] = [answer]
        with pytest.raises(RefusedError, match=answer) as told:
            send(server.settings, TO, _mail)
        assert told.value.is_final is is_final
        _sent(server)


def test_a_sender_that_is_refused_is_a_matter_of_the_settings() -> None:
    with mail_server() as server:
        server.answers["MAIL"] = ["550 not from here"]
        with pytest.raises(UnreachableError, match="not from here"):
            send(server.settings, TO, _mail)


def test_one_of_two_addresses_is_refused() -> None:
    with mail_server() as server:
        server.answers["RCPT gone@example.org"] = ["550 has left"]
        assert send(server.settings, [*TO, "gone@example.org"], _mail) == ("gone@example.org: 550 has left",)
        assert len(server.mails) == 1


def test_the_server_says_how_large_a_mail_may_be() -> None:
    told: list[int] = []

    def compose(limit_bytes: int) -> EmailMessage:
        told.append(limit_bytes)
        return _mail()

    with mail_server(most_bytes=200_000) as server:
        send(server.settings, TO, compose)
    with mail_server() as server:
        send(PostSettings("localhost", server.settings.port, limit_MB=2.0), TO, compose)
    assert told == [200_000, 2_000_000]


def test_nobody_listens() -> None:
    with pytest.raises(UnreachableError, match=r"mail server 127\.0\.0\.1:"):
        send(PostSettings("127.0.0.1", free_port()), TO, _mail)


def test_a_server_says_nothing() -> None:
    with silent_server() as settings, pytest.raises(UnreachableError, match="timed out"):
        send(settings, TO, _mail, timeout_s=0.2)


def test_a_mail_is_sent_though_the_server_does_not_say_goodbye(monkeypatch: pytest.MonkeyPatch) -> None:
    with mail_server() as server:
        monkeypatch.setattr(MailServer, "handle_QUIT", _hang_up, raising=False)
        _sent(server)


async def _hang_up(_self: MailServer, server: object, _session: object, _envelope: object) -> str:
    server.transport.abort()  # type: ignore[attr-defined]
    return "221 bye"
