"""The jobs of the queue as a tree for Qt: groups, and the jobs of each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from PyQt5.QtCore import QAbstractItemModel, QMimeData, QModelIndex, QObject, Qt, pyqtSignal

from ptychogui.queue.store.entry import ENDED
from ptychogui.queue_state import ENDED_KEY, Group, JobRow

ITEM_ROLE = int(Qt.ItemDataRole.UserRole)
"""The Group or JobRow of an index."""

_MIME = "application/x-ptychogui-jobs"
_Role = Qt.ItemDataRole
_PLAIN = Qt.ItemFlags(Qt.ItemFlag.ItemIsEnabled) | Qt.ItemFlag.ItemIsSelectable
_DRAGGED, _TICKED = _PLAIN | Qt.ItemFlag.ItemIsDragEnabled, _PLAIN | Qt.ItemFlag.ItemIsUserCheckable
"""Made once: a long list is asked for them row by row."""


class JobModel(QAbstractItemModel):
    """Groups on top, jobs in them. What has not changed is left alone, so that a long list stays quick.

    Signals:
        renewed(): there are other rows than before.
        ticked(device, on): a device is to be used, or no more.
        moveAsked(job, before, device): a job was dropped before another one, 0 for at the end, of a device.
    """

    renewed = pyqtSignal()
    ticked = pyqtSignal(str, bool)
    moveAsked = pyqtSignal(int, int, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._groups: tuple[Group, ...] = ()
        self._places: dict[int, tuple[int, int]] = {}

    def show_groups(self, groups: tuple[Group, ...]) -> None:
        """Show these groups."""
        before, same = self._groups, _have_same_shape(groups, self._groups)
        if not same:
            self.beginResetModel()
        self._groups = groups
        if same:
            self._tell_changes(before)
            return
        self._places = {job.id: (at, row) for at, group in enumerate(groups) for row, job in enumerate(group.jobs)}
        self.endResetModel()
        self.renewed.emit()

    def index_of(self, job: int) -> QModelIndex:
        """Return where a job is; an invalid index if it is not there."""
        if job not in self._places:
            return QModelIndex()
        at, row = self._places[job]
        return self.index(row, 0, self.index(at, 0))

    def heads(self) -> list[tuple[Group, QModelIndex]]:
        """Return all groups with their places."""
        return [(group, self.index(at, 0)) for at, group in enumerate(self._groups)]

    def _tell_changes(self, before: tuple[Group, ...]) -> None:
        for at, (old, new) in enumerate(zip(before, self._groups, strict=True)):
            if old == new:
                continue
            head = self.index(at, 0)
            self.dataChanged.emit(head, head)
            if old.jobs == new.jobs:
                continue
            for row, (was, now) in enumerate(zip(old.jobs, new.jobs, strict=True)):
                if was != now:
                    place = self.index(row, 0, head)
                    self.dataChanged.emit(place, place)

    # What Qt asks

    def index(self, row: int, column: int, parent: QModelIndex = QModelIndex()) -> QModelIndex:  # noqa: B008
        if column or not 0 <= row < self.rowCount(parent):
            return QModelIndex()
        return self.createIndex(row, column, parent.row() + 1 if parent.isValid() else 0)

    def hasChildren(self, parent: QModelIndex = QModelIndex()) -> bool:  # noqa: B008
        return not parent.isValid() or (not parent.internalId() and bool(self._groups[parent.row()].jobs))

    def parent(self, child: QModelIndex = QModelIndex()) -> Any:  # noqa: B008
        at = int(child.internalId()) if child.isValid() else 0
        return self.createIndex(at - 1, 0, 0) if at else QModelIndex()

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008
        if not parent.isValid():
            return len(self._groups)
        return 0 if parent.internalId() else len(self._groups[parent.row()].jobs)

    def columnCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008
        return 1

    def data(self, index: QModelIndex, role: int = int(_Role.DisplayRole)) -> Any:
        if not index.isValid():
            return None
        item = self._item(index)
        if role == ITEM_ROLE:
            return item
        if role == _Role.CheckStateRole and isinstance(item, Group) and item.ticked is not None:
            return Qt.CheckState.Checked if item.ticked else Qt.CheckState.Unchecked
        if role == _Role.ToolTipRole:
            return _tip(item)
        if role in (_Role.DisplayRole, _Role.AccessibleTextRole):
            return _words(item)
        return None

    def setData(self, index: QModelIndex, value: Any, role: int = int(_Role.EditRole)) -> bool:
        item = self._item(index)
        if role != _Role.CheckStateRole or not isinstance(item, Group) or item.ticked is None or not item.usable:
            return False
        self.ticked.emit(item.key, value == Qt.CheckState.Checked)
        return True

    def flags(self, index: QModelIndex) -> Any:
        item = self._item(index) if index.isValid() else None
        if isinstance(item, JobRow):
            return _DRAGGED if _waits(item) else _PLAIN
        made = _TICKED if item is not None and item.ticked is not None and item.usable else _PLAIN
        return made | Qt.ItemFlag.ItemIsDropEnabled if item is not None and item.key != ENDED_KEY else made

    # Dragging

    def supportedDropActions(self) -> Qt.DropActions:
        return Qt.DropActions(Qt.DropAction.MoveAction)

    def mimeTypes(self) -> list[str]:
        return [_MIME]

    def mimeData(self, indexes: Iterable[QModelIndex]) -> QMimeData:
        made = QMimeData()
        items = [self._item(index) for index in indexes]
        made.setData(_MIME, " ".join(str(item.id) for item in items if isinstance(item, JobRow)).encode())
        return made

    def dropMimeData(
        self, data: QMimeData | None, action: Qt.DropAction, row: int, column: int, parent: QModelIndex
    ) -> bool:
        if data is None or not parent.isValid():
            return False
        group = self._groups[parent.row()]
        below = group.jobs[row] if 0 <= row < len(group.jobs) else None
        before = below.id if below is not None and _waits(below) else 0
        for job in map(int, bytes(data.data(_MIME)).decode().split()):
            if job != before:
                self.moveAsked.emit(job, before, group.key)
        return False  # the rows move when the queue says so

    def _item(self, index: QModelIndex) -> Group | JobRow:
        at = int(index.internalId())
        return self._groups[at - 1].jobs[index.row()] if at else self._groups[index.row()]


def _have_same_shape(ours: tuple[Group, ...], theirs: tuple[Group, ...]) -> bool:
    """Whether there are the same groups, with the same jobs in the same order."""
    return len(ours) == len(theirs) and all(
        one.key == other.key and (one.jobs is other.jobs or _ids(one) == _ids(other))
        for one, other in zip(ours, theirs, strict=True)
    )


def _ids(group: Group) -> list[int]:
    return [job.id for job in group.jobs]


def _waits(row: JobRow) -> bool:
    return bool(row.may & {"hold", "release"})


def _words(item: Group | JobRow) -> str:
    """Say all that is drawn of a row, as a screen reader reads it."""
    head = item.title if isinstance(item, Group) else f"{item.name}, {item.word}"
    return f"{head}, {item.detail}" if item.detail else head


def _tip(item: Group | JobRow) -> str:
    if isinstance(item, JobRow):
        kept = f"\nits result: {item.result}" if item.state in ENDED and item.result else ""
        return f"{item.name}: {item.word}\n{item.detail}{kept}"
    use = "\nTick it to have jobs done here" if item.ticked is False and item.usable else ""
    return "\n".join(filter(None, (f"{item.title}: {item.detail}", item.tip))) + use
