"""The orientation doctor's page: which way detector and scan face, how sure that is, and all 16 cases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtWidgets import (
    QHBoxLayout,
    QProgressBar,
    QPushButton,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from ptychogui.jobs.orientation.cases import Case
from ptychogui.jobs.orientation.doctor import OrientationProgress
from ptychogui.jobs.orientation.verdict import Certainty, Verdict
from ptychogui.jobs.orientation.verdict_text import answer, remark, sign_lines
from ptychogui.params.model import Parameters, by_path
from ptychogui.views.widgets import Card, label, list_widget, named

_WHAT = (
    "Finds out whether frames or scan have to be turned or mirrored. A part of the scan is reconstructed in every "
    "arrangement that its patterns can tell apart: seconds, not minutes. Nothing is written."
)
_COLUMNS = ("Frames and scan", "Error", "Curl", "")
_CASE_PX = 220
"""Of the first column, before there is anything in it."""
_TIPS = ("", "Of the fit, in photon-noise units", "Of the patterns' centers of mass, as a part of the worst", "")


class OrientationPage(QWidget):
    """Asks the doctor, and shows what he says.

    Announces `startAsked`, `stopAsked`, and `applyAsked(values)`, parameter path -> value, of the chosen case.
    """

    startAsked = pyqtSignal()
    stopAsked = pyqtSignal()
    applyAsked = pyqtSignal(object)

    def __init__(self) -> None:
        super().__init__()
        self.start = named(QPushButton("Find out"), "primary")
        self.stop = QPushButton("Stop")
        self.bar = QProgressBar()
        self.step = label("muted")
        self.verdict = label("scanName", wrap=True)
        self.reasons = label("muted", wrap=True)
        self.cases = list_widget(_COLUMNS, _TIPS)
        self.apply = QPushButton("Apply")
        self._found: Verdict | None = None
        self._values: Mapping[str, Any] = {}
        self._lay_out()
        self.start.clicked.connect(self.startAsked)
        self.stop.clicked.connect(self.stopAsked)
        self.apply.clicked.connect(self._apply)
        self.cases.itemSelectionChanged.connect(self._refresh)
        self.cases.itemDoubleClicked.connect(self._apply)
        self.clear()

    def clear(self) -> None:
        """Show that nothing is known yet."""
        self._found = None
        self.cases.clear()
        for text in (self.verdict, self.reasons):
            text.setText("")
            text.hide()
        self.show_ended("")

    def show_began(self) -> None:
        """Show that it is on its way."""
        self.clear()
        self.start.setEnabled(False)
        self.stop.setEnabled(True)
        self.bar.setRange(0, 0)
        self.bar.show()

    def show_progress(self, progress: OrientationProgress) -> None:
        """Show how far it is, and at last the verdict."""
        self.bar.setRange(0, progress.total)
        self.bar.setValue(progress.done)
        self.step.setText(progress.text)
        if progress.verdict is not None:
            self._show_verdict(progress.verdict)

    def show_ended(self, text: str) -> None:
        """Show that nothing is under way, and why."""
        self.start.setEnabled(True)
        self.stop.setEnabled(False)
        self.bar.hide()
        self.step.setText(text)
        self._refresh()

    def show_parameters(self, parameters: Parameters) -> None:
        """Mark the case that the parameters have now."""
        self._values = {path: parameters.get(path) for path in by_path()}
        self._mark()

    def _show_verdict(self, found: Verdict) -> None:
        self._found = found
        sure = found.sure is not Certainty.UNKNOWN
        self.verdict.setText(_sentence(answer(found)))
        self.reasons.setText("\n".join(_sentence(line) for line in (*sign_lines(found), *found.why)))
        for text in (self.verdict, self.reasons):
            text.show()
        for case in found.ranking:
            item = QTreeWidgetItem([_name(case), f"{case.misfit:#.4g}", f"{case.curl:.2f}", ""])
            for column in (1, 2):
                item.setTextAlignment(column, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            item.setToolTip(0, f"Options: {case.options or 'none'}")
            self.cases.addTopLevelItem(item)
            if case is found.chosen and sure:
                self.cases.setCurrentItem(item)
        self._mark()
        for column in range(len(_COLUMNS)):
            self.cases.resizeColumnToContents(column)

    def _mark(self) -> None:
        """Write what is special about each case beside it."""
        if self._found is None:
            return
        for row, case in enumerate(self._found.ranking):
            item = self.cases.topLevelItem(row)
            assert item is not None
            item.setText(3, remark(self._found, case, self._is_current(case)))
        self._refresh()

    def _is_current(self, case: Case) -> bool:
        return all(self._values.get(path) == value for path, value in case.values.items())

    def _chosen(self) -> Case | None:
        rows = self.cases.selectedItems()
        return self._found.ranking[self.cases.indexOfTopLevelItem(rows[0])] if rows and self._found else None

    def _refresh(self) -> None:
        case = self._chosen()
        self.apply.setEnabled(case is not None and not self._is_current(case))
        self.apply.setText("This is how it is now" if case and self._is_current(case) else "Apply the marked case")

    def _apply(self) -> None:
        case = self._chosen()
        if case is not None and not self._is_current(case):
            self.applyAsked.emit(case.values)

    def _lay_out(self) -> None:
        self.cases.setColumnWidth(0, _CASE_PX)
        card = Card("Which way do detector and scan face?")
        buttons = QHBoxLayout()
        buttons.setSpacing(10)
        for widget in (self.start, self.stop, self.step):
            buttons.addWidget(widget)
        buttons.addStretch(1)
        foot = QHBoxLayout()
        foot.addStretch(1)
        foot.addWidget(self.apply)
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(4)
        body = QVBoxLayout()
        body.setContentsMargins(12, 2, 12, 10)
        body.setSpacing(8)
        body.addWidget(label("muted", _WHAT, wrap=True))
        body.addLayout(buttons)
        for widget in (self.bar, self.verdict, self.reasons):
            body.addWidget(widget)
        body.addWidget(self.cases, 1)
        body.addLayout(foot)
        card.column.addLayout(body)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(card)


def _name(case: Case) -> str:
    return _sentence(str(replace(case.orientation, mirror_columns=case.mirror_columns)), end="")


def _sentence(text: str, end: str = ".") -> str:
    return text[:1].upper() + text[1:] + end
