"""The past results that were found, as grid and table share them: one row each, thumbnails only of what is seen."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from PyQt5.QtCore import QAbstractTableModel, QModelIndex, Qt, QTimer, pyqtSignal
from PyQt5.QtGui import QImage, QPixmap

from ptychogui.catalog.entry import Entry
from ptychogui.params.units import format_quantity

ENTRY_ROLE = int(Qt.ItemDataRole.UserRole)
"""The Entry of a row."""
THUMBNAIL_PX = 152
"""Longest side of a thumbnail in the grid."""

_KEPT = 500
"""Thumbnails that are kept: some screens full, 50 MB at most."""
_GATHER_MS = 25
_MOST_ASKED = 60

_ROOT = QModelIndex()
_Role = Qt.ItemDataRole
_Order = Qt.SortOrder


class Column(NamedTuple):
    """A column of the table: what it is called, its text, by what it is sorted (None comes last), and its width."""

    title: str
    text: Callable[[Entry], str]
    key: Callable[[Entry], Any]
    width_px: int
    is_number: bool = False


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _date(entry: Entry) -> str:
    return datetime.fromtimestamp(entry.made_s).strftime("%Y-%m-%d %H:%M")


def _pixel(entry: Entry) -> str:
    return "" if entry.pixel_m is None else format_quantity(float(f"{entry.pixel_m:.3g}"), "m")


COLUMNS = (
    Column("Name", lambda entry: entry.path.stem, lambda entry: entry.path.stem.casefold(), 150),
    Column("Error", lambda entry: _number(entry.error), lambda entry: entry.error, 64, True),
    Column("Engine", lambda entry: entry.engine or entry.program, lambda entry: entry.engine or entry.program, 76),
    Column("Stars", lambda entry: "★" * entry.stars, lambda entry: entry.stars, 76),
    Column("Made", _date, lambda entry: entry.made_s, 136),
    Column("Scan", lambda entry: "" if entry.scan is None else str(entry.scan), lambda entry: entry.scan, 56, True),
    Column("Modes", lambda entry: str(entry.modes), lambda entry: entry.modes, 64, True),
    Column("Iterations", lambda entry: str(entry.iterations), lambda entry: entry.iterations, 80, True),
    Column("Pixel", _pixel, lambda entry: entry.pixel_m, 72, True),
    Column("Size", lambda entry: f"{entry.rows} × {entry.columns}", lambda entry: entry.rows * entry.columns, 96, True),
    Column("Tags", lambda entry: " ".join(entry.tag_words), lambda entry: entry.tags, 90),
    Column("Folder", lambda entry: str(entry.path.parent), lambda entry: entry.name, 200),
)
_PLACES = {column.title: place for place, column in enumerate(COLUMNS)}


def place_of(title: str) -> int:
    """Return the place of a column."""
    return _PLACES[title]


class ResultModel(QAbstractTableModel):
    """Found results in the order that the user wants.

    Signals:
        wanted(ids): thumbnails of these entries are to be fetched.
    """

    wanted = pyqtSignal(object)

    def __init__(self) -> None:
        super().__init__()
        self.entries: list[Entry] = []
        self.order: tuple[int, Qt.SortOrder] = (place_of("Made"), _Order.DescendingOrder)
        self._thumbnails: OrderedDict[int, QPixmap | None] = OrderedDict()
        self._missing: dict[int, None] = {}
        self._asked: set[int] = set()
        self._gathering = QTimer(self)
        self._gathering.setSingleShot(True)
        self._gathering.setInterval(_GATHER_MS)
        self._gathering.timeout.connect(self._ask)

    def show_entries(self, entries: Sequence[Entry]) -> None:
        """Show other results; of those that were there before, changed rows are only drawn anew."""
        new = self._sorted(entries)
        if [entry.id for entry in new] == [entry.id for entry in self.entries]:
            self.entries = new
            self._redraw()
            return
        self.beginResetModel()
        self.entries = new
        self.endResetModel()

    def show_thumbnails(self, images: Mapping[int, QImage]) -> None:
        """Take thumbnails that were fetched; whoever shows them draws anew.

        No row has changed for Qt, since a list then lays out all rows again: 50 ms for 10 000.
        """
        for number, image in images.items():
            self._asked.discard(number)
            self._thumbnails[number] = None if image.isNull() else QPixmap.fromImage(image)
        while len(self._thumbnails) > _KEPT:
            self._thumbnails.popitem(last=False)

    def thumbnail(self, entry: Entry) -> QPixmap | None:
        """Return a thumbnail; None where there is none, or not yet: then it is asked for."""
        if entry.id in self._thumbnails:
            self._thumbnails.move_to_end(entry.id)
            return self._thumbnails[entry.id]
        if entry.id not in self._asked:
            self._missing[entry.id] = None
            if not self._gathering.isActive():
                self._gathering.start()
        return None

    def row_of(self, entry: Entry) -> int:
        """Return the row of a result's file; -1 if it is not among them."""
        return next((row for row, one in enumerate(self.entries) if one.name == entry.name), -1)

    # What Qt asks

    def rowCount(self, parent: QModelIndex = _ROOT) -> int:
        return 0 if parent.isValid() else len(self.entries)

    def columnCount(self, parent: QModelIndex = _ROOT) -> int:
        return 0 if parent.isValid() else len(COLUMNS)

    def data(self, index: QModelIndex, role: int = int(_Role.DisplayRole)) -> Any:
        entry, column = self.entries[index.row()], COLUMNS[index.column()]
        if role == ENTRY_ROLE:
            return entry
        if role == _Role.DisplayRole:
            return column.text(entry)
        if role == _Role.ToolTipRole:
            return str(entry.path)
        if role == _Role.TextAlignmentRole and column.is_number:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = int(_Role.DisplayRole)) -> Any:
        if role == _Role.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return COLUMNS[section].title
        return None

    def sort(self, column: int, order: Qt.SortOrder = _Order.AscendingOrder) -> None:
        if (column, order) == self.order:
            return
        self.order = column, order
        self.layoutAboutToBeChanged.emit()
        before = self.persistentIndexList()
        names = [self.entries[index.row()].name for index in before]
        self.entries = self._sorted(self.entries)
        rows = {entry.name: row for row, entry in enumerate(self.entries)}
        after = [self.index(rows[name], index.column()) for name, index in zip(names, before, strict=True)]
        self.changePersistentIndexList(before, after)
        self.layoutChanged.emit()

    def _sorted(self, entries: Sequence[Entry]) -> list[Entry]:
        column, order = self.order
        key = COLUMNS[column].key
        known = [entry for entry in entries if key(entry) is not None]
        unknown = [entry for entry in entries if key(entry) is None]
        return sorted(known, key=key, reverse=order == _Order.DescendingOrder) + unknown

    def _ask(self) -> None:
        """Ask for what was seen last: what scrolled by meanwhile is asked for when it is seen again."""
        wanted = list(self._missing)[-_MOST_ASKED:]
        self._missing.clear()
        self._asked.update(wanted)
        self.wanted.emit(wanted)

    def _redraw(self) -> None:
        if self.entries:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self.entries) - 1, len(COLUMNS) - 1))
