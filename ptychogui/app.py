"""The window's composition root: makes controllers and views, and joins them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from PyQt5.QtCore import QSettings, Qt
from PyQt5.QtWidgets import QApplication

from ptychogui.controllers.background import Background
from ptychogui.controllers.demo import DemoController
from ptychogui.controllers.error_message import ErrorMessage
from ptychogui.controllers.loading import LoadedResult, LoadedScan
from ptychogui.controllers.pairing import PairingController
from ptychogui.controllers.pictures.developing import DevelopController
from ptychogui.controllers.pictures.frames import FrameController, ShownFrame
from ptychogui.controllers.pictures.saving import SaveController
from ptychogui.controllers.preflight import PreflightController
from ptychogui.controllers.preset import Pointing, PresetController
from ptychogui.controllers.question import QuestionController
from ptychogui.controllers.queue.batch import BatchController
from ptychogui.controllers.queue.ending import EndController
from ptychogui.controllers.queue.live import LiveController, Preview
from ptychogui.controllers.queue.queue import QueueController
from ptychogui.controllers.queue.watching import WatchController
from ptychogui.controllers.run import RunController
from ptychogui.controllers.session import SessionController
from ptychogui.controllers.window import WindowController
from ptychogui.form_joins import FormJoins
from ptychogui.jobs.orientation.doctor import open_and_examine
from ptychogui.jobs.prepare.read_survey import ReadingProgress, ScanSurvey, survey_scan
from ptychogui.jobs.processes.messages import Ready
from ptychogui.paths import config_folder, home, queue_folder
from ptychogui.physics.simulation import Recipe
from ptychogui.queue.under_way import LaneNews
from ptychogui.result_joins import PastResults
from ptychogui.shell_joins import ShellJoins, close_on_signals
from ptychogui.views.queue.dialogs import Continuation
from ptychogui.views.run.run_page import RunPage
from ptychogui.views.scan.orientation_page import OrientationPage
from ptychogui.views.scan.pairing_page import PairingPage
from ptychogui.views.scan.preset_page import PresetPage
from ptychogui.views.scan.preview_page import PreviewPage
from ptychogui.views.shell.main_window import MainWindow
from ptychogui.views.shell.pages import Page
from ptychogui.views.shell.settings import WindowSettings
from ptychogui.views.theme import app_icon, apply_theme

_RESTORED = ("scan", "run")
"""Pages that the window turns to at its start, if one of them was the last."""


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
    if home() is not None:
        QSettings.setPath(QSettings.Format.NativeFormat, QSettings.Scope.UserScope, str(config_folder()))
    workstation = Workstation(QSettings("ptychogui", "ptychogui"), folder)
    apply_theme(app, workstation.window.settings.theme)
    workstation.shell.hook.install()
    close_on_signals(workstation.window)
    workstation.window.show()
    if files:
        workstation.form.opening.open(files[0])
    elif not demo:
        workstation.restore()
    if demo:
        workstation.live.ended.connect(_print_result)
        workstation.demo.start()
    return app.exec_()


def _print_result(news: LaneNews) -> None:
    if news.result is not None:
        print(news.result, flush=True)


class Workstation:
    """The window and its controllers, joined. `close` ends everything; the window's closing calls it."""

    def __init__(self, settings: QSettings, demo_folder: Path | None = None, demo_recipe: Recipe | None = None) -> None:
        self._page = ""  # to turn to as soon as the file of the session before is open
        self.background = Background()
        kept = WindowSettings(settings)
        self.session = SessionController(self.background, kept.values(), kept.text("geometry"))
        self.queue = QueueController(queue_folder())
        self.live = LiveController(self.queue, self.background)
        self.run = RunController(self.session, self.queue)
        self.ending = EndController(self.queue)
        self.batch = BatchController(self.session, self.queue, self.run, self.background)
        self.watching = WatchController(self.queue, self.background)
        self.demo = DemoController(self.session, self.run, self.background, demo_folder, demo_recipe)
        self.preflight = PreflightController(self.session, self.queue, self.background)
        self.doctor = QuestionController(
            self.session, self.background, open_and_examine, "The orientation can't be found"
        )
        self.survey = QuestionController(self.session, self.background, survey_scan, "The scan can't be surveyed")
        self.preset = PresetController(self.session, self.background)
        self.pairing = PairingController(self.session, self.background)
        self.developing = DevelopController(self.background)
        self.saving = SaveController(self.background)
        self.frames = FrameController(self.session, self.background)
        self.shown = WindowController(self.session, self.queue, self.live, self.demo)
        self.window = MainWindow(kept)
        self.form = FormJoins(self.session, self.queue, self.background, self.window)
        self.shell = ShellJoins(self.session, self.queue, self.shown, self.background, self.window)
        self.preview_page = PreviewPage()
        self.run_page = RunPage()
        self.orientation_page = OrientationPage()
        self.preset_page = PresetPage()
        self.pairing_page = PairingPage()
        self._register_pages()
        self.past = PastResults(self.window.pages, self.session, self.saving, self.background)
        self._join_window()
        self._join_session()
        self._join_run()
        self._join_queue()
        self._join_batch()
        self._join_preflight()
        self._join_doctor()
        self._join_survey()
        self._join_frames()
        self._join_preset()
        self._join_pairing()
        self.session.announce()
        self.queue.start()
        self.shell.start()

    def restore(self) -> None:
        """Open the file of the session before, if it is there still, and turn to the page of before."""
        path = self.window.settings.open_file
        if path is not None:
            self._page = self.window.settings.page
            self.session.open(path)

    def close(self) -> None:
        """Remember values and the open file, have jobs under way keep their state, and end threads and processes."""
        self.shell.close()
        self.form.close()
        self.window.settings.keep_values(self.session.remembered())
        self.window.settings.keep_open(self.session.path, self.window.pages.current)
        self.window.settings.keep_text("results", self.run.folder)
        self.batch.drop()
        self.watching.end()
        self.preflight.close()
        self.doctor.close()
        self.survey.close()
        self.frames.close()
        self.pairing.close()
        self.past.close()
        self.queue.close()
        self.background.close()

    def _register_pages(self) -> None:
        for page in (
            Page("scan", "Scan", self.preview_page),
            Page("run", "Reconstruction", self.run_page),
            Page("orientation", "Orientation", self.orientation_page, help="orientation.md"),
            Page("preset", "Beamline preset", self.preset_page, help="beamlines.md"),
            Page("pairing", "Pairing", self.pairing_page, help="conventions.md#Raw files"),
        ):
            self.window.pages.add(page)

    def _join_window(self) -> None:
        window, commands = self.window, self.window.commands
        window.edited.connect(self.session.edit)
        window.reverted.connect(self.session.revert)
        window.wrongChanged.connect(self.shown.take_wrong)
        window.runAsked.connect(self.run.run)
        window.closing.connect(self.close)
        commands["simulate"].triggered.connect(self.demo.start)
        commands["preset"].triggered.connect(self.preset.begin)
        self.shown.changed.connect(window.show_state)
        questions = self.doctor, self.survey, self.pairing.drawing
        jobs = self.queue, self.live, self.run, self.ending, self.watching
        pictures = self.developing, self.saving, self.frames
        own = self.session, self.form.opening, self.shell
        for source in (*own, *jobs, self.demo, *questions, *pictures, self.preset):
            source.problem.connect(self._show_problem)
        for problem in self.past.problems:
            problem.connect(self._show_problem)
        for message in self.past.messages:
            message.connect(window.show_message)

    def _join_session(self) -> None:
        session = self.session
        session.valuesChanged.connect(self.window.show_values)
        session.scanOpened.connect(self._show_scan)
        session.scanOpened.connect(self.demo.run_if_mine)
        session.resultOpened.connect(self._show_result)

    def _join_run(self) -> None:
        live, page = self.live, self.run_page
        self.run.added.connect(self.queue.added)
        self.shown.changed.connect(page.show_state)
        page.findings.applyAsked.connect(self.form.apply_finding)
        live.shot.connect(self.developing.take)
        live.preview.connect(self._show_preview)
        live.cleared.connect(self.developing.clear)
        live.cleared.connect(page.clear)
        self.developing.picture.connect(page.show_picture)
        self.developing.kept.connect(page.bar.show_kept)
        page.bar.rampRemoved.connect(self.developing.remove_ramp)
        page.bar.unwrapped.connect(self.developing.unwrap)
        page.bar.pastAsked.connect(self.developing.show_past)
        page.looked.connect(self.developing.sharpen)
        page.saveAsked.connect(self.saving.save)
        self.saving.message.connect(self.window.show_message)
        live.turned.connect(self._turn_to_run)
        live.ended.connect(self.past.refresh)
        live.log.connect(self.window.log.show_log)
        live.message.connect(self.window.show_message)

    def _join_queue(self) -> None:
        window, queue, panel = self.window, self.queue, self.window.queue
        queue.changed.connect(panel.show_queue)
        queue.message.connect(window.show_message)
        queue.ready.connect(self._tell_ready)
        self.run.folderChanged.connect(panel.results.show_folder)
        self.run.set_folder(window.settings.text("results"))
        panel.results.chosen.connect(self.run.set_folder)
        panel.ticked.connect(queue.tick)
        panel.moveAsked.connect(queue.move)
        panel.answered.connect(self._answer)
        panel.chosen.connect(self.live.choose)
        self.live.chosen.connect(panel.show_chosen)
        window.jobAsked.connect(self._act)
        window.continueAsked.connect(self._continue)
        window.commands["hold-all"].triggered.connect(queue.hold_all)
        window.commands["release-all"].triggered.connect(queue.release_all)
        window.commands["clear"].triggered.connect(queue.clear)
        window.commands["follow"].triggered.connect(self.live.follow)
        window.closeAsked.connect(self.ending.ask)
        window.endAnswered.connect(self.ending.answer)
        self.ending.asking.connect(window.ending.ask)
        self.ending.busy.connect(window.ending.show_busy)
        self.ending.problem.connect(window.ending.hide)
        self.ending.over.connect(window.go)

    def _join_batch(self) -> None:
        batch, dialog = self.batch, self.window.batch
        self.window.commands["batch"].triggered.connect(batch.open)
        dialog.lookAsked.connect(batch.look)
        dialog.dropAsked.connect(batch.drop)
        dialog.queueAsked.connect(batch.queue)
        batch.opened.connect(dialog.begin)
        batch.listed.connect(dialog.show_rows)
        batch.looked.connect(dialog.show_row)
        batch.refused.connect(dialog.show_problem)
        batch.queued.connect(dialog.finish)
        batch.queued.connect(self.window.show_message)
        dialog.sweepsChanged.connect(batch.check_sweeps)
        batch.swept.connect(dialog.show_swept)
        batch.watchAsked.connect(self.watching.begin)
        self.watching.changed.connect(self.window.queue.watching.show_notice)
        self.watching.message.connect(self.window.show_message)
        self.window.queue.watching.answered.connect(self.watching.end)

    def _join_preflight(self) -> None:
        strip = self.window.preflight
        strip.fixAsked.connect(self.session.edit_all)
        self.preflight.checking.connect(strip.show_checking)
        self.preflight.checked.connect(strip.show_findings)
        self.preflight.idle.connect(strip.show_idle)

    def _join_doctor(self) -> None:
        page = self.orientation_page
        self.session.valuesChanged.connect(page.show_parameters)
        page.startAsked.connect(self.doctor.start)
        page.stopAsked.connect(self.doctor.stop)
        page.applyAsked.connect(self.session.edit_all)
        self.doctor.began.connect(page.show_began)
        self.doctor.told.connect(page.show_progress)
        self.doctor.ended.connect(page.show_ended)
        self.doctor.cleared.connect(page.clear)

    def _join_survey(self) -> None:
        page = self.preview_page
        page.surveyAsked.connect(self.survey.start)
        page.stopAsked.connect(self.survey.stop)
        self.survey.began.connect(page.show_began)
        self.survey.told.connect(page.show_told)
        self.survey.told.connect(self._tell_survey_notes)
        self.survey.ended.connect(page.show_ended)

    def _join_frames(self) -> None:
        page, frames = self.preview_page, self.frames
        self.session.valuesChanged.connect(page.show_parameters)
        page.frameAsked.connect(frames.show_row)
        page.edited.connect(self.session.edit)
        page.saveAsked.connect(self.saving.save)
        page.maskSaveAsked.connect(self._save_mask)
        page.maskLoadAsked.connect(frames.read_mask)
        frames.shown.connect(self._show_frame)
        frames.failed.connect(page.show_unread)
        frames.maskRead.connect(page.painter.show_mask)

    def _join_preset(self) -> None:
        page = self.preset_page
        page.changed.connect(self.preset.change)
        page.rawFileChosen.connect(self.preset.point_at)
        page.saveAsked.connect(self.preset.save)
        self.preset.began.connect(self._show_pointing)
        self.preset.tried.connect(page.show_tried)
        self.preset.patternFound.connect(page.show_pattern)
        self.preset.saved.connect(self._tell_saved)

    def _join_pairing(self) -> None:
        page, asking = self.pairing_page, self.pairing
        self.session.scanOpened.connect(asking.begin)
        self.preflight.checked.connect(asking.consider)
        self.live.ended.connect(self._recall_pairing)
        page.useAsked.connect(self.session.edit_all)
        asking.asked.connect(page.show_ways)
        asking.asked.connect(self._show_pairing)
        asking.recalled.connect(self._show_pairing)
        asking.settled.connect(self._hide_pairing)
        asking.drawing.told.connect(page.show_told)
        asking.drawing.ended.connect(page.show_ended)

    def _show_scan(self, scan: LoadedScan) -> None:
        assert scan.dataset is not None
        self.preview_page.show_scan(scan.pattern, scan.previewed, scan.dataset.frame_rows, scan.positions_m)
        self.preview_page.show_parameters(self.session.layers.resolve()[0])
        if not scan.is_of_result:
            page, self._page = self._page, ""
            self.window.pages.turn_to(page if page in _RESTORED else "scan")
            self.window.remember(scan.path)

    def _show_frame(self, frame: ShownFrame) -> None:
        self.preview_page.show_frame(frame.row, frame.picture)

    def _save_mask(self, path: Path, write: Callable[[Path], None]) -> None:
        """Write a mask, and use it."""
        used = {"preprocessing.mask_file": path, "preprocessing.invert_mask_file": False}
        self.saving.save(path, write, lambda: self.session.edit_all(used))

    def _show_result(self, result: LoadedResult) -> None:
        self.window.remember(result.path)
        self.live.show_result(result)

    def _show_preview(self, preview: Preview) -> None:
        self.run_page.show_preview(preview.path, preview.name)

    def _turn_to_run(self) -> None:
        self.window.pages.turn_to("run")

    def _act(self, key: str) -> None:
        if key == "log":
            self.live.read_log()
        else:
            self.queue.act(key, self.live.jobs)

    def _answer(self, key: str) -> None:
        self.queue.answer(key)
        if key == "go-on":
            self._turn_to_run()

    def _continue(self, how: Continuation) -> None:
        own = self.session.shared()[0] if how.with_form else {}
        self.queue.go_on_from(self.live.jobs[0], how.iterations, how.engine, own)

    def _tell_ready(self, ready: Ready) -> None:
        self.window.show_message(f"Device {ready.device} is ready (process {ready.pid})")

    def _show_pointing(self, pointing: Pointing) -> None:
        self.preset_page.show_file(pointing.path, pointing.items, pointing.draft)
        self.window.pages.turn_to("preset")

    def _show_pairing(self) -> None:
        self.window.pages.turn_to("pairing")

    def _hide_pairing(self) -> None:
        self.window.pages.take_away("pairing", then="scan")

    def _recall_pairing(self, news: LaneNews) -> None:
        self.pairing.recall(news.state)

    def _tell_survey_notes(self, told: ReadingProgress | ScanSurvey) -> None:
        for note in () if isinstance(told, ReadingProgress) else told.notes:
            self.window.show_message(f"survey: {note}")

    def _tell_saved(self, path: Path) -> None:
        self.window.show_message(f"preset saved: {path}")

    def _show_problem(self, problem: ErrorMessage) -> None:
        self.window.show_problem(problem.title, problem.text, problem.details, problem.ends_with_edit)
