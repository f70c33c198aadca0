"""Editors of a few parameters that the tool bar has as well as the form."""

from __future__ import annotations

from collections.abc import Mapping

from PyQt5.QtCore import QObject, pyqtSignal
from PyQt5.QtWidgets import QToolTip, QWidget

from ptychogui.params.model import Parameters, by_path
from ptychogui.session_state import Obstacle
from ptychogui.views.form.editors import DeviceChoice, DeviceEditor, Editor, make_editor
from ptychogui.views.form.form import ParameterForm, obstacles_of
from ptychogui.views.widgets import label

_WIDTHS_PX = {"reconstruction.engine": 190, "reconstruction.iterations": 92, "devices.device": 92}
"""The parameters, and how wide their editors are."""


class QuickEditors(QObject):
    """The editors by parameter path. They announce `edited(path, value)` and `reasonsChanged`, as the form does."""

    edited = pyqtSignal(str, object)
    reasonsChanged = pyqtSignal()

    def __init__(self, form: ParameterForm) -> None:
        """Make the editors, with the tooltips of those in the form."""
        super().__init__(form)
        self.editors = {path: make_editor(by_path()[path]) for path in _WIDTHS_PX}
        for path, editor in self.editors.items():
            editor.setFixedWidth(_WIDTHS_PX[path])
            editor.setToolTip(form.rows[path].editor.toolTip())
            editor.edited.connect(self.edited)
            _ReasonTip(editor)
            editor.reasonChanged.connect(self.reasonsChanged)

    def widgets(self) -> list[QWidget]:
        """Return the editors, each after its label."""
        return [widget for editor in self.editors.values() for widget in (label("quick", editor.param.title), editor)]

    def show_values(self, parameters: Parameters) -> None:
        """Show the values of the parameters."""
        for path, editor in self.editors.items():
            editor.setValue(parameters.get(path))

    def show_devices(self, devices: Mapping[str, DeviceChoice]) -> None:
        """Offer the devices of this machine."""
        for editor in self.editors.values():
            if isinstance(editor, DeviceEditor):
                editor.show_devices(devices)

    def commit(self) -> None:
        """Announce text that is typed but not yet announced."""
        for editor in self.editors.values():
            editor.commit()

    def reasons(self) -> list[Obstacle]:
        """Say what is wrong with the text of each editor that holds no value."""
        return [obstacle for editor in self.editors.values() for obstacle in obstacles_of(editor)]


class _ReasonTip(QObject):
    """Says below an editor what is wrong with its text; no reason takes it away."""

    def __init__(self, editor: Editor) -> None:
        super().__init__(editor)
        self._editor = editor
        editor.reasonChanged.connect(self._show)

    def _show(self, reason: str) -> None:
        QToolTip.showText(self._editor.mapToGlobal(self._editor.rect().bottomLeft()), reason, self._editor)
