"""The form, generated from the declarations: a row for every parameter, in groups that fold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from PyQt5.QtCore import QEvent, QEventLoop, QSize, Qt, pyqtSignal
from PyQt5.QtGui import QFont
from PyQt5.QtWidgets import (
    QApplication,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ptychogui.params.chain import engines_of, titles
from ptychogui.params.model import Parameters, describe
from ptychogui.params.origins import Origin, Source
from ptychogui.params.reference import tooltip
from ptychogui.params.spec import Param
from ptychogui.session_state import MISSING, Obstacle
from ptychogui.views.form.editors import DeviceChoice, DeviceEditor, Editor, make_editor, shown_text
from ptychogui.views.theme import restyle, tinted
from ptychogui.views.widgets import ElidedLabel, label, named, small, tool_button

_TITLES = {
    "experiment": "Experiment", "preprocessing": "Preprocessing", "devices": "Devices",
    "reconstruction": "Phase retrieval", "output": "Output",
}  # fmt: skip
_TAGS = {
    Source.DEFAULT: "default", Source.PRESET: "preset", Source.FILE: "file", Source.LAST: "last scan",
    Source.USER: "you",
}  # fmt: skip
_WIDEST = max((param.title for param in describe()), key=len)
_EDITOR_WIDTH, _TAG_WIDTH, _BACK_PX = 96, 62, 20


class ParameterForm(QScrollArea):
    """Every parameter with its unit, origin and way back.

    Announces `edited(path, value)` for a value that fits its declaration, `reverted(path)` when the user wants the
    value below his own again, and `reasonsChanged` when `reasons()` says something else.
    """

    edited = pyqtSignal(str, object)
    reverted = pyqtSignal(str)
    reasonsChanged = pyqtSignal()

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[str, Row] = {}
        self.sections: dict[str, Section] = {}
        page = named(QWidget(), "page")
        column = QVBoxLayout(page)
        column.setContentsMargins(10, 2, 8, 10)
        column.setSpacing(2)
        for group, title in _TITLES.items():
            self.sections[group] = self._section(title, [param for param in describe() if param.group == group])
            column.addWidget(self.sections[group])
        self.nothing = label("muted", "No parameter has all of these words.", wrap=True)
        self.nothing.hide()
        column.addWidget(self.nothing)
        column.addStretch(1)
        self._found: tuple[bool, list[str]] = (False, [])
        self.setWidget(page)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFrameShape(QFrame.Shape.NoFrame)

    def minimumSizeHint(self) -> QSize:
        page, bar = self.widget(), self.verticalScrollBar()
        assert page is not None and bar is not None
        return QSize(page.minimumSizeHint().width() + bar.sizeHint().width(), 120)

    def show_values(
        self,
        parameters: Parameters,
        origins: Mapping[str, Origin],
        below: Parameters,
        below_origins: Mapping[str, Origin],
    ) -> None:
        """Show values with their origins; `below` is what each would go back to."""
        engines = engines_of(parameters.reconstruction.engine)
        for path, row in self.rows.items():
            row.show_value(parameters.get(path), origins[path], below.get(path), below_origins[path])
            row.show_effect(engines)
        for section in self.sections.values():
            section.show_changes()
        if self._found[0]:
            self.look_for(" ".join(self._found[1]), True)

    def show_devices(self, devices: Mapping[str, DeviceChoice]) -> None:
        """Offer the devices of this machine."""
        for row in self.rows.values():
            if isinstance(row.editor, DeviceEditor):
                row.editor.show_devices(devices)

    def commit(self) -> None:
        """Announce text that is typed but not yet announced."""
        for row in self.rows.values():
            row.editor.commit()

    def reasons(self) -> list[Obstacle]:
        """Say what is wrong with the text of each editor that holds no value."""
        return [obstacle for row in self.rows.values() for obstacle in obstacles_of(row.editor)]

    def show_obstacles(self, obstacles: Sequence[Obstacle]) -> None:
        """Mark the values that are missing."""
        missing = {obstacle.path for obstacle in obstacles if obstacle.why == MISSING}
        for path, row in self.rows.items():
            row.show_missing(path in missing)

    def drop_texts(self) -> None:
        """Forget what was typed and is no value."""
        for row in self.rows.values():
            if row.editor.reason:
                row.editor.setValue(row.editor.value())

    @property
    def changes(self) -> int:
        """How many parameters the user has changed."""
        return sum(row.changed for row in self.rows.values())

    def look_for(self, words: str, only_changed: bool = False) -> None:
        """Show only the rows that have all of some words, and those that were changed if only these are wanted."""
        wanted = words.casefold().split()
        self._found = only_changed, wanted
        is_narrowed = bool(wanted) or only_changed
        for section in self.sections.values():
            section.show_found(is_narrowed, lambda row: row.has(wanted) and (row.changed or not only_changed))
        found = any(row.isVisibleTo(self) for row in self.rows.values())
        self.nothing.setVisible(is_narrowed and not found)

    def go_to(self, path: str) -> None:
        """Bring a parameter's row into view, unfold what hides it, and have it typed into."""
        row = self.rows[path]
        self.sections[row.param.group].show_row(row)
        QApplication.processEvents(QEventLoop.ProcessEventsFlag.ExcludeUserInputEvents)  # rows get their places
        self.ensureWidgetVisible(row, 0, 40)
        row.editor.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def folded(self) -> list[str]:
        """Return the names of the groups that are folded."""
        return [group for group, section in self.sections.items() if not section.head.isChecked()]

    def fold(self, groups: Sequence[str]) -> None:
        """Fold these groups and unfold the others."""
        for group, section in self.sections.items():
            section.head.setChecked(group not in groups)

    def _section(self, title: str, params: Sequence[Param]) -> Section:
        rows = [Row(param) for param in params]
        for row in rows:
            self.rows[row.param.path] = row
            row.edited.connect(self.edited)
            row.reverted.connect(self.reverted)
            row.editor.reasonChanged.connect(self.reasonsChanged)
        return Section(title, rows)


