"""Whether a window can be shown here. Qt itself ends the whole process where it can't, so another one tries it."""

from __future__ import annotations

import os
import subprocess
import sys

_TRY = "import PyQt5.QtWidgets as widgets; widgets.QApplication([])"


def missing_display() -> str:
    """Say why nobody would see a window; "" if one can be shown."""
    platform = os.environ.get("QT_QPA_PLATFORM", "").partition(":")[0]
    if platform in ("offscreen", "minimal"):
        return f"QT_QPA_PLATFORM={platform} shows no window"
    screens = ("QT_QPA_PLATFORM", "DISPLAY", "WAYLAND_DISPLAY")
    if sys.platform.startswith("linux") and not any(map(os.environ.get, screens)):
        return "there is no display"
    try:
        trial = subprocess.run([sys.executable, "-c", _TRY], capture_output=True, text=True, timeout=60)
    except subprocess.TimeoutExpired:
        return "the display does not answer"
    lines = trial.stderr.strip().splitlines()
    return f"Qt can't open a window: {lines[-1] if lines else trial.returncode}" if trial.returncode else ""
