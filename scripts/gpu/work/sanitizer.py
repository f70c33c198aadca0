"""CUDA's compute-sanitizer over a small case: accesses out of bounds, and races in shared memory."""

from __future__ import annotations

import shutil
import subprocess
import sys

from scripts.gpu.figures import Figures, FoundWrongError, SkippedError
from scripts.gpu.pretended import smaller

_TOOLS = {"memcheck": smaller(24.0, 240.0), "racecheck": smaller(13.0, 130.0)}
"""What it looks for, and how many seconds it may take."""
_CLEAN = ("0 errors", "0 hazards")
_LINES = 20


def look(figures: Figures) -> None:
    """Tell the summary of each tool, and the first lines of what it found."""
    program = shutil.which("compute-sanitizer")
    if program is None:
        raise SkippedError("compute-sanitizer is not on the PATH")
    bad = []
    for tool, limit_s in _TOOLS.items():
        lines = _said(program, tool, limit_s)
        summary = next((line for line in reversed(lines) if "SUMMARY" in line), "no summary")
        figures.tell(tool, {"summary": summary, "lines": lines[:_LINES]})
        bad += [f"{tool}: {summary}"] * (not any(clean in summary for clean in _CLEAN))
    if bad:
        raise FoundWrongError("; ".join(bad))


def _said(program: str, tool: str, limit_s: float) -> list[str]:
    """Return the tool's own lines, which begin with '=', or else the last ones that came."""
    command = [program, "--tool", tool, "--print-limit", "20", sys.executable, "-m", "scripts.gpu.work.small_case"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=limit_s)
    except subprocess.TimeoutExpired:
        return [f"ended after {limit_s:.0f} s"]
    lines = (done.stdout + done.stderr).splitlines()
    return [line.strip("= ") for line in lines if line.startswith("=====")] or lines[-_LINES:]
