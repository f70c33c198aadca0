"""The card of the open scan: its name, a few facts, and what its reader noticed."""

from __future__ import annotations

from PyQt5.QtCore import Qt
from PyQt5.QtWidgets import QVBoxLayout

from ptychogui.session_state import ScanSummary
from ptychogui.views.widgets import Card, ElidedLabel, label

_FACTS = 4
"""Lines of facts on the card; the tooltip has them all."""


class ScanCard(Card):
    """Name and summary of the open scan."""

    def __init__(self) -> None:
        super().__init__("Scan")
        self.name = ElidedLabel("scanName")
        self.facts = [ElidedLabel("muted", Qt.TextElideMode.ElideRight) for _ in range(_FACTS)]
        self.notes = label("warning", wrap=True)
        body = QVBoxLayout()
        body.setContentsMargins(12, 0, 10, 9)
        body.setSpacing(3)
        for widget in (self.name, *self.facts, self.notes):
            body.addWidget(widget)
        self.column.addLayout(body)

    def show_scan(self, scan: ScanSummary) -> None:
        """Show the name of a file, facts one a line, and what its reader noticed."""
        self.name.set_text(scan.path.name if scan.path else "")
        self.name.setToolTip(str(scan.path or ""))
        for line, fact in zip(self.facts, (*scan.facts, *[""] * _FACTS), strict=False):
            line.set_text(fact)
        self.setToolTip("\n".join(scan.facts))
        self.notes.setText("\n".join(scan.notes))
        self.notes.setVisible(bool(scan.notes))
