"""Devices and their queues: what is to be known, the list, and what can be done with the jobs that are chosen."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt5.QtCore import QModelIndex, QPoint, QSize, Qt, QTimer, pyqtSignal
from PyQt5.QtGui import QKeyEvent, QResizeEvent
from PyQt5.QtWidgets import (
    QAbstractItemView,
    QAction,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QMenu,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QTreeView,
    QVBoxLayout,
    QWidget,
)

from ptychogui.queue_state import Group, JobRow, Notice, QueueState
from ptychogui.views.queue.job_delegate import JobDelegate
from ptychogui.views.queue.job_model import ITEM_ROLE, JobModel
from ptychogui.views.queue.results_line import ResultsLine
from ptychogui.views.widgets import ElidedLabel, label, named, tool_button

_EMPTY = "Run puts a job here. It begins at once where a device that is ticked is free."
_IDLE = "Choose jobs to see them, and what can be done with them: pause, move, remove …"
_MARGIN_PX, _LEAST_PX = 8, 230


class QueuePanel(QFrame):
    """The panel of the queue.

    Signals:
        ticked(device, on): a device is to be used, or no more.
        chosen(numbers): jobs were chosen, the current one first.
        moveAsked(job, before, device): a job was dragged.
        answered(key): a button of the notice was pressed.
        pauseAsked(): Space was pressed on a job.
    """

    ticked = pyqtSignal(str, bool)
    chosen = pyqtSignal(object)
    moveAsked = pyqtSignal(int, int, str)
    answered = pyqtSignal(str)
    pauseAsked = pyqtSignal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("panel")
        self.setMinimumWidth(_LEAST_PX)
        self.counts = ElidedLabel("muted", Qt.TextElideMode.ElideRight)
        self.notice = NoticeFrame()
        self.watching = NoticeFrame()
        self.list = JobList()
        self.results = ResultsLine()
        self.empty = label("muted", _EMPTY, wrap=True)
        self.head = QHBoxLayout()
        self.buttons = QGridLayout()
        self.idle = label("muted", _IDLE, wrap=True)
        self._menu: list[QAction] = []
        self._buttons: list[QToolButton] = []
        self._rows = 0
        self._pending = QTimer(self)
        self._pending.setSingleShot(True)
        self._pending.timeout.connect(self._lay_out_buttons)
        self._lay_out()
        self.list.model_.ticked.connect(self.ticked)
        self.list.model_.moveAsked.connect(self.moveAsked)
        self.list.chosen.connect(self.chosen)
        self.list.pauseAsked.connect(self.pauseAsked)
        self.list.menuAsked.connect(self._open_menu)
        self.notice.answered.connect(self.answered)

    def set_actions(self, head: Sequence[QAction], buttons: Sequence[Sequence[QAction]]) -> None:
        """Have these actions above and below the list; those below are in the menu of a job as well.

        Args:
            head: those above.
            buttons: those below, with their names, as far as they can be done with the jobs that are chosen; several
                in one place are never there at the same time.
        """
        for action in head:
            button = _button(action)
            self.head.addWidget(button)
            _follow(button, action)
        self._menu = [action for actions in buttons for action in actions]
        for action in self._menu:
            button = _button(action, Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
            button.setParent(self)
            self._buttons.append(button)
            action.changed.connect(self._pending.start)
        self._lay_out_buttons()

    def show_queue(self, state: QueueState) -> None:
        """Show the queue."""
        self.counts.set_text(state.counts)
        self.notice.show_notice(state.notice)
        self.list.show_groups(state.groups)
        self.empty.setVisible(not state.rows and not state.closed)
        self._rows = len(state.rows)
        self._pending.start()

    def show_chosen(self, jobs: Sequence[int]) -> None:
        """Mark the jobs that are chosen, the current one first."""
        self.list.show_chosen(jobs)

    def _lay_out(self) -> None:
        self.head.setContentsMargins(12, 8, 8, 0)
        self.head.setSpacing(4)
        self.head.addWidget(self.counts, 1)
        self.head.addStretch(0)
        self.buttons.setContentsMargins(_MARGIN_PX, 2, _MARGIN_PX, 8)
        self.buttons.setSpacing(2)
        self.empty.setContentsMargins(14, 4, 14, 8)
        self.idle.setContentsMargins(14, 0, 14, 8)
        self.idle.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(self.head)
        column.addWidget(self.notice)
        column.addWidget(self.watching)
        column.addWidget(self.list, 1)
        column.addWidget(self.empty)
        column.addWidget(self.results)
        column.addWidget(self.idle)
        column.addLayout(self.buttons)

    def _lay_out_buttons(self) -> None:
        """Have the buttons there of what can be done with the jobs that are chosen, each with its name."""
        shown = [button for button, action in zip(self._buttons, self._menu, strict=True)
                 if action.isVisible() and action.isEnabled()]  # fmt: skip
        widest = max((button.sizeHint().width() for button in shown), default=1) + self.buttons.spacing()
        columns = max(1, (self.width() - 2 * _MARGIN_PX) // widest)
        for button in self._buttons:
            self.buttons.removeWidget(button)
            button.setHidden(button not in shown)
        for place, button in enumerate(shown):
            self.buttons.addWidget(button, place // columns, place % columns)
        self.idle.setVisible(not shown and bool(self._rows))

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        super().resizeEvent(event)
        self._pending.start()

    def _open_menu(self, at: QPoint) -> None:
        menu = QMenu(self)
        menu.addActions([action for action in self._menu if action.isEnabled()])
        menu.exec(at)


class JobList(QTreeView):
    """The list. Announces `chosen(numbers)` when the user chooses, `pauseAsked()`, and `menuAsked(place)`."""

    chosen = pyqtSignal(object)
    pauseAsked = pyqtSignal()
    menuAsked = pyqtSignal(QPoint)

    def __init__(self) -> None:
        super().__init__()
        self.model_ = JobModel(self)
        self._marked: tuple[int, ...] = ()
        self._folded: set[str] = set()
        self._is_told = False
        self.setObjectName("jobs")
        self.setAccessibleName("Devices and queue")
        self.setModel(self.model_)
        self.setItemDelegate(JobDelegate(self))
        self.setHeaderHidden(True)
        self.setRootIsDecorated(False)
        self.setIndentation(0)
        self.setUniformRowHeights(True)
        self.setExpandsOnDoubleClick(True)
        self.setMouseTracking(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setDragDropMode(QAbstractItemView.DragDropMode.InternalMove)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._ask_menu)
        self.model_.renewed.connect(self._renew)
        self.collapsed.connect(lambda index: self._folded.add(index.data(ITEM_ROLE).key))
        self.expanded.connect(lambda index: self._folded.discard(index.data(ITEM_ROLE).key))
        selection = self.selectionModel()
        assert selection is not None
        selection.selectionChanged.connect(self._tell)
        self.clicked.connect(self._tell_again)

    def show_groups(self, groups: tuple[Group, ...]) -> None:
        """Show these groups; what is chosen and what is folded stays so."""
        self._is_told = True
        self.model_.show_groups(groups)
        self._is_told = False

    def show_chosen(self, jobs: Sequence[int]) -> None:
        """Mark the jobs that are chosen, the current one first."""
        if tuple(jobs) != self._marked:
            self._marked = tuple(jobs)
            self._mark()

    def _renew(self) -> None:
        for group, head in self.model_.heads():
            self.setExpanded(head, group.key not in self._folded)
        self._mark()

    def _mark(self) -> None:
        before, self._is_told = self._is_told, True
        selection = self.selectionModel()
        assert selection is not None
        selection.clear()
        for place in [self.model_.index_of(job) for job in self._marked][::-1]:
            if place.isValid():
                selection.setCurrentIndex(place, selection.SelectionFlag.Select)
        self._is_told = before

    def _tell(self) -> None:
        """Announce what the user has chosen."""
        selection = self.selectionModel()
        if self._is_told or selection is None:
            return
        places: list[QModelIndex] = [selection.currentIndex(), *selection.selectedIndexes()]
        items = [place.data(ITEM_ROLE) for place in places if place.isValid() and selection.isSelected(place)]
        jobs = tuple(dict.fromkeys(item.id for item in items if isinstance(item, JobRow)))
        if jobs and jobs != self._marked:
            self._marked = jobs
            self.chosen.emit(jobs)

    def _tell_again(self, place: QModelIndex) -> None:
        """Announce a job that is chosen already and was clicked: the user wants to look at it."""
        item = place.data(ITEM_ROLE)
        if isinstance(item, JobRow) and self._marked and item.id == self._marked[0]:
            self.chosen.emit(self._marked)

    def _ask_menu(self, at: QPoint) -> None:
        if isinstance(self.indexAt(at).data(ITEM_ROLE), JobRow):
            viewport = self.viewport()
            assert viewport is not None
            self.menuAsked.emit(viewport.mapToGlobal(at))

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        is_space = event is not None and event.key() == Qt.Key.Key_Space
        if is_space and isinstance(self.currentIndex().data(ITEM_ROLE), JobRow):
            self.pauseAsked.emit()
            return
        super().keyPressEvent(event)


class NoticeFrame(QFrame):
    """What is to be known, with buttons. Announces `answered(key)`."""

    answered = pyqtSignal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("notice")
        self.text = label("text", wrap=True)
        self.row = QHBoxLayout()
        self.row.setSpacing(6)
        self._notice: Notice | None = None
        column = QVBoxLayout(self)
        column.setContentsMargins(10, 8, 10, 8)
        column.setSpacing(6)
        column.addWidget(self.text)
        column.addLayout(self.row)
        self.hide()

    def show_notice(self, notice: Notice | None) -> None:
        """Show it; nothing hides it."""
        if notice == self._notice:
            return
        self._notice = notice
        self.setVisible(notice is not None)
        while self.row.count():
            item = self.row.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.deleteLater()
        if notice is not None:
            self.text.setText(notice.text)
            for place, (key, word) in enumerate(notice.choices):
                self.row.addWidget(self._choice(key, word, "primary" if place == 0 else ""))
            self.row.addStretch(1)

    def buttons(self) -> dict[str, QWidget]:
        """Return the buttons by key."""
        choices = self._notice.choices if self._notice is not None else ()
        made = [item.widget() for place in range(self.row.count()) if (item := self.row.itemAt(place)) is not None]
        return {key: widget for (key, _), widget in zip(choices, made, strict=False) if widget is not None}

    def _choice(self, key: str, word: str, kind: str) -> QPushButton:
        made = named(QPushButton(word), kind)
        made.clicked.connect(lambda: self.answered.emit(key))
        return made


def _button(action: QAction, style: Qt.ToolButtonStyle = Qt.ToolButtonStyle.ToolButtonIconOnly) -> QToolButton:
    """Make the button of an action: its icon, and its name beside it or in the tooltip."""
    made = tool_button("icon")
    made.setDefaultAction(action)
    made.setToolButtonStyle(style)
    made.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    made.setIconSize(QSize(18, 18))
    made.setAccessibleName(action.text())
    return made


def _follow(button: QWidget, action: QAction) -> None:
    """Have a button be there as long as its action is."""
    button.setVisible(action.isVisible())
    action.changed.connect(lambda: button.setVisible(action.isVisible()))
