"""The password of the mail server: from the environment, or in the system's keyring. It is written nowhere else."""

from __future__ import annotations

import os
from types import ModuleType

from ptychogui.errors import PtychoError
from ptychogui.notify.settings import PostSettings

VARIABLE = "PTYCHOGUI_SMTP_PASSWORD"


class NoKeyringError(PtychoError):
    """The system's keyring is not there, or can't be used."""


def password_of(settings: PostSettings) -> str:
    """Return the password of the settings' user; "" if none is kept.

    Raises:
        NoKeyringError: it is not in the environment, and the keyring can't be asked.
    """
    if VARIABLE in os.environ:
        return os.environ[VARIABLE]
    keyring = _keyring()
    try:
        return keyring.get_password(_service(settings), settings.user) or ""
    except Exception as error:
        raise _unusable(error) from error


def password_text(settings: PostSettings) -> str:
    """Say where the password is, never what it is."""
    if not settings.user:
        return "not needed"
    try:
        return "known" if password_of(settings) else "none"
    except NoKeyringError as error:
        return f"none: {error}"


def keep_password(settings: PostSettings, password: str) -> None:
    """Keep a password in the keyring, or forget it where it is "".

    Raises:
        NoKeyringError: the keyring can't be used.
    """
    keyring = _keyring()
    try:
        if password:
            keyring.set_password(_service(settings), settings.user, password)
        elif keyring.get_password(_service(settings), settings.user) is not None:
            keyring.delete_password(_service(settings), settings.user)
    except Exception as error:
        raise _unusable(error) from error


def _service(settings: PostSettings) -> str:
    return f"ptychogui mail {settings.host}"


def _keyring() -> ModuleType:
    try:
        import keyring
    except ImportError as error:
        raise NoKeyringError(f"Python's keyring is not installed: pip install keyring, or set {VARIABLE}") from error
    return keyring


def _unusable(error: Exception) -> NoKeyringError:
    """Say what is wrong with the keyring; its backends raise errors of many kinds."""
    if type(error).__name__ == "NoKeyringError":
        return NoKeyringError(f"this system has no keyring that can be used: set {VARIABLE} for ptychogui run")
    said = str(error).strip() or type(error).__name__
    return NoKeyringError(f"the system's keyring can't be used ({said}): unlock it, or set {VARIABLE}")
