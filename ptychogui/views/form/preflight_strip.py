"""Preflight below the form: a light for every check, and the list of findings with their fixes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PyQt5.QtCore import QEvent, QEventLoop, QSize, Qt, pyqtSignal
from PyQt5.QtGui import QColor, QIcon
from PyQt5.QtWidgets import (
    QApplication,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ptychogui.jobs.preflight.findings import TITLES, Finding, Level, Preflight
from ptychogui.params.form_words import in_form_words, values_text
from ptychogui.views.theme import colors_of, icon, tinted
from ptychogui.views.widgets import ElidedLabel, label, named, small, tool_button

_ICON_PX, _SMALL_PX, _COLUMNS = 16, 13, 3
_LIST_PX = 240
"""Least height of the list, which is a third of the window's; it scrolls."""
_WORDS = {
    Level.GOOD: "good", Level.UNKNOWN: "can't be checked", Level.LOOK: "worth a look", Level.STOP: "to be mended",
}  # fmt: skip


class PreflightStrip(QFrame):
    """A light for every check; a click shows the findings.

    Announces `fixAsked(fix)`, parameter path -> value, when the user wants what a finding proposes.
    """

    fixAsked = pyqtSignal(object)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("preflight")
        self.head = tool_button("section", "Findings")
        self.head.setCheckable(True)
        self.head.setIconSize(QSize(14, 14))
        self.summary = ElidedLabel("muted", Qt.TextElideMode.ElideRight)
        self.lights = {check: Light(check, title) for check, title in TITLES.items()}
        self.rows: list[FindingRow] = []
        self.found = Preflight(())
        self._lay_out()
        self.head.toggled.connect(self._unfold)
        for light in self.lights.values():
            light.asked.connect(self._show_check)
        self.show_idle("Open a scan to have it checked.")
        self._unfold(False)

    def show_checking(self) -> None:
        """Say that findings are on their way; those of before stay, dimmed."""
        self.summary.set_text("Checking ...")
        self._set_current(False)

    def show_idle(self, why: str) -> None:
        """Show no findings, and why there are none."""
        self.found = Preflight(())
        for light in self.lights.values():
            light.show_findings(())
        self._show_rows(())
        self._set_current(False)
        self.summary.set_text(why)

    def show_findings(self, found: Preflight) -> None:
        """Show what was found."""
        for check, light in self.lights.items():
            light.show_findings(found.of(check))
        if found.findings != self.found.findings:
            self._show_rows(sorted(found.findings, key=lambda finding: -finding.level.rank))
        self.found = found
        self._set_current(True)
        self.summary.set_text(_summary(found))
        self.summary.setToolTip(f"Looked at {found.sampled} in {found.seconds:.1f} s")

    def _set_current(self, current: bool) -> None:
        for widget in (*self.lights.values(), *self.rows):
            widget.setEnabled(current)

    def _show_rows(self, findings: Any) -> None:
        for row in self.rows:
            self.list.removeWidget(row)
            row.deleteLater()
        self.rows = [FindingRow(finding) for finding in findings]
        for place, row in enumerate(self.rows):
            row.fixAsked.connect(self.fixAsked)
            self.list.insertWidget(place, row)
        bar = self.area.verticalScrollBar()
        if bar is not None:
            bar.setValue(0)

    def _lay_out(self) -> None:
        lights = QGridLayout()
        lights.setContentsMargins(0, 0, 0, 0)
        lights.setSpacing(0)
        for place, light in enumerate(self.lights.values()):
            lights.addWidget(light, place // _COLUMNS, place % _COLUMNS)
        top = QHBoxLayout()
        top.setSpacing(6)
        top.addWidget(self.head)
        top.addWidget(self.summary, 1)
        page = named(QWidget(), "page")
        self.list = QVBoxLayout(page)
        self.list.setContentsMargins(2, 0, 2, 4)
        self.list.setSpacing(8)
        self.list.addStretch(1)
        self.area = QScrollArea()
        self.area.setWidget(page)
        self.area.setWidgetResizable(True)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.area.setFrameShape(QFrame.Shape.NoFrame)
        column = QVBoxLayout(self)
        column.setContentsMargins(10, 4, 8, 8)
        column.setSpacing(3)
        column.addLayout(top)
        column.addLayout(lights)
        column.addWidget(self.area)

    def _show_check(self, check: str) -> None:
        """Bring the worst finding of a check into view."""
        self.head.setChecked(True)
        row = next((row for row in self.rows if row.finding.check == check), None)
        bar = self.area.verticalScrollBar()
        if row is not None and bar is not None:
            QApplication.processEvents(QEventLoop.ProcessEventsFlag.ExcludeUserInputEvents)  # rows get their places
            bar.setValue(row.y())

    def _unfold(self, unfolded: bool) -> None:
        window = self.window()
        self.area.setFixedHeight(max(_LIST_PX, (window.height() if window else 0) // 3))
        self.area.setVisible(unfolded)
        self._draw_arrow()

    def _draw_arrow(self) -> None:
        self.head.setIcon(tinted("down" if self.head.isChecked() else "right", self.palette()))

    def changeEvent(self, event: QEvent | None) -> None:
        super().changeEvent(event)
        if event is not None and event.type() == QEvent.Type.PaletteChange:
            self._draw_arrow()


class Light(QToolButton):
    """The name of a check and its worst finding: its shape and color say the level, its tooltip the rest.

    Announces `asked(check)` when it is clicked.
    """

    asked = pyqtSignal(str)

    def __init__(self, check: str, title: str) -> None:
        super().__init__()
        self.setObjectName("light")
        self.setText(title)
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.setFont(small(self.font()))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setIconSize(QSize(_SMALL_PX, _SMALL_PX))
        self._check, self._title = check, title
        self.clicked.connect(self._ask)
        self.level: Level | None = None

    def show_findings(self, findings: tuple[Finding, ...]) -> None:
        """Show the findings of the check, the worst first; none show an empty light."""
        self.level = findings[0].level if findings else None
        word = _WORDS[self.level] if self.level else "not checked yet"
        self.setAccessibleName(f"{self._title}: {word}")
        lines = [in_form_words(f"{finding.title}: {finding.reason}") for finding in findings]
        self.setToolTip("\n".join([f"{self._title}: {word}", *lines]))
        self._draw()

    def _ask(self) -> None:
        self.asked.emit(self._check)

    def _draw(self) -> None:
        self.setIcon(_light(self.level))

    def changeEvent(self, event: QEvent | None) -> None:
        super().changeEvent(event)
        if event is not None and event.type() == QEvent.Type.PaletteChange:
            self._draw()


class FindingRow(QWidget):
    """A finding: its light and title, the reason below, and the fix with a button where parameters mend it."""

    fixAsked = pyqtSignal(object)

    def __init__(self, finding: Finding) -> None:
        super().__init__()
        self.finding = finding
        self.light = QLabel()
        self.title = named(QLabel(finding.title), "number")
        self.reason = label("muted", in_form_words(finding.reason), wrap=True)
        self.text = label("text", in_form_words(finding.fix_text), wrap=True)
        self.apply = QPushButton("Apply")
        self._lay_out(finding)
        self._draw()

    def _lay_out(self, finding: Finding) -> None:
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 4, 0)
        grid.setHorizontalSpacing(6)
        grid.setVerticalSpacing(1)
        grid.addWidget(self.light, 0, 0, Qt.AlignmentFlag.AlignTop)
        grid.addWidget(self.title, 0, 1, 1, 2)
        grid.addWidget(self.reason, 1, 1, 1, 2)
        grid.addWidget(self.text, 2, 1)
        grid.addWidget(self.apply, 2, 2, Qt.AlignmentFlag.AlignTop)
        grid.setColumnStretch(1, 1)
        self.title.setWordWrap(True)
        for widget in (self.reason, self.text, self.apply):
            widget.setFont(small(widget.font()))
        self.text.setVisible(bool(finding.fix_text))
        self.apply.setVisible(finding.fix is not None)
        self.apply.setToolTip(values_text(finding.fix or {}))
        self.apply.clicked.connect(self._ask_fix)

    def _ask_fix(self) -> None:
        self.fixAsked.emit(self.finding.fix)

    def _draw(self) -> None:
        self.light.setPixmap(_light(self.finding.level).pixmap(_ICON_PX, _ICON_PX))
        self.light.setToolTip(_WORDS[self.finding.level])

    def changeEvent(self, event: QEvent | None) -> None:
        super().changeEvent(event)
        if event is not None and event.type() == QEvent.Type.PaletteChange:
            self._draw()


def _light(level: Level | None) -> QIcon:
    """Draw a level as a shape in its color, so that either tells it."""
    colors = colors_of(QApplication.palette())  # a button's own is changed by the style sheet
    color = {Level.GOOD: colors.success, Level.LOOK: colors.warning, Level.STOP: colors.danger}.get(
        level or Level.UNKNOWN, colors.muted
    )
    name = level.value if level else "none"
    return icon(f"light-{name}", QColor(color), QColor(colors.muted))


def _summary(found: Preflight) -> str:
    """Say the worst in a few words, and the time."""
    counts: Mapping[Level, int] = {level: sum(found_.level is level for found_ in found.findings) for level in Level}
    parts = [f"{counts[level]} to {word}" for level, word in ((Level.STOP, "mend"), (Level.LOOK, "look at"))
             if counts[level]] or ["All good"]  # fmt: skip
    time = next((finding.title for finding in found.of("time") if finding.level is not Level.UNKNOWN), "")
    return "  ·  ".join([*parts, *([time[0].lower() + time[1:]] if time else [])])
