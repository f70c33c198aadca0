"""The card of the open scan: its name, a few facts, and what its reader noticed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PyQt5.QtCore import Qt
from PyQt5.QtWidgets import QVBoxLayout

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
        self.clear()

    def clear(self) -> None:
        """Invite a scan."""
        self.show_scan(None, ("Drop a file anywhere in the window, or open one.",), ())

    def show_scan(self, path: Path | None, facts: Sequence[str], notes: Sequence[str]) -> None:
        """Show the name of a file, facts one a line, and what its reader noticed."""
        self.name.set_text(path.name if path else "")
        self.name.setToolTip(str(path or ""))
        for line, fact in zip(self.facts, (*facts, *[""] * _FACTS), strict=False):
            line.set_text(fact)
        self.setToolTip("\n".join(facts))
        self.notes.setText("\n".join(notes))
        self.notes.setVisible(bool(notes))
