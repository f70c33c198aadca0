"""The log: nothing that was logged is lost, by whatever end, and nothing that happens to the log does harm."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ptychogui.notify import log
from ptychogui.notify.log import SharedFileHandler

_log = logging.getLogger("ptychogui.tests")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Keep the log in a folder of the test's own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    yield tmp_path / "ptychogui" / "log"
    log.take_down()


def lines(path: Path | None = None) -> list[str]:
    return (path or log.log_file()).read_text().splitlines()


def test_the_file_has_info_and_the_terminal_warnings(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    log.set_up()
    _log.debug("a detail")
    _log.info("a decision")
    _log.warning("a worry")
    assert log.log_file() == folder / "ptychogui.log"
    started, *said = lines()
    assert "ptychogui.notify.log: ptychogui " in started
    assert [line.split(" ", 2)[2] for line in said] == [
        f"INFO {os.getpid()} ptychogui.tests: a decision",
        f"WARNING {os.getpid()} ptychogui.tests: a worry",
    ]
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} ", started)
    assert capsys.readouterr() == ("", "warning: a worry\n")


@pytest.mark.parametrize(
    ("level", "shown"),
    [("debug", ["debug: 1", "info: 2", "error: 3"]), ("info", ["info: 2", "error: 3"]), ("error", ["error: 3"])],
)
def test_the_level_says_what_is_shown(level: str, shown: list[str]) -> None:
    told: list[str] = []
    log.set_up(level, told.append, is_child=True)
    for method, text in ((_log.debug, "1"), (_log.info, "2"), (_log.error, "3")):
        method(text)
    assert told == shown
    assert log.level_of_children() == level


def test_what_the_user_is_told_anyway_is_not_shown() -> None:
    told: list[str] = []
    log.set_up(show=told.append)
    _log.error("the scan is broken", extra=log.TOLD)
    assert not told
    assert lines()[-1].endswith("the scan is broken")


def test_after_its_end_all_is_as_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    before = (logging.getLogger().handlers[:], logging.getLogger("ptychogui").level, threading.excepthook)
    log.set_up("debug")
    log.set_up("debug")
    log.take_down()
    assert (logging.getLogger().handlers, logging.getLogger("ptychogui").level, threading.excepthook) == before
    assert log.level_of_children() is None
    assert len(lines()) == 2


def test_what_nobody_handles_on_a_thread_is_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "excepthook", seen.append)
    log.set_up()
    thread = threading.Thread(target=lambda: 1 // 0)
    thread.start()
    thread.join()
    assert lines()[-1].startswith("ZeroDivisionError")
    assert [args.exc_type for args in seen] == [ZeroDivisionError]


def record(text: str) -> logging.LogRecord:
    return logging.LogRecord("test", logging.INFO, "", 0, text, None, None)


def test_a_full_file_is_put_aside_and_the_oldest_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "FULL_BYTES", 10)
    monkeypatch.setattr(log, "KEPT", 2)
    handler = SharedFileHandler(tmp_path / "a.log")
    for number in range(5):
        handler.emit(record(f"number {number} is long"))
    handler.close()
    kept = {path.name: lines(path) for path in tmp_path.iterdir()}
    assert kept == {
        "a.log": ["number 4 is long"], "a.log.1": ["number 3 is long"], "a.log.2": ["number 2 is long"],
    }  # fmt: skip


def test_a_file_that_another_process_put_aside_is_left(tmp_path: Path) -> None:
    handler = SharedFileHandler(tmp_path / "a.log")
    handler.emit(record("before"))
    (tmp_path / "a.log").rename(tmp_path / "a.log.1")
    handler.emit(record("after"))
    (tmp_path / "a.log").unlink()
    handler.emit(record("at the end"))
    handler.close()
    assert lines(tmp_path / "a.log.1") == ["before"]
    assert lines(tmp_path / "a.log") == ["at the end"]


@pytest.mark.parametrize("path", [Path("/dev/full"), Path("/dev/null/a.log"), Path("/proc/a.log")])
def test_a_log_that_cant_be_written_does_no_harm(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    handler = SharedFileHandler(path)
    handler.emit(record("anyone there?"))
    handler.emit(record("no"))
    handler.close()
    assert capsys.readouterr() == ("", "")


def test_any_text_can_be_logged(tmp_path: Path) -> None:
    handler = SharedFileHandler(tmp_path / "a.log")
    handler.emit(record("scan \udcff of \N{GREEK SMALL LETTER MU}m"))
    handler.close()
    assert lines(tmp_path / "a.log") == ["scan \\udcff of \N{GREEK SMALL LETTER MU}m"]


_WRITER = """
import logging, sys
from pathlib import Path
from ptychogui.notify import log

log.FULL_BYTES, log.KEPT = 20_000, 1000
handler = log.SharedFileHandler(Path(sys.argv[1]))
for number in range(1000):
    handler.emit(logging.LogRecord("", 0, "", 0, f"{sys.argv[2]} {number} {'x' * number}", None, None))
"""


def run(script: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", script, *arguments], stderr=subprocess.PIPE, text=True)


def test_several_processes_lose_nothing_while_files_are_put_aside(tmp_path: Path) -> None:
    writers = [run(_WRITER, str(tmp_path / "a.log"), str(name)) for name in range(3)]
    assert [writer.communicate()[1] for writer in writers] == ["", "", ""]
    written = [line for path in tmp_path.iterdir() for line in lines(path)]
    assert sorted(written) == sorted(f"{name} {n} {'x' * n}" for name in range(3) for n in range(1000))
    assert len(list(tmp_path.iterdir())) > 10


_CRASH = """
import ctypes, logging, os, signal
from ptychogui.notify import log

def at_the_end():
    {end}

log.set_up()
logging.getLogger("ptychogui.tests").info("last words")
at_the_end()
"""


def test_the_last_words_before_kill_9_are_there() -> None:
    with run(_CRASH.format(end="os.kill(os.getpid(), signal.SIGKILL)")) as crashing:
        assert crashing.communicate()[1] == ""
    assert lines()[-1].endswith("ptychogui.tests: last words")


def test_a_crash_in_compiled_code_says_where_python_was() -> None:
    with run(_CRASH.format(end="ctypes.string_at(0)")) as crashing:
        assert crashing.communicate()[1] == ""
    said = "\n".join(lines())
    assert "ptychogui.tests: last words\nFatal Python error: Segmentation fault" in said
    assert "in at_the_end" in said
