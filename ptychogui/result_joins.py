"""The window's past results: their controllers and views, made and joined; `app` puts them into the window."""

from __future__ import annotations

from PyQt5.QtCore import pyqtBoundSignal

from ptychogui.controllers.background import Background
from ptychogui.controllers.pictures.saving import SaveController
from ptychogui.controllers.results.again import AgainController
from ptychogui.controllers.results.browse import BrowseController
from ptychogui.controllers.results.compare import CompareController
from ptychogui.controllers.results.export import ExportController
from ptychogui.controllers.results.look import LookController
from ptychogui.controllers.results.trash import TrashController
from ptychogui.controllers.session import SessionController
from ptychogui.views.results.compare_page import ComparePage
from ptychogui.views.results.export_dialog import ExportDialog
from ptychogui.views.results.folders_dialog import FoldersDialog
from ptychogui.views.results.line_up_page import LineUpPage
from ptychogui.views.results.result_model import THUMBNAIL_PX
from ptychogui.views.results.results_page import ResultsPage
from ptychogui.views.shell.pages import Page, Pages, There


class PastResults:
    """Finding, looking at and using past results. `close` ends its processes."""

    def __init__(
        self, pages: Pages, session: SessionController, saving: SaveController, background: Background
    ) -> None:
        self._pages = pages
        self.browse = BrowseController(background, THUMBNAIL_PX)
        self.look = LookController(background)
        self.again = AgainController(session)
        self.trash = TrashController(background)
        self.compare, self.export = CompareController(background), ExportController(background)
        self.page = ResultsPage()
        self.folders, self.asking = FoldersDialog(self.page), ExportDialog(self.page)
        self.compared_page, self.line_page = ComparePage(), LineUpPage()
        for page in (self.page, self.compared_page):
            page.saveAsked.connect(saving.save)
        self._join_browsing()
        self._join_chosen(session)
        self._join_comparing()
        pages.add(Page("results", "Past results", self.page, There.ALWAYS))
        pages.add(Page("compare", "Comparison", self.compared_page))
        pages.add(Page("line-up", "Line-up", self.line_page))
        self._is_open = False
        self.page.shown.connect(self._open_first)

    @property
    def problems(self) -> tuple[pyqtBoundSignal, ...]:
        """Signals of an ErrorMessage for the user."""
        return tuple(one.problem for one in (self.browse, self.look, self.trash, self.compare, self.export))

    @property
    def messages(self) -> tuple[pyqtBoundSignal, ...]:
        """Signals of a text for the user."""
        return self.browse.message, self.trash.message, self.export.message

    def refresh(self) -> None:
        """Search once more, since a job has ended."""
        self.browse.refresh()

    def close(self) -> None:
        """End child processes."""
        self.browse.close()
        self.look.close()
        self.compare.close()
        self.export.close()

    def _open_first(self) -> None:
        """Search for all the first time that the page is seen."""
        if not self._is_open:
            self._is_open = True
            self.browse.open()

    def _join_browsing(self) -> None:
        browse, page, head, dialog = self.browse, self.page, self.page.head, self.folders
        page.searched.connect(browse.search)
        page.thumbnailsWanted.connect(browse.fetch)
        browse.found.connect(page.show_found)
        browse.thumbnailed.connect(page.show_thumbnails)
        browse.refused.connect(head.show_reason)
        browse.looking.connect(head.show_looking)
        browse.looking.connect(dialog.show_looking)
        browse.foldersChanged.connect(dialog.show_folders)
        head.folders.clicked.connect(dialog.show)
        dialog.added.connect(browse.add_folder)
        dialog.forgotten.connect(browse.forget_folder)
        dialog.lookAsked.connect(browse.look_through)

    def _join_chosen(self, session: SessionController) -> None:
        page, look = self.page, self.look
        page.lookWanted.connect(look.look)
        look.seen.connect(page.show_look)
        look.unseen.connect(page.look.show_problem)
        page.rated.connect(self.browse.rate)
        page.noted.connect(self.browse.write_note)
        page.tagged.connect(self.browse.write_tags)
        page.useAsked.connect(self.again.use)
        page.goOnAsked.connect(self.again.go_on)
        page.rawAsked.connect(session.open)
        page.trashAsked.connect(self.trash.throw)
        self.trash.thrown.connect(self.browse.refresh)
        page.exportAsked.connect(self.asking.ask)
        self.asking.exportAsked.connect(self.export.export)

    def _join_comparing(self) -> None:
        compare, page = self.compare, self.compared_page
        self.page.compareAsked.connect(compare.compare)
        compare.began.connect(self._show_comparison)
        compare.compared.connect(page.show_compared)
        compare.refused.connect(page.show_reading)
        compare.refused.connect(self.line_page.show_reading)
        compare.lineBegan.connect(self._show_line)
        compare.lined.connect(self.line_page.show_line_up)
        self.line_page.useAsked.connect(self.again.use)

    def _show_line(self, text: str) -> None:
        self.line_page.show_reading(text)
        self._pages.turn_to("line-up")

    def _show_comparison(self, text: str) -> None:
        self.compared_page.show_reading(text)
        self._pages.turn_to("compare")
