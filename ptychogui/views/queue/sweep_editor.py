"""The editor of sweeps: parameters that take several values, a job for each combination."""

from __future__ import annotations

from functools import cache

from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtWidgets import QComboBox, QFrame, QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from ptychogui.params.model import describe
from ptychogui.params.sweep import may_be_swept
from ptychogui.views.widgets import label, named, tool_button

_HINT = "1, 3, 5   or   8.7keV:8.9keV:5 for five from one to the other"


class SweepEditor(QFrame):
    """Rows of a parameter and its values. Announces `changed()`; `texts` has them as the command line writes them."""

    changed = pyqtSignal()

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[_Row] = []
        self.add = named(QPushButton("Add a parameter to vary"), "link")
        self.add.setAutoDefault(False)
        self.add.clicked.connect(self.add_row)
        self.said = label("muted", wrap=True)
        self.said.hide()
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(4)
        self._column.addWidget(self.add, 0, Qt.AlignmentFlag.AlignLeft)
        self._column.addWidget(self.said)

    def texts(self) -> list[str]:
        """Return the sweeps whose values are given, such as "reconstruction.probe_modes=1,3,5"."""
        return [row.text() for row in self.rows if row.values.text().strip()]

    def show_said(self, text: str, is_wrong: bool) -> None:
        """Say how many jobs a scan has by this, or what is wrong with it."""
        self.said.setText(text)
        self.said.setObjectName("problem" if is_wrong else "muted")
        self.said.setVisible(bool(text))
        style = self.said.style()
        assert style is not None
        style.polish(self.said)

    def add_row(self) -> None:
        """Add a row for one more parameter."""
        row = _Row()
        row.changed.connect(self.changed)
        row.away.clicked.connect(lambda: self._take_away(row))
        self.rows.append(row)
        self._column.insertWidget(len(self.rows) - 1, row)
        row.param.setFocus()

    def clear(self) -> None:
        """Take all rows away."""
        for row in list(self.rows):
            self._take_away(row)

    def _take_away(self, row: _Row) -> None:
        self.rows.remove(row)
        self._column.removeWidget(row)
        row.deleteLater()
        self.changed.emit()


class _Row(QWidget):
    """One parameter and its values. Announces `changed()`."""

    changed = pyqtSignal()

    def __init__(self) -> None:
        super().__init__()
        self.param = QComboBox()
        self.param.setAccessibleName("Parameter to vary")
        for path, title in _choices():
            self.param.addItem(title, path)
        self.param.setCurrentIndex(max(0, self.param.findData("experiment.probe_modes")))
        self.values = QLineEdit()
        self.values.setPlaceholderText(_HINT)
        self.values.setAccessibleName("Its values")
        self.away = tool_button("icon", "✕", "Take this parameter away")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        row.addWidget(self.param)
        row.addWidget(self.values, 1)
        row.addWidget(self.away)
        self.param.currentIndexChanged.connect(lambda _place: self.changed.emit())
        self.values.textChanged.connect(lambda _text: self.changed.emit())

    def text(self) -> str:
        return f"{self.param.currentData()}={self.values.text().strip()}"


@cache
def _choices() -> tuple[tuple[str, str], ...]:
    """Return the parameters that a sweep can be of, each with its title, by title."""
    swept = [(param.path, param.title) for param in describe() if may_be_swept(param)]
    return tuple(sorted(swept, key=lambda one: one[1].casefold()))
