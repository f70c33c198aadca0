"""How chosen results are to be exported: formats, folder, names, and a sheet of what they were made with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PyQt5.QtCore import pyqtSignal
from PyQt5.QtWidgets import (
    QCheckBox,
    QDialog,
    QFileDialog,
    QFormLayout,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from ptychogui.errors import ParameterError
from ptychogui.io.export_many import FORMATS, PATTERN, check_pattern
from ptychogui.texts import counted
from ptychogui.views.dialog_paths import meant_path
from ptychogui.views.widgets import label, named

_SHEET = "results.csv"
_NAMES = "{name} of the result, {title}, {engine}, {iterations}, {number}"


class ExportDialog(QDialog):
    """Asks, and announces `exportAsked(paths, formats, folder, pattern, sheet)`; the sheet is a path or None."""

    exportAsked = pyqtSignal(object, object, object, str, object)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.what = label("cardTitle")
        self.boxes = {key: QCheckBox(kind.title) for key, kind in FORMATS.items()}
        self.sheet = QCheckBox(f"A table of what they were made with, {_SHEET}")
        self.folder, self.names = QLineEdit(), QLineEdit(PATTERN)
        self.choose = QPushButton("Choose…")
        self.reason = label("problem", wrap=True)
        self.do, self.cancel = named(QPushButton("Export"), "primary"), QPushButton("Cancel")
        self._paths: tuple[Path, ...] = ()
        self.setWindowTitle("Export")
        self._lay_out()
        self._connect()
        self.boxes["png"].setChecked(True)

    def ask(self, paths: Sequence[Path]) -> None:
        """Ask how some results are to be exported."""
        self._paths = tuple(paths)
        self.what.setText(paths[0].name if len(paths) == 1 else counted(len(paths), "result"))
        self.folder.setText(str(paths[0].parent / "exports"))
        self._check()
        self.show()
        self.raise_()

    def _formats(self) -> tuple[str, ...]:
        return tuple(key for key, box in self.boxes.items() if box.isChecked())

    def _check(self) -> None:
        """Say what keeps the export away."""
        reason = "" if self._formats() or self.sheet.isChecked() else "Choose what is to be written."
        if not self.folder.text().strip():
            reason = "Choose a folder."
        try:
            check_pattern(self.names.text())
        except ParameterError as error:
            reason = str(error)
        self.reason.setText(reason)
        self.do.setEnabled(not reason)

    def _ask_folder(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Where to write", self.folder.text())
        if chosen:
            self.folder.setText(str(meant_path(chosen)))

    def _export(self) -> None:
        folder = Path(self.folder.text().strip()).expanduser()
        sheet = folder / _SHEET if self.sheet.isChecked() else None
        self.exportAsked.emit(self._paths, self._formats(), folder, self.names.text(), sheet)
        self.accept()

    def _lay_out(self) -> None:
        kinds = QGridLayout()
        for place, (key, box) in enumerate(self.boxes.items()):
            box.setToolTip(FORMATS[key].help)
            kinds.addWidget(box, place // 3, place % 3)
        folder = QHBoxLayout()
        folder.addWidget(self.folder, 1)
        folder.addWidget(self.choose)
        self.folder.setAccessibleName("Folder")
        self.names.setAccessibleName("Names of the files")
        self.names.setToolTip(_NAMES)
        form = QFormLayout()
        form.addRow("Folder", folder)
        form.addRow("Names", self.names)
        form.addRow("", label("muted", _NAMES, wrap=True))
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.cancel)
        buttons.addWidget(self.do)
        column = QVBoxLayout(self)
        column.setSpacing(10)
        column.addWidget(self.what)
        column.addLayout(kinds)
        column.addWidget(self.sheet)
        column.addLayout(form)
        column.addWidget(self.reason)
        column.addStretch(1)
        column.addLayout(buttons)
        self.resize(560, 320)

    def _connect(self) -> None:
        for box in (*self.boxes.values(), self.sheet):
            box.toggled.connect(self._check)
        for field in (self.folder, self.names):
            field.textChanged.connect(self._check)
        self.choose.clicked.connect(self._ask_folder)
        self.do.clicked.connect(self._export)
        self.cancel.clicked.connect(self.reject)
