"""Browsing: which past results there are, their thumbnails, and the folders that are watched for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from PyQt5.QtCore import QObject, Qt, pyqtSignal
from PyQt5.QtGui import QImage

from ptychogui.catalog.catalog import forget, look_through, mark, search, thumbnails
from ptychogui.catalog.entry import Entry
from ptychogui.catalog.folders import name_folders, named_folders
from ptychogui.catalog.scan import ScanReport
from ptychogui.controllers.background import Background
from ptychogui.controllers.error_message import explain
from ptychogui.errors import ParameterError
from ptychogui.jobs.processes.helper import HelperProcess
from ptychogui.texts import counted

_TELL_EVERY = 20
"""Files between two words of how far a look through folders is."""


class BrowseController(QObject):
    """Searches the catalog beside the window's thread, and has a child process look through folders.

    Signals:
        found(entries, count): what the newest search asks for, the latest first, and how many results there are.
        refused(text): why the search can't be understood.
        thumbnailed(images): id of an entry -> QImage, null where it has none.
        foldersChanged(paths): that are watched.
        looking(text): how far the look through the folders is; "" when it is over.
        message(text), problem(ErrorMessage): for the user.
    """

    found = pyqtSignal(object, int)
    refused = pyqtSignal(str)
    thumbnailed = pyqtSignal(object)
    foldersChanged = pyqtSignal(object)
    looking = pyqtSignal(str)
    message = pyqtSignal(str)
    problem = pyqtSignal(object)
    _told = pyqtSignal(int)

    def __init__(self, background: Background, thumbnail_px: int) -> None:
        """Get ready; thumbnails are to be so long on their longer side."""
        super().__init__()
        self._background, self._thumbnail_px = background, thumbnail_px
        self._scanner = HelperProcess("ptychogui catalog")
        self._text, self._asked = "", False
        self._searching = self._again = False
        self._is_looking = self._look_again = False
        self._told.connect(self._tell)

    def open(self) -> None:
        """Show what there is, and look for what came, moved or went since then."""
        self._asked = True
        self.foldersChanged.emit(named_folders())
        self.refresh()
        self.look_through()

    def search(self, text: str) -> None:
        """Show what a search asks for, from now on."""
        self._asked, self._text = True, text
        self._begin()

    def refresh(self) -> None:
        """Search once more, since results came or went; nothing where nobody has looked yet."""
        if self._asked:
            self._begin()

    def fetch(self, entry_ids: Sequence[int]) -> None:
        """Get the thumbnails of some results."""
        ids, longest_px = tuple(entry_ids), self._thumbnail_px
        self._background.start(
            lambda: _images(ids, longest_px), self.thumbnailed.emit, lambda error: self._fail("Pictures", error)
        )

    def rate(self, results: Sequence[Path], stars: int) -> None:
        """Give stars to results, 0 to take them away."""
        self._change(results, stars=stars)

    def write_note(self, result: Path, note: str) -> None:
        """Keep a note on a result."""
        self._change((result,), note=note)

    def write_tags(self, result: Path, words: str) -> None:
        """Keep the tags of a result, words with blanks or commas between them."""
        self._change((result,), tags=tuple(sorted(set(words.replace(",", " ").split()))))

    def add_folder(self, folder: Path) -> None:
        """Watch a folder, and look through all."""
        self._with_folders(lambda: name_folders([folder]), look=True)

    def forget_folder(self, folder: Path) -> None:
        """Watch a folder no more; its files stay as they are."""
        self._with_folders(lambda: forget([folder]))

    def look_through(self) -> None:
        """Have a child process look through the folders for what is new, changed, moved or gone."""
        self._look_again = self._is_looking
        if self._is_looking:
            return
        self._is_looking = True
        self.looking.emit("Looking through folders…")

        def tell(looked_at: Any) -> None:
            if looked_at % _TELL_EVERY == 0:
                self._told.emit(looked_at)

        self._background.start(
            lambda: self._scanner.do(look_through_here, tell=tell), self._looked,
            lambda error: self._looked(None, error),
        )  # fmt: skip

    def close(self) -> None:
        """End the look under way: the next one goes on where it was."""
        self._scanner.end(for_good=True)

    def _begin(self) -> None:
        """Search, unless a search is under way: then that one's end comes back here."""
        self._again = self._searching
        if not self._searching:
            self._searching = True
            text = self._text
            self._background.start(lambda: search(text), self._show, self._refuse)

    def _show(self, found: tuple[list[Entry], int]) -> None:
        self._searching = False
        if self._again:
            self._begin()
            return
        self.refused.emit("")
        self.found.emit(*found)

    def _refuse(self, error: Exception) -> None:
        self._searching = False
        if self._again:
            self._begin()
        elif isinstance(error, ParameterError):
            self.refused.emit(str(error).removeprefix("search: "))
        else:
            self._fail("The catalog", error)

    def _change(self, results: Sequence[Path], **changes: Any) -> None:
        def work() -> None:
            for result in results:
                mark(result, **changes)

        self._background.start(work, lambda _none: self.refresh(), lambda error: self._fail("This mark", error))

    def _with_folders(self, work: Callable[[], tuple[Path, ...]], look: bool = False) -> None:
        def done(folders: tuple[Path, ...]) -> None:
            self.foldersChanged.emit(folders)
            self.refresh()
            if look:
                self.look_through()

        self._background.start(work, done, lambda error: self._fail("The list of folders", error))

    def _tell(self, looked_at: int) -> None:
        if self._is_looking:
            self.looking.emit(f"Looked at {counted(looked_at, 'file')}…")
            self.refresh()

    def _looked(self, report: ScanReport | None, error: Exception | None = None) -> None:
        self._is_looking = False
        self.looking.emit("")
        if error is not None:
            self.problem.emit(explain("The folders can't be looked through", error))
        if report is not None:
            for note in report.notes:
                self.message.emit(note)
            if report.new or report.changed or report.moved or report.gone:
                self.message.emit(_summary(report))
        self.refresh()
        if self._look_again:
            self.look_through()

    def _fail(self, what: str, error: Exception) -> None:
        self.problem.emit(explain(f"{what} can't be read or kept", error))


def look_through_here(tell: Callable[[Any], None]) -> ScanReport:
    """Look through the folders of the catalog, in a child process."""
    return look_through(tell)


def _images(entry_ids: Sequence[int], longest_px: int) -> dict[int, QImage]:
    found = thumbnails(entry_ids).items()
    return {number: QImage() if jpeg is None else _image(jpeg, longest_px) for number, jpeg in found}


def _image(jpeg: bytes, longest_px: int) -> QImage:
    """Unpack a thumbnail, as long as it is shown, in the format that is drawn fastest."""
    kept, smooth = Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
    image = QImage.fromData(jpeg).scaled(longest_px, longest_px, kept, smooth)
    return image.convertToFormat(QImage.Format.Format_RGB32)


def _summary(report: ScanReport) -> str:
    numbers = {
        "new": len(report.new), "changed": len(report.changed), "moved": len(report.moved), "gone": len(report.gone)
    }  # fmt: skip
    parts = [f"{number} {word}" for word, number in numbers.items() if number]
    return f"folders looked through: {', '.join(parts)}"
