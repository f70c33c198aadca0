"""The window's settings: what it remembers from one session to the next."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from PyQt5.QtCore import QByteArray, QSettings

from ptychogui.views.theme import ThemeName

_RECENT = 10
_THEMES: tuple[ThemeName, ...] = ("system", "light", "dark")


class WindowSettings:
    """Layout, theme, folder, recent files and values, in a QSettings; what is missing or broken has a default."""

    def __init__(self, settings: QSettings) -> None:
        self._settings = settings

    def bytes(self, name: str) -> QByteArray:
        """Return the stored geometry or state of a widget, empty if there is none."""
        stored = self._settings.value(f"layout/{name}")
        return stored if isinstance(stored, QByteArray) else QByteArray()

    def keep_bytes(self, name: str, state: QByteArray) -> None:
        """Store the geometry or state of a widget."""
        self._settings.setValue(f"layout/{name}", state)

    def names(self, key: str) -> list[str]:
        """Return a stored list of names."""
        stored = self._settings.value(key) or []
        return [stored] if isinstance(stored, str) else [str(name) for name in stored]

    def keep_names(self, key: str, names: list[str]) -> None:
        """Store a list of names."""
        self._settings.setValue(key, names)

    @property
    def theme(self) -> ThemeName:
        """The chosen theme; the desktop's at first."""
        stored = self._settings.value("theme")
        return next((name for name in _THEMES if name == stored), "system")

    @theme.setter
    def theme(self, name: ThemeName) -> None:
        self._settings.setValue("theme", name)

    @property
    def folder(self) -> str:
        """The folder that a file was last opened from."""
        return str(self._settings.value("folder") or "")

    @property
    def open_file(self) -> Path | None:
        """The file that was open last, if it is there still."""
        stored = str(self._settings.value("open") or "")
        return Path(stored) if stored and os.path.exists(stored) else None

    @property
    def page(self) -> str:
        """Name of the page that was shown last."""
        return str(self._settings.value("page") or "")

    def keep_open(self, path: Path | None, page: str) -> None:
        """Store which file is open and which page is shown."""
        self._settings.setValue("open", str(path.absolute()) if path is not None else "")
        self._settings.setValue("page", page)

    def recent(self) -> list[Path]:
        """Files opened lately that are still there, the newest first."""
        return [path for path in map(Path, self.names("recent")) if os.path.isfile(path)]

    def opened(self, path: Path) -> None:
        """Put a file at the top of the recent ones and remember its folder."""
        newest = str(path.absolute())
        names = [newest, *(name for name in self.names("recent") if name != newest)]
        self.keep_names("recent", names[:_RECENT])
        self._settings.setValue("folder", str(path.absolute().parent))

    def text(self, key: str) -> str:
        """Return a stored text, "" if there is none."""
        return str(self._settings.value(key) or "")

    def keep_text(self, key: str, text: str) -> None:
        """Store a text."""
        self._settings.setValue(key, text)

    def values(self) -> dict[str, str]:
        """The user's parameter values of the session before, as text by path."""
        self._settings.beginGroup("values")
        stored = {key: str(self._settings.value(key)) for key in self._settings.childKeys()}
        self._settings.endGroup()
        return stored

    def keep_values(self, values: Mapping[str, str]) -> None:
        """Store the user's parameter values for the session after."""
        self._settings.remove("values")
        for path, text in values.items():
            self._settings.setValue(f"values/{path}", text)
        self._settings.sync()
