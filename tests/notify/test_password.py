"""The password of the mail server: environment and keyring, and what is said where neither has it."""

from __future__ import annotations

import sys

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as NoKeyring

from ptychogui.notify.password import VARIABLE, NoKeyringError, keep_password, password_of
from ptychogui.notify.settings import PostSettings

SETTINGS = PostSettings("mail.example.org", user="me")


class InMemory(KeyringBackend):
    """A keyring of the test's own."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


class Locked(InMemory):
    """A keyring that its user has not unlocked."""

    def get_password(self, service: str, username: str) -> str | None:
        raise RuntimeError("the collection is locked")


@pytest.fixture(autouse=True)
def ring(monkeypatch: pytest.MonkeyPatch) -> InMemory:
    monkeypatch.delenv(VARIABLE, raising=False)
    ring = InMemory()
    _use(monkeypatch, ring)
    return ring


def _use(monkeypatch: pytest.MonkeyPatch, ring: KeyringBackend) -> None:
    monkeypatch.setattr(keyring.core, "_keyring_backend", ring)


def test_a_password_is_kept_for_a_user_of_a_server_and_forgotten(ring: InMemory) -> None:
    assert password_of(SETTINGS) == ""
    keep_password(SETTINGS, "secret")
    assert password_of(SETTINGS) == "secret"
    assert password_of(PostSettings("another.example.org", user="me")) == ""
    keep_password(SETTINGS, "")
    keep_password(SETTINGS, "")
    assert ring.kept == {}


def test_the_environment_goes_before_the_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    keep_password(SETTINGS, "secret")
    monkeypatch.setenv(VARIABLE, "another")
    assert password_of(SETTINGS) == "another"


def test_without_a_keyring_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    _use(monkeypatch, NoKeyring())
    for ask in (lambda: password_of(SETTINGS), lambda: keep_password(SETTINGS, "secret")):
        with pytest.raises(NoKeyringError, match=f"no keyring that can be used: set {VARIABLE}"):
            ask()


def test_a_locked_keyring_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    _use(monkeypatch, Locked())
    with pytest.raises(NoKeyringError, match=r"the collection is locked\): unlock it"):
        password_of(SETTINGS)


def test_the_library_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(NoKeyringError, match="pip install keyring"):
        password_of(SETTINGS)
