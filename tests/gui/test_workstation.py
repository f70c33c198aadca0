"""The whole window with its real engine process, on a scan small enough for a test."""

from __future__ import annotations

import itertools
import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest
from PyQt5.QtCore import QSettings, Qt, QTimer
from pytestqt.qtbot import QtBot

from ptychogui.app import Workstation
from ptychogui.controllers.error_hook import ErrorHook
from ptychogui.controllers.loading import load
from ptychogui.io.result import read_result
from ptychogui.io.simulated import write_scan
from ptychogui.params.origins import Source
from ptychogui.params.storage import from_json
from ptychogui.physics.simulation import simulate
from ptychogui.queue.store.folders import job_checkpoint
from ptychogui.queue.store.store import Store
from ptychogui.queue.under_way import LaneNews
from ptychogui.states import State
from ptychogui.window_state import Phase, RunState
from tests.gui.conftest import RECIPE

LONG = 60_000
ENDLESS = 1_000_000


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scan(tmp_path_factory.mktemp("scan") / "fly0012.cxi", simulate(RECIPE))[0]


def open_scan(qtbot: QtBot, workstation: Workstation, scan: Path) -> None:
    with qtbot.waitSignal(workstation.session.scanOpened, timeout=LONG):
        workstation.window.openAsked.emit(scan)


def is_running(run: RunState) -> bool:
    return run.phase is Phase.RUNNING and (run.iteration or 0) > 1


def under_way(qtbot: QtBot, workstation: Workstation) -> None:
    """Start a run that would not end by itself and wait for its first iterations."""
    workstation.window.edited.emit("reconstruction.iterations", ENDLESS)
    with qtbot.waitSignal(workstation.live.shown, timeout=LONG, check_params_cb=is_running):
        workstation.window.commands["run"].trigger()


def stopped(qtbot: QtBot, workstation: Workstation) -> Path:
    with qtbot.waitSignal(workstation.live.ended, timeout=LONG) as ended:
        workstation.window.commands["stop"].trigger()
    assert ended.args[0].state is State.STOPPED
    assert isinstance(ended.args[0].result, Path)
    return ended.args[0].result


def run_to_its_end(qtbot: QtBot, workstation: Workstation) -> LaneNews:
    with qtbot.waitSignal(workstation.live.ended, timeout=LONG) as ended:
        workstation.window.commands["run"].trigger()
    news: LaneNews = ended.args[0]
    return news


def test_try_it_on_a_simulated_scan(qtbot: QtBot, workstation: Workstation, capsys: pytest.CaptureFixture[str]) -> None:
    """One button, and a reconstruction appears; meanwhile the event loop turns."""
    with qtbot.waitSignal(workstation.queue.ready, timeout=LONG):
        pass
    beats = [time.perf_counter()]
    heart = QTimer()
    heart.timeout.connect(lambda: beats.append(time.perf_counter()))
    heart.start(5)
    pictures: list[float] = []
    started: list[float] = []
    workstation.run.added.connect(lambda *_: started.append(time.perf_counter()))
    workstation.developing.picture.connect(lambda _picture: pictures.append(time.perf_counter()))
    with qtbot.waitSignal(workstation.live.ended, timeout=LONG) as ended:
        workstation.window.welcome.simulate.click()
    heart.stop()
    assert ended.args[0].state is State.DONE
    path, window = ended.args[0].result, workstation.window
    qtbot.waitUntil(lambda: window.strip.state.whole_text().startswith("Finished"), timeout=5000)
    assert window.strip.name.whole_text() == workstation.run_page.shown.name.whole_text() == "simulated-scan (job 1)"
    assert window.pages.current == "run"
    assert workstation.run_page.phase.image.image is not None
    assert len(workstation.run_page.error.curve.getOriginalDataset()[0]) == 60
    assert window.strip.result.whole_text() == path.name
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
    news = run_to_its_end(qtbot, workstation)
    assert news.result is not None
    result = read_result(news.result)
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
    assert workstation.window.strip.name.whole_text() == workstation.run_page.shown.name.whole_text() == result.name


def test_a_result_shows_the_values_that_it_was_made_with_and_can_be_made_again(
    qtbot: QtBot, workstation: Workstation, scan: Path
) -> None:
    window, panel = workstation.window, workstation.window.panel
    open_scan(qtbot, workstation, scan)
    window.edited.emit("reconstruction.iterations", 3)
    result = run_to_its_end(qtbot, workstation).result
    assert result is not None
    window.edited.emit("reconstruction.iterations", 5)
    with qtbot.waitSignals([workstation.session.resultOpened, workstation.session.scanOpened], timeout=LONG):
        window.openAsked.emit(result)
    rows = window.form.rows
    assert (rows["reconstruction.iterations"].editor.value(), rows["reconstruction.iterations"].tag.text()) == (
        3,
        "you",
    )
    assert rows["experiment.energy_eV"].tag.text() == "file"
    assert panel.result.isVisible() and result.name in panel.result.title.whole_text()
    assert window.pages.current == "run" and window.commands["run"].isEnabled() and window.state.card.path == scan
    panel.result.go_on.click()
    assert rows["reconstruction.object_guess"].editor.value() == result
    assert rows["experiment.positions_file"].editor.value() == result
    open_scan(qtbot, workstation, scan)
    assert not panel.result.isVisible()
    assert rows["reconstruction.iterations"].editor.value() == 5, "not what the result was made with"
    scan.rename(scan.with_name("elsewhere.cxi"))
    try:
        with qtbot.waitSignal(workstation.session.resultOpened, timeout=LONG):
            window.openAsked.emit(result)
        assert rows["reconstruction.iterations"].editor.value() == 3
        assert "not there any more" in panel.result.text.text() and not panel.result.go_on.isEnabled()
        assert not window.commands["run"].isEnabled() and window.pages.current == "run"
    finally:
        scan.with_name("elsewhere.cxi").rename(scan)


