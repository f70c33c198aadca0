"""A look at one past result: its picture, what was said of it, its curve and probe, and its values."""

from __future__ import annotations

import html
from pathlib import Path

from PyQt5.QtCore import QEvent, Qt, QTimer, pyqtSignal
from PyQt5.QtWidgets import (
    QBoxLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QScrollArea,
    QStackedWidget,
    QTabBar,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from ptychogui.catalog.entry import Entry
from ptychogui.catalog.marks import MOST_STARS
from ptychogui.jobs.past.look import Look
from ptychogui.views.plots.color_maps import MAGNITUDES, PHASES
from ptychogui.views.plots.error_card import ErrorCard
from ptychogui.views.plots.image_card import ImageCard
from ptychogui.views.plots.probe_card import ProbeCard
from ptychogui.views.widgets import ElidedLabel, label, list_widget, tool_button
from ptychogui.window_state import ErrorCurve


class LookCard(QFrame):
    """Shows one result; beside the grid it is narrow, and wide when it has the page for itself.

    Signals:
        rated(stars): the user gives it stars.
        noted(text), tagged(text): what the user says of it.
        searchAsked(text): he wants to see those that it has to do with.
        saveAsked(path, write): as ImageCard has it.
    """

    rated = pyqtSignal(int)
    noted = pyqtSignal(str)
    tagged = pyqtSignal(str)
    searchAsked = pyqtSignal(str)
    saveAsked = pyqtSignal(object, object)

    def __init__(self) -> None:
        super().__init__()
        self.name = ElidedLabel("scanName", Qt.TextElideMode.ElideMiddle)
        self.facts = ElidedLabel("muted", Qt.TextElideMode.ElideRight)
        self.stars = StarRow()
        self.problem = label("problem", wrap=True)
        self.phase = ImageCard("Object phase", "phase (rad)", PHASES, "rad")
        self.magnitude = ImageCard("Object magnitude", "transmission", MAGNITUDES)
        self.probe, self.error = ProbeCard(), ErrorCard()
        self.values = list_widget(("Parameter", "Value", "From"))
        self.story = Story()
        self.tabs, self.parts = QTabBar(), QStackedWidget()
        self._way = QBoxLayout(QBoxLayout.Direction.TopToBottom)
        self._path: Path | None = None
        self._lay_out()
        self._connect()
        self.widen(False)

    def show_entry(self, entry: Entry | None) -> None:
        """Show at once what the catalog knows of a result; the rest follows, or stays if it is there."""
        path = entry.path if entry is not None else None
        if path != self._path:
            self._clear()
            self.facts.set_text("Reading…" if path is not None else "")
        self._path = path
        self.name.set_text(entry.path.stem if entry is not None else "", str(path or ""))
        self.stars.setVisible(entry is not None)
        if entry is not None:
            self.stars.show_stars(entry.stars)
            self.story.show_marks(entry)

    def show_look(self, look: Look) -> None:
        """Show what was read of the result that is named."""
        if look.path != self._path:
            return
        picture = look.picture
        for card, data, levels in ((self.phase, picture.phase, picture.phase_levels),
                                   (self.magnitude, picture.magnitude, picture.magnitude_levels)):  # fmt: skip
            card.show_image(data, picture.pixel_m, levels, picture.scanned_m, light=picture.light)
        self.facts.set_text("  ·  ".join(look.facts[:2]), "\n".join(look.facts))
        self.probe.show_modes(picture.modes, picture.mode_pixel_m, picture.powers)
        count = max(len(look.errors), 1)
        told = [(number, error, _at(look.free_errors, number)) for number, error in enumerate(look.errors, 1)]
        self.error.show_curve(ErrorCurve(count).with_errors(told))
        rows = [QTreeWidgetItem([value.title, value.text, value.origin]) for value in look.values]
        self.values.addTopLevelItems(rows)
        for column in range(2):
            self.values.resizeColumnToContents(column)
        self.story.show_look(look)

    def show_problem(self, path: Path, text: str) -> None:
        """Say why the result that is named can't be read."""
        if path == self._path:
            self.facts.set_text("")
            self.problem.setText(text)
            self.problem.show()

    def widen(self, is_wide: bool) -> None:
        """Take the room of the whole page, or of its right side."""
        directions = QBoxLayout.Direction
        self._way.setDirection(directions.LeftToRight if is_wide else directions.TopToBottom)
        self._way.setStretch(0, 62 if is_wide else 52)
        self._way.setStretch(1, 38 if is_wide else 48)
        self.magnitude.setVisible(is_wide)
        for link in (self.magnitude.plot.setXLink, self.magnitude.plot.setYLink):
            link(self.phase.plot if is_wide else None)  # one that is hidden has a shape of its own
        QTimer.singleShot(0, self.phase.fit)

    def _clear(self) -> None:
        for card in (self.phase, self.magnitude, self.probe):
            card.clear()
        self.error.show_curve(ErrorCurve())
        self.values.clear()
        self.story.clear()
        self.facts.set_text("")
        self.problem.hide()

    def _lay_out(self) -> None:
        pictures = QVBoxLayout()
        pictures.setSpacing(6)
        for card in (self.phase, self.magnitude):
            card.setMinimumHeight(150)
            pictures.addWidget(card, 1)
        curves = QWidget()
        both = QVBoxLayout(curves)
        both.setContentsMargins(0, 0, 0, 0)
        both.addWidget(self.error, 3)
        both.addWidget(self.probe, 2)
        for title, part in (("About", self.story), ("Values", self.values), ("Error and probe", curves)):
            self.tabs.addTab(title)
            self.parts.addWidget(part)
        self.tabs.setDrawBase(False)
        self.tabs.setExpanding(False)
        below = QVBoxLayout()
        below.setSpacing(4)
        below.addWidget(self.tabs)
        below.addWidget(self.parts, 1)
        self._way.setSpacing(8)
        self._way.addLayout(pictures)
        self._way.addLayout(below)
        head = QHBoxLayout()
        head.addWidget(self.name, 1)
        head.addWidget(self.stars)
        column = QVBoxLayout(self)
        column.setContentsMargins(2, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(head)
        column.addWidget(self.facts)
        column.addWidget(self.problem)
        column.addLayout(self._way, 1)
        self.problem.hide()
        self.setMinimumWidth(250)

    def _connect(self) -> None:
        self.tabs.currentChanged.connect(self.parts.setCurrentIndex)
        self.stars.rated.connect(self.rated)
        self.story.noted.connect(self.noted)
        self.story.tagged.connect(self.tagged)
        self.story.searchAsked.connect(self.searchAsked)
        for card in (self.phase, self.magnitude):
            card.saveAsked.connect(self.saveAsked)


class StarRow(QWidget):
    """Five stars to be clicked; a click on the last one that shines takes all away. Announces `rated(stars)`."""

    rated = pyqtSignal(int)

    def __init__(self) -> None:
        super().__init__()
        self.stars = 0
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        self.buttons = [tool_button("star", "☆", f"{number} of {MOST_STARS} (key {number})")
                        for number in range(1, MOST_STARS + 1)]  # fmt: skip
        for number, button in enumerate(self.buttons, 1):
            button.setAccessibleName(f"{number} stars")
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            button.clicked.connect(lambda _on, number=number: self.rated.emit(0 if number == self.stars else number))
            row.addWidget(button)

    def show_stars(self, stars: int) -> None:
        """Let so many shine."""
        self.stars = stars
        for number, button in enumerate(self.buttons, 1):
            button.setText("★" if number <= stars else "☆")


class Story(QScrollArea):
    """What was said of a result, where it came from, and what was noticed."""

    noted = pyqtSignal(str)
    tagged = pyqtSignal(str)
    searchAsked = pyqtSignal(str)

    def __init__(self) -> None:
        super().__init__()
        self.note, self.tags = QLineEdit(), QLineEdit()
        self.note.setPlaceholderText("A note on it")
        self.note.setAccessibleName("Note")
        self.tags.setPlaceholderText("Tags, such as paper good")
        self.tags.setAccessibleName("Tags")
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.text.setTextFormat(Qt.TextFormat.RichText)
        self.text.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextBrowserInteraction)
        inner = QWidget()
        inner.setObjectName("page")
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 2, 4, 2)
        for widget in (self.note, self.tags):
            column.addWidget(widget)
        column.addWidget(self.text, 1)
        self.setWidget(inner)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self._kept = ("", "")
        self.note.editingFinished.connect(self._keep_note)
        self.tags.editingFinished.connect(self._keep_tags)
        self.text.linkActivated.connect(self.searchAsked)

    def show_marks(self, entry: Entry) -> None:
        """Show note and tags; what is being typed stays."""
        kept = entry.note, " ".join(entry.tag_words)
        for field, text, before in zip((self.note, self.tags), kept, self._kept, strict=True):
            if field.text() == before or not field.hasFocus():
                field.setText(text)
        self._kept = kept

    def show_look(self, look: Look) -> None:
        """Show where it came from, how it is made again, and what was noticed."""
        parts = ["<br>".join(map(html.escape, look.facts))]
        parts += [f"Went on from {_link(f'path:{_quoted(str(path))}', path.name)}" for path in look.came_from]
        parts.append(_link(f"object_guess:{_quoted(str(look.path))}", "Those that went on from it"))
        if look.sweep:
            parts.append(f"One of a sweep: {html.escape(look.sweep)}")
        if look.raw is not None:
            parts.append(f"Made of {_link(f'source:{_quoted(str(look.raw))}', look.raw.name)}")
        again = look.command or f"It can't be made again: {look.why_not_again}"
        parts += [f"<code>{html.escape(again)}</code>" if look.command else html.escape(again)]
        parts += [f"Note: {html.escape(note)}" for note in look.notes]
        self.text.setText("".join(f"<p style='margin: 6px 0'>{part}</p>" for part in parts))

    def changeEvent(self, event: QEvent | None) -> None:
        super().changeEvent(event)
        if event is not None and event.type() == QEvent.Type.PaletteChange and hasattr(self, "text"):
            told = self.text.text()
            self.text.clear()
            self.text.setText(told)  # links take their color when they are set

    def clear(self) -> None:
        """Say nothing."""
        self.text.clear()
        self._kept = ("", "")
        self.note.clear()
        self.tags.clear()

    def _keep_note(self) -> None:
        if self.note.text() != self._kept[0]:
            self._kept = self.note.text(), self._kept[1]
            self.noted.emit(self.note.text())

    def _keep_tags(self) -> None:
        if self.tags.text() != self._kept[1]:
            self._kept = self._kept[0], self.tags.text()
            self.tagged.emit(self.tags.text())


def _link(query: str, text: str) -> str:
    return f'<a href="{html.escape(query, quote=True)}">{html.escape(text)}</a>'


def _quoted(text: str) -> str:
    return f'"{text}"'


def _at(errors: tuple[float, ...], number: int) -> float:
    return errors[number - 1] if number <= len(errors) else float("nan")
