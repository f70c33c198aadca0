"""The panel of the queue: what it shows of devices and jobs, and what it announces."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from PyQt5.QtCore import QModelIndex, QPoint, Qt
from PyQt5.QtGui import QPixmap
from PyQt5.QtWidgets import QAction, QApplication, QToolButton
from pytestqt.qtbot import QtBot

from ptychogui.queue_state import Group, JobRow, Notice, QueueState
from ptychogui.states import State
from ptychogui.views.queue.job_delegate import tick_rect
from ptychogui.views.queue.job_model import ITEM_ROLE, JobModel
from ptychogui.views.queue.queue_panel import QueuePanel
from ptychogui.views.theme import DARK, LIGHT, apply_theme


def row(number: int, state: State = State.QUEUED, *may: str, **more: Any) -> JobRow:
    return JobRow(number, f"fly{number:04d}", state, state.value, more.pop("detail", ""), -1.0, frozenset(may), **more)


RUNNING = row(3, State.RUNNING, "pause", detail="40 of 100")._replace(done=0.4)
FIRST, SECOND = row(4, State.QUEUED, "hold", "down", after=5), row(5, State.QUEUED, "hold", "up", before=4)
DONE, FAILED = row(1, State.DONE, "continue"), row(2, State.FAILED, "retry", detail="the energy is missing")
GROUPS = (
    Group("cuda:0", "cuda:0", "no GPU", usable=False, ticked=False),
    Group("cpu", "cpu", "two cores", ticked=True, jobs=(RUNNING,)),
    Group("any", "Any device", jobs=(FIRST, SECOND)),
    Group("ended", "Ended", "1 done", jobs=(FAILED, DONE)),
)


def state(groups: tuple[Group, ...] = GROUPS, **more: Any) -> QueueState:
    return QueueState(groups, rows={job.id: job for group in groups for job in group.jobs}, **more)


@pytest.fixture
def panel(qtbot: QtBot) -> QueuePanel:
    made = QueuePanel()
    qtbot.addWidget(made)
    made.resize(320, 600)
    made.show()
    made.show_queue(state())
    return made


def place(panel: QueuePanel, key: str) -> QModelIndex:
    return next(head for group, head in panel.list.model_.heads() if group.key == key)


def click(qtbot: QtBot, panel: QueuePanel, index: QModelIndex, at: QPoint | None = None, **how: Any) -> None:
    viewport = panel.list.viewport()
    assert viewport is not None
    qtbot.mouseClick(viewport, Qt.MouseButton.LeftButton, pos=at or panel.list.visualRect(index).center(), **how)


class TestList:
    def test_devices_have_ticks_and_their_jobs_below_them(self, panel: QueuePanel) -> None:
        cpu, model = place(panel, "cpu"), panel.list.model_
        assert model.data(cpu, int(Qt.ItemDataRole.CheckStateRole)) == Qt.CheckState.Checked
        assert [model.index(0, 0, cpu).data(ITEM_ROLE)] == [RUNNING]
        assert model.index(0, 0, cpu).data(int(Qt.ItemDataRole.AccessibleTextRole)) == (
            "fly0003 (job 3), running, 40 of 100"
        )
        assert panel.list.visualRect(model.index_of(5)).isValid()
        assert "no GPU" in place(panel, "cuda:0").data(int(Qt.ItemDataRole.ToolTipRole))

    def test_a_click_on_its_tick_and_space_use_a_device_or_not(self, qtbot: QtBot, panel: QueuePanel) -> None:
        cpu = place(panel, "cpu")
        with qtbot.waitSignal(panel.ticked, timeout=1000) as ticked:
            click(qtbot, panel, cpu, tick_rect(panel.list.visualRect(cpu)).center())
        assert ticked.args == ["cpu", False]
        panel.list.setCurrentIndex(cpu)
        with qtbot.waitSignal(panel.ticked, timeout=1000) as ticked:
            qtbot.keyClick(panel.list, Qt.Key.Key_Space)
        assert ticked.args == ["cpu", False]
        with qtbot.assertNotEmitted(panel.ticked):
            click(qtbot, panel, cpu)
            gpu = place(panel, "cuda:0")
            click(qtbot, panel, gpu, tick_rect(panel.list.visualRect(gpu)).center())

    def test_what_the_user_chooses_is_announced_the_current_one_first(self, qtbot: QtBot, panel: QueuePanel) -> None:
        with qtbot.waitSignal(panel.chosen, timeout=1000) as chosen:
            click(qtbot, panel, panel.list.model_.index_of(4))
        assert chosen.args == [(4,)]
        with qtbot.waitSignal(panel.chosen, timeout=1000) as chosen:
            click(qtbot, panel, panel.list.model_.index_of(5), modifier=Qt.KeyboardModifier.ControlModifier)
        assert chosen.args == [(5, 4)]

    def test_a_click_on_the_one_that_is_chosen_already_is_announced_too(self, qtbot: QtBot, panel: QueuePanel) -> None:
        panel.show_chosen((4,))
        with qtbot.waitSignal(panel.chosen, timeout=1000) as chosen:
            click(qtbot, panel, panel.list.model_.index_of(4))
        assert chosen.args == [(4,)]

    def test_what_is_chosen_elsewhere_is_marked_and_not_announced(self, qtbot: QtBot, panel: QueuePanel) -> None:
        with qtbot.assertNotEmitted(panel.chosen):
            panel.show_chosen((4, 5))
            panel.show_queue(state(GROUPS[:2] + GROUPS[2:3]))
            panel.show_queue(state())
        selection = panel.list.selectionModel()
        assert selection is not None
        assert {index.data(ITEM_ROLE).id for index in selection.selectedIndexes()} == {4, 5}
        assert panel.list.currentIndex().data(ITEM_ROLE).id == 4

    def test_what_has_not_changed_is_left_alone(self, qtbot: QtBot, panel: QueuePanel) -> None:
        model = panel.list.model_
        farther = replace(GROUPS[1], jobs=(RUNNING._replace(done=0.5),))
        with qtbot.assertNotEmitted(model.renewed), qtbot.waitSignal(model.dataChanged, timeout=1000):
            panel.show_queue(state((GROUPS[0], farther, *GROUPS[2:])))
        assert model.index_of(3).data(ITEM_ROLE).done == 0.5
        with qtbot.waitSignal(model.renewed, timeout=1000):
            panel.show_queue(state(GROUPS[:3]))
        assert not model.index_of(1).isValid()

    def test_a_group_that_was_folded_stays_so(self, panel: QueuePanel) -> None:
        panel.list.collapse(place(panel, "ended"))
        panel.show_queue(state(GROUPS[:2] + GROUPS[3:]))
        assert not panel.list.isExpanded(place(panel, "ended")) and panel.list.isExpanded(place(panel, "cpu"))

    def test_space_on_a_job_is_for_a_pause(self, qtbot: QtBot, panel: QueuePanel) -> None:
        panel.show_chosen((3,))
        with qtbot.waitSignal(panel.pauseAsked, timeout=1000), qtbot.assertNotEmitted(panel.ticked):
            qtbot.keyClick(panel.list, Qt.Key.Key_Space)

    @pytest.mark.parametrize("theme", ["light", "dark"])
    def test_rows_are_drawn_in_the_colors_of_the_theme(self, panel: QueuePanel, qapp: QApplication, theme: Any) -> None:
        apply_theme(qapp, theme)
        shot: QPixmap = panel.list.grab()
        image, colors = shot.toImage(), LIGHT if theme == "light" else DARK
        found = {image.pixelColor(x, y).name() for x in range(image.width()) for y in range(image.height())}
        assert {colors.text, colors.danger, colors.success, colors.accent} <= found
        apply_theme(qapp, "light")


class TestDragging:
    @pytest.fixture
    def model(self, panel: QueuePanel) -> JobModel:
        return panel.list.model_

    def test_only_what_waits_can_be_dragged_and_nothing_dropped_on_what_has_ended(self, model: JobModel) -> None:
        drag, drop = Qt.ItemFlag.ItemIsDragEnabled, Qt.ItemFlag.ItemIsDropEnabled
        assert model.flags(model.index_of(4)) & drag and not model.flags(model.index_of(3)) & drag
        heads = {group.key: head for group, head in model.heads()}
        assert model.flags(heads["cpu"]) & drop and not model.flags(heads["ended"]) & drop

    def test_it_goes_before_the_one_that_it_is_dropped_above_or_to_the_end(self, qtbot: QtBot, model: JobModel) -> None:
        heads = {group.key: head for group, head in model.heads()}
        data, move = model.mimeData([model.index_of(5)]), Qt.DropAction.MoveAction
        with qtbot.waitSignal(model.moveAsked, timeout=1000) as asked:
            model.dropMimeData(data, move, 0, 0, heads["any"])
        assert asked.args == [5, 4, "any"]
        with qtbot.waitSignal(model.moveAsked, timeout=1000) as asked:
            model.dropMimeData(data, move, -1, -1, heads["cpu"])
        assert asked.args == [5, 0, "cpu"]


def names_of_buttons(panel: QueuePanel) -> list[str]:
    buttons = [button for button in panel.findChildren(QToolButton) if button.isVisibleTo(panel)]
    assert all(button.toolButtonStyle() == Qt.ToolButtonStyle.ToolButtonTextBesideIcon for button in buttons)
    return [button.text() for button in buttons]


class TestPanel:
    def test_a_notice_has_its_buttons(self, qtbot: QtBot, panel: QueuePanel) -> None:
        assert panel.notice.isHidden()
        panel.show_queue(state(notice=Notice("3 jobs are left", (("go-on", "Go on"), ("hold-left", "Hold them")))))
        assert panel.notice.isVisible() and panel.notice.text.text() == "3 jobs are left"
        with qtbot.waitSignal(panel.answered, timeout=1000) as answered:
            qtbot.mouseClick(panel.notice.buttons()["hold-left"], Qt.MouseButton.LeftButton)
        assert answered.args == ["hold-left"]
        panel.show_queue(state())
        assert panel.notice.isHidden()

    def test_an_empty_queue_says_how_to_fill_it(self, panel: QueuePanel) -> None:
        assert not panel.empty.isVisible()
        panel.show_queue(state(GROUPS[:1]))
        assert panel.empty.isVisible()

    def test_buttons_are_there_as_their_actions_are(self, qtbot: QtBot, panel: QueuePanel) -> None:
        pause, resume = QAction("Pause", panel), QAction("Resume", panel)
        resume.setVisible(False)
        panel.set_actions([], [[pause, resume]])
        assert names_of_buttons(panel) == ["Pause"]
        resume.setVisible(True)
        pause.setVisible(False)
        qtbot.waitUntil(lambda: names_of_buttons(panel) == ["Resume"], timeout=1000)

    def test_what_can_be_done_has_a_name_and_what_can_not_is_not_there(self, qtbot: QtBot, panel: QueuePanel) -> None:
        actions = [QAction(name, panel) for name in ("Pause", "Stop", "Retry")]
        for action in actions:
            action.setEnabled(False)
        panel.set_actions([], [[action] for action in actions])
        panel.show_queue(state())
        qtbot.waitUntil(panel.idle.isVisible, timeout=1000)
        assert names_of_buttons(panel) == []
        actions[1].setEnabled(True)
        qtbot.waitUntil(lambda: names_of_buttons(panel) == ["Stop"] and panel.idle.isHidden(), timeout=1000)
