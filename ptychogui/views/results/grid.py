"""The grid of thumbnails: how a cell is drawn, and the list that lays them out."""

from __future__ import annotations

from PyQt5.QtCore import QEvent, QItemSelectionModel, QModelIndex, QRect, QRectF, QSize, Qt
from PyQt5.QtGui import QColor, QPainter, QResizeEvent
from PyQt5.QtWidgets import QApplication, QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from ptychogui.catalog.entry import Entry
from ptychogui.views.results.result_model import ENTRY_ROLE, THUMBNAIL_PX, ResultModel
from ptychogui.views.theme import colors_of
from ptychogui.views.widgets import small

_PAD, _LINE = 6, 17
_CELL = QSize(THUMBNAIL_PX + 4 * _PAD, THUMBNAIL_PX + 4 * _PAD + 2 * _LINE)
_Align = Qt.AlignmentFlag
_Flags = QItemSelectionModel.SelectionFlags


class Grid(QListView):
    """Thumbnails side by side, as many as there is room for; several can be chosen."""

    def __init__(self, model: ResultModel) -> None:
        super().__init__()
        self.setObjectName("results")
        self.setAccessibleName("Past results as pictures")
        self.setFlow(QListView.Flow.LeftToRight)
        self.setWrapping(True)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setUniformItemSizes(True)
        self.setGridSize(_CELL)
        self.setSelectionMode(QListView.SelectionMode.ExtendedSelection)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.setMouseTracking(True)
        self.setItemDelegate(CellDelegate(self))
        self.setModel(model)

    def selectionCommand(self, index: QModelIndex, event: QEvent | None = None) -> _Flags:
        """Choose whole rows, so that the table shows the same."""
        return _Flags(_Flags(super().selectionCommand(index, event)) | _Flags(QItemSelectionModel.SelectionFlag.Rows))

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Share what room is left among the columns."""
        room = self.viewport().width() - 1  # type: ignore[union-attr]
        columns = max(room // _CELL.width(), 1)
        self.setGridSize(QSize(max(room // columns, 1), _CELL.height()))
        super().resizeEvent(event)


class CellDelegate(QStyledItemDelegate):
    """Draws a result: its thumbnail, its name, and its error, engine and stars below."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:
        grid = self.parent()
        return grid.gridSize() if isinstance(grid, Grid) else _CELL

    def paint(self, painter: QPainter | None, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        model = index.model()
        assert painter is not None and isinstance(model, ResultModel)
        entry: Entry = index.data(ENTRY_ROLE)
        colors = colors_of(QApplication.palette())
        cell = option.rect.adjusted(_PAD // 2, _PAD // 2, -_PAD // 2, -_PAD // 2)
        is_chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        is_hovered = bool(option.state & QStyle.StateFlag.State_MouseOver)
        painter.save()
        if is_chosen or is_hovered:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QColor(colors.accent) if is_chosen else Qt.PenStyle.NoPen)
            painter.setBrush(QColor(colors.chosen if is_chosen else colors.hover))
            painter.drawRoundedRect(QRectF(cell).adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)
        self._picture(painter, QRect(cell.left(), cell.top() + _PAD, cell.width(), THUMBNAIL_PX), model, entry)
        self._words(painter, cell, option, entry)
        painter.restore()

    def _picture(self, painter: QPainter, room: QRect, model: ResultModel, entry: Entry) -> None:
        pixmap = model.thumbnail(entry)
        if pixmap is not None:
            corner = QRect(0, 0, pixmap.width(), pixmap.height())
            corner.moveCenter(room.center())
            painter.drawPixmap(corner, pixmap)
            return
        empty = QRect(0, 0, THUMBNAIL_PX, THUMBNAIL_PX)
        empty.moveCenter(room.center())
        painter.fillRect(empty, QColor(colors_of(QApplication.palette()).hover))

    def _words(self, painter: QPainter, cell: QRect, option: QStyleOptionViewItem, entry: Entry) -> None:
        colors = colors_of(QApplication.palette())
        left, width = cell.left() + _PAD, cell.width() - 2 * _PAD
        top = cell.top() + THUMBNAIL_PX + 2 * _PAD
        painter.setFont(option.font)
        painter.setPen(QColor(colors.text))
        metrics = painter.fontMetrics()
        name = metrics.elidedText(entry.path.stem, Qt.TextElideMode.ElideMiddle, width)
        painter.drawText(QRect(left, top, width, _LINE), int(_Align.AlignVCenter), name)
        painter.setFont(small(option.font))
        line = QRect(left, top + _LINE, width, _LINE)
        stars = "★" * entry.stars
        painter.setPen(QColor(colors.warning))
        painter.drawText(line, int(_Align.AlignVCenter | _Align.AlignRight), stars)
        error = "" if entry.error is None else f"{entry.error:.3g}"
        words = "  ·  ".join(word for word in (entry.engine or entry.program, error) if word)
        line.setRight(line.right() - painter.fontMetrics().horizontalAdvance(stars))
        painter.setPen(QColor(colors.muted))
        cut = painter.fontMetrics().elidedText(words, Qt.TextElideMode.ElideRight, max(line.width(), 0))
        painter.drawText(line, int(_Align.AlignVCenter), cut)
