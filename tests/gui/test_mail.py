"""The settings of mail in the window: kept in the store, the password in the keyring, and tried over a real server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import keyring
import pytest
from pytestqt.qtbot import QtBot

from ptychogui.controllers.background import Background
from ptychogui.controllers.queue.mail import MailController
from ptychogui.notify.password import VARIABLE
from ptychogui.notify.settings import PostSettings
from ptychogui.queue.store import letters
from ptychogui.queue.store.store import Store
from ptychogui.views.shell.mail_dialog import MailDialog
from tests.notify.mail_server import PASSWORD, USER, mail_server
from tests.notify.test_password import InMemory


class FakeQueue:
    """A queue that does at once what it is told to do with its store."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def do(self, work: Any, done: Any, _failed: Any) -> None:
        done(work(self.store))


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(keyring.core, "_keyring_backend", InMemory())
    with Store(tmp_path / "queue") as store:
        yield store


@pytest.fixture
def dialog(qtbot: QtBot) -> MailDialog:
    made = MailDialog(None)  # type: ignore[arg-type]
    qtbot.addWidget(made)
    made.show()
    return made


@pytest.fixture
def mail(qtbot: QtBot, store: Store, dialog: MailDialog) -> Iterator[MailController]:
    background = Background()
    made = MailController(FakeQueue(store), background)  # type: ignore[arg-type]
    made.shown.connect(dialog.show_settings)
    made.told.connect(dialog.show_answer)
    made.refused.connect(dialog.show_problem)
    dialog.keepAsked.connect(made.keep)
    dialog.testAsked.connect(made.test)
    with qtbot.waitSignal(made.shown, timeout=5000):
        made.open()
    yield made
    background.close()


def said(qtbot: QtBot, dialog: MailDialog, text: str) -> None:
    qtbot.waitUntil(lambda: text in dialog.answer.text(), timeout=10_000)


def test_settings_are_kept_and_shown(qtbot: QtBot, mail: MailController, dialog: MailDialog, store: Store) -> None:
    assert dialog.lines["port"].placeholderText() == "25"
    for name, text in (("host", "mail.example.org"), ("user", USER), ("sender", "scan@b.org")):
        dialog.lines[name].setText(text)
    dialog.tls.setCurrentIndex(1)
    assert dialog.lines["port"].placeholderText() == "587"
    dialog.desktop.setChecked(True)
    qtbot.keyClicks(dialog.password, PASSWORD)
    with qtbot.waitSignal(mail.told, timeout=5000):
        dialog.keep.click()
    kept = PostSettings("mail.example.org", 0, "starttls", USER, "scan@b.org", desktop=True)
    assert letters.post_settings(store) == kept
    qtbot.waitUntil(lambda: dialog.password.placeholderText() == "kept in the keyring", timeout=5000)
    assert dialog.password.text() == "" and keyring.get_password("ptychogui mail mail.example.org", USER) == PASSWORD
    with qtbot.waitSignal(mail.told, timeout=5000):
        dialog.keep.click()
    assert keyring.get_password("ptychogui mail mail.example.org", USER) == PASSWORD, "it stays where none is typed"


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [("port", "many", "port must be a number"), ("host", "a b", "host must be"), ("sender", "me", "sender must be"),
     ("webhook", "ftp://x", "webhook must be")],
)  # fmt: skip
def test_nonsense_is_refused_in_words(
    mail: MailController, dialog: MailDialog, store: Store, name: str, text: str, why: str
) -> None:
    dialog.lines[name].setText(text)
    dialog.keep.click()
    assert why in dialog.answer.text() and dialog.answer.objectName() == "problem"
    assert letters.post_settings(store) == PostSettings()


def test_a_password_without_a_user_is_refused(qtbot: QtBot, mail: MailController, dialog: MailDialog) -> None:
    qtbot.keyClicks(dialog.password, PASSWORD)
    dialog.keep.click()
    assert "a password is for a user" in dialog.answer.text()


def test_a_test_mail_is_sent_and_its_answer_is_said(
    qtbot: QtBot, mail: MailController, dialog: MailDialog, store: Store
) -> None:
    with mail_server() as server:
        letters.keep_post_settings(store, replace(server.settings, sender="scan@b.org"))
        with qtbot.waitSignal(mail.shown, timeout=5000):
            mail.open()
        dialog.to.setText("user@example.org")
        dialog.test.click()
        said(qtbot, dialog, "Sent to user@example.org")
        assert [one["To"] for one in server.mails] == ["user@example.org"]
        dialog.to.setText("nobody")
        dialog.test.click()
        said(qtbot, dialog, "must be addresses")
    dialog.to.setText("user@example.org")
    dialog.test.click()
    said(qtbot, dialog, "refused")
