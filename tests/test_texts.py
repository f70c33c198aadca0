from __future__ import annotations

import os

import pytest

from ptychogui.texts import counted, duration, printable, storable

BYTES = os.fsdecode(b"scan_\xe9.cxi")


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        (BYTES, "scan_\\xe9.cxi"), ("a\0b", "a\\x00b"), ("\ud800", "\\ud800"), ("µ 🔬\n\t\x1b[0m", "µ 🔬\n\t\x1b[0m"),
        ("", ""),
    ],
)  # fmt: skip
def test_a_text_for_a_file_is_utf_8_without_nul(text: str, stored: str) -> None:
    assert storable(text) == stored


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        (BYTES, "scan_\\xe9.cxi"), ("\x1b[31mred\x07\r", "\\x1b[31mred\\x07\\x0d"), ("\x9b2J", "\\x9b2J"),
        ("two\nlines", "two\nlines"), ("Ω 🔬\u200d", "Ω 🔬\u200d"),
    ],
)  # fmt: skip
def test_a_text_for_a_terminal_gives_it_no_orders(text: str, printed: str) -> None:
    assert printable(text) == printed


@pytest.mark.parametrize(("number", "text"), [(0, "0 pixels"), (1, "1 pixel"), (2, "2 pixels")])
def test_things_are_counted(number: int, text: str) -> None:
    assert counted(number, "pixel") == text


@pytest.mark.parametrize(("seconds", "text"), [(-1, "0 s"), (59.4, "59 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")])
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
