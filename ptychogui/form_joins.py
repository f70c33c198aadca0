"""The form's part of the composition root: what is said and kept around the form, joined to its controllers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PyQt5.QtCore import QObject

from ptychogui.controllers.background import Background
from ptychogui.controllers.loading import LoadedResult, LoadedScan
from ptychogui.controllers.queue.mail import MailController
from ptychogui.controllers.queue.queue import QueueController
from ptychogui.controllers.session import SessionController
from ptychogui.controllers.values.opening import OpeningController
from ptychogui.controllers.values.profiles import ProfileController
from ptychogui.paths import config_folder
from ptychogui.queue_state import QueueState
from ptychogui.views.form.editors import DeviceChoice
from ptychogui.views.shell.main_window import MainWindow


class FormJoins(QObject):
    """Profiles, code, undo, results, devices and mail: their controllers, and what joins them to the window."""

    def __init__(
        self, session: SessionController, queue: QueueController, background: Background, window: MainWindow
    ) -> None:
        super().__init__()
        self._session, self._window = session, window
        self.profiles = ProfileController(session, background, config_folder() / "profiles")
        self.mail = MailController(queue, background)
        self.opening = OpeningController(session, background)
        self._join_session()
        self._join_profiles()
        self._join_mail()
        queue.changed.connect(self._show_devices)
        window.openAsked.connect(self.opening.open)
        self.opening.batchWanted.connect(self._begin_batch)

    def close(self) -> None:
        """Remember the geometry of detectors."""
        self._window.settings.keep_text("geometry", self._session.geometry())

    def apply_finding(self, values: Mapping[str, Any], what: str) -> None:
        """Take values that may mend a run, and show the first of them."""
        self._session.edit_all(values, what)
        self._window.panel.go_to(next(iter(values)))

    def _join_session(self) -> None:
        session, window = self._session, self._window
        window.commands["undo"].triggered.connect(self._undo)
        window.commands["redo"].triggered.connect(self._redo)
        window.panel.goOnAsked.connect(self._go_on_from_result)
        session.scanOpened.connect(self._show_scan)
        session.resultOpened.connect(self._show_result)
        session.scanClosed.connect(self._hide_scan)

    def _join_profiles(self) -> None:
        profiles, dialog, commands = self.profiles, self._window.profiles, self._window.commands
        commands["profiles"].triggered.connect(dialog.show)
        commands["profiles"].triggered.connect(profiles.open)
        commands["code"].triggered.connect(self._write_code)
        dialog.chosen.connect(profiles.choose)
        dialog.saveAsked.connect(profiles.save)
        dialog.deleteAsked.connect(profiles.delete)
        dialog.resultAsked.connect(profiles.compare_result)
        dialog.takeAsked.connect(self._session.edit_all)
        profiles.listed.connect(dialog.begin)
        profiles.compared.connect(dialog.show_differences)
        profiles.refused.connect(dialog.show_problem)
        profiles.written.connect(self._window.code.show_code)

    def _join_mail(self) -> None:
        mail, dialog = self.mail, self._window.mail
        self._window.commands["mail"].triggered.connect(dialog.show)
        self._window.commands["mail"].triggered.connect(mail.open)
        dialog.keepAsked.connect(mail.keep)
        dialog.testAsked.connect(mail.test)
        mail.shown.connect(dialog.show_settings)
        mail.told.connect(dialog.show_answer)
        mail.refused.connect(dialog.show_problem)

    def _write_code(self) -> None:
        self._window.form.commit()
        self.profiles.write()

    def _undo(self) -> None:
        self._window.form.commit()
        self._session.undo()

    def _redo(self) -> None:
        self._window.form.commit()
        self._session.redo()

    def _begin_batch(self, paths: tuple[Path, ...]) -> None:
        """Begin a batch with these scans, and look at them."""
        self._window.commands["batch"].trigger()
        self._window.batch.scans.setPlainText("\n".join(map(str, paths)))
        self._window.batch.look.click()

    def _show_scan(self, scan: LoadedScan) -> None:
        self._window.form.drop_texts()
        if not scan.is_of_result:
            self._window.panel.result.hide()

    def _show_result(self, result: LoadedResult) -> None:
        if result.layers is not None:
            self._window.panel.result.show_result(result.path, result.source)

    def _hide_scan(self) -> None:
        self._window.pages.take_away("scan", then="run")

    def _go_on_from_result(self) -> None:
        result = self._window.panel.result.path
        if result is not None:
            self._session.go_on_from(result)

    def _show_devices(self, queue: QueueState) -> None:
        devices = {group.key: DeviceChoice(group.detail, group.usable)
                   for group in queue.groups if group.ticked is not None}  # fmt: skip
        for editors in (self._window.form, self._window.quick):
            editors.show_devices(devices)
