"""Sends one mail by SMTP, and says of what went wrong whether it is the server's matter or the mail's."""

from __future__ import annotations

import contextlib
import ipaddress
import smtplib
import ssl
from collections.abc import Callable, Iterator, Sequence
from email.message import EmailMessage

from ptychogui.notify.not_sent import RefusedError, UnreachableError
from ptychogui.notify.password import VARIABLE, NoKeyringError, password_of
from ptychogui.notify.settings import PostSettings

TIMEOUT_S = 30.0
"""For every answer of the server."""

_TOO_LARGE = 552
_FINAL = 500
"""Codes from here on mean never, those below not now (RFC 5321, section 4.2.1)."""


def send(
    settings: PostSettings,
    to: Sequence[str],
    compose: Callable[[int], EmailMessage],
    timeout_s: float = TIMEOUT_S,
) -> tuple[str, ...]:
    """Send a mail.

    Args:
        settings: the server.
        to: addresses.
        compose: makes the mail of at most so many bytes, once the server has said what it takes.
        timeout_s: how long to wait for each answer.

    Returns:
        which addresses were refused, each with the reason, while others were not.

    Raises:
        UnreachableError: the server can't be used now.
        RefusedError: it does not take this mail.
    """
    with _refusals(settings), _connected(settings, timeout_s) as server:
        message = compose(min(settings.limit_bytes, _most_bytes(server)))
        refused = server.send_message(message, settings.from_address, list(to))
        return tuple(f"{address}: {_said(*answer)}" for address, answer in refused.items())


@contextlib.contextmanager
def _connected(settings: PostSettings, timeout_s: float) -> Iterator[smtplib.SMTP]:
    """Connect and log in; once the mail is taken, how the server says good-bye does not matter."""
    if settings.tls == "tls":
        context = ssl.create_default_context()
        server: smtplib.SMTP = smtplib.SMTP_SSL(settings.host, settings.used_port, timeout=timeout_s, context=context)
    else:
        server = smtplib.SMTP(settings.host, settings.used_port, timeout=timeout_s)
    try:
        if settings.tls == "starttls":
            server.starttls(context=ssl.create_default_context())
        if settings.user:
            server.login(settings.user, _password(settings))
        server.ehlo_or_helo_if_needed()
        yield server
        with contextlib.suppress(smtplib.SMTPException, OSError):
            server.quit()
    finally:
        server.close()


def _password(settings: PostSettings) -> str:
    if settings.tls == "none" and not _is_here(settings.host):
        raise UnreachableError(
            f"the password for {settings.host} would go over the network for all to read: ptychogui mail --set "
            "tls=starttls or tls=tls"
        )
    try:
        password = password_of(settings)
    except NoKeyringError as error:
        raise UnreachableError(f"no password for {settings.user} on {settings.host}: {error}") from error
    if not password:
        raise UnreachableError(
            f"no password for {settings.user} on {settings.host}: ptychogui mail --password, or set {VARIABLE}"
        )
    return password


def _is_here(host: str) -> bool:
    """Whether a server is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _most_bytes(server: smtplib.SMTP) -> int:
    """Return how large a mail the server takes; it says 0 where it does not say."""
    said = server.esmtp_features.get("size", "")
    return int(said) if said.isdecimal() and int(said) else 1 << 62


@contextlib.contextmanager
def _refusals(settings: PostSettings) -> Iterator[None]:
    """Turn the errors of SMTP into ours."""
    where = f"mail server {settings.host}:{settings.used_port}"
    try:
        yield
    except smtplib.SMTPRecipientsRefused as error:
        answers = [f"{address}: {_said(*answer)}" for address, answer in error.recipients.items()]
        is_final = all(code >= _FINAL for code, _ in error.recipients.values())
        raise RefusedError(f"{where} refuses {'; '.join(answers)}", is_final) from error
    except smtplib.SMTPAuthenticationError as error:
        said = _said(error.smtp_code, error.smtp_error)
        raise UnreachableError(f"{where} refuses the user {settings.user} or the password: {said}") from error
    except smtplib.SMTPResponseException as error:
        said = f"{where}: {_said(error.smtp_code, error.smtp_error)}"
        is_of_mail = isinstance(error, smtplib.SMTPDataError) or error.smtp_code == _TOO_LARGE
        if not is_of_mail:
            raise UnreachableError(said) from error
        raise RefusedError(said, error.smtp_code >= _FINAL) from error
    except UnicodeError as error:
        raise UnreachableError(f"{where} can't be told a user or a password with other letters than ASCII") from error
    except (smtplib.SMTPException, OSError) as error:
        raise UnreachableError(f"{where}: {str(error) or type(error).__name__}") from error


def _said(code: int, text: bytes | str) -> str:
    words = text.decode("utf-8", "backslashreplace") if isinstance(text, bytes) else text
    return f"{code} {' '.join(words.split())}"
