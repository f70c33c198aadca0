"""The window's composition root: makes controllers and views, and joins them."""

from __future__ import annotations

import logging
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from PyQt5.QtCore import QObject, QSettings, Qt, QTimer, pyqtSignal
from PyQt5.QtWidgets import QApplication

from ptychogui.controllers.background import Background
from ptychogui.controllers.beamline import BeamlineController, Pointing
from ptychogui.controllers.demo import DemoController
from ptychogui.controllers.error_message import ErrorMessage
from ptychogui.controllers.loading import LoadedResult, LoadedScan
from ptychogui.controllers.pairing import PairingController
from ptychogui.controllers.preflight import PreflightController
from ptychogui.controllers.question import QuestionController
from ptychogui.controllers.run import RunController
from ptychogui.controllers.session import SessionController
from ptychogui.controllers.worker import DeviceWorker
from ptychogui.jobs.job import Progress
from ptychogui.jobs.orientation.doctor import open_and_examine
from ptychogui.jobs.prepare.survey import Reading, Surveyed, survey_scan
from ptychogui.physics.simulation import Recipe
from ptychogui.pictures.live_picture import Picture
from ptychogui.views.shell.main_window import MainWindow
from ptychogui.views.shell.settings import WindowSettings
from ptychogui.views.theme import app_icon, apply_theme

_SIGNALS_MS = 200

_log = logging.getLogger(__name__)


def main(files: Sequence[Path] = (), demo: bool = False, folder: Path | None = None) -> int:
    """Show the window until the user closes it.

    Args:
        files: the first is opened.
        demo: reconstruct a simulated scan at once; paths of results go to stdout.
        folder: where the simulated scan and its result go; the user's cache when None.

    Returns:
        exit status, 0.
    """
    QApplication.setAttribute(Qt.ApplicationAttribute.AA_EnableHighDpiScaling)
    QApplication.setAttribute(Qt.ApplicationAttribute.AA_UseHighDpiPixmaps)
    app = QApplication(sys.argv[:1])
    app.setApplicationName("ptychogui")
    app.setWindowIcon(app_icon())
    workstation = Workstation(QSettings("ptychogui", "ptychogui"), folder)
    apply_theme(app, workstation.window.memory.theme)
    sys.excepthook = workstation.hook.handle
    heart = _close_on_signals(workstation)
    heart.start(_SIGNALS_MS)
    workstation.window.show()
    if files:
        workstation.session.open(files[0])
    if demo:
        workstation.run.ended.connect(lambda _text, _kind, result: result and print(result, flush=True))
        workstation.demo.start()
    return app.exec_()


