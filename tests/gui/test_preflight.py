"""Preflight in the window: lights, findings, fixes; checks wait for values to settle, and let the device go to jobs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PyQt5.QtCore import QObject, pyqtSignal
from PyQt5.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from ptychogui.app import Workstation
from ptychogui.controllers.background import Background
from ptychogui.controllers.preflight import PreflightController
from ptychogui.controllers.session import SessionController
from ptychogui.errors import DataError
from ptychogui.io.simulated import write_scan
from ptychogui.jobs.job import Job
from ptychogui.jobs.preflight import TITLES, Finding, Level, Preflight
from ptychogui.params.origins import Source
from ptychogui.physics.simulation import simulate
from ptychogui.queue_state import JobRow, QueueState
from ptychogui.states import State
from ptychogui.views.form.preflight_strip import PreflightStrip
from ptychogui.views.theme import DARK, LIGHT, apply_theme
from tests.gui.conftest import RECIPE

LONG = 60_000
BUSY = QueueState(is_mine=True, rows={1: JobRow(1, "a", State.RUNNING, "running", "", 0.5, frozenset())})

FOUND = Preflight(
    (
        Finding("values", Level.GOOD, "Values go together", "8.8 keV"),
        Finding("center", Level.LOOK, "Off center", "3 pixels", {"preprocessing.center_px": (30.0, 33.0)}, "move it"),
        Finding("photons", Level.STOP, "Few photons", "100 counts", {"reconstruction.noise_model": "poisson"}, "fit"),
        Finding("overlap", Level.UNKNOWN, "Can't check: overlap", "no beam", None, "give the size"),
        Finding("time", Level.GOOD, "About 3 s", "estimate"),
    ),
    "64 of 100 frames",
    0.4,
)


@pytest.fixture
def strip(qtbot: QtBot) -> PreflightStrip:
    made = PreflightStrip()
    qtbot.addWidget(made)
    made.resize(360, 400)
    made.show()
    return made


class TestStrip:
    def test_a_light_for_every_check(self, strip: PreflightStrip) -> None:
        assert list(strip.lights) == list(TITLES)
        strip.show_findings(FOUND)
        shown = {check: light.level for check, light in strip.lights.items() if light.level}
        assert shown == {finding.check: finding.level for finding in FOUND.findings}
        assert "3 pixels" in strip.lights["center"].toolTip()
        assert strip.lights["center"].accessibleName() == "Beam center: worth a look"
        assert {light.text() for light in strip.lights.values()} == set(TITLES.values())
        assert strip.lights["memory"].accessibleName() == "Memory: not checked yet"

    def test_shapes_and_colors_differ(self, strip: PreflightStrip, qapp: QApplication) -> None:
        strip.show_findings(FOUND)
        for theme, colors in (("light", LIGHT), ("dark", DARK)):
            apply_theme(qapp, theme)  # type: ignore[arg-type]
            images = [strip.lights[check].icon().pixmap(16, 16).toImage() for check in ("values", "center", "photons")]
            middle = [{image.pixelColor(x, y).name() for x in range(16) for y in range(16)
                       if image.pixelColor(x, y).alpha() == 255} for image in images]  # fmt: skip
            for names, color in zip(middle, (colors.success, colors.warning, colors.danger), strict=True):
                assert color in names
            outlines = [
                [image.pixelColor(x, y).alpha() > 100 for x in range(16) for y in range(16)] for image in images
            ]
            assert outlines[0] != outlines[1] != outlines[2] != outlines[0]

    def test_the_list_has_the_worst_first_and_a_button_for_every_fix(self, strip: PreflightStrip) -> None:
        strip.show_findings(FOUND)
        assert not strip.area.isVisible()
        strip.head.click()
        assert strip.area.isVisible()
        assert [row.finding.check for row in strip.rows] == ["photons", "center", "overlap", "values", "time"]
        assert [row.apply.isVisible() for row in strip.rows] == [True, True, False, False, False]
        assert strip.rows[2].text.text() == "give the size"
        assert strip.summary.whole_text() == "1 to mend  ·  1 to look at  ·  about 3 s"

    def test_apply_asks_for_the_fix(self, qtbot: QtBot, strip: PreflightStrip) -> None:
        strip.show_findings(FOUND)
        strip.lights["center"].click()
        with qtbot.waitSignal(strip.fixAsked, timeout=1000) as asked:
            strip.rows[1].apply.click()
        assert asked.args == [{"preprocessing.center_px": (30.0, 33.0)}]

    def test_old_findings_are_dimmed_and_can_not_be_applied(self, strip: PreflightStrip) -> None:
        strip.show_findings(FOUND)
        strip.show_checking()
        assert not any(row.apply.isEnabled() for row in strip.rows)
        strip.show_findings(FOUND)
        assert strip.rows[0].apply.isEnabled()
        strip.show_idle("Open a scan")
        assert strip.rows == [] and not any(light.level for light in strip.lights.values())
        assert strip.summary.whole_text() == "Open a scan"

    def test_what_is_asked_for_is_called_as_in_the_form(self, strip: PreflightStrip) -> None:
        strip.show_findings(Preflight((Finding("values", Level.STOP, "A value is missing", "give --distance (in m)"),)))
        assert strip.rows[0].reason.text() == "give 'Detector distance' (in m)"
        assert "'Detector distance'" in strip.lights["values"].toolTip()


class FakeQueue(QObject):
    """The signal of the queue."""

    changed = pyqtSignal(object)


class FakeProcess:
    """Checks when it is let; what was asked is noted."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.closed: list[bool] = []
        self.answer: Preflight | Exception = FOUND
        self.go = threading.Event()
        self.go.set()

    def check(self, job: Job) -> Preflight | None:
        self.jobs.append(job)
        assert self.go.wait(10)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def close(self, for_good: bool = False) -> None:
        self.closed.append(for_good)


