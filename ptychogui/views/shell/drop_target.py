"""Files dropped on the window."""

from __future__ import annotations

from pathlib import Path

from PyQt5.QtCore import QEvent, QObject, Qt, pyqtSignal
from PyQt5.QtGui import QDragEnterEvent, QDropEvent
from PyQt5.QtWidgets import QFrame, QVBoxLayout, QWidget

from ptychogui.views.dialog_paths import meant_path
from ptychogui.views.widgets import label


class DropTarget(QFrame):
    """Takes files dropped anywhere on a window, and says over all of it what will become of them.

    Announces `dropped(paths)`.
    """

    dropped = pyqtSignal(object)

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.setObjectName("drop")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.text = label("hero")
        self.text.setAlignment(Qt.AlignmentFlag.AlignCenter)
        column = QVBoxLayout(self)
        column.addWidget(self.text)
        window.setAcceptDrops(True)
        window.installEventFilter(self)
        self.hide()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Hear of what is dragged over the window."""
        if isinstance(event, QDragEnterEvent):
            return self._enter(event)
        if event is not None and event.type() == QEvent.Type.DragLeave:
            self.hide()
        if isinstance(event, QDropEvent) and event.type() == QEvent.Type.Drop:
            return self._drop(event)
        return False

    def _enter(self, event: QDragEnterEvent) -> bool:
        paths = _local_files(event)
        if not paths:
            return False
        event.acceptProposedAction()
        self.text.setText(f"Open {paths[0].name}" if len(paths) == 1 else f"Look at {len(paths)} scans for a batch")
        window = self.parentWidget()
        assert window is not None
        self.setGeometry(window.rect().adjusted(8, 8, -8, -8))
        self.raise_()
        self.show()
        return True

    def _drop(self, event: QDropEvent) -> bool:
        self.hide()
        paths = _local_files(event)
        if paths:
            event.acceptProposedAction()
            self.dropped.emit(paths)
        return bool(paths)


def _local_files(event: QDropEvent) -> list[Path]:
    data = event.mimeData()
    return [meant_path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()] if data is not None else []
