"""Dialogs of the queue: the question at the window's end, how a job is to go on, and a job's log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtGui import QCloseEvent, QFontDatabase, QKeyEvent, QTextCursor
from PyQt5.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from ptychogui.params.chain import ENGINE_TITLES
from ptychogui.views.widgets import label, named

_MOST = 1_000_000
_SHOWN = 3
"""So many jobs are named."""


class CloseDialog(QDialog):
    """What is to become of jobs under way. Announces `answered(key)`: "go-on", "stop" or "stay"."""

    answered = pyqtSignal(str)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Jobs are running")
        self.setModal(True)
        self.title = label("scanName", wrap=True)
        self.text = label("text", wrap=True)
        self.bar = QProgressBar()
        self.bar.setRange(0, 0)
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(4)
        self.go_on = named(QPushButton("Go on without the window"), "primary")
        self.stop = QPushButton("Stop and keep results")
        self.stay = QPushButton("Stay")
        self._lay_out()
        for key, button in (("go-on", self.go_on), ("stop", self.stop), ("stay", self.stay)):
            button.setAutoDefault(False)
            button.clicked.connect(lambda _checked=False, key=key: self.answered.emit(key))

    def ask(self, names: Sequence[str], waiting: int) -> None:
        """Ask about jobs under way.

        Args:
            names: of them.
            waiting: how many more wait.
        """
        one = len(names) == 1
        self.title.setText(f"{_listed(names)} {'is' if one else 'are'} still running")
        it, them = ("It", "it") if one else ("They", "them")
        more = f" {waiting} more {'waits' if waiting == 1 else 'wait'} in the queue." if waiting else ""
        goes = "goes" if one else "go"
        self.text.setText(
            f"{it} can go on without the window: ptychogui run takes the queue over, and {it.lower()} {goes} on from "
            f"where {it.lower()} {'is' if one else 'are'}. Or stop {them} now and keep what is there.{more}"
        )
        self._show_busy(False)
        self.open()
        self.stay.setFocus()

    def show_busy(self, text: str) -> None:
        """Say what goes on after the answer."""
        self.text.setText(text)
        self._show_busy(True)

    def _show_busy(self, busy: bool) -> None:
        self.bar.setVisible(busy)
        for button in (self.go_on, self.stop, self.stay):
            button.setEnabled(not busy)

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        buttons.addWidget(self.stay)
        buttons.addStretch(1)
        buttons.addWidget(self.stop)
        buttons.addWidget(self.go_on)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 18, 20, 16)
        column.setSpacing(10)
        for widget in (self.title, self.text, self.bar):
            column.addWidget(widget)
        column.addSpacing(6)
        column.addLayout(buttons)
        self.setMinimumWidth(520)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        if event is not None and event.key() == Qt.Key.Key_Escape:
            self.stay.click()
            return
        super().keyPressEvent(event)

    def closeEvent(self, event: QCloseEvent | None) -> None:
        if event is not None and self.isVisible():
            event.ignore()
        self.stay.click()


@dataclass(frozen=True)
class Continuation:
    """How a job is to go on.

    Attributes:
        iterations: how many more.
        engine: with which algorithm; "" for that of before.
        with_form: whether with the values that were changed in the form.
    """

    iterations: int
    engine: str = ""
    with_form: bool = False


class ContinueDialog(QDialog):
    """How a job is to go on: how long, and with what else than before. Announces `asked(Continuation)`."""

    asked = pyqtSignal(object)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Continue")
        self.setModal(True)
        self.title = label("scanName", wrap=True)
        self.number = QSpinBox()
        self.number.setAccessibleName("Iterations more")
        self.number.setRange(1, _MOST)
        self.number.setSuffix(" iterations more")
        self.number.setMinimumWidth(200)
        self.engine = QComboBox()
        self.engine.setAccessibleName("Algorithm")
        self.engine.addItem("With the algorithm of before", "")
        for engine, title in ENGINE_TITLES.items():
            self.engine.addItem(f"With {title}", engine)
        self.with_form = QCheckBox("With the values changed in the form")
        self.with_form.setToolTip("Those of preprocessing and phase retrieval; all others stay as they were")
        box = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.go_on = named(QPushButton("Continue"), "primary")
        box.addButton(self.go_on, QDialogButtonBox.ButtonRole.AcceptRole)
        box.accepted.connect(self._announce)
        box.rejected.connect(self.reject)
        text = label("muted", "A new job goes on from its object, probe and positions, and writes a result of its own.",
                     wrap=True)  # fmt: skip
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 18, 20, 16)
        column.setSpacing(10)
        for widget in (self.title, text, self.number, self.engine, self.with_form, box):
            column.addWidget(widget)
        self.setMinimumWidth(380)

    def ask(self, name: str, iterations: int) -> None:
        """Ask about a job; `iterations` is proposed."""
        self.title.setText(f"Continue {name}")
        self.number.setValue(iterations)
        self.number.selectAll()
        self.engine.setCurrentIndex(0)
        self.with_form.setChecked(False)
        self.open()

    def _announce(self) -> None:
        self.accept()
        self.asked.emit(Continuation(self.number.value(), self.engine.currentData(), self.with_form.isChecked()))


class LogDialog(QDialog):
    """The log of a job, its end first in view."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.text = QPlainTextEdit()
        self.text.setAccessibleName("Log of the job")
        self.text.setReadOnly(True)
        self.text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 12, 12, 12)
        column.addWidget(self.text)
        self.resize(860, 520)

    def show_log(self, name: str, text: str) -> None:
        """Show a log."""
        self.setWindowTitle(f"Log of {name}")
        self.text.setPlainText(text)
        self.text.moveCursor(QTextCursor.MoveOperation.End)
        self.show()
        self.raise_()


def _listed(names: Sequence[str]) -> str:
    if len(names) > _SHOWN:
        return f"{', '.join(names[:_SHOWN])} and {len(names) - _SHOWN} more"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
