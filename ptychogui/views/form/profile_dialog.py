"""The dialog of profiles: those that were kept, and what differs between the form and one of them, or a result."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt5.QtCore import pyqtSignal
from PyQt5.QtWidgets import (
    QCheckBox,
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QListWidget,
    QPushButton,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from ptychogui.params.commandline import format_text
from ptychogui.params.model import by_path
from ptychogui.params.profile import Difference
from ptychogui.views.dialog_paths import meant_path
from ptychogui.views.widgets import label, list_widget, named

_HINT = "Choose a profile on the left, or compare with a result."
_SAME = "The form has the same values."


class ProfileDialog(QDialog):
    """Shows what it is told of profiles and differences.

    Signals:
        chosen(name): compare with this profile.
        saveAsked(name, with_place): keep the form's values, with geometry and what belongs to the scan or without.
        deleteAsked(name): throw a profile away.
        resultAsked(path): compare with a result.
        takeAsked(values, text): parameter path -> value that the form is to have; what this is, in words.
    """

    chosen = pyqtSignal(str)
    saveAsked = pyqtSignal(str, bool)
    deleteAsked = pyqtSignal(str)
    resultAsked = pyqtSignal(object)
    takeAsked = pyqtSignal(object, str)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Profiles")
        self.names = QListWidget()
        self.names.setAccessibleName("Profiles")
        self.name = QLineEdit()
        self.name.setAccessibleName("Name of the profile")
        self.name.setPlaceholderText("Name of a new profile")
        self.with_place = QCheckBox("with geometry and the scan's own")
        self.with_place.setToolTip("Distances, center, energy, steps and orientation go into the profile as well")
        self.save = QPushButton("Keep the form's values")
        self.delete = QPushButton("Delete")
        self.of_result = QPushButton("Compare with a result…")
        self.title = label("cardTitle", _HINT, wrap=True)
        self.table = list_widget(("Parameter", "In the form", "There", ""))
        self.take_all = named(QPushButton("Take all"), "primary")
        self.problem = label("problem", wrap=True)
        self._title, self._rows = "", tuple[Difference, ...]()
        self._lay_out()
        self._connect()

    def begin(self, names: Sequence[str]) -> None:
        """Show the profiles that there are."""
        now = self.names.currentItem()
        before = now.text() if now is not None else ""
        self.names.blockSignals(True)
        self.names.clear()
        self.names.addItems(list(names))
        if before in names:
            self.names.setCurrentRow(list(names).index(before))
        self.names.blockSignals(False)
        self.problem.hide()
        self._show_buttons()

    def show_differences(self, title: str, rows: Sequence[Difference]) -> None:
        """Show in what the form differs from a profile or a result; "" for none."""
        self._title, self._rows = title, tuple(rows)
        self.title.setText(_HINT if not title else f"What is different in {title}" if rows else f"{title}: {_SAME}")
        self.table.clear()
        for row in rows:
            param = by_path()[row.path]
            texts = [param.title, *(format_text(param, value) or "none" for value in (row.here, row.there))]
            item = QTreeWidgetItem(texts)
            item.setToolTip(0, param.help)
            self.table.addTopLevelItem(item)
            self.table.setItemWidget(item, 3, self._take_button(row))
        self.problem.hide()
        self._show_buttons()

    def show_problem(self, text: str) -> None:
        """Say why something can't be done."""
        self.problem.setText(text)
        self.problem.show()

    def _take_button(self, row: Difference) -> QPushButton:
        button = named(QPushButton("Take"), "link")
        button.setAutoDefault(False)
        button.setAccessibleName(f"Take {by_path()[row.path].title}")
        button.clicked.connect(lambda: self.takeAsked.emit({row.path: row.there}, ""))
        return button

    def _show_buttons(self) -> None:
        self.take_all.setEnabled(bool(self._rows))
        self.delete.setEnabled(self.names.currentItem() is not None)
        self.save.setEnabled(bool(self.name.text().strip()))

    def _connect(self) -> None:
        self.names.currentTextChanged.connect(self._choose)
        self.name.textChanged.connect(self._show_buttons)
        self.name.returnPressed.connect(self.save.click)
        self.save.clicked.connect(self._ask_save)
        self.delete.clicked.connect(self._ask_delete)
        self.of_result.clicked.connect(self._ask_result)
        self.take_all.clicked.connect(self._take_all)
        for button in (self.save, self.delete, self.of_result, self.take_all):
            button.setAutoDefault(False)

    def _lay_out(self) -> None:
        left, right, buttons = QVBoxLayout(), QVBoxLayout(), QHBoxLayout()
        for widget in (self.names, self.name, self.with_place, self.save):
            left.addWidget(widget)
        buttons.addWidget(self.delete)
        buttons.addWidget(self.of_result)
        buttons.addStretch(1)
        buttons.addWidget(self.take_all)
        for widget in (self.title, self.table, self.problem):
            right.addWidget(widget, 1 if widget is self.table else 0)
        right.addLayout(buttons)
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 12, 14, 12)
        row.setSpacing(12)
        row.addLayout(left, 2)
        row.addLayout(right, 5)
        head = self.table.header()
        assert head is not None
        head.setStretchLastSection(False)
        for column, mode in enumerate(
            (QHeaderView.ResizeMode.Stretch,) * 3 + (QHeaderView.ResizeMode.ResizeToContents,)
        ):
            head.setSectionResizeMode(column, mode)
        self.problem.hide()
        self.resize(820, 420)

    def _choose(self, name: str) -> None:
        if name:
            self.chosen.emit(name)
        self._show_buttons()

    def _ask_save(self) -> None:
        self.saveAsked.emit(self.name.text(), self.with_place.isChecked())

    def _ask_delete(self) -> None:
        item = self.names.currentItem()
        if item is not None:
            self.deleteAsked.emit(item.text())

    def _ask_result(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Compare with a result", "", "Results (*.cxi *.h5);;All files (*)")
        if name:
            self.names.setCurrentRow(-1)
            self.resultAsked.emit(meant_path(name))

    def _take_all(self) -> None:
        self.takeAsked.emit({row.path: row.there for row in self._rows}, f"all of {self._title}")
