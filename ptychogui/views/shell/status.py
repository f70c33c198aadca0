"""The status bar: the newest message with a way to all of them; device, memory and speed."""

from __future__ import annotations

from PyQt5.QtCore import Qt
from PyQt5.QtWidgets import QPushButton, QStatusBar

from ptychogui.views.theme import restyle
from ptychogui.views.widgets import ElidedLabel, label, named


class StatusLine(QStatusBar):
    """The newest message on the left; on the right how the machine is used."""

    def __init__(self) -> None:
        super().__init__()
        self.setSizeGripEnabled(False)
        self.setContentsMargins(0, 0, 12, 0)
        self.message = ElidedLabel("status", Qt.TextElideMode.ElideMiddle)
        self.details = named(QPushButton("Details"), "link")
        self.details.setToolTip("Show all messages")
        self.details.hide()
        self.device, self.memory, self.speed, self.work = (label("muted") for _ in range(4))
        self.device.setToolTip("Devices that do jobs")
        self.memory.setToolTip("Memory of this computer that is in use, of all there is")
        self.speed.setToolTip("Speed of all jobs under way")
        self.addWidget(self.message, 1)
        self.addWidget(self.details)
        for part in (self.work, self.speed, self.device, self.memory):
            part.hide()
            self.addPermanentWidget(part)

    def show_message(self, level: str, text: str) -> None:
        """Show the newest message; one of level "error" looks so."""
        self.message.set_text(text.splitlines()[0] if text else "")
        if self.message.property("level") != level:
            self.message.setProperty("level", level)
            restyle(self.message)
        self.details.setVisible(bool(text))

    def show_work(self, text: str) -> None:
        """Say what goes on beside the jobs; "" for nothing."""
        self.work.setText(f"{text[:1].upper()}{text[1:]}")
        self.work.setVisible(bool(text))

    def show_use(self, device: str, memory: str, speed: str) -> None:
        """Show which devices do jobs, how much memory is in use, and the speed of what runs; "" for nothing."""
        for part, text in ((self.device, device), (self.memory, memory), (self.speed, speed)):
            part.setText(text)
            part.setVisible(bool(text))
