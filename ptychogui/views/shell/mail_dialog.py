"""The dialog of the ways to send word when jobs have ended: mail server, webhook and desktop."""

from __future__ import annotations

from PyQt5.QtCore import pyqtSignal
from PyQt5.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from ptychogui.notify.settings import PORTS, PostSettings
from ptychogui.views.theme import restyle
from ptychogui.views.widgets import label, named

_WORDS = {"none": "none", "starttls": "STARTTLS, before anything is said", "tls": "TLS from the first byte"}
_TEXT = ("Jobs send mail to the address under Output, E-mail. It says how the job ended, with pictures of the result. "
         "The password is kept in the system's keyring.")  # fmt: skip


class MailDialog(QDialog):
    """Shows settings and announces what they are to be.

    Signals:
        keepAsked(values, password): name -> text; the password is None where it stays as it is.
        testAsked(values, password, address): keep them, and send a test.
    """

    keepAsked = pyqtSignal(object, object)
    testAsked = pyqtSignal(object, object, str)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Mail")
        self.lines = {name: QLineEdit() for name in ("host", "port", "user", "sender", "webhook")}
        self.tls = QComboBox()
        for value in PORTS:
            self.tls.addItem(_WORDS[value], value)
        self.password = QLineEdit()
        self.password.setEchoMode(QLineEdit.EchoMode.Password)
        self.desktop = QCheckBox("Show a notification on this desktop as well")
        self.to = QLineEdit()
        self.test = QPushButton("Send a test mail")
        self.keep = named(QPushButton("Keep"), "primary")
        self.shut = QPushButton("Close")
        self.answer = label("muted", wrap=True)
        self._lay_out()
        self.test.clicked.connect(self._ask_test)
        self.keep.clicked.connect(self._ask_keep)
        self.shut.clicked.connect(self.hide)
        self.tls.currentIndexChanged.connect(self._show_port)
        for button in (self.test, self.keep, self.shut):
            button.setAutoDefault(False)

    def show_settings(self, settings: PostSettings, password: str) -> None:
        """Show settings, and where the password is."""
        texts = {"host": settings.host, "port": str(settings.port or ""), "user": settings.user,
                 "sender": settings.sender, "webhook": settings.webhook}  # fmt: skip
        for name, line in self.lines.items():
            line.setText(texts[name])
        self.lines["host"].setPlaceholderText(PostSettings().host)
        self.lines["sender"].setPlaceholderText(settings.from_address)
        self.to.setPlaceholderText(settings.from_address)
        self.tls.setCurrentIndex(self.tls.findData(settings.tls))
        self.desktop.setChecked(settings.desktop)
        self.password.setText("")  # which is no change, as clear() is
        self.password.setPlaceholderText("kept in the keyring" if password == "known" else password)
        self._show_port()

    def show_answer(self, text: str) -> None:
        """Say what has become of what was asked for."""
        self._answer(text, "muted")

    def show_problem(self, text: str) -> None:
        """Say why it can't be done."""
        self._answer(text, "problem")

    def _answer(self, text: str, name: str) -> None:
        self.answer.setText(text)
        self.answer.setObjectName(name)
        restyle(self.answer)

    def _values(self) -> dict[str, str]:
        texts = {name: line.text() for name, line in self.lines.items()}
        return {**texts, "tls": self.tls.currentData(), "desktop": "on" if self.desktop.isChecked() else "off"}

    def _new_password(self) -> str | None:
        return self.password.text() if self.password.isModified() else None

    def _ask_keep(self) -> None:
        self.keepAsked.emit(self._values(), self._new_password())

    def _ask_test(self) -> None:
        self.testAsked.emit(self._values(), self._new_password(), self.to.text())

    def _show_port(self) -> None:
        self.lines["port"].setPlaceholderText(str(PORTS[self.tls.currentData()]))

    def _lay_out(self) -> None:
        rows = QFormLayout()
        rows.setHorizontalSpacing(14)
        rows.setVerticalSpacing(7)
        for text, widget in (
            ("Mail server", self.lines["host"]), ("Encryption", self.tls), ("Port", self.lines["port"]),
            ("User", self.lines["user"]), ("Password", self.password), ("Mail comes from", self.lines["sender"]),
            ("Webhook", self.lines["webhook"]), ("", self.desktop), ("Test goes to", self.to),
        ):  # fmt: skip
            rows.addRow(text, widget)
        self.lines["webhook"].setPlaceholderText("none: a URL that gets each report as JSON")
        buttons = QHBoxLayout()
        buttons.addWidget(self.test)
        buttons.addStretch(1)
        buttons.addWidget(self.shut)
        buttons.addWidget(self.keep)
        column = QVBoxLayout(self)
        column.setContentsMargins(18, 14, 18, 14)
        column.setSpacing(10)
        column.addWidget(label("muted", _TEXT, wrap=True))
        column.addLayout(rows)
        column.addWidget(self.answer)
        column.addLayout(buttons)
        self.setMinimumWidth(540)
