"""Notifications of the desktop: by notify-send where it is, else nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ptychogui.notify.desktop import show
from tests.notify.test_letter import DONE


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a notify-send in the way that writes down how it was called."""
    program, said = tmp_path / "bin" / "notify-send", tmp_path / "said"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {said}\nexit ${{EXIT:-0}}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere")
    return said


def test_a_report_is_shown(said: Path) -> None:
    show(replace(DONE, state="failed", cause="a < b & -c"))
    assert said.read_text().splitlines() == [
        "--app-name=ptychogui", "--urgency=critical", "--", "[ptychogui] fly0012: failed", "a &lt; b &amp; -c",
    ]  # fmt: skip


def test_one_that_fails_is_no_matter(said: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXIT", "1")
    show(DONE)
    assert said.exists()


def test_nothing_is_called_where_there_is_no_desktop(said: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS")
    monkeypatch.delenv("DISPLAY", raising=False)
    show(DONE)
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setenv("PATH", "")
    show(DONE)
    assert not said.exists()
