"""How a row of the queue is drawn: a device with its tick, or a job with its state, its numbers and how far it is."""

from __future__ import annotations

from typing import Any

from PyQt5.QtCore import QAbstractItemModel, QEvent, QModelIndex, QRect, QRectF, QSize, Qt
from PyQt5.QtGui import QColor, QFont, QKeyEvent, QMouseEvent, QPainter, QPalette
from PyQt5.QtWidgets import QApplication, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from ptychogui.queue_state import Group, JobRow
from ptychogui.states import State
from ptychogui.views.queue.job_model import ITEM_ROLE
from ptychogui.views.queue.thumbnails import thumbnail
from ptychogui.views.theme import Colors, colors_of, icon
from ptychogui.views.widgets import small

_MARGIN, _TICK, _BAR, _PICTURE = 8, 15, 3, 30
_Align = Qt.AlignmentFlag
_Role = QPalette.ColorRole


class JobDelegate(QStyledItemDelegate):
    """Draws two lines a row."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:
        return QSize(120, 2 * option.fontMetrics.height() + 14)

    def paint(self, painter: QPainter | None, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        assert painter is not None
        item = index.data(ITEM_ROLE)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        is_chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        brush = _Brush(painter, option, is_chosen)
        brush.ground(bool(option.state & QStyle.StateFlag.State_MouseOver), isinstance(item, Group))
        if isinstance(item, Group):
            brush.group(item)
        else:
            brush.job(item)
        painter.restore()

    def editorEvent(
        self, event: QEvent | None, model: QAbstractItemModel | None, option: QStyleOptionViewItem, index: QModelIndex
    ) -> bool:
        item = index.data(ITEM_ROLE)
        if event is None or model is None or not isinstance(item, Group) or not _is_tick(event, option.rect):
            return False
        state = Qt.CheckState.Unchecked if item.ticked else Qt.CheckState.Checked
        return model.setData(index, state, int(Qt.ItemDataRole.CheckStateRole))


def tick_rect(row: QRect) -> QRect:
    """Return where a device's tick is in its row."""
    return QRect(row.left() + _MARGIN, row.top() + 7, _TICK, _TICK)


def _is_tick(event: QEvent, row: QRect) -> bool:
    """Whether an event ticks a device: a click on the tick, or Space."""
    if isinstance(event, QKeyEvent):
        return event.type() == QEvent.Type.KeyPress and event.key() in (Qt.Key.Key_Space, Qt.Key.Key_Select)
    released = event.type() == QEvent.Type.MouseButtonRelease and isinstance(event, QMouseEvent)
    return released and tick_rect(row).adjusted(-6, -6, 6, 6).contains(event.pos())  # type: ignore[attr-defined]


