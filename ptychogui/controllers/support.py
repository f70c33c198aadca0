"""What a report needs: versions, devices, settings and the end of the log, without what is secret."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Sequence
from typing import TypeAlias

from PyQt5.QtCore import PYQT_VERSION_STR, QT_VERSION_STR, QObject, pyqtSignal

from ptychogui.backends import list_devices
from ptychogui.controllers.background import Background
from ptychogui.controllers.error_message import explain
from ptychogui.controllers.queue.queue import QueueController
from ptychogui.controllers.session import SessionController
from ptychogui.jobs.provenance import versions
from ptychogui.notify.log import log_file

Facts: TypeAlias = list[tuple[str, str]]

_LOG_BYTES = 40_000
_SECRET = re.compile(r"(?i)(\b(?:password|passwd|token|secret|api[-_]?key)\b\s*[=:]\s*)\S+|(https?://[^\s/]+/)\S+")
"""What follows a word for a secret; and of an address of the network all but the server, as it may hold one."""


class SupportController(QObject):
    """Collects facts beside the window's thread.

    Signals:
        told(facts): versions and devices, as (name, text).
        made(text): the support bundle.
        problem(ErrorMessage): it can't be made.
    """

    told = pyqtSignal(object)
    made = pyqtSignal(str)
    problem = pyqtSignal(object)

    def __init__(self, session: SessionController, queue: QueueController, background: Background) -> None:
        super().__init__()
        self._session, self._queue, self._background = session, queue, background

    def tell(self) -> None:
        """Announce versions and devices."""
        self._background.start(_facts, self.told.emit, self._fail)

    def make(self) -> None:
        """Make the support bundle of how things stand now."""
        values = sorted(self._session.remembered().items())
        devices = ", ".join(self._queue.devices) or "none"
        self._background.start(lambda: bundle(devices, values), self.made.emit, self._fail)

    def _fail(self, error: Exception) -> None:
        self.problem.emit(explain("What a report needs can't be collected", error))


def bundle(devices: str, values: Sequence[tuple[str, str]]) -> str:
    """Return the support bundle: Markdown, to be pasted into a report.

    Args:
        devices: those that do jobs.
        values: the user's settings, path and text.
    """
    parts = (
        ("System", [f"{name}: {text}" for name, text in _facts()]),
        ("Settings", [f"devices in use: {devices}", *(f"{path} = {text}" for path, text in values)]),
        ("Log", _end_of_log().splitlines()),
    )
    return without_secrets("\n".join(f"## {title}\n```\n{chr(10).join(lines)}\n```" for title, lines in parts) + "\n")


def without_secrets(text: str) -> str:
    """Take passwords, tokens and the paths of addresses out of a text."""
    return _SECRET.sub(lambda found: f"{found[1] or found[2]}(left out)", text)


def _facts() -> Facts:
    known = versions()
    main = [(name, known.pop(name)) for name in ("ptychogui", "python")]
    libraries = ", ".join(f"{name} {version}" for name, version in known.items())
    system = f"{platform.system()} {platform.release()}, {os.cpu_count()} processors"
    devices = [(device.name, device.title if device.usable else device.reason) for device in list_devices()]
    return [*main, ("Qt", f"{QT_VERSION_STR}, PyQt {PYQT_VERSION_STR}"), ("libraries", libraries), ("system", system),
            *devices]  # fmt: skip


def _end_of_log() -> str:
    try:
        with log_file().open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _LOG_BYTES))
            return file.read().decode("utf-8", errors="backslashreplace")
    except OSError as error:
        return f"no log: {error.strerror}"