class Section(QWidget):
    """A group that folds, with its advanced rows behind 'More'."""

    folded = pyqtSignal(bool)

    def __init__(self, title: str, rows: Sequence[Row]) -> None:
        super().__init__()
        self._title, self._is_narrowed = title, False
        self._plain = [row for row in rows if not row.param.advanced]
        self._advanced = [row for row in rows if row.param.advanced]
        self.head = _fold_button(title, "section")
        self.more = _fold_button("More", "more")
        self.body = _column(self._plain)
        self.extra = _column(self._advanced)
        self.head.setChecked(True)
        self.head.toggled.connect(self._unfold)
        self.more.toggled.connect(self._unfold_more)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 2, 0, 2)
        column.setSpacing(1)
        for widget in (self.head, self.body, self.more, self.extra):
            column.addWidget(widget)
        self._unfold(True)

    def show_changes(self) -> None:
        """Say in the heads how many of the rows under them the user has changed."""
        self.head.setText(_counted(self._title, [*self._plain, *self._advanced]))
        self.more.setText(_counted("More", self._advanced))

    def show_found(self, is_narrowed: bool, is_wanted: Callable[[Row], bool]) -> None:
        """Show only some rows, whatever is folded; all as they are folded where nothing is looked for."""
        rows = [*self._plain, *self._advanced]
        for row in rows:
            row.setVisible(not is_narrowed or is_wanted(row))
        self._is_narrowed = is_narrowed
        self.setVisible(not is_narrowed or any(map(is_wanted, rows)))
        self.head.setEnabled(not is_narrowed)
        self._unfold(self.head.isChecked())

    def show_row(self, row: Row) -> None:
        """Unfold what hides a row."""
        self.head.setChecked(True)
        if row in self._advanced:
            self.more.setChecked(True)

    def _unfold(self, unfolded: bool) -> None:
        self.body.setVisible(unfolded or self._is_narrowed)
        self.more.setVisible(unfolded and bool(self._advanced) and not self._is_narrowed)
        self._unfold_more(self.more.isChecked())
        self.folded.emit(not unfolded)

    def _unfold_more(self, unfolded: bool) -> None:
        self.extra.setVisible(self._is_narrowed or (unfolded and self.head.isChecked()))
        self._draw_arrows()

    def _draw_arrows(self) -> None:
        for button in (self.head, self.more):
            button.setIcon(tinted("down" if button.isChecked() else "right", self.palette()))

    def changeEvent(self, event: QEvent | None) -> None:
        super().changeEvent(event)
        if event is not None and event.type() == QEvent.Type.PaletteChange:
            self._draw_arrows()


