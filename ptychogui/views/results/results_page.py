"""The page of past results: searched and sorted as a grid or a table, with a look at the one that is chosen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from PyQt5.QtCore import QEvent, QItemSelectionModel, QObject, QPoint, Qt, QTimer, QUrl, pyqtBoundSignal, pyqtSignal
from PyQt5.QtGui import QDesktopServices, QImage, QKeyEvent, QShowEvent
from PyQt5.QtWidgets import (
    QAbstractItemView,
    QAction,
    QHeaderView,
    QMenu,
    QMessageBox,
    QSplitter,
    QStackedWidget,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from ptychogui.catalog.entry import Entry
from ptychogui.catalog.marks import MOST_STARS
from ptychogui.jobs.past.look import Look
from ptychogui.texts import counted
from ptychogui.views.results.grid import Grid
from ptychogui.views.results.head import ResultsHead
from ptychogui.views.results.look_card import LookCard
from ptychogui.views.results.result_model import COLUMNS, ENTRY_ROLE, ResultModel

_LOOK_MS = 120
"""A result that is chosen no longer than this, as while a key is held down, is not read."""
_LINED = range(2, 13)
"""So many are compared, or lined up."""
_Key = Qt.Key
_Flag = QItemSelectionModel.SelectionFlag
_Flags = QItemSelectionModel.SelectionFlags
_ONLY = _Flags(_Flag.ClearAndSelect) | _Flags(_Flag.Rows)
_TOO = _Flags(_Flag.Select) | _Flags(_Flag.Rows)
_NOT = _Flags(_Flag.NoUpdate)


class ResultsPage(QWidget):
    """Past results, and what can be done with those that are chosen.

    Signals:
        shown(): it is seen.
        searched(text), thumbnailsWanted(ids), lookWanted(path): to be found, and read.
        rated(paths, stars), noted(path, text), tagged(path, text): what the user says of results.
        useAsked(path), goOnAsked(path), rawAsked(path): to the form: its values, its end, its scan.
        trashAsked(paths), exportAsked(paths), compareAsked(paths): for all that are chosen.
        saveAsked(path, write): as ImageCard has it.
    """

    shown = pyqtSignal()
    searched = pyqtSignal(str)
    thumbnailsWanted = pyqtSignal(object)
    lookWanted = pyqtSignal(object)
    rated = pyqtSignal(object, int)
    noted = pyqtSignal(object, str)
    tagged = pyqtSignal(object, str)
    useAsked = pyqtSignal(object)
    goOnAsked = pyqtSignal(object)
    rawAsked = pyqtSignal(object)
    trashAsked = pyqtSignal(object)
    compareAsked = pyqtSignal(object)
    exportAsked = pyqtSignal(object)
    saveAsked = pyqtSignal(object, object)

    def __init__(self) -> None:
        super().__init__()
        self.model = ResultModel()
        self.head = ResultsHead()
        self.grid, self.table = Grid(self.model), _table(self.model)
        self.table.setSelectionModel(self.grid.selectionModel())
        self.views = QStackedWidget()
        self.look = LookCard()
        self.split = QSplitter()
        self.menu = QMenu(self)
        self._wanted = QTimer(self)
        self._wanted.setSingleShot(True)
        self._wanted.setInterval(_LOOK_MS)
        self._looked_at: Look | None = None
        self._actions = self._make_actions()
        self._lay_out()
        self._connect()

    # What it is told

    def show_found(self, entries: Sequence[Entry], count: int) -> None:
        """Show what a search has found; what was chosen stays so."""
        current, chosen = self.current(), {entry.name for entry in self.chosen()}
        self.model.show_entries(entries)
        self.head.show_count(len(entries), count)
        if {entry.name for entry in self.chosen()} != chosen or self.current() is None:
            self._choose(chosen, current)
        self.look.show_entry(self.current())

    def show_thumbnails(self, images: Mapping[int, QImage]) -> None:
        """Show thumbnails that were fetched."""
        self.model.show_thumbnails(images)
        self.grid.viewport().update()  # type: ignore[union-attr]

    def show_look(self, look: Look) -> None:
        """Show what was read of a result."""
        self._looked_at = look
        self.look.show_look(look)
        self._show_actions()

    # What is chosen

    def current(self) -> Entry | None:
        """The result that is looked at."""
        index = self.grid.currentIndex()
        return index.data(ENTRY_ROLE) if index.isValid() else None

    def chosen(self) -> list[Entry]:
        """All that are chosen, as they stand."""
        rows = sorted(index.row() for index in self._selection().selectedIndexes() if index.column() == 0)
        return [self.model.entries[row] for row in rows]

    @property
    def is_looking(self) -> bool:
        """Whether one result has the whole page."""
        return self.views.isHidden()

    def take_look(self, on: bool) -> None:
        """Give the whole page to the result that is looked at, or its side only."""
        self.views.setVisible(not on)
        self.look.widen(on)
        (self if on else self.views.currentWidget() or self).setFocus()

    def step(self, places: int) -> None:
        """Go on to another result."""
        row = min(max(self.grid.currentIndex().row() + places, 0), self.model.rowCount() - 1)
        self._selection().setCurrentIndex(self.model.index(row, 0), _ONLY)

    # What the user does

    def showEvent(self, event: QShowEvent | None) -> None:
        super().showEvent(event)
        self.shown.emit()
        if not self.is_looking:
            self.views.currentWidget().setFocus()  # type: ignore[union-attr]

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        if event is None or self._take_key(event):
            return
        steps = {_Key.Key_Left: -1, _Key.Key_Up: -1, _Key.Key_Right: 1, _Key.Key_Down: 1}
        if self.is_looking and event.key() in steps:
            self.step(steps[_Key(event.key())])
        else:
            super().keyPressEvent(event)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        return isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress and self._take_key(event)

    def _take_key(self, event: QKeyEvent) -> bool:
        """Do what a key stands for; arrows are the views' own."""
        if event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier or self.current() is None:
            return False
        key = event.key()
        if _Key.Key_0 <= key <= _Key.Key_0 + MOST_STARS:
            self._rate(key - _Key.Key_0)
        elif key == _Key.Key_S:
            self._rate(0 if self.current().stars else 1)  # type: ignore[union-attr]
        elif key == _Key.Key_Space or (key == _Key.Key_Escape and self.is_looking):
            self.take_look(not self.is_looking)
        elif key == _Key.Key_C:
            self._compare()
        elif key == _Key.Key_E:
            self._export()
        elif key == _Key.Key_Delete:
            self._throw()
        elif key in (_Key.Key_Return, _Key.Key_Enter):
            self._with_current(self.useAsked)
        else:
            return False
        return True

    def _rate(self, stars: int) -> None:
        self.rated.emit([entry.path for entry in self.chosen()], stars)

    def _compare(self) -> None:
        if len(self.chosen()) in _LINED:
            self.compareAsked.emit([entry.path for entry in self.chosen()])

    def _export(self) -> None:
        self.exportAsked.emit([entry.path for entry in self.chosen()])

    def _throw(self) -> None:
        paths = [entry.path for entry in self.chosen()]
        if len(paths) > 1:
            text = f"Move {counted(len(paths), 'result')} to the trash?"
            if QMessageBox.question(self, "Past results", text) != QMessageBox.StandardButton.Yes:
                return
        self.trashAsked.emit(paths)

    def _with_current(self, signal: pyqtBoundSignal) -> None:
        entry = self.current()
        if entry is not None:
            signal.emit(entry.path)

    def _open_raw(self) -> None:
        if self._looked_at is not None and self._looked_at.raw is not None:
            self.rawAsked.emit(self._looked_at.raw)

    def _reveal(self) -> None:
        entry = self.current()
        if entry is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(entry.path.parent)))

    def _on_current(self) -> None:
        self.look.show_entry(self.current())
        self._wanted.start()
        self._show_actions()

    def _want_look(self) -> None:
        entry = self.current()
        if entry is not None:
            self.lookWanted.emit(entry.path)

    # How it is built

    def _make_actions(self) -> dict[str, QAction]:
        made: dict[str, QAction] = {}
        things: tuple[tuple[str, str, str, Callable[[], None]], ...] = (
            ("use", "Use its values", "Return", lambda: self._with_current(self.useAsked)),
            ("go-on", "Go on from it", "", lambda: self._with_current(self.goOnAsked)),
            ("raw", "Open its scan", "", self._open_raw),
            ("look", "Look", "Space", lambda: self.take_look(not self.is_looking)),
            ("compare", "Compare", "C", self._compare),
            ("export", "Export…", "E", self._export),
            ("reveal", "Show its folder", "", self._reveal),
            ("trash", "Move to the trash", "Del", self._throw),
        )
        for key, text, keys, do in things:
            action = QAction(f"{text}\t{keys}" if keys else text, self)
            action.triggered.connect(lambda _on, do=do: do())
            self.menu.addAction(action)
            made[key] = action
        return made

    def _show_actions(self) -> None:
        entry, seen = self.current(), self._looked_at
        is_seen = entry is not None and seen is not None and seen.path == entry.path
        self._actions["raw"].setEnabled(is_seen and seen is not None and seen.raw is not None)
        count = len(self.chosen())
        self._actions["compare"].setEnabled(count in _LINED)
        self.head.show_chosen(count)
        self.head.compare.setEnabled(count in _LINED)

    def _lay_out(self) -> None:
        for view in (self.grid, self.table):
            view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
            view.customContextMenuRequested.connect(self._pop_up)
            view.doubleClicked.connect(lambda _index: self._with_current(self.useAsked))
            view.installEventFilter(self)
            self.views.addWidget(view)
        self.split.addWidget(self.views)
        self.split.addWidget(self.look)
        self.split.setStretchFactor(0, 62)
        self.split.setStretchFactor(1, 38)
        self.split.setSizes([620, 380])
        self.split.setHandleWidth(8)
        self.split.setChildrenCollapsible(False)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(self.head)
        column.addWidget(self.split, 1)

    def _connect(self) -> None:
        self.head.searched.connect(self.searched)
        self.head.sorted_.connect(self.model.sort)
        self.head.viewChosen.connect(self.views.setCurrentIndex)
        self.head.menuAsked.connect(self.menu.popup)
        self.head.use.clicked.connect(lambda: self._with_current(self.useAsked))
        self.head.compare.clicked.connect(self._compare)
        self.model.wanted.connect(self.thumbnailsWanted)
        self._selection().currentChanged.connect(self._on_current)
        self._selection().selectionChanged.connect(self._show_actions)
        self._wanted.timeout.connect(self._want_look)
        self.look.searchAsked.connect(self.head.search_for)
        self.look.rated.connect(self._rate)
        self.look.noted.connect(lambda text: self._say(self.noted, text))
        self.look.tagged.connect(lambda text: self._say(self.tagged, text))
        self.look.saveAsked.connect(self.saveAsked)

    def _say(self, signal: pyqtBoundSignal, text: str) -> None:
        entry = self.current()
        if entry is not None:
            signal.emit(entry.path, text)

    def _pop_up(self, place: QPoint) -> None:
        self.menu.popup(self.views.currentWidget().mapToGlobal(place))  # type: ignore[union-attr]

    def _choose(self, names: set[bytes], current: Entry | None) -> None:
        """Choose again what was chosen, or the first result."""
        rows = [row for row, entry in enumerate(self.model.entries) if entry.name in names]
        for row in rows:
            self._selection().select(self.model.index(row, 0), _TOO)
        at = self.model.row_of(current) if current is not None else -1
        row = at if at >= 0 else rows[0] if rows else 0
        if self.model.entries:
            self._selection().setCurrentIndex(self.model.index(row, 0), _NOT if rows else _ONLY)

    def _selection(self) -> QItemSelectionModel:
        found = self.grid.selectionModel()
        assert found is not None
        return found


def _table(model: ResultModel) -> QTableView:
    """Make the table."""
    table = QTableView()
    table.setObjectName("results")
    table.setAccessibleName("Past results as a table")
    table.setModel(model)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
    table.setShowGrid(False)
    table.setWordWrap(False)
    table.setTabKeyNavigation(False)
    rows, head = table.verticalHeader(), table.horizontalHeader()
    assert rows is not None and head is not None
    rows.hide()
    rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
    rows.setDefaultSectionSize(26)
    head.setHighlightSections(False)
    head.setDefaultAlignment(Qt.Alignment(Qt.AlignmentFlag.AlignLeft) | Qt.Alignment(Qt.AlignmentFlag.AlignVCenter))
    head.setStretchLastSection(True)
    column, order = model.order
    head.setSortIndicator(column, order)
    table.setSortingEnabled(True)
    for place, made in enumerate(COLUMNS):
        table.setColumnWidth(place, made.width_px)
    return table
