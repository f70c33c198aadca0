"""Above the past results: the search, how they are sorted and shown, and the folders that are watched."""

from __future__ import annotations

from PyQt5.QtCore import QEvent, QPoint, QSize, Qt, QTimer, pyqtSignal
from PyQt5.QtWidgets import QButtonGroup, QComboBox, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from ptychogui.texts import counted
from ptychogui.views.results.result_model import place_of
from ptychogui.views.theme import restyle, tinted
from ptychogui.views.widgets import label, tool_button

_TYPING_MS = 200
_EXAMPLE = "Search: words, or scan:12-40 engine:lsqml error<1.1 date:today starred"
_TIP = (
    "Words of the title, path, note or tags. Fields: scan:12-40, engine:lsqml, modes>2, error<1.1, pixel<10nm, "
    "date:today, date:2026-11, starred, stars>=3, tag:paper, state:stopped, any parameter by its name; a minus in "
    "front asks for the opposite."
)
_SORTS = (("Newest first", "Made", True), ("Oldest first", "Made", False), ("Lowest error first", "Error", False),
          ("Most stars first", "Stars", True), ("Name", "Name", False), ("Scan number", "Scan", False),
          ("Smallest pixel first", "Pixel", False), ("Engine", "Engine", False))  # fmt: skip
"""What is offered: its words, the column, and whether the largest come first."""


class ResultsHead(QWidget):
    """The search field and the controls beside it.

    Signals:
        searched(text): once typing pauses.
        sorted_(column, order): by what they are to be sorted.
        viewChosen(place): 0 for the grid, 1 for the table.
        menuAsked(place): what can be done with the chosen ones is to be shown there.
    """

    searched = pyqtSignal(str)
    sorted_ = pyqtSignal(int, Qt.SortOrder)
    viewChosen = pyqtSignal(int)
    menuAsked = pyqtSignal(QPoint)

    def __init__(self) -> None:
        super().__init__()
        self.field = QLineEdit()
        self.field.setPlaceholderText(_EXAMPLE)
        self.field.setToolTip(_TIP)
        self.field.setAccessibleName("Search past results")
        self.field.setClearButtonEnabled(True)
        self.reason = label("problem", wrap=True)
        self.reason.hide()
        self.count = label("muted")
        self.looking = label("muted")
        self.sort_box = QComboBox()
        self.sort_box.setAccessibleName("Sort by")
        self.sort_box.addItems([text for text, _, _ in _SORTS])
        self.kinds = QButtonGroup(self)
        self.folders = tool_button("chip", "Folders…", "The folders whose results are shown here")
        self.use = tool_button("chip", "Use its values", "Put its values into the form, and open its scan (Return)")
        self.compare = tool_button(
            "chip", "Compare", "Choose two or more with Ctrl and the mouse, and compare them (C)"
        )
        self.more = tool_button("icon", "", "What else can be done with those that are chosen")
        self._typing = QTimer(self)
        self._typing.setSingleShot(True)
        self._typing.setInterval(_TYPING_MS)
        self._lay_out()
        self._connect()
        self.show_chosen(0)

    def show_count(self, found: int, count: int) -> None:
        """Say how many were found of how many."""
        self.count.setText(counted(count, "result") if found == count else f"{found} of {count}")

    def show_chosen(self, count: int) -> None:
        """Say how many are chosen."""
        self.use.setEnabled(count > 0)
        self.more.setEnabled(count > 0)

    def show_reason(self, reason: str) -> None:
        """Say why the search can't be understood; "" if it can."""
        self.reason.setText(reason)
        self.reason.setVisible(bool(reason))
        if bool(self.field.property("invalid")) != bool(reason):
            self.field.setProperty("invalid", bool(reason))
            restyle(self.field)

    def show_looking(self, text: str) -> None:
        """Say how far the look through the folders is."""
        self.looking.setText(text)

    def search_for(self, text: str) -> None:
        """Search for something at once, as if it were typed."""
        self.field.setText(text)
        self._announce()

    def _announce(self) -> None:
        self._typing.stop()
        self.searched.emit(self.field.text())

    def _sort(self, place: int) -> None:
        _, column, is_down = _SORTS[place]
        orders = Qt.SortOrder
        self.sorted_.emit(place_of(column), orders.DescendingOrder if is_down else orders.AscendingOrder)

    def _lay_out(self) -> None:
        first, second = QHBoxLayout(), QHBoxLayout()
        first.addWidget(self.field, 1)
        first.addWidget(self.sort_box)
        for place, (text, tip) in enumerate((("Grid", "As pictures"), ("Table", "As a table"))):
            button = tool_button("chip", text, tip)
            button.setCheckable(True)
            button.setChecked(place == 0)
            self.kinds.addButton(button, place)
            first.addWidget(button)
        second.addWidget(self.count)
        second.addWidget(self.looking, 1)
        for button in (self.folders, self.compare, self.use, self.more):
            second.addWidget(button)
        self.more.setIconSize(QSize(14, 14))
        self._paint()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(first)
        column.addWidget(self.reason)
        column.addLayout(second)

    def changeEvent(self, event: QEvent | None) -> None:
        super().changeEvent(event)
        if event is not None and event.type() == QEvent.Type.PaletteChange:
            self._paint()

    def _paint(self) -> None:
        self.more.setIcon(tinted("dots", self.palette()))

    def _connect(self) -> None:
        self._typing.timeout.connect(self._announce)
        self.field.textEdited.connect(lambda _text: self._typing.start())
        self.field.returnPressed.connect(self._announce)
        self.field.textChanged.connect(lambda text: None if text else self._announce())
        self.sort_box.activated.connect(self._sort)
        self.kinds.idClicked.connect(self.viewChosen)
        self.more.clicked.connect(lambda: self.menuAsked.emit(self.more.mapToGlobal(QPoint(0, self.more.height()))))
