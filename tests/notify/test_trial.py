"""A test of the ways to send word, over a real server."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ptychogui.errors import ParameterError
from ptychogui.notify.not_sent import UnreachableError
from ptychogui.notify.trial import send_test
from tests.notify.mail_server import mail_server


def test_it_says_what_has_become_of_the_mail() -> None:
    with mail_server() as server:
        settings = replace(server.settings, sender="scan@b.org")
        assert send_test(settings, "") == ("sent to scan@b.org",)
        assert send_test(settings, "one@b.org, two@b.org") == ("sent to one@b.org, two@b.org",)
        server.answers["RCPT two@b.org"] = ["550 no such user"]
        (told,) = send_test(settings, "one@b.org, two@b.org")
        assert "but refused by two@b.org" in told
        assert [mail["To"] for mail in server.mails][:2] == ["scan@b.org", "one@b.org, two@b.org"]


def test_what_is_no_address_and_no_server_is_refused() -> None:
    with mail_server() as server:
        settings = replace(server.settings, sender="scan@b.org")
        with pytest.raises(ParameterError, match="must be addresses"):
            send_test(settings, "nobody")
    with pytest.raises(UnreachableError):
        send_test(settings, "")
