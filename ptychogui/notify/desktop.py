"""Shows a report as a notification of the desktop, where there is one; else nothing."""

from __future__ import annotations

import html
import logging
import os
import shutil
import subprocess

from ptychogui.notify.letter import subject
from ptychogui.notify.report import Report

_PROGRAM = "notify-send"
_TIMEOUT_S = 5.0

_log = logging.getLogger(__name__)


def show(report: Report) -> None:
    """Show a report."""
    program = shutil.which(_PROGRAM)
    if program is None or not _has_desktop():
        _log.debug("no desktop to show a notification on")
        return
    text = html.escape(" ".join(report.cause.split())[:300], quote=False)
    urgency = "critical" if report.state == "failed" else "normal"
    command = [program, "--app-name=ptychogui", f"--urgency={urgency}", "--", subject(report), text]
    try:
        subprocess.run(command, timeout=_TIMEOUT_S, check=True, stdin=subprocess.DEVNULL, capture_output=True)
    except (OSError, subprocess.SubprocessError) as error:
        _log.info("no notification on the desktop: %s", error)


def _has_desktop() -> bool:
    return bool(os.environ.get("DBUS_SESSION_BUS_ADDRESS") or os.environ.get("DISPLAY"))
