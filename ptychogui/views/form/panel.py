"""The form with what is said and found above it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PyQt5.QtCore import QSize, pyqtSignal
from PyQt5.QtWidgets import QVBoxLayout, QWidget

from ptychogui.params.model import Parameters
from ptychogui.params.origins import Origin
from ptychogui.session_state import Obstacle
from ptychogui.views.form.find_bar import FindBar
from ptychogui.views.form.form import ParameterForm
from ptychogui.views.form.obstacles import ObstacleList
from ptychogui.views.form.result_offer import ResultOffer


class FormPanel(QWidget):
    """The form, above it what stands in the way of Run and whose values it shows.

    Announces `goOnAsked()` when the next job is to begin at the result whose values are shown.
    """

    goOnAsked = pyqtSignal()

    def __init__(self) -> None:
        super().__init__()
        self.form = ParameterForm()
        self.obstacles = ObstacleList()
        self.result = ResultOffer()
        self.finder = FindBar()
        above = QVBoxLayout()
        above.setContentsMargins(10, 2, 10, 2)
        above.setSpacing(4)
        above.addWidget(self.result)
        above.addWidget(self.obstacles)
        above.addWidget(self.finder)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addLayout(above)
        column.addWidget(self.form, 1)
        self.obstacles.asked.connect(self.go_to)
        self.finder.asked.connect(self.form.look_for)
        self.result.goOnAsked.connect(self.goOnAsked)

    def minimumSizeHint(self) -> QSize:
        return self.form.minimumSizeHint()

    def show_values(
        self,
        parameters: Parameters,
        origins: Mapping[str, Origin],
        below: Parameters,
        below_origins: Mapping[str, Origin],
    ) -> None:
        """Show all parameters with their origins, and what each would go back to."""
        self.form.show_values(parameters, origins, below, below_origins)
        self.finder.show_changes(self.form.changes)

    def go_to(self, path: str) -> None:
        """Bring a parameter into view, whatever was looked for."""
        self.finder.clear()
        self.form.go_to(path)

    def show_obstacles(self, obstacles: Sequence[Obstacle]) -> None:
        """Show what stands in the way of Run."""
        self.obstacles.show_obstacles(obstacles)
        self.form.show_obstacles(obstacles)
