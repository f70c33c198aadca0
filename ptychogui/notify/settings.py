"""Settings of the ways to send word: the mail server, a webhook, the desktop. No password is among them."""

from __future__ import annotations

import getpass
import json
import socket
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any
from urllib.parse import urlsplit

from ptychogui.errors import ParameterError
from ptychogui.params.model import addresses_text

PORTS = {"none": 25, "starttls": 587, "tls": 465}
"""The usual port of each kind of connection."""


@dataclass(frozen=True)
class PostSettings:
    """How word is sent.

    Attributes:
        host: the mail server.
        port: its port; 0 for the usual one of `tls`.
        tls: "none", "starttls", which turns to TLS before anything is said, or "tls" from the first byte.
        user: who logs in; "" where nobody has to.
        sender: address that mail comes from; "" for the user of this machine.
        limit_MB: the largest mail, as it is sent.
        webhook: URL that gets JSON; "" for none. It may hold a secret.
        desktop: whether the desktop shows a notification.
    """

    host: str = "localhost"
    port: int = 0
    tls: str = "none"
    user: str = ""
    sender: str = ""
    limit_MB: float = 8.0
    webhook: str = ""
    desktop: bool = False

    @property
    def used_port(self) -> int:
        """The port, the usual one where none is set."""
        return self.port or PORTS[self.tls]

    @property
    def from_address(self) -> str:
        """The address that mail comes from."""
        return self.sender or f"{getpass.getuser()}@{socket.getfqdn()}"

    @property
    def limit_bytes(self) -> int:
        """Size of the largest mail in bytes."""
        return int(self.limit_MB * 1e6)

    def with_words(self, words: tuple[str, ...]) -> PostSettings:
        """Return settings with some of them set by words such as "host=mail.example.org"; "host=" sets the default.

        Raises:
            ParameterError: a word names no setting, or has no value for it.
        """
        texts: dict[str, str] = {}
        for word in words:
            name, equals, text = word.partition("=")
            if not equals or name not in _PARSERS:
                raise ParameterError(f"--set {word}: say NAME=VALUE, where NAME is {', '.join(_PARSERS)}")
            texts[name] = text
        try:
            return self.with_texts(texts)
        except ParameterError as error:
            raise ParameterError(f"--set {' --set '.join(words)}: {error}") from None

    def with_texts(self, texts: Mapping[str, str]) -> PostSettings:
        """Return settings with some of them set: name -> text; "" sets the default.

        Raises:
            ParameterError: a text is no value of its setting.
        """
        return replace(self, **{name: _parsed(name, text.strip()) for name, text in texts.items()})

    def to_json(self) -> str:
        """Write them as JSON that `from_json` reads back."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> PostSettings:
        """Read what `to_json` wrote; "" gives the defaults."""
        return cls(**json.loads(text or "{}"))

    def shown(self) -> Mapping[str, str]:
        """Return what may be shown of them by name."""
        words = {"port": str(self.used_port), "sender": self.from_address, "desktop": "on" if self.desktop else "off",
                 "webhook": webhook_text(self.webhook) or "none", "user": self.user or "none"}  # fmt: skip
        return {name: words.get(name, str(value)) for name, value in asdict(self).items()}


def webhook_text(url: str) -> str:
    """Return what may be shown of a webhook: its server, since the rest is often a secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}/..." if url else ""


_DEFAULTS = {field.name: field.default for field in fields(PostSettings)}


def _parsed(name: str, text: str) -> Any:
    try:
        return _PARSERS[name](text) if text else _DEFAULTS[name]
    except ValueError as error:
        raise ParameterError(f"{name} {error}") from None


def _host(text: str) -> str:
    if not text.isprintable() or any(sign in text for sign in "/@ "):
        raise ValueError("must be the name or the address of a mail server: mail.example.org")
    return text


def _port(text: str) -> int:
    if not (text.isdecimal() and 0 < int(text) < 65536):
        raise ValueError("must be a number from 1 to 65535")
    return int(text)


def _tls(text: str) -> str:
    if text.casefold() not in PORTS:
        raise ValueError(f"must be one of {', '.join(PORTS)}")
    return text.casefold()


def _sender(text: str) -> str:
    address = addresses_text(text)
    if ", " in address:
        raise ValueError("must be one address")
    return address


def _limit(text: str) -> float:
    try:
        limit = float(text)
    except ValueError:
        limit = 0.0
    if not 0.1 <= limit <= 1000:
        raise ValueError("must be a number of MB from 0.1 to 1000")
    return limit


def _webhook(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be a URL that begins with https:// or http://")
    return text


def _switch(text: str) -> bool:
    if text.casefold() not in ("on", "off"):
        raise ValueError("must be on or off")
    return text.casefold() == "on"


_PARSERS: dict[str, Callable[[str], Any]] = {
    "host": _host, "port": _port, "tls": _tls, "user": str, "sender": _sender, "limit_MB": _limit,
    "webhook": _webhook, "desktop": _switch,
}  # fmt: skip
