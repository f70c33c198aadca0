"""The dialog of a batch: which scans, what is wrong with which, and where their results go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from PyQt5.QtCore import QSize, Qt, pyqtSignal
from PyQt5.QtGui import QCloseEvent, QColor, QDragEnterEvent, QDropEvent, QIcon, QKeyEvent
from PyQt5.QtWidgets import (
    QApplication,
    QCheckBox,
    QDialog,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from ptychogui.jobs.preflight.findings import Level
from ptychogui.queue_state import BatchRow
from ptychogui.views.dialog_paths import meant_path
from ptychogui.views.queue.sweep_editor import SweepEditor
from ptychogui.views.theme import colors_of, icon
from ptychogui.views.widgets import ElidedLabel, label, list_widget, named

_HINT = "Drop files here, or write one a line: scan.mda, a folder, mda/*.mda, 12-40,55, list.txt"
_FILTER = "Scans (*.cxi *.mda *.h5 *.hdf5 *.nxs *.txt *.lst);;All files (*)"


class BatchDialog(QDialog):
    """Takes a list of scans, shows what was found of each, and asks to queue those that can be done.

    Signals:
        lookAsked(items, numbered, sweeps): look at these scans; what numbers stand for; which parameters take several
            values.
        dropAsked(): look no further.
        queueAsked(folder, watched, sweeps): put them into the queue, their results in a folder, and watch another one.
        sweepsChanged(sweeps): other values are typed.
    """

    lookAsked = pyqtSignal(object, str, object)
    dropAsked = pyqtSignal()
    queueAsked = pyqtSignal(str, str, object)
    sweepsChanged = pyqtSignal(object)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Batch")
        self.setModal(True)
        self.scans = ScansEdit()
        self.choose = QPushButton("Choose files…")
        self.numbers = QLineEdit()
        self.numbers.setPlaceholderText("only for numbers: mda/scan_#04d.mda")
        self.folder = QLineEdit()
        self.choose_folder = QPushButton("Choose…")
        self.watch = QCheckBox("Watch a folder")
        self.watch.setToolTip("Its scans come into the batch as they are finished, each once, until you end it or the "
                              "window closes")  # fmt: skip
        self.watched = QLineEdit()
        self.watched.setPlaceholderText("scans that appear here come into the queue by themselves")
        self.watched.setAccessibleName("Folder to watch")
        self.choose_watched = QPushButton("Choose…")
        self.sweeps = SweepEditor()
        self._are_sweeps_wrong = False
        self.values = ElidedLabel("muted", Qt.TextElideMode.ElideRight)
        self.look = QPushButton("Look at them")
        self.table = list_widget(("Scan", "What was found"))
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(4)
        self.summary = label("muted", wrap=True)
        self.queue = named(QPushButton("Queue"), "primary")
        self.cancel = QPushButton("Cancel")
        self._rows: list[BatchRow] = []
        self._kinds: Counter[tuple[bool, bool, bool]] = Counter()
        self._has_scans = False
        self._lay_out()
        self._connect()
        self._show_summary()

    def begin(self, values: str, folder: str) -> None:
        """Open, with the values of the form that hold for all and a folder for the results."""
        own = "With the values of each scan's own file"
        self.values.set_text(f"{own}, and of the form: {values}" if values else own)
        self.folder.setText(folder)
        self.show_rows([])
        self.open()
        self.scans.setFocus()

    def show_rows(self, rows: Sequence[BatchRow]) -> None:
        """Show the scans that are meant."""
        self._rows, self._kinds = list(rows), Counter(map(_kind, rows))
        self.table.clear()
        items = [QTreeWidgetItem([Path(row.scan).name, row.text]) for row in rows]
        self.table.addTopLevelItems(items)
        for row, item in zip(rows, items, strict=True):
            _fill(item, row)
        self._show_summary()

    def show_row(self, place: int, row: BatchRow) -> None:
        """Show what was found of a scan."""
        self._kinds.subtract([_kind(self._rows[place])])
        self._kinds.update([_kind(row)])
        self._rows[place] = row
        item = self.table.topLevelItem(place)
        if item is not None:
            _fill(item, row)
        self._show_summary()

    def show_problem(self, text: str) -> None:
        """Say what is wrong with the list."""
        self._set_summary(text, "problem")
        self.bar.hide()

    def finish(self, _text: str = "") -> None:
        """Close: the jobs are in the queue, and the list is empty for the next time."""
        self.scans.clear()
        self.sweeps.clear()
        self.watch.setChecked(False)
        self.accept()

    def _connect(self) -> None:
        self.scans.textChanged.connect(self._forget)
        self.numbers.textChanged.connect(self._forget)
        self.sweeps.changed.connect(self._on_sweeps)
        self.watch.toggled.connect(self._on_watch)
        self.watched.textChanged.connect(lambda _text: self._show_summary())
        self.choose_watched.clicked.connect(self._choose_watched)
        self.choose.clicked.connect(self._choose_files)
        self.choose_folder.clicked.connect(self._choose_folder)
        self.look.clicked.connect(self._ask_look)
        self.queue.clicked.connect(self._ask_queue)
        self.cancel.clicked.connect(self.reject)
        self.rejected.connect(self.dropAsked)
        for button in (self.choose, self.choose_folder, self.choose_watched, self.look, self.queue, self.cancel):
            button.setAutoDefault(False)

    def _lay_out(self) -> None:
        grid = QGridLayout()
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(6)
        side = QVBoxLayout()
        side.setSpacing(6)
        side.addWidget(self.choose)
        side.addWidget(self.look)
        side.addStretch(1)
        rows: tuple[tuple[str, QWidget], ...] = (
            ("Scans", self.scans), ("Numbers stand for", self.numbers), ("Results go to", self.folder),
            ("Vary", self.sweeps))  # fmt: skip
        for place, (text, widget) in enumerate(rows):
            caption = label("text", text)
            caption.setBuddy(widget)
            grid.addWidget(caption, place, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(widget, place, 1)
        grid.addLayout(side, 0, 2)
        grid.addWidget(self.choose_folder, 2, 2)
        grid.addWidget(self.watch, len(rows), 0)
        grid.addWidget(self.watched, len(rows), 1)
        grid.addWidget(self.choose_watched, len(rows), 2)
        self._on_watch(False)
        grid.setColumnStretch(1, 1)
        head = self.table.header()
        assert head is not None
        head.setSectionResizeMode(0, QHeaderView.ResizeMode.Interactive)
        self.table.setColumnWidth(0, 240)
        self.table.setIconSize(QSize(14, 14))
        end = QHBoxLayout()
        end.addWidget(self.summary, 1)
        end.addWidget(self.cancel)
        end.addWidget(self.queue)
        column = QVBoxLayout(self)
        column.setContentsMargins(18, 16, 18, 14)
        column.setSpacing(8)
        column.addLayout(grid)
        column.addWidget(self.values)
        column.addWidget(self.table, 1)
        column.addWidget(self.bar)
        column.addLayout(end)
        self.resize(820, 600)

    def _show_summary(self) -> None:
        """Count what was found, and say how far the look is."""
        known, ready, _ = self._counted()
        is_looking = known < len(self._rows)
        self.bar.setVisible(is_looking)
        self.bar.setRange(0, max(len(self._rows), 1))
        self.bar.setValue(known)
        watched, is_unseen = self.watched_folder(), self._has_scans and not self._rows
        self.queue.setText(_queue_text(ready, bool(watched)))
        self.queue.setEnabled((bool(ready) or (bool(watched) and not is_unseen)) and not is_looking
                              and not self._are_sweeps_wrong)  # fmt: skip
        self.look.setEnabled(not is_looking and self._has_scans and not self._are_sweeps_wrong)
        self._set_summary(self._in_words(known, ready, is_looking), "muted")

    def _counted(self) -> tuple[int, int, int]:
        """Count the rows that are known, that are ready, and that deserve a look: kept up, since there may be many."""
        known, ready, doubtful = (sum(count for kind, count in self._kinds.items() if kind[i]) for i in range(3))
        return known, ready, doubtful

    def _in_words(self, known: int, ready: int, is_looking: bool) -> str:
        if is_looking:
            return f"{known} of {len(self._rows)} looked at"
        bad, doubtful = known - ready, self._counted()[2]
        counts = {"can be done": ready, "can't": bad, "deserve a look": doubtful}
        words = [f"{count} {word}" for word, count in counts.items() if count]
        return "  ·  ".join(words) if self._rows else "Nothing begins before all were looked at."

    def _set_summary(self, text: str, kind: str) -> None:
        self.summary.setText(text)
        if self.summary.objectName() != kind:
            self.summary.setObjectName(kind)
            style = self.summary.style()
            assert style is not None
            style.polish(self.summary)

    def _forget(self) -> None:
        """Forget what was found of another list."""
        self.dropAsked.emit()
        self._has_scans = bool(self.scans.items())
        self.show_rows([])

    def watched_folder(self) -> str:
        """Return the folder that is to be watched; "" for none."""
        return self.watched.text().strip() if self.watch.isChecked() else ""

    def show_swept(self, text: str, is_wrong: bool) -> None:
        """Say what the several values come to."""
        self.sweeps.show_said(text, is_wrong)
        self._are_sweeps_wrong = is_wrong
        self._show_summary()

    def _on_sweeps(self) -> None:
        self._forget()
        self.sweepsChanged.emit(self.sweeps.texts())

    def _on_watch(self, on: bool) -> None:
        self.watched.setEnabled(on)
        self.choose_watched.setEnabled(on)
        self._show_summary()

    def _ask_look(self) -> None:
        self.lookAsked.emit(self.scans.items(), self.numbers.text().strip(), self.sweeps.texts())

    def _ask_queue(self) -> None:
        self.queue.setEnabled(False)
        self.queueAsked.emit(self.folder.text().strip(), self.watched_folder(), self.sweeps.texts())

    def _choose_files(self) -> None:
        names, _ = QFileDialog.getOpenFileNames(self, "Scans of the batch", "", _FILTER)
        self.scans.add([meant_path(name) for name in names])

    def _choose_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "Folder of the results", self.folder.text())
        if name:
            self.folder.setText(str(meant_path(name)))

    def _choose_watched(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "Folder to watch", self.watched.text())
        if name:
            self.watched.setText(str(meant_path(name)))

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        if event is not None and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            (self.queue if self.queue.isEnabled() else self.look).click()
            return
        super().keyPressEvent(event)

    def closeEvent(self, event: QCloseEvent | None) -> None:
        self.reject()
        super().closeEvent(event)


class ScansEdit(QPlainTextEdit):
    """The list of scans as text, one a line; files can be dropped on it."""

    def __init__(self) -> None:
        super().__init__()
        self.setPlaceholderText(_HINT)
        self.setTabChangesFocus(True)
        self.setFixedHeight(5 * self.fontMetrics().height() + 12)
        self.setAcceptDrops(True)

    def items(self) -> list[str]:
        """Return what stands in each line."""
        return [line.strip() for line in self.toPlainText().splitlines() if line.strip()]

    def add(self, paths: Sequence[Path]) -> None:
        """Add files, each on a line of its own."""
        if paths:
            self.setPlainText("\n".join([*self.items(), *map(str, paths)]))

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:
        data = event.mimeData() if event is not None else None
        if event is not None and data is not None and data.hasUrls():
            event.acceptProposedAction()
            return
        super().dragEnterEvent(event)

    def dropEvent(self, event: QDropEvent | None) -> None:
        data = event.mimeData() if event is not None else None
        if event is not None and data is not None and data.hasUrls():
            event.acceptProposedAction()
            self.add([meant_path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()])
            return
        super().dropEvent(event)


def _queue_text(ready: int, watches: bool) -> str:
    jobs = f"Queue {ready} job{'s' * (ready != 1)}" if ready else ""
    if watches:
        return f"{jobs} and watch" if jobs else "Watch"
    return jobs or "Queue"


def _kind(row: BatchRow) -> tuple[bool, bool, bool]:
    return row.level is not None, row.is_ready, row.level is Level.LOOK


def _fill(item: QTreeWidgetItem, row: BatchRow) -> None:
    item.setIcon(0, _light(row.level))
    item.setText(1, row.text)
    item.setToolTip(0, row.scan)
    item.setToolTip(1, row.tip)


def _light(level: Level | None) -> QIcon:
    colors = colors_of(QApplication.palette())
    color = {Level.GOOD: colors.success, Level.LOOK: colors.warning, Level.STOP: colors.danger}.get(
        level or Level.UNKNOWN, colors.muted
    )
    return icon(f"light-{level.value if level else 'none'}", QColor(color))
