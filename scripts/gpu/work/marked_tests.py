"""The project's own tests that are marked gpu, run by pytest without what only the window's tests need."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from scripts.gpu.figures import Figures, FoundWrongError, SkippedError
from scripts.gpu.pretended import smaller

ROOT = Path(__file__).resolve().parents[3]
_NAMED = 20
"""Failed tests that are named; the log has all."""


def kernels(figures: Figures) -> None:
    """Run the tests of the backend: kernels against twins, FFTs, repeated bits, out of memory."""
    _run(figures, ["tests/backends/cuda"], smaller("", "ffts or does_not_fit or exit_wave"))


def engines(figures: Figures) -> None:
    """Run the tests of engines: CUDA graphs, patterns that stream, constraints, the variable probe."""
    _run(figures, ["tests/engines", "tests/jobs/preflight/test_cost_checks.py"], smaller("", "streams and epie"))


def _run(figures: Figures, paths: list[str], chosen: str) -> None:
    seen = _Seen(figures)
    options = ["-c", "/dev/null", "--rootdir", str(ROOT), "-p", "no:cacheprovider", "--import-mode=importlib", "-q",
               "-W", "ignore::pytest.PytestUnknownMarkWarning"]  # fmt: skip
    code = pytest.main(
        [*options, "-m", "gpu", "-k", chosen, "--tb=short", *(str(ROOT / path) for path in paths)], plugins=[seen]
    )
    seen.tell()
    if seen.count["failed"] or code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise FoundWrongError(f"{seen.count['failed']} of {seen.count.total()} tests failed (pytest: {int(code)})")
    if not seen.count["passed"]:
        raise SkippedError(next(iter(seen.reasons), "no test was run"))


class _Seen:
    """A plugin of pytest that counts tests and keeps what failed."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures
        self.count: Counter[str] = Counter()
        self.failed: dict[str, str] = {}
        self.reasons: dict[str, None] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take note of a test, or of its set-up or its end where these went wrong."""
        if report.when != "call" and report.passed:
            return
        self.count[report.outcome] += 1
        if report.failed and len(self.failed) < _NAMED:
            self.failed[report.nodeid] = str(report.longrepr).strip().rpartition("\n")[2][:300]
            self.tell()
        if report.skipped and isinstance(report.longrepr, tuple):
            self.reasons[report.longrepr[2].removeprefix("Skipped: ")] = None

    def tell(self) -> None:
        """Tell the numbers so far."""
        for outcome in ("passed", "failed", "skipped"):
            self._figures.tell(outcome, self.count[outcome])
        self._figures.tell("failures", self.failed)
