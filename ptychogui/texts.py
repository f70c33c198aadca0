"""Texts as files and terminals can hold them: names are bytes, not all of them UTF-8; and numbers, and times."""

from __future__ import annotations

import re

_NO_TEXT = re.compile("[\x00\ud800-\udfff]")
"""NUL, and what Python makes of bytes that are no UTF-8 (PEP 383)."""

_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
"""As well as what a terminal takes for an order, but for the tab and the end of a line."""


def counted(number: int, thing: str) -> str:
    """Write a number of things: "1 pixel", "3 pixels"."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def duration(seconds: float) -> str:
    """Write a time for the eye: "8 s", "3 min 20 s", "2 h 5 min"."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def storable(text: str) -> str:
    r"""Return a text as UTF-8 without NUL: a byte that is none becomes "\xe9", NUL "\x00"; all else stays."""
    return _NO_TEXT.sub(_escaped, text)


def printable(text: str) -> str:
    r"""Return a text that a terminal shows and does not obey: bytes that are no UTF-8 and controls become "\x1b"."""
    return _CONTROLS.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a name
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
