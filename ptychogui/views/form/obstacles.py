"""What stands in the way of Run, above the form: each parameter is a link that leads to its row."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtWidgets import QApplication, QFrame, QLabel, QVBoxLayout

from ptychogui.session_state import MISSING, Obstacle
from ptychogui.views.theme import colors_of
from ptychogui.views.widgets import label

_LINKS = (
    Qt.TextInteractionFlags(Qt.TextInteractionFlag.LinksAccessibleByMouse)
    | Qt.TextInteractionFlag.LinksAccessibleByKeyboard
)
_NAMED = 4
"""Wrong texts that are named; of more it is said how many there are."""


class ObstacleList(QFrame):
    """The parameters that keep Run away. Hidden while there are none. Announces `asked(path)` for a click on one."""

    asked = pyqtSignal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("obstacles")
        self.text: QLabel = label("text", wrap=True)
        self.text.setTextFormat(Qt.TextFormat.RichText)
        self.text.setTextInteractionFlags(_LINKS)
        self.text.linkActivated.connect(self.asked)
        column = QVBoxLayout(self)
        column.setContentsMargins(9, 6, 9, 6)
        column.addWidget(self.text)
        self.hide()

    def show_obstacles(self, obstacles: Sequence[Obstacle]) -> None:
        """Show what stands in the way."""
        missing = [_link(one) for one in obstacles if one.why == MISSING]
        lines = [f"Run needs {', '.join(missing)}"] if missing else []
        wrong = [f"{_link(one)}: {escape(one.why)}" for one in obstacles if one.why != MISSING]
        more = [f"and {len(wrong) - _NAMED} more"] if len(wrong) > _NAMED else []
        self.text.setText("<br>".join([*lines, *wrong[:_NAMED], *more]))
        self.text.setAccessibleName("; ".join(one.text for one in obstacles))
        self.setVisible(bool(obstacles))


def _link(obstacle: Obstacle) -> str:
    color = colors_of(QApplication.palette()).danger
    return f'<a href="{obstacle.path}" style="color:{color}">{escape(obstacle.title)}</a>'
