"""The runner: one step after the other, each in a process that can crash or hang alone; all is written as it comes."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from scripts.gpu.figures import Figures
from scripts.gpu.page import page
from scripts.gpu.step import END
from scripts.gpu.steps import TOTAL_S, Step

_LOOK_EVERY_S = 1.0
_LEAVING_S = 5.0
"""What a process may take to leave when its work is done."""
_TAIL = 4000
"""Characters of a failed step's output that go into the JSON; the log has all."""


class Trial:
    """All steps and what came of them: gpu.json, gpu.md with the tables, and gpu.log with all output, in a folder."""

    def __init__(self, folder: Path, environment: Mapping[str, str], total_s: float = TOTAL_S) -> None:
        """Begin one.

        Args:
            folder: where the three files go.
            environment: of the steps' processes.
            total_s: what all steps together may take.
        """
        self._environment = environment
        folder.mkdir(parents=True, exist_ok=True)
        self._json, self._page, self._log = (folder / f"gpu.{kind}" for kind in ("json", "md", "log"))
        self._log.write_text("")
        self._ends_at = time.monotonic() + total_s
        self.found: dict[str, Any] = {"began": datetime.now().astimezone().isoformat(timespec="seconds"), "steps": {}}

    def run(self, steps: Sequence[Step]) -> bool:
        """Do the steps, with a line for each; return whether none failed."""
        for step in steps:
            print(f"{step.title} ...", end=" ", flush=True)
            entry = self._do(step)
            print(
                f"{entry['seconds']:.1f} s, {entry['verdict']}{': ' if entry['words'] else ''}{entry['words']}",
                flush=True,
            )
        print(f"{self._json}  {self._page}  {self._log}")
        return not any(entry["verdict"] in ("failed", "ended") for entry in self.found["steps"].values())

    def _do(self, step: Step) -> dict[str, Any]:
        began, limit_s = time.monotonic(), min(step.limit_s, self._ends_at - time.monotonic())
        entry: dict[str, Any] = {"title": step.title, "limit_s": step.limit_s, "seconds": 0.0, "figures": {}}
        self.found["steps"][step.name] = entry
        if limit_s <= 0:
            self._write(entry, "skipped", "no time is left")
            return entry
        with tempfile.TemporaryDirectory() as folder, _output(self._log, step) as output:
            file, code, end = Path(folder) / "figures", None, None
            with _process(step, file, output, self._environment) as process:
                while code is None and end is None and time.monotonic() - began < limit_s:
                    code = _left(process, _LOOK_EVERY_S)
                    end = self._take(entry, Figures(file), began)
                if end is not None and code is None:
                    code = _left(process, _LEAVING_S)
        self._write(entry, *_verdict(end, code, limit_s))
        return entry

    def _take(self, entry: dict[str, Any], figures: Figures, began: float) -> Any:
        """Keep what a step has found so far; return how it ended, if it has said so."""
        now = figures.read()
        end = now.pop(END, None)
        entry["seconds"] = round(time.monotonic() - began, 1)
        if now != entry["figures"]:
            entry["figures"] = now
            self._write(entry, "under way", "")
        return end

    def _write(self, entry: dict[str, Any], verdict: str, words: str) -> None:
        entry |= {"verdict": verdict, "words": words}
        if verdict in ("failed", "ended"):
            entry["output"] = self._log.read_text(encoding="utf-8", errors="replace")[-_TAIL:]
        _replace(self._json, json.dumps(self.found, indent=1))
        try:
            _replace(self._page, page(self.found))
        except Exception:  # the next step is worth more than the tables, which the JSON has the numbers of
            traceback.print_exc()


def _replace(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    whole = path.with_suffix(f"{path.suffix}.new")
    whole.write_text(text, encoding="utf-8")
    whole.replace(path)


def _left(process: subprocess.Popen[bytes], timeout_s: float) -> int | None:
    """Wait for the end of a process; return its exit code, None where it goes on."""
    try:
        return process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        return None


def _verdict(end: Sequence[str] | None, code: int | None, limit_s: float) -> tuple[str, str]:
    """Return how a step ended, by what it said and by how its process did: one may crash on leaving."""
    if end is not None and (code == 0 or end[0] != "ok"):
        return end[0], end[1]
    if code is None:
        return "ended", f"after {limit_s:.0f} s" if end is None else "its process does not leave"
    return (
        "ended",
        f"its process was ended by {signal.Signals(-code).name}" if code < 0 else f"its process left with {code}",
    )


@contextlib.contextmanager
def _output(log: Path, step: Step) -> Iterator[int]:
    with log.open("ab") as file:
        file.write(f"\n== {step.name}: {step.title}\n".encode())
        file.flush()
        yield file.fileno()


@contextlib.contextmanager
def _process(
    step: Step, figures: Path, output: int, environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a step's process; end it, with all that it started, when it is left."""
    command = [sys.executable, "-X", "faulthandler", "-m", "scripts.gpu.step", step.work, str(figures)]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):  # where it has not made its group yet, or all of it has ended
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.wait()