def _close_on_signals(workstation: Workstation) -> QTimer:
    """Close the window on Ctrl-C and on SIGTERM; the timer gives Python its turn to notice them."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: workstation.window.close())
    heart = QTimer(workstation.window)
    heart.timeout.connect(lambda: None)
    return heart


class Workstation:
    """The window and its controllers, joined. `close` ends everything; the window's closing calls it."""

    def __init__(self, settings: QSettings, demo_folder: Path | None = None, demo_recipe: Recipe | None = None) -> None:
        self.hook = ErrorHook()
        self.background = Background()
        self.worker = DeviceWorker("auto")
        memory = WindowSettings(settings)
        self.session = SessionController(self.background, memory.values())
        self.run = RunController(self.session, self.worker)
        self.demo = DemoController(self.session, self.run, self.background, demo_folder, demo_recipe)
        self.preflight = PreflightController(self.session, self.run, self.background)
        self.doctor = QuestionController(
            self.session, self.background, open_and_examine, "The orientation can't be found"
        )
        self.survey = QuestionController(self.session, self.background, survey_scan, "The scan can't be surveyed")
        self.beamline = BeamlineController(self.session, self.background)
        self.pairing = PairingController(self.session, self.background)
        self.window = MainWindow(memory)
        self._join_intents()
        self._join_session()
        self._join_run()
        self._join_preflight()
        self._join_doctor()
        self._join_survey()
        self._join_beamline()
        self._join_pairing()
        self.session.announce()
        self.worker.start()

    def close(self) -> None:
        """Remember the user's values, end the run with its result kept, and end threads and processes."""
        self.window.memory.keep_values(self.session.remembered())
        self.preflight.close()
        self.doctor.close()
        self.survey.close()
        self.pairing.close()
        self.worker.shut_down()
        self.background.close()

    def _join_intents(self) -> None:
        window = self.window
        window.openAsked.connect(self.session.open)
        window.edited.connect(self.session.edit)
        window.reverted.connect(self.session.revert)
        window.runAsked.connect(self.run.run)
        window.stopAsked.connect(self.run.stop)
        window.simulateAsked.connect(self.demo.start)
        window.closing.connect(self.close)

    def _join_session(self) -> None:
        session, window = self.session, self.window
        session.valuesChanged.connect(window.show_values)
        session.runnableChanged.connect(window.show_runnable)
        session.opening.connect(window.show_opening)
        session.scanOpened.connect(self._show_scan)
        session.scanOpened.connect(self.demo.run_if_mine)
        session.resultOpened.connect(self._show_result)
        session.openFailed.connect(self._show_scan_again)
        self.demo.opening.connect(window.show_opening)
        self.demo.failed.connect(self._show_scan_again)
        questions = self.doctor, self.survey, self.pairing.drawing
        for source in (session, self.run, self.demo, *questions, self.beamline, self.hook):
            source.problem.connect(self._show_problem)

    def _join_run(self) -> None:
        run, window = self.run, self.window
        run.started.connect(window.show_started)
        run.waiting.connect(window.show_awaited)
        run.progress.connect(self._show_progress)
        run.picture.connect(self._show_picture)
        run.stopping.connect(window.show_stopping)
        run.ended.connect(window.show_ended)
        run.message.connect(window.show_message)

    def _join_preflight(self) -> None:
        strip = self.window.preflight
        self.preflight.checking.connect(strip.show_checking)
        self.preflight.checked.connect(strip.show_findings)
        self.preflight.idle.connect(strip.show_idle)

    def _join_doctor(self) -> None:
        page = self.window.orientation
        page.startAsked.connect(self.doctor.start)
        page.stopAsked.connect(self.doctor.stop)
        self.doctor.began.connect(page.show_began)
        self.doctor.told.connect(page.show_look)
        self.doctor.ended.connect(page.show_ended)
        self.doctor.cleared.connect(page.clear)

    def _join_survey(self) -> None:
        page = self.window.preview
        page.surveyAsked.connect(self.survey.start)
        page.stopAsked.connect(self.survey.stop)
        self.survey.began.connect(lambda: page.show_reading(None))
        self.survey.told.connect(self._show_surveyed)
        self.survey.ended.connect(page.show_ended)

    def _show_surveyed(self, told: Reading | Surveyed) -> None:
        if isinstance(told, Reading):
            self.window.preview.show_reading(told)
            return
        self.window.preview.show_surveyed(told)
        for note in told.notes:
            self.window.show_message(f"survey: {note}")

    def _join_beamline(self) -> None:
        window, page = self.window, self.window.beamline
        window.beamlineAsked.connect(self.beamline.begin)
        page.changed.connect(self.beamline.change)
        page.rawFileChosen.connect(self.beamline.point_at)
        page.saveAsked.connect(self.beamline.save)
        self.beamline.began.connect(self._show_pointing)
        self.beamline.tried.connect(page.show_tried)
        self.beamline.patternFound.connect(page.show_pattern)
        self.beamline.saved.connect(lambda path: window.show_message(f"preset saved: {path}"))

    def _join_pairing(self) -> None:
        window, page, asking = self.window, self.window.pairing, self.pairing
        self.session.scanOpened.connect(asking.begin)
        self.preflight.checked.connect(asking.consider)
        self.run.ended.connect(lambda _text, kind, _result: asking.recall(kind))
        asking.asked.connect(page.show_ways)
        asking.asked.connect(lambda _ways: window.show_pairing_page())
        asking.recalled.connect(window.show_pairing_page)
        asking.settled.connect(window.hide_pairing_page)
        asking.drawing.told.connect(page.show_told)
        asking.drawing.ended.connect(page.show_ended)

    def _show_pointing(self, pointing: Pointing) -> None:
        self.window.beamline.show_file(pointing.path, pointing.items, pointing.draft)
        self.window.show_beamline_page()

    def _show_scan(self, scan: LoadedScan) -> None:
        self.window.show_scan(scan.path, scan.facts, scan.notes)
        self.window.show_preview(scan.pattern, scan.previewed, scan.positions_m)
        self.window.remember(scan.path)

    def _show_scan_again(self) -> None:
        scan = self.session.scan
        self.window.show_scan(scan.path if scan else None, scan.facts if scan else (), scan.notes if scan else ())

    def _show_result(self, result: LoadedResult) -> None:
        self._show_scan_again()
        self.window.remember(result.path)
        self._show_picture(result.picture)
        self.window.show_result(result.path, result.facts, result.errors)

    def _show_progress(self, progress: Progress) -> None:
        self.window.show_progress(
            progress.iteration, progress.iterations, progress.error, progress.positions_per_s, progress.seconds_left
        )

    def _show_picture(self, picture: Picture) -> None:
        page = self.window.run_page
        page.phase.show_image(picture.phase, picture.pixel_m, picture.phase_levels, picture.scanned_m)
        page.magnitude.show_image(picture.magnitude, picture.pixel_m, picture.magnitude_levels, picture.scanned_m)
        page.probe.show_modes(picture.modes, picture.mode_pixel_m, picture.powers)
        self.window.show_run_page()

    def _show_problem(self, problem: ErrorMessage) -> None:
        self.window.show_problem(problem.title, problem.text, problem.details)


class ErrorHook(QObject):
    """Takes exceptions that nobody handled: logs each, and announces it once."""

    problem = pyqtSignal(object)

    def __init__(self) -> None:
        super().__init__()
        self._seen: set[str] = set()

    def handle(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        """Stand in for sys.excepthook."""
        details = "".join(traceback.format_exception(kind, error, trace))
        if details in self._seen:
            return
        self._seen.add(details)
        _log.error("unhandled exception\n%s", details)
        text = f"{kind.__name__}: {error}. This is a defect of ptychogui; copy the details into a report."
        self.problem.emit(ErrorMessage("Something went wrong inside ptychogui", text, details))
