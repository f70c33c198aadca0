"""The whole window with its real engine process, on a scan small enough for a test."""

from __future__ import annotations

import itertools
import os
import signal
import sys
import time
from pathlib import Path

import pytest
from PyQt5.QtCore import QSettings, QTimer
from pytestqt.qtbot import QtBot

from ptychogui.app import ErrorHook, Workstation
from ptychogui.controllers.loading import load
from ptychogui.io.result import read_result
from ptychogui.io.simulated import write_scan
from ptychogui.jobs.job import Progress
from ptychogui.params.origins import Source
from ptychogui.params.storage import from_json
from ptychogui.physics.simulation import simulate
from tests.gui.conftest import RECIPE

LONG = 60_000
ENDLESS = 1_000_000


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scan(tmp_path_factory.mktemp("scan") / "fly0012.cxi", simulate(RECIPE))[0]


def open_scan(qtbot: QtBot, workstation: Workstation, scan: Path) -> None:
    with qtbot.waitSignals([workstation.session.scanOpened, workstation.worker.ready], timeout=LONG):
        workstation.window.openAsked.emit(scan)


def under_way(qtbot: QtBot, workstation: Workstation) -> None:
    """Start a run that would not end by itself and wait for its first iterations."""
    workstation.window.edited.emit("reconstruction.iterations", ENDLESS)
    with qtbot.waitSignal(workstation.run.progress, timeout=LONG, check_params_cb=lambda said: said.iteration > 1):
        workstation.window.commands["run"].trigger()


def stopped(qtbot: QtBot, workstation: Workstation) -> Path:
    with qtbot.waitSignal(workstation.run.ended, timeout=LONG) as ended:
        workstation.window.commands["stop"].trigger()
    text, kind, result = ended.args
    assert (text.split()[0], kind) == ("Stopped", "done")
    assert isinstance(result, Path)
    return result


def test_try_it_on_a_simulated_scan(qtbot: QtBot, workstation: Workstation, capsys: pytest.CaptureFixture[str]) -> None:
    """One button, and a reconstruction appears; meanwhile the event loop turns."""
    with qtbot.waitSignal(workstation.worker.ready, timeout=LONG):
        pass
    beats = [time.perf_counter()]
    heart = QTimer()
    heart.timeout.connect(lambda: beats.append(time.perf_counter()))
    heart.start(5)
    pictures: list[float] = []
    started: list[float] = []
    workstation.run.started.connect(lambda *_: started.append(time.perf_counter()))
    workstation.run.picture.connect(lambda _picture: pictures.append(time.perf_counter()))
    with qtbot.waitSignal(workstation.run.ended, timeout=LONG) as ended:
        workstation.window.welcome.simulate.click()
    heart.stop()
    text, kind, path = ended.args
    assert (text.split()[0], kind) == ("Finished", "done")
    window = workstation.window
    assert window.pages.current == "run"
    assert workstation.run_page.phase.image.image is not None
    assert len(workstation.run_page.error.curve.getOriginalDataset()[0]) == 60
    assert window.strip.result.text() == path.name
    assert len(read_result(path).errors) == 60
    gap = max(after - before for before, after in itertools.pairwise(beats))
    with capsys.disabled():
        print(
            f"\nfirst picture after {pictures[0] - started[0]:.3f} s, longest gap of the event loop {gap * 1e3:.0f} ms"
        )
    assert gap < 1.0


def test_the_result_holds_what_the_form_held(qtbot: QtBot, workstation: Workstation, scan: Path) -> None:
    open_scan(qtbot, workstation, scan)
    for path, value in (("reconstruction.iterations", 3), ("experiment.probe_modes", 2), ("reconstruction.seed", 5)):
        workstation.window.edited.emit(path, value)
    with qtbot.waitSignal(workstation.run.ended, timeout=LONG) as ended:
        workstation.window.commands["run"].trigger()
    result = read_result(ended.args[2])
    parameters, origins = from_json(result.parameters)
    assert (len(result.errors), len(result.probe), parameters.reconstruction.seed) == (3, 2, 5)
    assert origins["reconstruction.seed"].source is Source.USER
    assert origins["experiment.energy_eV"].source is Source.FILE


def test_stop_keeps_the_result_and_it_opens_again(qtbot: QtBot, workstation: Workstation, scan: Path) -> None:
    open_scan(qtbot, workstation, scan)
    under_way(qtbot, workstation)
    asked = time.perf_counter()
    result = stopped(qtbot, workstation)
    assert time.perf_counter() - asked < 10
    assert read_result(result).state == "stopped"
    with qtbot.waitSignal(workstation.session.resultOpened, timeout=LONG) as opened:
        workstation.window.openAsked.emit(result)
    assert opened.args[0].state == "stopped"
    assert workstation.window.strip.result.text() == result.name


