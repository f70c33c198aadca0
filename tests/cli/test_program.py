"""The program as a whole: the command that nobody named, help, the start."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ptychogui import cli
from ptychogui.notify.log import log_file
from tests.cli.runs import FAST, REPOSITORY, refusal, run


class TestDefaultCommand:
    def test_without_a_command_the_window_opens(self, scan: Path, windows: list[tuple[list[Path], bool]]) -> None:
        run()
        run(scan, scan)
        run("gui", scan)
        assert windows == [([], False), ([scan, scan], False), ([scan], False)]

    def test_a_word_that_is_neither_file_nor_command_is_refused(self) -> None:
        assert "no command 'reconstrct'; did you mean 'reconstruct'?" in refusal("reconstrct", "scan.cxi")
        assert "the commands are gui, demo, simulate, info" in refusal("qqqq")

    def test_a_missing_file_is_no_command(self, scan: Path) -> None:
        assert refusal("gui", "missing.cxi") == "ptychogui: there is no file 'missing.cxi'\n"
        assert refusal("missing.cxi") == "ptychogui: there is no file 'missing.cxi'\n"
        assert refusal("gui", "infos") == "ptychogui: there is no file 'infos'\n"
        assert "put the command first: ptychogui reconstruct" in refusal(scan, "reconstruct")


class TestStart:
    def test_qt_is_loaded_for_a_window_only(self) -> None:
        code = "import sys, ptychogui.cli; sys.exit(any(name.startswith('PyQt5') for name in sys.modules))"
        assert subprocess.run([sys.executable, "-c", code]).returncode == 0

    def test_ctrl_c_while_the_program_is_loaded_is_quiet(self) -> None:
        code = (
            "import signal, sys\n"
            "class Loader:\n"
            "    def find_spec(self, name, *_):\n"
            "        if name == 'ptychogui.cli': signal.raise_signal(signal.SIGINT)\n"
            "sys.meta_path.insert(0, Loader())\n"
            "from ptychogui.__main__ import main; main()"
        )
        done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True)
        assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


class TestLogLevel:
    def test_the_log_has_what_was_refused_and_what_was_run(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
        quiet = refusal("info", "missing.cxi")
        assert "refused: can't open missing.cxi" in log_file().read_text()
        assert refusal("--log-level=error", "info", "missing.cxi") == quiet

    def test_the_log_is_shown_on_stderr_when_asked_for(self, scan: Path) -> None:
        plain = run("reconstruct", scan, *FAST, "--quiet", "-o", scan.with_name("result.cxi"))
        shown = run("--log-level", "info", "reconstruct", scan, *FAST, "--quiet", "-o", scan.with_name("result.cxi"))
        assert plain.stderr == ""
        assert "info: scan: preparing " in shown.stderr
        assert shown.stdout == plain.stdout

    def test_the_window_can_have_it(self, scan: Path, windows: list[tuple[list[Path], bool]]) -> None:
        run("--log-level", "debug")
        run("--log-level", "debug", scan)
        run("--log-level=debug", "gui", scan)
        assert windows == [([], False), ([scan], False), ([scan], False)]

    def test_another_level_is_refused(self) -> None:
        assert "'loud' is not one of 'debug', 'info', 'warning', 'error'" in refusal("--log-level", "loud", "devices")
        assert "'--log-level' requires an argument" in refusal("--log-level")

    def test_a_defect_is_logged_with_its_traceback(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail() -> None:
            raise ZeroDivisionError

        monkeypatch.setattr("ptychogui.cli.devices.list_devices", fail)
        with pytest.raises(ZeroDivisionError):
            run("devices")
        assert log_file().read_text().endswith("ZeroDivisionError\n")

    def test_a_log_that_cant_be_written_changes_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        usual = run("devices")
        monkeypatch.setenv("XDG_STATE_HOME", "/dev/null")
        silent = run("devices")
        assert silent.stderr == usual.stderr == ""
        assert len(silent.stdout.splitlines()) == len(usual.stdout.splitlines())


def test_help_lists_the_commands_in_order() -> None:
    text = run("--help").stdout
    order = [text.index(f"\n  {name} ") for name in cli.main.commands]
    assert order == sorted(order)
    assert "ptychogui, version" in run("--version").stdout