class Row(QWidget):
    """Label, editor, origin and, for a value of the user's, the way back; below: place, whole path or problem."""

    edited = pyqtSignal(str, object)
    reverted = pyqtSignal(str)

    def __init__(self, param: Param) -> None:
        super().__init__()
        self.param = param
        self.changed = self.missing = False
        self._tag = ""
        self._words = " ".join((param.title, param.path, param.option, param.flag, tooltip(param))).casefold()
        self.label = label("text", param.title)
        self.editor = make_editor(param)
        self.tag = label("tag")
        self.back = tool_button("icon")
        self.back.setAccessibleName(f"Take back {param.title}")
        self.place = ElidedLabel("place", Qt.TextElideMode.ElideMiddle)
        self.problem = label("problem", wrap=True)
        self._lay_out()
        self.setProperty("help", f"parameters.md#{param.title}")
        self.show_effect(param.engines)
        self.editor.edited.connect(self.edited)
        self.editor.reasonChanged.connect(self._show_problem)
        self.back.clicked.connect(self._revert)

    def show_value(self, value: Any, origin: Origin, below: Any, below_origin: Origin) -> None:
        """Show a value and where it came from; an editor that is being typed in keeps its text."""
        self.changed = origin.source in (Source.USER, Source.LAST)
        if not self._typing() or value != self.editor.value():
            self.editor.setValue(value)
        self._tag = _TAGS[origin.source]
        self._show_tag()
        self.tag.setToolTip(f"Where the value came from: {origin}")
        self.back.setVisible(self.changed)
        self.back.setToolTip(f"Back to {shown_text(self.param, below) or 'not known'} ({below_origin})")
        place = origin.place if origin.source in (Source.FILE, Source.PRESET) else ""
        self.place.set_text(place if self.param.kind is not Path or value is None else str(value))
        self._embolden(self.changed)

    def show_missing(self, missing: bool) -> None:
        """Say that a reconstruction can't do without a value here, and there is none."""
        if missing != self.missing:
            self.missing = missing
            self.editor.show_missing(missing)
            self._show_tag()

    def _show_tag(self) -> None:
        """Say where the value came from, or that one is needed."""
        self.tag.setText("required" if self.missing else self._tag)
        self.tag.setProperty("missing", self.missing)
        restyle(self.tag)

    def show_effect(self, engines: Sequence[str]) -> None:
        """Let a value be set only where it has an effect: in these engines, in this version."""
        idle = "" if self.param.heeded_by(engines) else f"No effect in {titles(engines, 'or')}."
        for widget in (self.label, self.editor):
            widget.setEnabled(not (idle or self.param.awaits))
        names = f"Option {self.param.option}" + (f", ptychopy -{self.param.flag}" if self.param.flag else "")
        lines = (tooltip(self.param), *([idle] if idle else ()), names)
        text = escape("\n".join(lines)).replace("\n", "<br>")
        for widget in (self.label, self.editor):
            widget.setToolTip(f"<p>{text}</p>")
            widget.setWhatsThis(f"<p>{text}</p>")

    def has(self, words: Sequence[str]) -> bool:
        """Whether all of some words, in small letters, are in what is known of the parameter."""
        return all(word.lstrip("-") in self._words for word in words)

    def _revert(self) -> None:
        self.reverted.emit(self.param.path)

    def _typing(self) -> bool:
        return bool(self.editor.reason)

    def _embolden(self, bold: bool) -> None:
        font = QFont(self.label.font())
        font.setBold(bold)
        self.label.setFont(font)

    def _show_problem(self, reason: str) -> None:
        self.problem.setText(reason)
        self.problem.setVisible(bool(reason))

    def _lay_out(self) -> None:
        grid = QGridLayout(self)
        grid.setContentsMargins(18, 1, 0, 1)
        grid.setHorizontalSpacing(6)
        grid.setVerticalSpacing(0)
        origin = QHBoxLayout()
        origin.setSpacing(2)
        origin.addWidget(self.tag, 1)
        origin.addWidget(self.back)
        grid.addWidget(self.label, 0, 0)
        grid.addWidget(self.editor, 0, 1)
        grid.addLayout(origin, 0, 2)
        grid.addWidget(self.place, 1, 0, 1, 3)
        grid.addWidget(self.problem, 2, 0, 1, 3)
        grid.setColumnStretch(1, 1)
        grid.setColumnMinimumWidth(2, _TAG_WIDTH)
        self.editor.setMinimumWidth(_EDITOR_WIDTH)
        self.label.setFixedWidth(self.label.fontMetrics().horizontalAdvance(_WIDEST) + 8)
        self.label.setBuddy(self.editor)
        self.back.setFixedSize(_BACK_PX, _BACK_PX)
        self.back.setIconSize(QSize(14, 14))
        grid.setRowMinimumHeight(0, self.back.height() + 4)
        for widget in (self.tag, self.place, self.problem):
            widget.setFont(small(widget.font()))
        self.back.hide()
        self.problem.hide()
        self._draw_icon()

    def _draw_icon(self) -> None:
        self.back.setIcon(tinted("back", self.palette()))

    def changeEvent(self, event: QEvent | None) -> None:
        super().changeEvent(event)
        if event is not None and event.type() == QEvent.Type.PaletteChange:
            self._draw_icon()


def obstacles_of(editor: Editor) -> list[Obstacle]:
    """Return what is wrong with the text in an editor, if it is no value."""
    return [Obstacle(editor.param.path, editor.param.title, editor.reason)] if editor.reason else []


def _fold_button(title: str, name: str) -> QToolButton:
    button = tool_button(name, title)
    button.setCheckable(True)
    button.setIconSize(QSize(14, 14))
    return button


def _column(rows: Sequence[Row]) -> QWidget:
    column = QWidget()
    layout = QVBoxLayout(column)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(1)
    for row in rows:
        layout.addWidget(row)
    return column


def _counted(title: str, rows: Sequence[Row]) -> str:
    changed = sum(row.changed for row in rows)
    return f"{title}  ·  {changed} changed" if changed else title
