"""The settings of mail in the window: read from the queue's store, kept there, and tried."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from PyQt5.QtCore import QObject, pyqtSignal

from ptychogui.controllers.background import Background
from ptychogui.controllers.queue.queue import QueueController
from ptychogui.errors import ParameterError
from ptychogui.notify.password import keep_password, password_text
from ptychogui.notify.settings import PostSettings
from ptychogui.notify.trial import send_test
from ptychogui.queue.store import letters


class MailController(QObject):
    """Keeps settings; the password goes to the system's keyring and nowhere else.

    Signals:
        shown(PostSettings, text): as they stand, and where the password is.
        told(text): what has become of what was asked for.
        refused(text): why it can't be done.
    """

    shown = pyqtSignal(object, str)
    told = pyqtSignal(str)
    refused = pyqtSignal(str)

    def __init__(self, queue: QueueController, background: Background) -> None:
        super().__init__()
        self._queue, self._background = queue, background
        self._settings = PostSettings()

    def open(self) -> None:
        """Read the settings."""
        self._queue.do(letters.post_settings, self._show, self._refuse)

    def keep(self, values: Mapping[str, str], password: str | None) -> None:
        """Keep settings.

        Args:
            values: name -> text of each; "" for its default.
            password: a new one, "" to forget it; None where it stays.
        """
        self._keep(values, password, lambda _settings: self.told.emit("Kept"))

    def test(self, values: Mapping[str, str], password: str | None, to: str) -> None:
        """Keep settings, and send a test each way that is set; the mail to an address, "" for the sender's."""

        def send(settings: PostSettings) -> None:
            self.told.emit(f"Asking {settings.host} ...")
            self._background.start(lambda: send_test(settings, to), self._tell, self._refuse)

        self._keep(values, password, send)

    def _keep(self, values: Mapping[str, str], password: str | None, then: Callable[[PostSettings], None]) -> None:
        try:
            settings = self._settings.with_texts(values)
            if password and not settings.user:
                raise ParameterError("a password is for a user: say who logs in")
        except ParameterError as error:
            self._refuse(error)
            return

        def done(_nothing: Any) -> None:
            self._show(settings)
            then(settings)

        def keep_settings(_nothing: Any) -> None:
            self._queue.do(lambda store: letters.keep_post_settings(store, settings), done, self._refuse)

        if password is None:
            keep_settings(None)
        else:
            self._background.start(lambda: keep_password(settings, password), keep_settings, self._refuse)

    def _show(self, settings: PostSettings) -> None:
        self._settings = settings
        self._background.start(
            lambda: password_text(settings), lambda text: self.shown.emit(settings, text), self._refuse
        )

    def _tell(self, told: tuple[str, ...]) -> None:
        self.told.emit("; ".join(told).capitalize())

    def _refuse(self, error: Exception) -> None:
        self.refused.emit(str(error))
