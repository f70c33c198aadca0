"""The window as an owner of the queue that nobody sits at, for scripts.soak: it goes on with whatever is left.

Usage: QT_QPA_PLATFORM=offscreen python -m scripts.soak_window

It answers "Go on" where jobs are left of another time, and ends when all jobs have ended, or at SIGTERM.
"""

from __future__ import annotations

import signal
import sys

from PyQt5.QtCore import QSettings, QTimer
from PyQt5.QtWidgets import QApplication

from ptychogui.app import Workstation
from ptychogui.paths import config_folder
from ptychogui.queue.store.entry import ENDED
from ptychogui.queue_state import QueueState

_LET_PYTHON_RUN_MS = 100


def main() -> None:
    """Be the window until all is done."""
    app = QApplication(sys.argv[:1])
    QSettings.setPath(QSettings.Format.NativeFormat, QSettings.Scope.UserScope, str(config_folder()))
    workstation = Workstation(QSettings("ptychogui", "ptychogui"))

    def answer(state: QueueState) -> None:
        if state.notice is not None and "go-on" in dict(state.notice.choices):
            workstation.queue.answer("go-on")
        elif state.is_mine and state.rows and all(row.state in ENDED for row in state.rows.values()):
            workstation.window.go()

    workstation.queue.changed.connect(answer)
    signal.signal(signal.SIGTERM, lambda *_: workstation.window.go())
    timer = QTimer()
    timer.timeout.connect(lambda: None)
    timer.start(_LET_PYTHON_RUN_MS)
    workstation.window.show()
    app.exec_()


if __name__ == "__main__":
    main()
