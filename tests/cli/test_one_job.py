"""One job of the command line: its progress, its result, and the signals that stop it."""

from __future__ import annotations

import ctypes
import io
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from ptychogui.cli import one_job
from ptychogui.cli.one_job import duration_text, shown_progress
from ptychogui.io.result import read_result
from ptychogui.jobs.job import Control, Job, Progress
from ptychogui.states import State
from tests.cli.runs import FAST, refusal, run, start


def progress_of(iteration: int, iterations: int = 100, notes: tuple[str, ...] = ()) -> Progress:
    return Progress(
        "1", iteration, iterations, error=1.5, elapsed_s=0.1 * iteration, positions_per_s=1234.0, object_pixel_m=1e-8,
        notes=notes,
    )  # fmt: skip


def shown(iterations: int, terminal: bool = False, quiet: bool = False) -> str:
    text = io.StringIO()
    console = Console(file=text, force_terminal=terminal, width=100)
    with shown_progress(console, quiet) as show:
        for iteration in range(iterations + 1):
            show(progress_of(iteration, iterations, ("one [dead] pixel",) if iteration == 0 else ()))
        show(replace(progress_of(iterations, iterations), state=State.DONE, result=Path("r.cxi")))
    return text.getvalue()


def test_plain_lines_are_few_and_complete() -> None:
    lines = shown(100).splitlines()
    assert lines[0] == "note: one [dead] pixel"
    assert lines[1] == "iteration 0/100  ready"
    assert lines[2] == "iteration 10/100  error 1.5  1234 positions/s  9 s left"
    assert lines[-1] == "iteration 100/100  error 1.5  1234 positions/s  done after 10 s"
    assert len(lines) == 12


def test_short_jobs_show_every_iteration() -> None:
    assert len(shown(3).splitlines()) == 5


def test_a_terminal_gets_a_bar() -> None:
    text = shown(20, terminal=True)
    assert "20/20" in text
    assert "1234 positions/s" in text
    assert "one [dead] pixel" in text


@pytest.mark.parametrize(("width", "speed"), [(40, False), (100, True)])
def test_a_narrow_bar_keeps_iteration_and_time(width: int, speed: bool) -> None:
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, width=width)
    with shown_progress(console, quiet=False) as show:
        show(progress_of(50))
    assert all(words in text.getvalue() for words in ("50/100", "5 s left"))
    assert ("positions/s" in text.getvalue()) is speed


@pytest.mark.parametrize(("width", "there"), [(40, False), (100, True)])
def test_the_free_error_stands_beside_the_error(width: int, there: bool) -> None:
    text = io.StringIO()
    progress = replace(progress_of(50), free_error=1.5678)
    with shown_progress(Console(file=text, force_terminal=True, width=width), quiet=False) as show:
        show(progress)
    assert ("free error 1.568" in text.getvalue()) is there
    plain = io.StringIO()
    with shown_progress(Console(file=plain), quiet=False) as show:
        show(progress)
        show(progress_of(60))
    first, second = plain.getvalue().splitlines()
    assert "  free error 1.568  " in first and "free" not in second


def test_a_dumb_terminal_gets_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert "\x1b" not in shown(20, terminal=True)


def test_a_line_that_stopped_has_no_time_left() -> None:
    text = io.StringIO()
    with shown_progress(Console(file=text), quiet=False) as show:
        show(replace(progress_of(50), state=State.STOPPED))
        show(progress_of(100, 100))
    assert "left" not in text.getvalue()
    assert "stopped after 5 s" in text.getvalue()


def test_quiet_is_silent() -> None:
    assert shown(20, terminal=True, quiet=True) == ""


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1:00 min"), (185, "3:05 min"), (7260, "2:01 h")]
)
def test_times_read_well(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


def test_a_note_gives_a_terminal_no_orders() -> None:
    text = io.StringIO()
    with shown_progress(Console(file=text), quiet=False) as show:
        show(progress_of(0, notes=("can't read " + os.fsdecode(b"scan_\xe9\x1b[2J.cxi"),)))
    assert text.getvalue().startswith("note: can't read scan_\\xe9\\x1b[2J.cxi\n")


class TestOutput:
    def test_a_result_never_overwrites_its_scan(self, scan: Path) -> None:
        before = scan.read_bytes()
        assert "would overwrite" in refusal("reconstruct", scan, "-o", scan, *FAST)
        assert scan.read_bytes() == before

    def test_a_place_that_can_not_be_written_is_found_before_the_work(self, scan: Path, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        line = refusal("reconstruct", scan, "-o", tmp_path / "file" / "r.cxi", *FAST)
        assert "a part of this path is a file" in line
        assert str(tmp_path) in refusal("reconstruct", scan, "-o", tmp_path, *FAST)
        assert "a part of this path is a file" in refusal("simulate", tmp_path / "file" / "s.cxi")
        assert "a part of this path is a file" in refusal("demo", "--headless", "-o", tmp_path / "file")

    def test_a_folder_without_write_permission(self, scan: Path, tmp_path: Path) -> None:
        locked = tmp_path / "locked"
        locked.mkdir(mode=0o555)
        process = start("reconstruct", scan, "-o", locked / "r.cxi", *FAST, before=_give_up_root)
        stdout, stderr = process.communicate(timeout=60)
        assert (process.returncode, stdout, stderr.count("\n")) == (2, "", 1), stderr
        assert "no permission to write there" in stderr

    def test_a_full_disk_keeps_nothing_half_written(self, scan: Path, small_disk: Path) -> None:
        assert "free some space" in refusal("reconstruct", scan, "-o", small_disk / "r.cxi", *FAST)
        assert list(small_disk.iterdir()) == []


def _is_root() -> bool:
    return os.geteuid() == 0


def _give_up_root() -> None:
    """Let permissions count: take the capabilities that override them from the program that root starts next."""
    drop_from_bounding_set, override, override_read_search = 24, 1, 2
    for capability in (override, override_read_search):
        ctypes.CDLL(None).prctl(drop_from_bounding_set, capability, 0, 0, 0)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of 256 kB; skip where that is not allowed."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if shutil.which("mount") is None or not _is_root():
        pytest.skip("only root can mount a small file system")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"no small file system here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


class TestInterrupt:
    @pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
    def test_a_signal_keeps_the_result(self, number: signal.Signals, status: int, scan: Path, tmp_path: Path) -> None:
        result = tmp_path / "r.cxi"
        process = start(
            "reconstruct", scan, "-o", result, "--device", "numpy", "--engine", "epie", "--iterations", 5_000
        )
        assert process.stderr is not None
        assert any(line.startswith("iteration 500/") for line in iter(process.stderr.readline, ""))
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=60)
        assert process.returncode == status, stderr
        assert stdout == f"{result}\n"
        assert "stopping within seconds" in stderr
        assert "Traceback" not in stderr
        content = read_result(result)
        assert content.state == "stopped"
        assert 500 <= len(content.errors) < 5_000

    def test_before_the_first_iteration_nothing_is_written(
        self, scan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def stopped_at_once(job: Job, _backend: object, control: Control) -> Iterator[Progress]:
            signal.raise_signal(signal.SIGINT)
            assert control.stop_asked
            yield Progress(job.id, 0, 3, np.nan, 0.0, 0.0, 1e-8, state=State.CANCELLED)

        monkeypatch.setattr(one_job, "run_job", stopped_at_once)
        outcome = run("reconstruct", scan, "-o", tmp_path / "r.cxi", *FAST, status=130)
        assert (outcome.stdout, outcome.stderr) == ("", "stopped before the first iteration; nothing was written\n")
