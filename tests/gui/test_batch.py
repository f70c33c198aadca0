"""A batch in the window: from a list of scans to jobs, with what is wrong with which."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PyQt5.QtCore import QMimeData, QPointF, Qt, QUrl
from PyQt5.QtGui import QDropEvent
from PyQt5.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from ptychogui.app import Workstation
from ptychogui.controllers.background import Background
from ptychogui.controllers.queue.batch import BatchController, row_of
from ptychogui.controllers.queue.queue import QueueController
from ptychogui.controllers.queue.watching import END, WatchController
from ptychogui.controllers.run import RunController
from ptychogui.controllers.session import SessionController
from ptychogui.io.simulated import write_scan
from ptychogui.jobs.preflight.findings import Finding, Level
from ptychogui.params.origins import Layers
from ptychogui.physics.simulation import simulate
from ptychogui.queue.batches import Candidate
from ptychogui.queue.planning import Plan
from ptychogui.queue.store.batch import batch as batch_of
from ptychogui.queue.store.store import Store
from ptychogui.queue_state import BatchRow, Notice
from ptychogui.views.queue.batch_dialog import BatchDialog
from tests.gui.conftest import RECIPE
from tests.gui.test_queue_controller import SOON, begun, folder, made, process, queue
from tests.queue.fakes import Made

__all__ = ["folder", "made", "queue"]

GOOD = BatchRow("/data/fly0012.cxi", Level.GOOD, "ready", "", True)
BAD = BatchRow("/data/fly0013.cxi", Level.STOP, "no positions", "no positions at all")


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    made_in = tmp_path_factory.mktemp("scans")
    return [write_scan(made_in / f"fly001{number}.cxi", simulate(RECIPE))[0] for number in (2, 3)]


@pytest.fixture
def background(qtbot: QtBot) -> Iterator[Background]:
    made_here = Background()
    yield made_here
    made_here.close()


class TestController:
    @pytest.fixture
    def session(self, background: Background) -> SessionController:
        return SessionController(background)

    @pytest.fixture
    def batch(self, session: SessionController, queue: QueueController, background: Background) -> BatchController:
        return BatchController(session, queue, RunController(session, queue), background)

    def test_every_scan_is_looked_at_and_what_can_be_done_is_queued_with_the_forms_values(
        self, qtbot: QtBot, batch: BatchController, session: SessionController, queue: QueueController, made: Made,
        scans: list[Path], tmp_path: Path,
    ) -> None:  # fmt: skip
        begun(qtbot, queue)
        letter = tmp_path / "letter.cxi"
        letter.write_text("Dear all,")
        session.edit("reconstruction.iterations", 7)
        session.edit("output.job_id", "of one scan")
        with qtbot.waitSignal(batch.opened, timeout=SOON) as opened:
            batch.open()
        assert opened.args[0] == "Iterations: 7"
        rows: dict[int, BatchRow] = {}
        batch.looked.connect(lambda place, row: rows.update({place: row}))
        with qtbot.waitSignal(batch.listed, timeout=SOON) as listed:
            batch.look([str(scans[0]), str(letter), str(scans[1])], "")
        assert [row.scan for row in listed.args[0]] == [str(scans[0]), str(letter), str(scans[1])]
        qtbot.waitUntil(lambda: len(rows) == 3, timeout=6 * SOON)
        assert [rows[place].is_ready for place in range(3)] == [True, False, True]
        assert rows[1].level is Level.STOP and "letter.cxi" in rows[1].text
        with qtbot.waitSignals([queue.added, batch.queued], timeout=SOON) as signals:
            batch.queue(str(tmp_path / "results"))
        assert signals.all_signals_and_args[0].args == ([1, 2],)
        assert "2 jobs are in the queue; 1 scans were left out" in signals.all_signals_and_args[1].args[0]
        jobs = [process(qtbot, made).jobs[-1]]
        assert jobs[0].parameters.reconstruction.iterations == 7 and jobs[0].title == "fly0012"
        assert jobs[0].output == tmp_path / "results" / "fly0012-result.cxi"
        with Store(queue.folder) as store:
            assert [entry.batch for entry in store.entries()] == [1, 1]

    def test_the_end_of_a_batch_is_told(
        self, qtbot: QtBot, batch: BatchController, queue: QueueController, made: Made, scans: list[Path],
        tmp_path: Path,
    ) -> None:  # fmt: skip
        begun(qtbot, queue)
        with qtbot.waitSignal(batch.looked, timeout=6 * SOON):
            batch.look([str(scans[0])], "")
        batch.queue(str(tmp_path / "results"))
        with qtbot.waitSignal(queue.message, timeout=SOON, check_params_cb=lambda text: "batch 1" in text) as told:
            process(qtbot, made).finishes()
        assert "1 done" in told.args[0]

    def test_values_to_vary_make_a_job_each_and_are_refused_while_they_are_typed(
        self, qtbot: QtBot, batch: BatchController, queue: QueueController, scans: list[Path], tmp_path: Path
    ) -> None:
        begun(qtbot, queue)
        said: list[tuple[str, bool]] = []
        batch.swept.connect(lambda text, is_wrong: said.append((text, is_wrong)))
        batch.check_sweeps([])
        batch.check_sweeps(["experiment.probe_modes=1,x"])
        batch.check_sweeps(["experiment.probe_modes=1,2", "reconstruction.seed=1,2,3"])
        assert said[0] == ("", False) and said[1][1] and "'x' is not a number" in said[1][0]
        assert said[2] == ("6 jobs of each scan", False)
        rows: list[BatchRow] = []
        batch.looked.connect(lambda _place, row: rows.append(row))
        with qtbot.waitSignal(batch.listed, timeout=SOON) as listed:
            batch.look([str(scans[0])], "", ["experiment.probe_modes=1,2"])
        assert len(listed.args[0]) == 2
        qtbot.waitUntil(lambda: len(rows) == 2, timeout=6 * SOON)
        assert [row.text.partition(": ready")[0] for row in rows] == ["Probe modes: 1", "Probe modes: 2"]
        with qtbot.waitSignal(batch.queued, timeout=SOON):
            batch.queue(str(tmp_path / "results"))
        with Store(queue.folder) as store:
            swept = [store.text(entry.id).job.sweep for entry in store.entries()]
        assert [one.values for one in swept if one] == [{"experiment.probe_modes": 1}, {"experiment.probe_modes": 2}]

    def test_a_folder_is_watched_until_that_is_ended(
        self, qtbot: QtBot, batch: BatchController, queue: QueueController, background: Background, made: Made,
        scans: list[Path], tmp_path: Path,
    ) -> None:  # fmt: skip
        begun(qtbot, queue)
        watching = WatchController(queue, background)
        notices: list[Notice] = []
        watching.changed.connect(notices.append)
        batch.watchAsked.connect(watching.begin)
        with qtbot.waitSignal(batch.refused, timeout=SOON) as refused:
            batch.queue(str(tmp_path / "results"), str(tmp_path / "nowhere"))
        assert "there is no such folder" in refused.args[0]
        (tmp_path / "raw").mkdir()
        with qtbot.waitSignal(watching.changed, timeout=SOON):
            batch.queue(str(tmp_path / "results"), str(tmp_path / "raw"))
        assert notices[-1].text == "Watching raw: 0 added" and notices[-1].choices == ((END, "End"),)
        shutil.copy(scans[0], tmp_path / "raw")
        qtbot.waitUntil(lambda: notices[-1].text == "Watching raw: 1 added", timeout=6 * SOON)
        with Store(queue.folder) as store:
            assert [entry.batch for entry in store.entries()] == [1] and not batch_of(store, 1).ended
            watching.end()
            assert notices[-1] is None
            process(qtbot, made).finishes()
            qtbot.waitUntil(lambda: batch_of(store, 1).ended != "", timeout=SOON)

    def test_a_list_that_means_nothing_is_refused(self, qtbot: QtBot, batch: BatchController) -> None:
        with qtbot.waitSignal(batch.refused, timeout=SOON) as refused:
            batch.look(["/nowhere/at/all.mda"], "")
        assert "/nowhere/at/all.mda" in refused.args[0]

    def test_of_a_list_that_was_dropped_nothing_is_told(
        self, qtbot: QtBot, batch: BatchController, scans: list[Path]
    ) -> None:
        with qtbot.assertNotEmitted(batch.listed, wait=500), qtbot.assertNotEmitted(batch.refused):
            batch.look([str(scan) for scan in scans], "")
            batch.drop()


def test_a_row_says_the_worst_and_has_all_in_its_tooltip() -> None:
    look, unknown = (
        Finding("center", Level.LOOK, "Off center", "3 pixels"),
        Finding("mask", Level.UNKNOWN, "No mask", "x"),
    )
    plan = Plan(None, Layers(), None)
    row = row_of(Candidate(Path("a.cxi"), plan, findings=(unknown, look)))
    assert (row.level, row.text, row.is_ready) == (Level.LOOK, "Off center, and 1 more", True)
    assert row.tip == "Off center: 3 pixels\nNo mask: x"
    assert row_of(Candidate(Path("a.cxi"), plan)) == BatchRow("a.cxi", Level.GOOD, "ready", "", True)
    assert not row_of(Candidate(Path("a.cxi"), problem="no positions")).is_ready


class TestDialog:
    @pytest.fixture
    def dialog(self, qtbot: QtBot) -> Iterator[BatchDialog]:
        parent = QWidget()
        qtbot.addWidget(parent)
        made_here = BatchDialog(parent)
        made_here.begin("Iterations: 7", "/data/results")
        yield made_here
        made_here.close()

    def test_it_says_what_holds_for_all(self, dialog: BatchDialog) -> None:
        assert "Iterations: 7" in dialog.values.whole_text() and dialog.folder.text() == "/data/results"
        assert not dialog.queue.isEnabled() and not dialog.look.isEnabled()

    def test_lines_are_asked_about_and_shown(self, qtbot: QtBot, dialog: BatchDialog) -> None:
        dialog.scans.setPlainText("fly0012.cxi\n\n 12-14 \n")
        dialog.numbers.setText("fly#04d.cxi")
        with qtbot.waitSignal(dialog.lookAsked, timeout=1000) as asked:
            dialog.look.click()
        assert asked.args == [["fly0012.cxi", "12-14"], "fly#04d.cxi", []]
        dialog.show_rows([BatchRow(GOOD.scan), BatchRow(BAD.scan)])
        assert dialog.bar.isVisible() and dialog.summary.text() == "0 of 2 looked at"
        dialog.show_row(0, GOOD)
        assert not dialog.queue.isEnabled()
        dialog.show_row(1, BAD)
        assert dialog.summary.text() == "1 can be done  ·  1 can't" and not dialog.bar.isVisible()
        assert dialog.queue.text() == "Queue 1 job"
        item = dialog.table.topLevelItem(1)
        assert item is not None and item.text(1) == "no positions" and item.toolTip(1) == "no positions at all"
        with qtbot.waitSignal(dialog.queueAsked, timeout=1000) as queued:
            dialog.queue.click()
        assert queued.args == ["/data/results", "", []]
        dialog.finish()
        assert not dialog.isVisible() and dialog.scans.items() == []

    def test_a_parameter_can_be_varied(self, qtbot: QtBot, dialog: BatchDialog) -> None:
        dialog.scans.setPlainText("fly0012.cxi")
        dialog.sweeps.add.click()
        (row,) = dialog.sweeps.rows
        with qtbot.waitSignal(dialog.sweepsChanged, timeout=1000) as typed:
            row.values.setText("1,3")
        assert typed.args == [["experiment.probe_modes=1,3"]]
        dialog.show_swept("Probe modes: 'x' is not a number", True)
        assert not dialog.look.isEnabled() and dialog.sweeps.said.isVisible()
        dialog.show_swept("2 jobs of each scan", False)
        with qtbot.waitSignal(dialog.lookAsked, timeout=1000) as asked:
            dialog.look.click()
        assert asked.args[2] == ["experiment.probe_modes=1,3"]
        row.away.click()
        assert dialog.sweeps.texts() == [] and dialog.sweeps.rows == []

    def test_a_folder_can_be_watched_without_a_list(self, qtbot: QtBot, dialog: BatchDialog) -> None:
        assert not dialog.watched.isEnabled() and not dialog.queue.isEnabled()
        dialog.watch.setChecked(True)
        dialog.watched.setText("/data/mda")
        assert dialog.queue.text() == "Watch" and dialog.queue.isEnabled()
        dialog.scans.setPlainText("fly0012.cxi")
        assert not dialog.queue.isEnabled()  # before they were looked at
        dialog.show_rows([GOOD])
        assert dialog.queue.text() == "Queue 1 job and watch"
        with qtbot.waitSignal(dialog.queueAsked, timeout=1000) as asked:
            dialog.queue.click()
        assert asked.args == ["/data/results", "/data/mda", []]

    def test_another_list_forgets_what_was_found(self, qtbot: QtBot, dialog: BatchDialog) -> None:
        dialog.scans.setPlainText("a")
        dialog.show_rows([GOOD])
        with qtbot.waitSignal(dialog.dropAsked, timeout=1000):
            dialog.scans.setPlainText("b")
        assert dialog.table.topLevelItemCount() == 0 and not dialog.queue.isEnabled()
        dialog.show_problem("there is no file 'b'")
        assert dialog.summary.text() == "there is no file 'b'" and dialog.summary.objectName() == "problem"

    def test_return_looks_and_then_queues_and_escape_leaves(self, qtbot: QtBot, dialog: BatchDialog) -> None:
        dialog.scans.setPlainText("a")
        with qtbot.waitSignal(dialog.lookAsked, timeout=1000):
            qtbot.keyClick(dialog, Qt.Key.Key_Return)
        dialog.show_rows([GOOD])
        with qtbot.waitSignal(dialog.queueAsked, timeout=1000):
            qtbot.keyClick(dialog, Qt.Key.Key_Return)
        with qtbot.waitSignal(dialog.dropAsked, timeout=1000):
            qtbot.keyClick(dialog, Qt.Key.Key_Escape)
        assert not dialog.isVisible()

    def test_files_can_be_dropped(self, dialog: BatchDialog) -> None:
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile("/data/a.cxi"), QUrl.fromLocalFile("/data/b.cxi")])
        copy, button, key = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        dialog.scans.setPlainText("first.cxi")
        dialog.scans.dropEvent(QDropEvent(QPointF(1, 1), copy, data, button, key))
        assert dialog.scans.items() == ["first.cxi", "/data/a.cxi", "/data/b.cxi"]


def test_the_whole_road(qtbot: QtBot, workstation: Workstation, scans: list[Path], tmp_path: Path) -> None:
    """Open, run, queue a second, pause, step, stop, retry, batch; then the question at the end."""
    window, live, state = workstation.window, workstation.live, workstation.queue

    def stands(job: int, word: str) -> None:
        qtbot.waitUntil(lambda: job in state.state.rows and state.state.rows[job].word == word, timeout=6 * SOON)

    with qtbot.waitSignal(workstation.session.scanOpened, timeout=SOON):
        window.openAsked.emit(scans[0])
    window.edited.emit("reconstruction.iterations", 1_000_000)
    with qtbot.waitSignal(live.shot, timeout=6 * SOON):
        window.commands["run"].trigger()
    with qtbot.waitSignal(workstation.session.scanOpened, timeout=SOON):
        window.openAsked.emit(scans[1])
    window.commands["run"].trigger()
    stands(2, "queued")
    assert workstation.run_page.shown.name.whole_text() == "fly0012 (job 1)"
    assert workstation.run_page.shown.property("other"), "the open scan is another one"
    window.commands["pause"].trigger()
    stands(1, "paused")
    before = state.state.rows[1].detail
    window.commands["step"].trigger()
    qtbot.waitUntil(lambda: state.state.rows[1].detail != before, timeout=SOON)
    stands(1, "paused")
    window.commands["resume"].trigger()
    stands(1, "running")
    window.commands["stop"].trigger()
    stands(1, "stopped")
    stands(2, "running")
    live.choose((1,))
    window.commands["retry"].trigger()
    stands(1, "queued")
    live.choose((2,))
    window.commands["cancel"].trigger()
    stands(2, "cancelled")
    stands(1, "running")
    qtbot.waitUntil(lambda: state.state.rows[1].done > 0, timeout=6 * SOON)
    window.edited.emit("reconstruction.iterations", 3)
    window.commands["batch"].trigger()
    dialog = window.batch
    assert dialog.isVisible()
    dialog.scans.setPlainText("\n".join(map(str, scans)))
    dialog.folder.setText(str(tmp_path / "results"))
    dialog.look.click()
    qtbot.waitUntil(dialog.queue.isEnabled, timeout=6 * SOON)
    dialog.queue.click()
    stands(4, "queued")
    assert not dialog.isVisible()
    window.close()
    assert window.isVisible() and window.ending.isVisible()
    assert "fly0012 (job 1) is still running" in window.ending.title.text()
    with qtbot.waitSignal(window.closing, timeout=6 * SOON):
        window.ending.stop.click()
    with Store(state.folder) as store:
        assert [store.entry(job).state.value for job in (1, 2, 3, 4)] == ["stopped", "cancelled", "queued", "queued"]
