"""Where the window's results go."""

from __future__ import annotations

from ptychogui.jobs.outputs import result_path

__all__ = ["result_path"]
