"""The page of several results side by side: small pictures in the order of what differs, with the error of each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtGui import QImage, QPixmap
from PyQt5.QtWidgets import QFrame, QGridLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from ptychogui.jobs.past.line_up import LineUp, Member
from ptychogui.views.widgets import Card, ElidedLabel, label, named

_COLUMNS = 3


class LineUpPage(QWidget):
    """Shows several results. Announces `useAsked(path)`: the values of one are to go into the form."""

    useAsked = pyqtSignal(object)

    def __init__(self) -> None:
        super().__init__()
        self.title = label("scanName")
        self.text = label("muted", wrap=True)
        self.cards: list[MemberCard] = []
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.title)
        column.addWidget(self.text)
        column.addWidget(self._area, 1)

    def show_reading(self, text: str) -> None:
        """Say that something is on its way, or why it is not."""
        self.text.setText(text)

    def show_line_up(self, shown: LineUp) -> None:
        """Show several results, and which one has the lowest error."""
        errors = [member.error for member in shown.members if member.error is not None]
        lowest = min(errors) if len(errors) > 1 else None
        self.title.setText(f"By {shown.titles[0].lower()}" if shown.titles else "Several results")
        also = ", ".join(title.lower() for title in shown.titles[1:])
        self.text.setText(f"They differ in {also} as well." if also else "")
        inner = named(QWidget(), "page")
        grid = QGridLayout(inner)
        grid.setContentsMargins(0, 0, 6, 0)
        self.cards = [MemberCard(member, shown.titles, member.error == lowest is not None) for member in shown.members]
        for place, card in enumerate(self.cards):
            card.use.clicked.connect(lambda _on, path=card.path: self.useAsked.emit(path))
            grid.addWidget(card, place // _COLUMNS, place % _COLUMNS)
        grid.setRowStretch(grid.rowCount(), 1)
        self._area.setWidget(inner)


class MemberCard(Card):
    """One of them: its values above, its picture, its error, and a button to take its values."""

    def __init__(self, member: Member, titles: Sequence[str], is_lowest: bool) -> None:
        super().__init__(member.texts[0] if member.texts else member.path.stem)
        self.path = member.path
        self.picture = QLabel()
        self.picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        if member.thumbnail is not None:
            self.picture.setPixmap(_pixmap(member.thumbnail))
        error = "" if member.error is None else f"error {member.error:.4g}"
        self.error = label("number" if is_lowest else "muted", f"{error}, the lowest" if is_lowest else error)
        self.name = ElidedLabel("muted", Qt.TextElideMode.ElideMiddle)
        pairs = zip(titles, member.texts, strict=True)
        self.name.set_text(member.path.stem, "\n".join(f"{title}: {text}" for title, text in pairs))
        self.use = QPushButton("Use these values")
        body = QVBoxLayout()
        body.setContentsMargins(10, 2, 10, 8)
        for widget in (self.picture, self.error, self.name, self.use):
            body.addWidget(widget)
        self.column.addLayout(body)


def _pixmap(rgb: np.ndarray) -> QPixmap:
    rows, columns, _ = rgb.shape
    image = QImage(np.ascontiguousarray(rgb).tobytes(), columns, rows, 3 * columns, QImage.Format.Format_RGB888).copy()
    kept, smooth = Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
    return QPixmap.fromImage(image.scaled(176, 176, kept, smooth))
