"""Lines of widgets, as many as there is width for."""

from __future__ import annotations

from PyQt5.QtWidgets import QPushButton, QWidget
from pytestqt.qtbot import QtBot

from ptychogui.views.flow import FlowLayout


def test_a_line_that_is_full_is_followed_by_another(qtbot: QtBot) -> None:
    holder = QWidget()
    qtbot.addWidget(holder)
    flow = FlowLayout(holder)
    buttons = [QPushButton("press") for _ in range(3)]
    for button in buttons:
        button.setFixedSize(100, 30)
        flow.addWidget(button)
    assert flow.heightForWidth(400) == 30 and flow.heightForWidth(220) == 66 and flow.heightForWidth(50) == 102
    holder.resize(220, 100)
    holder.show()
    assert [button.y() for button in buttons] == [0, 0, 36] and buttons[1].x() == 106
    buttons[0].hide()
    assert flow.heightForWidth(220) == 30 and flow.minimumSize().width() == 100
    assert flow.itemAt(3) is None and flow.takeAt(2) is not None and flow.count() == 2