class Bench:
    def __init__(self, background: Background) -> None:
        self.session, self.queue, self.process = SessionController(background), FakeQueue(), FakeProcess()
        self.preflight = PreflightController(self.session, self.queue, background, self.process)  # type: ignore[arg-type]


@pytest.fixture
def bench(background: Background) -> Iterator[Bench]:
    made = Bench(background)
    yield made
    made.process.go.set()
    made.preflight.close()
    assert made.process.closed[-1]


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scan(tmp_path_factory.mktemp("scan") / "fly0012.cxi", simulate(RECIPE))[0]


def opened(qtbot: QtBot, bench: Bench, scan: Path) -> None:
    with qtbot.waitSignal(bench.preflight.checked, timeout=5000) as checked:
        bench.session.open(scan)
    assert checked.args == [FOUND]


class TestController:
    def test_an_opened_scan_is_checked_once(self, qtbot: QtBot, bench: Bench, scan: Path) -> None:
        opened(qtbot, bench, scan)
        (job,) = bench.process.jobs
        assert job.source == scan and job.parameters.experiment.energy_eV == pytest.approx(8800)
        bench.session.announce()
        bench.session.edit("output.csv", True)
        with qtbot.assertNotEmitted(bench.preflight.checking, wait=600):
            pass
        assert len(bench.process.jobs) == 1

    def test_edits_in_quick_succession_are_checked_together(self, qtbot: QtBot, bench: Bench, scan: Path) -> None:
        opened(qtbot, bench, scan)
        with qtbot.waitSignal(bench.preflight.checked, timeout=5000):
            for iterations in (3, 4, 5):
                bench.session.edit("reconstruction.iterations", iterations)
        assert [job.parameters.reconstruction.iterations for job in bench.process.jobs] == [100, 5]

    def test_only_the_newest_is_told(self, qtbot: QtBot, bench: Bench, scan: Path) -> None:
        bench.process.go.clear()
        with qtbot.waitSignal(bench.preflight.checking, timeout=5000):
            bench.session.open(scan)
        with qtbot.waitSignal(bench.preflight.checking, timeout=5000):
            bench.session.edit("reconstruction.iterations", 7)
        told: list[Preflight] = []
        bench.preflight.checked.connect(told.append)
        with qtbot.waitSignal(bench.preflight.checked, timeout=5000):
            bench.process.go.set()
        assert [job.parameters.reconstruction.iterations for job in bench.process.jobs] == [100, 7]
        assert len(told) == 1

    def test_a_job_that_begins_has_the_device_for_itself_and_checks_let_it_go(
        self, qtbot: QtBot, bench: Bench, scan: Path
    ) -> None:
        opened(qtbot, bench, scan)
        assert bench.process.closed == []
        bench.queue.changed.emit(BUSY)
        bench.queue.changed.emit(BUSY)
        assert bench.process.closed == [False]
        with qtbot.waitSignal(bench.preflight.checked, timeout=5000):
            bench.session.edit("reconstruction.iterations", 9)
        assert bench.process.jobs[-1].parameters.reconstruction.iterations == 9
        assert bench.process.closed == [False, False]
        bench.queue.changed.emit(QueueState(is_mine=True))
        with qtbot.waitSignal(bench.preflight.checked, timeout=5000):
            bench.session.edit("reconstruction.iterations", 10)
        assert bench.process.closed == [False, False]

    def test_a_check_that_a_job_ended_comes_again(self, qtbot: QtBot, bench: Bench, scan: Path) -> None:
        bench.process.go.clear()
        with qtbot.waitSignal(bench.preflight.checking, timeout=5000):
            bench.session.open(scan)
        bench.queue.changed.emit(BUSY)
        with qtbot.waitSignal(bench.preflight.checked, timeout=5000):
            bench.process.go.set()
        assert len(bench.process.jobs) == 2

    def test_another_scan_does_not_have_the_lights_of_the_one_before(
        self, qtbot: QtBot, bench: Bench, scan: Path
    ) -> None:
        opened(qtbot, bench, scan)
        bench.queue.changed.emit(BUSY)
        with qtbot.assertNotEmitted(bench.preflight.checking):
            with qtbot.waitSignal(
                bench.preflight.idle, timeout=0, check_params_cb=lambda why: why == "Not checked yet"
            ):
                bench.session.open(scan)  # at once, before it is read, and while a job runs
        with qtbot.waitSignals([bench.preflight.checking, bench.preflight.checked], timeout=5000, order="strict"):
            pass

    def test_the_check_comes_back_where_another_scan_can_not_be_opened(
        self, qtbot: QtBot, bench: Bench, scan: Path, tmp_path: Path
    ) -> None:
        opened(qtbot, bench, scan)
        with qtbot.waitSignals([bench.preflight.idle, bench.preflight.checked], timeout=5000, order="strict"):
            bench.session.open(tmp_path / "gone.cxi")
        assert bench.process.jobs[-1].source == scan

    def test_a_scan_that_is_gone_is_said(self, qtbot: QtBot, bench: Bench, scan: Path) -> None:
        bench.process.answer = DataError("can't open fly0012.cxi: no such file")
        with qtbot.waitSignal(bench.preflight.idle, timeout=5000, check_params_cb=lambda why: "no such file" in why):
            bench.session.open(scan)

    def test_without_a_scan_there_is_nothing_to_check(self, qtbot: QtBot, bench: Bench) -> None:
        with qtbot.waitSignal(bench.preflight.idle, timeout=5000) as idle:
            bench.session.announce()
        assert "Open a scan" in idle.args[0] and bench.process.jobs == []

    def test_a_simulated_scan_is_checked_without_a_file(self, qtbot: QtBot, bench: Bench) -> None:
        with qtbot.waitSignal(bench.preflight.checked, timeout=5000):
            bench.session.edit("experiment.simulate", True)
        assert bench.process.jobs[0].source is None


def level_of(strip: PreflightStrip) -> Level | None:
    return strip.lights["center"].level


def test_from_a_light_to_a_value_of_the_users_and_back(qtbot: QtBot, workstation: Workstation, scan: Path) -> None:
    """A wrong center is found by the real process, applied with a click, and gone."""
    window, strip = workstation.window, workstation.window.preflight
    with qtbot.waitSignal(workstation.preflight.checked, timeout=LONG):
        window.openAsked.emit(scan)
    assert level_of(strip) is Level.GOOD
    with qtbot.waitSignal(workstation.preflight.checked, timeout=LONG):
        window.edited.emit("preprocessing.center_px", (26.0, 40.0))
    assert level_of(strip) is Level.LOOK
    strip.lights["center"].click()
    (row,) = (row for row in strip.rows if row.finding.check == "center")
    with qtbot.waitSignal(workstation.preflight.checked, timeout=LONG):
        row.apply.click()
    assert level_of(strip) is Level.GOOD
    form_row = window.form.rows["preprocessing.center_px"]
    assert form_row.editor.value() == (32.0, 32.0)
    assert workstation.session.layers.values[Source.USER]["preprocessing.center_px"][0] == (32.0, 32.0)
    form_row.back.click()
    assert form_row.editor.value() is None
