"""Pictures of the window: its main states, in both themes and three sizes, taken from the window itself.

`make pictures` writes all of them to build/pictures, to be looked at, and those that the docs show to docs/images. No
screen is needed. A window is opened on a simulated scan and a queue of its own, which are gone afterwards.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("QT_FONT_DPI", "96")  # as on most screens

from PyQt5.QtCore import QSettings, QSize
from PyQt5.QtGui import QPainter
from PyQt5.QtWidgets import QApplication, QWidget

from ptychogui.app import Workstation
from ptychogui.views.shell.main_window import MainWindow
from ptychogui.views.theme import ThemeName, apply_theme
from ptychogui.window_state import Phase, RunState

ROOT = Path(__file__).resolve().parents[1]
OF_THE_DOCS = ROOT / "docs" / "images"

THEMES: tuple[ThemeName, ...] = ("light", "dark")
SIZES = (QSize(1366, 743), QSize(1920, 1055), QSize(3840, 2135))
"""Of common screens, below the title of a window."""
SHOWN = {
    ("done", "light"): "window.png", ("done", "dark"): "window-dark.png", ("running", "light"): "window-running.png",
    ("scan", "light"): "window-scan.png", ("batch", "light"): "window-batch.png",
    ("palette", "dark"): "window-palette.png", ("problem", "light"): "window-problem.png",
}  # fmt: skip
"""What the docs show, in the smallest size: state and theme, and the picture's name."""

_PATIENCE_S = 600.0
_ITERATIONS = 60
_FONT_PT = 9.0
"""Size of text, as desktops have it."""


class Scenes:
    """The states of the window, one after the other. Each has a name, and leaves the window ready for the next."""

    def __init__(self, workstation: Workstation, folder: Path) -> None:
        self._made, self._folder = workstation, folder
        self._run = RunState()
        workstation.live.shown.connect(self._take)

    def all(self) -> Iterator[tuple[str, QWidget]]:
        """Go through the states: name, and the widget that a picture is taken of."""
        window = self._made.window
        yield "welcome", window
        self._made.demo.start()
        self._wait(lambda: (self._run.iteration or 0) > _ITERATIONS // 4)
        yield "running", window
        self._wait(lambda: self._run.phase is Phase.OVER)
        self._settle(1.0)
        yield "done", window
        window.pages.turn_to("scan")
        yield "scan", window
        window.docks.turn("log", True)
        yield "log", window
        window.docks.turn("log", False)
        yield "palette", window
        window.palette_.hide()
        yield from self._batch()
        self._made.session.open(self._broken())
        self._wait(lambda: not window.banner.isHidden())
        yield "problem", window
        window.guide.show_page("quickstart.md")
        yield "guide", window.guide
        window.guide.close()

    def _batch(self) -> Iterator[tuple[str, QWidget]]:
        window = self._made.window
        window.commands["batch"].trigger()
        scan = self._made.session.path
        window.batch.scans.setPlainText(f"{scan}\n{self._broken()}")
        window.batch.look.click()
        self._wait(lambda: window.batch.queue.isEnabled())
        yield "batch", window.batch
        window.batch.reject()

    def _broken(self) -> Path:
        path = self._folder / "broken.cxi"
        path.write_bytes(b"no scan at all")
        return path

    def _take(self, run: RunState) -> None:
        self._run = run

    def _wait(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + _PATIENCE_S
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError(f"the window does not come to the next state; it says: {self._run.text}")
            self._settle(0.02)

    @staticmethod
    def _settle(seconds: float) -> None:
        """Let the window work for a while."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            QApplication.processEvents()


def take(folder: Path, sizes: tuple[QSize, ...] = SIZES) -> list[Path]:
    """Take all pictures into a folder, "done-dark-1366.png" and so on, and return them."""
    app = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(app, QApplication)
    font = app.font()
    font.setPointSizeF(_FONT_PT)
    app.setFont(font)
    pictures: list[Path] = []
    with _workstation() as (workstation, own):
        for name, widget in Scenes(workstation, own).all():
            for theme in THEMES:
                apply_theme(app, theme)
                pictures += _of(widget, f"{name}-{theme}", folder, sizes)
    return pictures


def show_in_docs(folder: Path, docs: Path = OF_THE_DOCS) -> None:
    """Copy the pictures that the docs show."""
    for (name, theme), picture in SHOWN.items():
        shutil.copyfile(folder / f"{name}-{theme}-{SIZES[0].width()}.png", docs / picture)


def _of(widget: QWidget, name: str, folder: Path, sizes: tuple[QSize, ...]) -> Iterator[Path]:
    for size in sizes:
        if isinstance(widget, MainWindow):
            widget.resize(size)
            widget.docks.size()
            if name.startswith("palette"):
                widget.commands["palette"].trigger()  # it goes when the window changes
        for _ in range(3):
            QApplication.processEvents()
        path = folder / f"{name}-{size.width()}.png"
        picture = widget.grab()
        if isinstance(widget, MainWindow) and widget.palette_.isVisible():
            palette = widget.palette_.grab()
            painter = QPainter(picture)
            painter.drawPixmap(widget.mapFromGlobal(widget.palette_.pos()), palette)
            painter.end()
        if not picture.save(str(path)):
            raise OSError(f"can't write {path}")
        yield path


@contextmanager
def _workstation() -> Iterator[tuple[Workstation, Path]]:
    """Open a window that has nothing to do with the user's."""
    with tempfile.TemporaryDirectory() as own:
        before = os.environ.get("PTYCHOGUI_HOME")
        os.environ["PTYCHOGUI_HOME"] = str(Path(own) / "home")
        made = Workstation(QSettings(str(Path(own) / "s.ini"), QSettings.Format.IniFormat), Path(own) / "demo")
        made.window.show()
        try:
            yield made, Path(own)
        finally:
            made.window.go()
            os.environ.pop("PTYCHOGUI_HOME")
            if before is not None:
                os.environ["PTYCHOGUI_HOME"] = before


def main() -> int:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "build" / "pictures")
    parser.add_argument("--no-docs", action="store_true", help="leave the pictures of the docs as they are")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    pictures = take(asked.folder)
    if not asked.no_docs:
        show_in_docs(asked.folder)
    print(f"{len(pictures)} pictures in {asked.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
