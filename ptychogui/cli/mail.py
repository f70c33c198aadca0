"""`ptychogui mail`: how word is sent of jobs that have ended, and what is still to be sent."""

from __future__ import annotations

import sys
import uuid
from functools import partial

import click

from ptychogui.cli.terminal import error_console, one_line, say, stdout_width, table, tell
from ptychogui.errors import ParameterError
from ptychogui.notify import desktop, webhook
from ptychogui.notify.letter import letter
from ptychogui.notify.password import NoKeyringError, keep_password, password_of
from ptychogui.notify.report import Report
from ptychogui.notify.settings import PostSettings
from ptychogui.notify.smtp import send
from ptychogui.params.click_words import Command
from ptychogui.params.model import addresses_text
from ptychogui.queue.store import letters
from ptychogui.queue.store.letters import DESKTOP, MAIL, WEBHOOK
from ptychogui.queue.store.store import Store


@click.command(cls=Command)
@click.option("--set", "words", multiple=True, metavar="NAME=VALUE", help="Set host, port, tls (none, starttls, tls), "
              "user, sender, limit_MB, webhook (a URL) or desktop (on or off). NAME= sets the default.")  # fmt: skip
@click.option("--password", is_flag=True, help="Ask for the password of the user, and keep it in the system's keyring; "
              "an empty one is forgotten.")  # fmt: skip
@click.option("--test", is_flag=True, help="Send a test each way that is set.")
@click.option("--to", default="", metavar="ADDRESS", help="Where the test goes; to the sender when not given.")
def mail(words: tuple[str, ...], password: bool, test: bool, to: str) -> None:
    """Say how word is sent of jobs that have ended, or set it; and list what could not be sent so far.

    Jobs that were made with --email ADDRESS send mail. The password is kept in the system's keyring, or is in
    PTYCHOGUI_SMTP_PASSWORD where there is none.
    """
    with Store() as store:
        settings = letters.post_settings(store).with_words(words)
        if words:
            letters.keep_post_settings(store, settings)
        if password:
            _ask_password(settings)
        if test:
            _send_test(settings, _test_address(to, settings))
        if not (words or password or test):
            _tell(store, settings)


def _tell(store: Store, settings: PostSettings) -> None:
    rows = [*settings.shown().items(), ("password", _password_text(settings))]
    tell(table(rows, stdout_width()))
    for way in (MAIL, WEBHOOK, DESKTOP):
        for one in letters.waiting(store, way):
            tell(f"not sent so far by {way}: {one.report.title}, {one.report.state}: {one.cause or 'not tried'}")


def _password_text(settings: PostSettings) -> str:
    """Say where the password is, never what it is."""
    if not settings.user:
        return "not needed"
    try:
        return "known" if password_of(settings) else "none"
    except NoKeyringError as error:
        return f"none: {error}"


def _ask_password(settings: PostSettings) -> None:
    """Read a password without showing it, or a line of the standard input where that is no terminal."""
    if not settings.user:
        raise ParameterError("a password is for a user: ptychogui mail --set user=NAME --password")
    if sys.stdin.isatty():
        given = click.prompt("Password", default="", hide_input=True, show_default=False, err=True)
    else:
        given = sys.stdin.readline().rstrip("\r\n")
    keep_password(settings, given)
    say(error_console(), f"the password is {'kept in' if given else 'removed from'} the keyring")


def _test_address(to: str, settings: PostSettings) -> str:
    try:
        return addresses_text(to or settings.from_address)
    except ValueError as error:
        raise ParameterError(f"--to {to}: {error}") from None


def _send_test(settings: PostSettings, to: str) -> None:
    report = Report(uuid.uuid4().hex, "test", "done", to, cause="this is a test of ptychogui mail")
    refused = send(settings, to.split(", "), partial(letter, report, settings))
    say(error_console(), f"sent to {to}" + (f", but refused by {'; '.join(map(one_line, refused))}" if refused else ""))
    if settings.webhook:
        webhook.post(settings.webhook, report)
        say(error_console(), "sent to the webhook")
    if settings.desktop:
        desktop.show(report)