class _Brush:
    """Draws one row."""

    def __init__(self, painter: QPainter, option: QStyleOptionViewItem, is_chosen: bool) -> None:
        self._painter, self._rect, self._is_chosen = painter, option.rect, is_chosen
        self._colors: Colors = colors_of(QApplication.palette())  # a view's own is changed by the style sheet
        self._font, self._small = QFont(option.font), small(option.font)

    def ground(self, is_hovered: bool, is_head: bool) -> None:
        area = QRectF(self._rect).adjusted(2, 1, -2, -1)
        color = self._colors.chosen if self._is_chosen else self._colors.hover if is_hovered and not is_head else ""
        if color:
            self._painter.setPen(Qt.PenStyle.NoPen)
            self._painter.setBrush(QColor(color))
            self._painter.drawRoundedRect(area, 5, 5)
        if is_head:
            self._painter.setPen(QColor(self._colors.border))
            self._painter.drawLine(self._rect.left() + 4, self._rect.top(), self._rect.right() - 4, self._rect.top())

    def group(self, group: Group) -> None:
        left = self._rect.left() + _MARGIN
        if group.ticked is not None:
            self._tick(group)
            left += _TICK + 8
        is_dim = group.ticked is not None and not (group.usable or group.ticked)
        count = f"{len(group.jobs)}" if group.jobs else ""
        self._line(0, left, group.title, count, bold=True, dim=is_dim)
        self._line(
            1, left, group.detail, group.gauge, color=self._colors.danger if group.is_faulty else self._colors.muted
        )

    def job(self, row: JobRow) -> None:
        left = self._rect.left() + _MARGIN + _PICTURE + 8
        self._picture(row)
        self._line(0, left, row.title, row.word, right_color=self._color(row.state))
        is_bad = row.state is State.FAILED
        self._line(1, left, row.detail, f"job {row.id}", color=self._colors.danger if is_bad else self._colors.muted)
        if 0 <= row.done and row.state is not State.CANCELLED:
            self._bar(left, row)

    def _color(self, state: State) -> str:
        return {
            State.RUNNING: self._colors.link, State.PAUSED: self._colors.warning, State.WAITING: self._colors.warning,
            State.FAILED: self._colors.danger, State.DONE: self._colors.success, State.STOPPED: self._colors.success,
        }.get(state, self._colors.muted)  # fmt: skip

    def _picture(self, row: JobRow) -> None:
        """The job's picture with a mark in its corner, or the mark alone."""
        area = QRect(self._rect.left() + _MARGIN, self._rect.top() + 6, _PICTURE, _PICTURE)
        device = self._painter.device()
        assert device is not None
        drawn = thumbnail(row.picture, _PICTURE, device.devicePixelRatioF())
        if drawn is None:
            self._dot(row.state, QRectF(area.center().x() - 3.5, area.center().y() - 3.5, 7, 7))
            return
        self._painter.drawPixmap(area, drawn)
        corner = QRectF(area.right() - 6, area.bottom() - 6, 9, 9)
        self._painter.setPen(Qt.PenStyle.NoPen)
        self._painter.setBrush(QColor(self._colors.field))
        self._painter.drawEllipse(corner)
        self._dot(row.state, corner.adjusted(1.5, 1.5, -1.5, -1.5))

    def _dot(self, state: State, area: QRectF) -> None:
        """A mark in the color of the state; full where something is done, a ring where it waits."""
        color = QColor(self._color(state))
        self._painter.setPen(color)
        waits = state in (State.HELD, State.QUEUED, State.INTERRUPTED, State.CANCELLED)
        self._painter.setBrush(Qt.BrushStyle.NoBrush if waits else color)
        self._painter.drawEllipse(area)

    def _tick(self, group: Group) -> None:
        area = QRectF(tick_rect(self._rect)).adjusted(0.5, 0.5, -0.5, -0.5)
        on = bool(group.ticked)
        edge = self._colors.accent if on else self._colors.muted if group.usable else self._colors.border
        ground = self._colors.accent if on else self._colors.field if group.usable else self._colors.window
        self._painter.setOpacity(1.0 if group.usable else 0.6)
        self._painter.setPen(QColor(edge))
        self._painter.setBrush(QColor(ground))
        self._painter.drawRoundedRect(area, 4, 4)
        if on:
            icon("check", QColor(self._colors.on_accent)).paint(self._painter, area.toRect())
        self._painter.setOpacity(1.0)

    def _bar(self, left: int, row: JobRow) -> None:
        area = QRectF(left, self._rect.bottom() - _BAR - 1, self._rect.right() - left - _MARGIN, _BAR)
        self._painter.setPen(Qt.PenStyle.NoPen)
        self._painter.setBrush(QColor(self._colors.border))
        self._painter.drawRoundedRect(area, 1.5, 1.5)
        area.setWidth(area.width() * min(row.done, 1.0))
        self._painter.setBrush(QColor(self._color(row.state)))
        self._painter.drawRoundedRect(area, 1.5, 1.5)

    def _line(self, number: int, left: int, text: str, right: str, **how: Any) -> None:
        """Draw a line of text, cut where it does not fit, and a word at its right end."""
        font = QFont(self._font if number == 0 else self._small)
        font.setBold(bool(how.get("bold")))
        self._painter.setFont(font)
        metrics = self._painter.fontMetrics()
        height = self._painter.fontMetrics().height()
        top = self._rect.top() + (6 if number == 0 else 6 + height + 2)
        end = self._rect.right() - _MARGIN
        width = metrics.horizontalAdvance(right)
        if right:
            self._painter.setPen(QColor(how.get("right_color", self._colors.muted)))
            self._painter.drawText(QRect(end - width, top, width + 1, height), int(_Align.AlignVCenter), right)
        room = end - left - (width + 10 if right else 0)
        self._painter.setPen(QColor(self._colors.muted if how.get("dim") else how.get("color", self._colors.text)))
        cut = metrics.elidedText(text, Qt.TextElideMode.ElideRight, max(room, 0))
        self._painter.drawText(QRect(left, top, max(room, 0), height), int(_Align.AlignVCenter), cut)
