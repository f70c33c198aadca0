"""The preset page: everything in an MDA file on the left, and on the right what a preset takes from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from PyQt5.QtCore import QSignalBlocker, Qt, pyqtSignal
from PyQt5.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QScrollArea,
    QSpinBox,
    QSplitter,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from ptychogui.io.mda.contents import PV_PLACE, Item
from ptychogui.io.mda.drafts import AXES, ROLES, Draft, DraftPreview, Role
from ptychogui.views.dialog_paths import meant_path
from ptychogui.views.scan.positions_card import PositionsCard
from ptychogui.views.theme import restyle
from ptychogui.views.widgets import Card, ElidedLabel, label, list_widget, named, small

_COLUMNS = ("Place", "Name", "Value", "Unit", "Description")
_WIDTHS = (70, 170, 130, 64)
_PATTERNS_PX, _UNIT_PX = 58, 88
_MOST_FILES = 999_999


class PresetPage(QSplitter):
    """Lets the user point at what a preset of his beamline reads.

    Announces `changed(Draft)` with every change, `saveAsked(Draft)`, and `rawFileChosen(path)`.
    """

    changed = pyqtSignal(object)
    saveAsked = pyqtSignal(object)
    rawFileChosen = pyqtSignal(Path)

    def __init__(self) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.items = ItemsCard()
        self.positions = PositionsCard()
        self.preset = PresetCard()
        left = QSplitter(Qt.Orientation.Vertical)
        left.addWidget(self.items)
        left.addWidget(self.positions)
        left.setSizes([540, 460])
        for split in (self, left):
            split.setHandleWidth(8)
            split.setChildrenCollapsible(False)
        self.addWidget(left)
        self.addWidget(self.preset)
        self.setSizes([500, 500])
        self.preset.changed.connect(self.changed)
        self.preset.saveAsked.connect(self.saveAsked)
        self.preset.rawFileChosen.connect(self.rawFileChosen)
        self.preset.pointed.connect(self._point)

    def show_file(self, path: Path, items: Sequence[Item], draft: Draft) -> None:
        """Show what is in an MDA file, and a draft to begin with."""
        self.items.show_items(path, items)
        self.preset.show_draft(path, draft)

    def show_tried(self, tried: DraftPreview) -> None:
        """Show what the draft makes of the file."""
        self.preset.show_tried(tried)
        self.positions.show_positions(tried.positions_m)

    def show_pattern(self, text: str) -> None:
        """Take a pattern of raw files in place of those there are."""
        self.preset.show_pattern(text)

    def _point(self, role: str) -> None:
        item = self.items.chosen()
        if item is not None:
            self.preset.take(role, item)


class ItemsCard(Card):
    """The PVs and columns of a file, and a field that filters them."""

    def __init__(self) -> None:
        super().__init__("In the file")
        self.filter = QLineEdit()
        self.filter.setAccessibleName("Filter of what is in the file")
        self.filter.setPlaceholderText("filter: part of a name, a value, a description")
        self.filter.setClearButtonEnabled(True)
        self.list = list_widget(_COLUMNS)
        for column, width in enumerate(_WIDTHS):
            self.list.setColumnWidth(column, width)
        self._items: tuple[Item, ...] = ()
        body = QVBoxLayout()
        body.setContentsMargins(12, 2, 12, 10)
        body.addWidget(self.filter)
        body.addWidget(self.list, 1)
        self.column.addLayout(body)
        self.filter.textChanged.connect(self._hide)

    def show_items(self, path: Path, items: Sequence[Item]) -> None:
        """List the PVs and columns of a file."""
        self._items = tuple(items)
        self.title.setText(f"In {path.name}: {len(items)} PVs and columns")
        self.list.clear()
        for item in items:
            row = QTreeWidgetItem([item.place, item.name, item.value, item.unit, item.description])
            for column in (1, 2, 4):
                row.setToolTip(column, row.text(column))
            self.list.addTopLevelItem(row)
        self._hide(self.filter.text())

    def chosen(self) -> Item | None:
        """Return the marked item."""
        rows = self.list.selectedItems()
        return self._items[self.list.indexOfTopLevelItem(rows[0])] if rows else None

    def _hide(self, wanted: str) -> None:
        words = wanted.casefold().split()
        for place, item in enumerate(self._items):
            text = " ".join((item.place, item.name, item.value, item.unit, item.description)).casefold()
            row = self.list.topLevelItem(place)
            assert row is not None
            row.setHidden(not all(word in text for word in words))


class PresetCard(Card):
    """A draft of a preset: a row for each role, the raw files, and the name under which it is saved."""

    changed = pyqtSignal(object)
    saveAsked = pyqtSignal(object)
    rawFileChosen = pyqtSignal(Path)
    pointed = pyqtSignal(str)

    def __init__(self) -> None:
        super().__init__("Beamline preset")
        self.begun = ElidedLabel("muted", Qt.TextElideMode.ElideRight)
        self.rows = {name: RoleRow(name, role) for name, role in ROLES.items()}
        self.patterns = QPlainTextEdit()
        self.browse = QPushButton("Point at a raw file…")
        self.first_file = QSpinBox()
        self.frames = label("muted", wrap=True)
        self.files = QLineEdit()
        self.name = QLineEdit()
        self.problems = label("problem", wrap=True)
        self.save = named(QPushButton("Save and use"), "primary")
        for widget, said in ((self.patterns, "Patterns of raw files"), (self.first_file, "First file"),
                             (self.files, "Names of MDA files"), (self.name, "Name of the preset")):  # fmt: skip
            widget.setAccessibleName(said)
        self._draft: Draft | None = None
        self._folder = Path()
        self._lay_out()
        self._connect()

    def show_draft(self, path: Path, draft: Draft) -> None:
        """Show a draft of the preset for a file."""
        self._draft, self._folder = None, path.parent
        self.begun.set_text(f"Begun with '{draft.named.name}': {draft.named.preset.title}")
        for name, row in self.rows.items():
            row.show_source(draft.sources[name], draft.units[name], draft.signs.get(name, 1))
        self.patterns.setPlainText("\n".join(draft.patterns))
        self.first_file.setValue(draft.first_file)
        self.files.setText(draft.files)
        self.name.setText(draft.name)
        self._draft = draft
        self._refresh()

    def show_tried(self, tried: DraftPreview) -> None:
        """Show what the draft makes of the file."""
        for name, row in self.rows.items():
            row.value.set_text(tried.values[name] or ("not found" if row.source.text().strip() else "not in the file"))
        self.frames.setText(tried.frames)
        self.frames.setVisible(bool(tried.frames))
        named(self.frames, "muted" if tried.has_frames else "problem")
        restyle(self.frames)
        self.problems.setText("\n".join(tried.problems))
        self.problems.setVisible(bool(tried.problems))

    def show_pattern(self, text: str) -> None:
        """Take a pattern in place of those there are."""
        self.patterns.setPlainText(text)

    def take(self, role: str, item: Item) -> None:
        """Let a role be read from an item."""
        self.rows[role].take(item)

    def draft(self) -> Draft:
        """Return the draft as it stands."""
        assert self._draft is not None
        return replace(
            self._draft,
            name=self.name.text().strip(),
            files=self.files.text().strip(),
            sources={name: row.source.text().strip() for name, row in self.rows.items()},
            units={name: row.unit.currentText() for name, row in self.rows.items()},
            signs={name: self.rows[name].sign for name in AXES},
            patterns=tuple(filter(None, map(str.strip, self.patterns.toPlainText().splitlines()))),
            first_file=self.first_file.value(),
        )

    def _announce(self) -> None:
        self._refresh()
        if self._draft is not None:
            self.changed.emit(self.draft())

    def _refresh(self) -> None:
        name = self.name.text().strip()
        own = self._draft is not None and name == self._draft.name != ""
        self.save.setText("Replace and use" if own else "Save and use")
        self.save.setEnabled(self._draft is not None and bool(name))
        self.save.setToolTip("" if name else "Give it a name first")

    def _connect(self) -> None:
        for row in self.rows.values():
            row.changed.connect(self._announce)
            row.pointed.connect(self.pointed)
        for edit in (self.files, self.name):
            edit.textChanged.connect(self._announce)
        self.patterns.textChanged.connect(self._announce)
        self.first_file.valueChanged.connect(self._announce)
        self.browse.clicked.connect(self._ask_file)
        self.save.clicked.connect(self._ask_save)

    def _ask_save(self) -> None:
        self.saveAsked.emit(self.draft())

    def _ask_file(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Point at one raw file of this scan", str(self._folder))
        if name:
            self.rawFileChosen.emit(meant_path(name))

    def _lay_out(self) -> None:
        page = named(QWidget(), "page")
        body = QVBoxLayout(page)
        body.setContentsMargins(12, 2, 12, 4)
        body.setSpacing(6)
        body.addWidget(self.begun)
        for row in self.rows.values():
            body.addWidget(row)
        body.addWidget(self._raw_files())
        body.addStretch(1)
        area = QScrollArea()
        area.setWidget(page)
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFrameShape(QFrame.Shape.NoFrame)
        self.column.addWidget(area, 1)
        self.column.addLayout(self._foot())
        for widget in (self.frames, self.problems):
            widget.hide()

    def _raw_files(self) -> QWidget:
        """Lay out where raw files lie."""
        holder = QWidget()
        grid = QGridLayout(holder)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(4)
        self.patterns.setFixedHeight(_PATTERNS_PX)
        self.patterns.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.patterns.setToolTip(
            "Where raw files lie, from the MDA file's folder, a pattern a line: '#04d' is the number of a scan line, "
            "{scan:03d} that of the scan, {stem} the MDA file's name. The first one that has files is taken."
        )
        self.first_file.setButtonSymbols(QSpinBox.ButtonSymbols.NoButtons)
        self.first_file.setRange(0, _MOST_FILES)
        self.first_file.setToolTip("Number of the first scan line's file")
        grid.addWidget(label("text", "Raw files"), 0, 0)
        grid.addWidget(label("muted", "first number"), 0, 2, Qt.AlignmentFlag.AlignRight)
        grid.addWidget(self.first_file, 0, 3)
        grid.addWidget(self.browse, 0, 4)
        grid.addWidget(self.patterns, 1, 0, 1, 5)
        grid.addWidget(self.frames, 2, 0, 1, 5)
        grid.setColumnStretch(1, 1)
        return holder

    def _foot(self) -> QVBoxLayout:
        """Lay out what is wrong, the name, and the button that saves."""
        row = QHBoxLayout()
        row.setSpacing(6)
        self.files.setToolTip("Names of MDA files that are read with this preset by themselves: 'fly*'")
        self.name.setPlaceholderText("a name, such as my-beamline")
        row.addWidget(label("text", "For files"))
        row.addWidget(self.files, 2)
        row.addWidget(label("text", "Name"))
        row.addWidget(self.name, 3)
        row.addWidget(self.save)
        foot = QVBoxLayout()
        foot.setContentsMargins(12, 4, 12, 10)
        foot.setSpacing(6)
        foot.addWidget(self.problems)
        foot.addLayout(row)
        return foot


class RoleRow(QWidget):
    """Where a role is read, in which unit if the file says none, and for an axis its sign; below it what is found."""

    changed = pyqtSignal()
    pointed = pyqtSignal(str)

    def __init__(self, name: str, role: Role) -> None:
        super().__init__()
        self.name, self.role = name, role
        self.source = QLineEdit()
        self.unit = QComboBox()
        self.unit.addItems(role.units)
        self.source.setAccessibleName(role.title)
        self.unit.setAccessibleName(f"Unit of {role.title}")
        self.use = QPushButton("Use")
        self.mirrored = QCheckBox("mirrored")
        self.value = ElidedLabel("muted", Qt.TextElideMode.ElideRight)
        self._lay_out(name in AXES)
        self.source.textChanged.connect(self.changed)
        self.unit.currentTextChanged.connect(self.changed)
        self.mirrored.toggled.connect(self.changed)
        self.use.clicked.connect(self._point)

    @property
    def sign(self) -> int:
        """Return -1 where the stage moves the other way."""
        return -1 if self.mirrored.isChecked() else 1

    def show_source(self, source: str, unit: str, sign: int) -> None:
        """Show where it is read, without a word."""
        with QSignalBlocker(self.source), QSignalBlocker(self.unit), QSignalBlocker(self.mirrored):
            self.source.setText(source)
            self._choose(unit)
            self.mirrored.setChecked(sign < 0)

    def take(self, item: Item) -> None:
        """Read it from an item, in its unit where that is one of the role's."""
        with QSignalBlocker(self.source), QSignalBlocker(self.unit):
            self.source.setText(item.name if item.place == PV_PLACE else item.place)
            if item.unit in self.role.units:
                self._choose(item.unit)
        self.changed.emit()

    def _point(self) -> None:
        self.pointed.emit(self.name)

    def _choose(self, unit: str) -> None:
        if self.unit.findText(unit) < 0:
            self.unit.addItem(unit)
        self.unit.setCurrentText(unit)

    def _lay_out(self, is_axis: bool) -> None:
        always = "" if is_axis or not self.role.path else ", or a value that is always the same, with its unit"
        self.source.setPlaceholderText("mark a row, then Use")
        self.source.setToolTip(f"{'Column' if is_axis else 'PV or column'}{always}")
        self.unit.setToolTip("Unit where the file says none")
        self.use.setToolTip("Read it from the row that is marked on the left")
        self.unit.setFixedWidth(_UNIT_PX)
        self.mirrored.setToolTip("The stage moves against the object's axis")
        title = label("text", self.role.title)
        title.setFixedWidth(title.fontMetrics().horizontalAdvance(max((r.title for r in ROLES.values()), key=len)) + 6)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(6)
        grid.setVerticalSpacing(0)
        for column, widget in enumerate((title, self.source, self.unit, self.use)):
            grid.addWidget(widget, 0, column)
        grid.addWidget(self.value, 1, 1, 1, 1 if is_axis else 3)
        if is_axis:
            grid.addWidget(self.mirrored, 1, 2, 1, 2)
        grid.setColumnStretch(1, 1)
        for small_one in (self.value, self.mirrored):
            small_one.setFont(small(small_one.font()))
