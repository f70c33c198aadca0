"""The command line: `ptychogui` and its commands, a module for each."""

from __future__ import annotations

from ptychogui.cli.program import main

__all__ = ["main"]
