"""A test of the ways to send word: what becomes of a report that is sent each way that is set."""

from __future__ import annotations

import uuid
from functools import partial

from ptychogui.errors import ParameterError
from ptychogui.notify import desktop, webhook
from ptychogui.notify.letter import letter
from ptychogui.notify.report import Report
from ptychogui.notify.settings import PostSettings
from ptychogui.notify.smtp import send
from ptychogui.params.model import addresses_text


def send_test(settings: PostSettings, to: str) -> tuple[str, ...]:
    """Send a test each way that is set.

    Args:
        settings: the ways.
        to: address of the mail; "" for the sender's.

    Returns:
        what has become of it, a sentence each.

    Raises:
        ParameterError: `to` is no address.
        UnreachableError: a server can't be used now.
        RefusedError: a server does not take it.
    """
    try:
        addresses = addresses_text(to or settings.from_address)
    except ValueError as error:
        raise ParameterError(f"{to}: {error}") from None
    report = Report(uuid.uuid4().hex, "test", "done", addresses, cause="this is a test of ptychogui mail")
    refused = send(settings, addresses.split(", "), partial(letter, report, settings))
    told = [f"sent to {addresses}" + (f", but refused by {'; '.join(refused)}" if refused else "")]
    if settings.webhook:
        webhook.post(settings.webhook, report)
        told.append("sent to the webhook")
    if settings.desktop:
        desktop.show(report)
    return tuple(told)