def test_a_killed_process_is_shown_with_its_cause_its_job_goes_on_and_fails_the_second_time(
    qtbot: QtBot, workstation: Workstation, scan: Path
) -> None:
    pids: list[int] = []
    workstation.queue.ready.connect(lambda event: pids.append(event.pid))
    open_scan(qtbot, workstation, scan)
    under_way(qtbot, workstation)
    window = workstation.window
    with qtbot.waitSignal(workstation.live.message, timeout=5000, check_params_cb=lambda text: "SIGKILL" in text):
        os.kill(pids[-1], signal.SIGKILL)
    with qtbot.waitSignal(workstation.live.shown, timeout=LONG, check_params_cb=is_running):
        pass
    assert window.banner.isHidden() and len(set(pids)) == 2
    with qtbot.waitSignals([workstation.live.problem, workstation.live.ended], timeout=5000, order="strict") as signals:
        os.kill(pids[-1], signal.SIGKILL)
    problem = signals.all_signals_and_args[0].args[0]
    assert problem.title == "fly0012 (job 1) has failed" and "SIGKILL" in problem.text
    assert not window.banner.isHidden() and "SIGKILL" in window.banner.text.text()
    under_way(qtbot, workstation)
    assert window.banner.isHidden()
    assert read_result(stopped(qtbot, workstation)).state == "stopped"
    assert len(set(pids)) == 3


def test_a_window_that_is_told_to_go_in_mid_run_leaves_a_job_that_goes_on(
    qtbot: QtBot, workstation: Workstation, settings: QSettings, scan: Path, home: Path
) -> None:
    open_scan(qtbot, workstation, scan)
    under_way(qtbot, workstation)
    asked = time.perf_counter()
    workstation.window.go()
    assert time.perf_counter() - asked < 8
    with Store(home / "queue") as store:
        (entry,) = store.entries()
        assert entry.state is State.INTERRUPTED and not Path(entry.result).exists()
        assert (job_checkpoint(store.folder, entry.id)).exists()
    second = Workstation(settings)
    second.window.show()
    panel = second.window.queue
    qtbot.waitUntil(panel.notice.isVisible, timeout=LONG)
    assert "One job is left of last time" in panel.notice.text.text()
    with qtbot.waitSignal(second.live.shown, timeout=LONG, check_params_cb=is_running):
        qtbot.mouseClick(panel.notice.buttons()["go-on"], Qt.MouseButton.LeftButton)
    assert not panel.notice.isVisible()
    with qtbot.waitSignal(second.live.ended, timeout=LONG) as ended:
        second.window.commands["stop"].trigger()
    assert ended.args[0].state is State.STOPPED
    second.window.go()


def test_a_run_that_can_not_be_done_says_why_it_waits(qtbot: QtBot, workstation: Workstation, scan: Path) -> None:
    open_scan(qtbot, workstation, scan)
    workstation.window.edited.emit("devices.device", "cuda:99")
    workstation.window.commands["run"].trigger()
    qtbot.waitUntil(lambda: 1 in workstation.queue.state.rows, timeout=LONG)
    qtbot.waitUntil(lambda: "no lane for cuda:99" in workstation.queue.state.rows[1].detail, timeout=LONG)
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


def test_values_come_back_in_the_next_session(qtbot: QtBot, settings: QSettings, home: Path) -> None:
    first = Workstation(settings)
    first.window.edited.emit("reconstruction.iterations", 17)
    first.window.go()
    second = Workstation(settings)
    row = second.window.form.rows["reconstruction.iterations"]
    assert (row.editor.value(), row.tag.text()) == (17, "last scan")
    second.window.go()


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


def test_an_unforeseen_error_on_a_thread_is_shown_while_the_hook_is_installed(qtbot: QtBot) -> None:
    hook, before = ErrorHook(), threading.excepthook
    hook.install()
    thread = threading.Thread(target=lambda: 1 / 0)
    with qtbot.waitSignal(hook.problem, timeout=1000) as problem:
        thread.start()
        thread.join()
    hook.remove()
    assert "ZeroDivisionError" in problem.args[0].details and threading.excepthook is before


def test_the_file_and_the_page_of_the_session_before_come_back(
    qtbot: QtBot, settings: QSettings, workstation: Workstation, scan: Path
) -> None:
    open_scan(qtbot, workstation, scan)
    workstation.window.pages.turn_to("run")
    workstation.window.go()
    again = Workstation(settings)
    with qtbot.waitSignal(again.session.scanOpened, timeout=LONG):
        again.restore()
    assert again.session.path == scan and again.window.pages.current == "run"
    again.window.go()
    again.window.deleteLater()


def test_the_curve_has_every_iteration_once_in_order(qtbot: QtBot, workstation: Workstation, scan: Path) -> None:
    open_scan(qtbot, workstation, scan)
    workstation.window.edited.emit("reconstruction.iterations", 4)
    said: list[RunState] = []
    workstation.live.shown.connect(said.append)
    run_to_its_end(qtbot, workstation)
    assert [iteration for iteration, _ in said[-1].curve.points] == [1, 2, 3, 4]
