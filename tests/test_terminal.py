from __future__ import annotations

import io
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from ptychogui.jobs.job import Control, JobState, Progress
from ptychogui.terminal import duration_text, interruptible, say, shown_progress, table, tell


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
        show(replace(progress_of(iterations, iterations), state=JobState.DONE, result=Path("r.cxi")))
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


def test_a_dumb_terminal_gets_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert "\x1b" not in shown(20, terminal=True)


def test_a_line_that_stopped_has_no_time_left() -> None:
    text = io.StringIO()
    with shown_progress(Console(file=text), quiet=False) as show:
        show(replace(progress_of(50), state=JobState.STOPPED))
        show(progress_of(100, 100))
    assert "left" not in text.getvalue()
    assert "stopped after 5 s" in text.getvalue()


def test_an_ignored_signal_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interruptible(Control(), Console(stderr=True)) as caught:
            signal.raise_signal(signal.SIGHUP)
        assert caught.exit_status == 0
    finally:
        signal.signal(signal.SIGHUP, before)


def test_quiet_is_silent() -> None:
    assert shown(20, terminal=True, quiet=True) == ""


def test_the_first_ctrl_c_asks_the_second_aborts(capfd: pytest.CaptureFixture[str]) -> None:
    control = Control()
    before = signal.getsignal(signal.SIGINT)
    with interruptible(control, Console(stderr=True)) as caught:
        signal.raise_signal(signal.SIGINT)
        assert control.stop_asked
        assert capfd.readouterr().err.endswith("Ctrl-C again aborts without a result\n")
        with pytest.raises(SystemExit) as ended:
            signal.raise_signal(signal.SIGINT)
        assert ended.value.code == caught.exit_status == 130
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1:00 min"), (185, "3:05 min"), (7260, "2:01 h")]
)
def test_times_read_well(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


def test_tables_are_aligned() -> None:
    assert table([("a", "bb", "c"), ("aaa", "b", "")]) == "a    bb  c\naaa  b"


def test_long_cells_widen_nothing_and_long_lines_are_broken() -> None:
    rows = [("a", "word " * 20, "x"), ("b", "1", "y")]
    assert table(rows).splitlines()[1] == "b  1  y"
    lines = table(rows, 30).splitlines()
    assert max(map(len, lines)) <= 30
    assert lines[1].startswith("   word")


class TestOddNames:
    """Bytes that are no UTF-8 and controls in what is printed."""

    NAME = os.fsdecode(b"scan_\xe9\x1b[2J.cxi")

    def test_a_pipe_gets_the_bytes_of_a_path(self, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
        tell(Path(self.NAME))
        assert capfdbinary.readouterr().out == b"scan_\xe9\x1b[2J.cxi\n"

    def test_a_text_gives_a_terminal_no_orders(self, capsys: pytest.CaptureFixture[str]) -> None:
        tell(f"in {self.NAME}\nand on")
        assert capsys.readouterr().out == "in scan_\\xe9\\x1b[2J.cxi\nand on\n"

    @pytest.mark.parametrize(
        ("encoding", "printed"), [("ascii", "1 um \\u03a9 \\xe9"), ("latin-1", "1 µm \\u03a9 é"), ("utf-8", "1 µm Ω é")]
    )
    def test_a_terminal_of_any_encoding_shows_all(
        self, monkeypatch: pytest.MonkeyPatch, encoding: str, printed: str
    ) -> None:
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding, write_through=True) for _ in range(2))
        monkeypatch.setattr("sys.stdout", out)
        tell("1 µm Ω é")
        say(Console(file=err), "1 µm Ω é")
        assert [stream.buffer.getvalue().decode(encoding) for stream in (out, err)] == [f"{printed}\n"] * 2

    def test_a_note_gives_a_terminal_no_orders(self) -> None:
        text = io.StringIO()
        with shown_progress(Console(file=text), quiet=False) as show:
            show(progress_of(0, notes=(f"can't read {self.NAME}",)))
        assert text.getvalue().startswith("note: can't read scan_\\xe9\\x1b[2J.cxi\n")

    def test_a_cell_of_a_table_is_one_line(self) -> None:
        assert table([("a\nb", "1"), ("c", "2\t3")]) == "a\\nb  1\nc     2\\t3"
