"""`ptychogui mail`: how word is sent of jobs that have ended, and what is still to be sent."""

from __future__ import annotations

import sys

import click

from ptychogui.cli.terminal import error_console, one_line, say, stdout_width, table, tell
from ptychogui.errors import ParameterError
from ptychogui.notify.password import keep_password, password_text
from ptychogui.notify.settings import PostSettings
from ptychogui.notify.trial import send_test
from ptychogui.params.click_words import Command
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
            _test(settings, to)
        if not (words or password or test):
            _tell(store, settings)


def _tell(store: Store, settings: PostSettings) -> None:
    rows = [*settings.shown().items(), ("password", password_text(settings))]
    tell(table(rows, stdout_width()))
    for way in (MAIL, WEBHOOK, DESKTOP):
        for one in letters.waiting(store, way):
            tell(f"not sent so far by {way}: {one.report.title}, {one.report.state}: {one.cause or 'not tried'}")


def _test(settings: PostSettings, to: str) -> None:
    try:
        told = send_test(settings, to)
    except ParameterError as error:
        raise ParameterError(f"--to {error}") from None
    for line in told:
        say(error_console(), one_line(line))


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
