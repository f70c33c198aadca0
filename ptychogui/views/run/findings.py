"""What the convergence watch has found in a run, each with a button that puts into the form what may mend it."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from ptychogui.jobs.run_findings import TITLES, RunFinding
from ptychogui.params.form_words import values_text
from ptychogui.views.widgets import label


class RunFindings(QFrame):
    """Findings of the job that is shown. Hidden while there are none.

    Announces `applyAsked(values, text)`: parameter path -> value for the form, and what it is for.
    """

    applyAsked = pyqtSignal(object, str)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("findings")
        self.rows: list[FoundRow] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(12, 7, 8, 7)
        self._column.setSpacing(4)
        self._shown: tuple[RunFinding, ...] = ()
        self.hide()

    def show_findings(self, findings: Sequence[RunFinding]) -> None:
        """Show findings, the latest first."""
        if tuple(findings) == self._shown:
            return
        self._shown = tuple(findings)
        for row in self.rows:
            self._column.removeWidget(row)
            row.deleteLater()
        self.rows = [FoundRow(finding) for finding in reversed(self._shown)]
        for row in self.rows:
            row.applyAsked.connect(self.applyAsked)
            self._column.addWidget(row)
        self.setVisible(bool(self.rows))


class FoundRow(QWidget):
    """A finding: what goes wrong, how it shows, and what to try."""

    applyAsked = pyqtSignal(object, str)

    def __init__(self, finding: RunFinding) -> None:
        super().__init__()
        self.finding = finding
        self.title = label("foundTitle", TITLES[finding.kind])
        values = values_text(finding.fix).replace("\n", ", ")
        ways = ": ".join(part for part in (finding.advice, values) if part)
        self.text = label("text", f"{finding.reason}{f'. Try {ways}' if ways else ''}", wrap=True)
        self.apply = QPushButton("Apply")
        self.apply.setToolTip("Put it into the form, for the next run; Undo takes it back")
        self.apply.setAccessibleName(f"Apply what may mend it: {values}")
        self.apply.setVisible(bool(finding.fix))
        self.apply.clicked.connect(self._ask)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(10)
        row.addWidget(self.title, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self.text, 1)
        row.addWidget(self.apply, 0, Qt.AlignmentFlag.AlignTop)

    def _ask(self) -> None:
        self.applyAsked.emit(dict(self.finding.fix), f"what may mend: {TITLES[self.finding.kind].lower()}")
        self.apply.setText("Applied")
