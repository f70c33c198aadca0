"""What the command line prints on: tables, odd names, signals, and streams that are full or closed."""

from __future__ import annotations

import io
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from ptychogui.cli.terminal import interruptible, say, table, tell
from ptychogui.io.result import read_result
from ptychogui.jobs.job import Control
from tests.cli.runs import FAST, REPOSITORY


def test_an_ignored_signal_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interruptible(Control(), Console(stderr=True)) as caught:
            signal.raise_signal(signal.SIGHUP)
        assert caught.exit_status == 0
    finally:
        signal.signal(signal.SIGHUP, before)


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

    def test_a_cell_of_a_table_is_one_line(self) -> None:
        assert table([("a\nb", "1"), ("c", "2\t3")]) == "a\\nb  1\nc     2\\t3"


class TestNobodyListens:
    """Streams that are full or closed; the result is what counts."""

    @pytest.mark.parametrize(
        ("streams", "status"), [("2>/dev/full", 0), ("2>&-", 0), (">/dev/full", 2), (">&-", 2), ("2>&1 >/dev/full", 2)]
    )
    def test_full_and_closed_streams(self, streams: str, status: int, scan: Path, tmp_path: Path) -> None:
        result = tmp_path / "r.cxi"
        words = [sys.executable, "-m", "ptychogui", "reconstruct", str(scan), "-o", str(result), *FAST]
        done = subprocess.run(
            f"{shlex.join(words)} {streams}", shell=True, cwd=REPOSITORY, capture_output=True, text=True
        )
        assert done.returncode == status, done.stderr
        assert read_result(result).state == "done"
        said = [line for line in (done.stderr + done.stdout).splitlines() if not line.startswith(("iteration", "note"))]
        assert len(said) == ("2>&-" not in streams and status == 2) + (status == 0)
        assert all("can't print to the standard output" in line for line in said if status == 2)

    @pytest.mark.parametrize("words", ["--help", "--version", "devices", "reconstruct --help"])
    def test_what_can_not_be_printed_is_one_line(self, words: str) -> None:
        command = f"{shlex.quote(sys.executable)} -m ptychogui {words} >/dev/full"
        done = subprocess.run(command, shell=True, cwd=REPOSITORY, capture_output=True, text=True)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
        assert "can't print to the standard output" in done.stderr

    @pytest.mark.parametrize("words", ["presets", "devices", "devices --json"])
    def test_a_reader_of_results_that_leaves_hears_no_complaint(self, words: str) -> None:
        reader, writer = os.pipe()
        os.close(reader)
        done = subprocess.run(
            [sys.executable, "-m", "ptychogui", *words.split()], cwd=REPOSITORY, stdout=writer, stderr=subprocess.PIPE
        )
        os.close(writer)
        assert (done.returncode, done.stderr) == (0, b"")

    def test_a_reader_of_messages_that_leaves(self, scan: Path, tmp_path: Path) -> None:
        reader, writer = os.pipe()
        os.close(reader)
        words = [sys.executable, "-m", "ptychogui", "reconstruct", str(scan), "-o", str(tmp_path / "r.cxi"), *FAST]
        done = subprocess.run(words, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=writer, text=True)
        os.close(writer)
        assert (done.returncode, done.stdout) == (0, f"{tmp_path / 'r.cxi'}\n")
