"""A real mail server of the test's own, which takes, refuses or keeps silent as the test wants."""

from __future__ import annotations

import email
import email.policy
import logging
import socket
import ssl
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from ptychogui.notify.settings import PostSettings

logging.getLogger("mail").setLevel(logging.CRITICAL)  # the server's own, which is no part of what is tested

USER, PASSWORD = "beamline", "a secret's secret"


class MailServer:
    """What has come to a mail server, and what it answers.

    Attributes:
        mails: all that was taken, in order.
        raw: their bytes.
        answers: what the next commands of a kind are answered with in place of "250 OK".
        settings: how it is reached.
        handed_over: set by each mail that is taken.
    """

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.raw: list[bytes] = []
        self.answers: dict[str, list[str]] = {}
        self.settings = PostSettings()
        self.handed_over = threading.Event()

    async def handle_MAIL(self, _server: Any, _session: Any, envelope: Any, address: str, options: list[str]) -> str:
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return self._answer("MAIL")

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: list[str]) -> str:
        answer = self._answer(f"RCPT {address}")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        answer = self._answer("DATA")
        if answer.startswith("250"):
            self.raw.append(envelope.content)
            self.mails.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
            self.handed_over.set()
        return answer

    def _answer(self, command: str) -> str:
        left = self.answers.get(command)
        return left.pop(0) if left else "250 OK"


def _check(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
    known = LoginPassword(USER.encode(), PASSWORD.encode())
    return AuthResult(success=data == known, handled=False)


@contextmanager
def mail_server(
    tls: str = "none", wants_user: bool = False, most_bytes: int | None = None, port: int = 0
) -> Iterator[MailServer]:
    """Run a mail server on localhost.

    Args:
        tls: as PostSettings has it; its certificate is the one of `trusted_here`.
        wants_user: whether it takes mail of USER only.
        most_bytes: of a mail.
        port: any that is free if 0.
    """
    server, port = MailServer(), port or free_port()
    context = _CONTEXT.get("server")
    extra: dict[str, Any] = {"starttls": {"tls_context": context, "require_starttls": True}, "tls": {}, "none": {}}[tls]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Requiring AUTH while not requiring TLS")
        controller = Controller(
            server, "127.0.0.1", port, ssl_context=context if tls == "tls" else None, authenticator=_check,
            auth_required=wants_user, auth_require_tls=False, data_size_limit=most_bytes, **extra,
        )  # fmt: skip
        controller.start()
        try:
            server.settings = PostSettings("localhost", port, tls, USER if wants_user else "", "scan@beamline.org")
            yield server
        finally:
            controller.stop()


_CONTEXT: dict[str, ssl.SSLContext] = {}


def trusted_here(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str = "localhost") -> None:
    """Make a certificate of a name for the mail server, which this process trusts."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    monkeypatch.setitem(_CONTEXT, "server", context)
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "authority.pem"))


@contextmanager
def silent_server() -> Iterator[PostSettings]:
    """Run a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield PostSettings("127.0.0.1", listening.getsockname()[1])


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])
