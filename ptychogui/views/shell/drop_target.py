"""Files dropped on the window."""

from __future__ import annotations

from pathlib import Path

from PyQt5.QtCore import pyqtSignal
from PyQt5.QtGui import QDragEnterEvent, QDropEvent
from PyQt5.QtWidgets import QVBoxLayout, QWidget

from ptychogui.views.dialog_paths import meant_path


class DropTarget(QWidget):
    """Takes one dropped file, anywhere on the widget that it holds. Announces `dropped(path)`."""

    dropped = pyqtSignal(Path)

    def __init__(self, held: QWidget) -> None:
        super().__init__()
        holder = QVBoxLayout(self)
        holder.setContentsMargins(0, 0, 0, 0)
        holder.addWidget(held)
        self.setAcceptDrops(True)

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:
        assert event is not None
        if _local_file(event) is not None:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent | None) -> None:
        assert event is not None
        path = _local_file(event)
        if path is not None:
            event.acceptProposedAction()
            self.dropped.emit(path)


def _local_file(event: QDropEvent) -> Path | None:
    data = event.mimeData()
    names = [url.toLocalFile() for url in data.urls() if url.isLocalFile()] if data is not None else []
    return meant_path(names[0]) if names else None