def test_a_killed_process_is_shown_with_its_cause_and_the_next_run_works(
    qtbot: QtBot, workstation: Workstation, scan: Path
) -> None:
    pids: list[int] = []
    workstation.worker.ready.connect(lambda event: pids.append(event.pid))
    open_scan(qtbot, workstation, scan)
    under_way(qtbot, workstation)
    with qtbot.waitSignals([workstation.run.problem, workstation.run.ended], timeout=5000, order="strict") as signals:
        os.kill(pids[-1], signal.SIGKILL)
    assert "SIGKILL" in signals.all_signals_and_args[0].args[0].text
    window = workstation.window
    assert not window.banner.isHidden() and "SIGKILL" in window.banner.text.text()
    assert window.commands["run"].isEnabled()
    under_way(qtbot, workstation)
    assert window.banner.isHidden()
    assert read_result(stopped(qtbot, workstation)).state == "stopped"
    assert len(set(pids)) == 2


def test_closing_in_mid_run_keeps_the_result(qtbot: QtBot, workstation: Workstation, scan: Path) -> None:
    open_scan(qtbot, workstation, scan)
    under_way(qtbot, workstation)
    job = workstation.run.job
    assert job is not None
    asked = time.perf_counter()
    workstation.window.close()
    assert time.perf_counter() - asked < 8
    assert not workstation.worker.isRunning()
    assert read_result(job.output).state == "stopped"


def test_a_run_that_can_not_be_done_is_said_once(qtbot: QtBot, workstation: Workstation, scan: Path) -> None:
    open_scan(qtbot, workstation, scan)
    workstation.window.edited.emit("devices.device", "cuda:99")
    with qtbot.waitSignals([workstation.run.problem, workstation.run.ended], timeout=LONG) as signals:
        workstation.window.commands["run"].trigger()
    assert "cuda:99" in signals.all_signals_and_args[0].args[0].text
    assert workstation.window.messages.toPlainText().count("cuda:99") == 1
    workstation.window.edited.emit("devices.device", "cpu")
    under_way(qtbot, workstation)
    stopped(qtbot, workstation)


def test_a_file_that_is_no_scan(qtbot: QtBot, workstation: Workstation, tmp_path: Path) -> None:
    letter = tmp_path / "letter.txt"
    letter.write_text("Dear all,")
    with qtbot.waitSignal(workstation.session.problem, timeout=LONG):
        workstation.window.openAsked.emit(letter)
    window = workstation.window
    assert str(letter) in window.banner.text.text()
    assert window.pages.current == ""
    assert not window.commands["run"].isEnabled()
    assert window.settings.recent() == []


def test_values_come_back_in_the_next_session(qtbot: QtBot, settings: QSettings) -> None:
    first = Workstation(settings)
    first.window.edited.emit("reconstruction.iterations", 17)
    first.window.close()
    second = Workstation(settings)
    row = second.window.form.rows["reconstruction.iterations"]
    assert (row.editor.value(), row.tag.text()) == (17, "last scan")
    second.window.close()


def test_the_picture_of_a_real_scan_can_be_shown(qtbot: QtBot, workstation: Workstation, shared_data: Path) -> None:
    scan = shared_data / "siemens-star.cxi"
    with qtbot.waitSignal(workstation.session.scanOpened, timeout=LONG):
        workstation.window.openAsked.emit(scan)
    window = workstation.window
    assert window.pages.current == "scan"
    assert "516" in workstation.preview_page.positions.title.text()
    assert "siemens-star.cxi" in window.windowTitle()


def test_a_truncated_scan_is_one_clear_message(qtbot: QtBot, scan: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.cxi"
    broken.write_bytes(scan.read_bytes()[:10_000])
    with pytest.raises(Exception, match=r"broken\.cxi"):
        load(broken)


def test_an_unforeseen_error_is_shown_once(qtbot: QtBot, caplog: pytest.LogCaptureFixture) -> None:
    hook = ErrorHook()
    shown: list[object] = []
    hook.problem.connect(shown.append)
    try:
        _ = 1 / 0
    except ZeroDivisionError:
        kind, error, trace = sys.exc_info()
    assert kind is not None and error is not None
    hook.handle(kind, error, trace)
    hook.handle(kind, error, trace)
    assert len(shown) == 1
    assert "ZeroDivisionError" in caplog.text


def test_progress_is_what_the_runner_says(qtbot: QtBot, workstation: Workstation, scan: Path) -> None:
    """Iteration 0 comes first, then each one once, in order."""
    open_scan(qtbot, workstation, scan)
    workstation.window.edited.emit("reconstruction.iterations", 4)
    said: list[Progress] = []
    workstation.run.progress.connect(said.append)
    with qtbot.waitSignal(workstation.run.ended, timeout=LONG):
        workstation.window.commands["run"].trigger()
    assert [progress.iteration for progress in said] == [0, 1, 2, 3, 4, 4]
