"""A batch: a list of scans is looked at, scan after scan, and what can be done comes into the queue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

from PyQt5.QtCore import QObject, pyqtSignal

from ptychogui.controllers.background import Background
from ptychogui.controllers.error_message import explain
from ptychogui.controllers.queue.queue import QueueController
from ptychogui.controllers.run import RunController
from ptychogui.controllers.session import SessionController
from ptychogui.errors import ParameterError
from ptychogui.jobs.preflight.findings import Level
from ptychogui.jobs.provenance import versions
from ptychogui.jobs.scan_list import scan_list
from ptychogui.params.commandline import format_text
from ptychogui.params.model import by_path
from ptychogui.params.sweep import combinations
from ptychogui.queue.batches import Added, Candidate, add, checked, look
from ptychogui.queue.store.store import Store
from ptychogui.queue.watch import FolderWatch, WatchOrder
from ptychogui.queue_state import BatchRow

_COMMAND = "window: Batch"
_Values: TypeAlias = dict[str, tuple[Any, str]]


@dataclass
class _Looking:
    """A list that is looked at; once it is dropped, what is said of it counts no more.

    Attributes:
        candidates: what has come of it, in its order.
        is_dropped: whether another list took its place.
    """

    candidates: list[Candidate] = field(default_factory=list)
    is_dropped: bool = False


class BatchController(QObject):
    """Looks at scans beside the window's thread, and queues those that can be done.

    Signals:
        opened(text, folder): the dialog is wanted; which values of the form hold for all, and where results may go.
        listed(rows): the scans that the user means, before they were looked at.
        looked(place, row): a scan was looked at.
        refused(text): the list can't be understood, or its jobs not be queued.
        queued(text): jobs came into the queue.
        swept(text, is_wrong): how many jobs a scan has by the sweeps, or what is wrong with these.
        watchAsked(WatchOrder): a folder is to be watched from now on.
    """

    opened = pyqtSignal(str, str)
    listed = pyqtSignal(object)
    looked = pyqtSignal(int, object)
    refused = pyqtSignal(str)
    queued = pyqtSignal(str)
    swept = pyqtSignal(str, bool)
    watchAsked = pyqtSignal(object)
    _found = pyqtSignal(object, object)

    def __init__(
        self, session: SessionController, queue: QueueController, run: RunController, background: Background
    ) -> None:
        super().__init__()
        self._session, self._queue, self._run, self._background = session, queue, run, background
        self._looking = _Looking()
        self._found.connect(self._tell)

    def open(self) -> None:
        """Begin a batch with the values of the form."""
        own, last = self._session.shared()
        path = self._session.path
        near = path.absolute().parent / "results" if path is not None else Path.home() / "ptychogui-results"
        self.opened.emit(_in_words({**last, **own}), self._run.folder or str(near))

    def check_sweeps(self, sweeps: Sequence[str]) -> None:
        """Say what sweeps come to, as params.sweep reads them."""
        try:
            count = len(combinations(sweeps))
        except ParameterError as error:
            self.swept.emit(str(error).partition(": ")[2] or str(error), True)
            return
        self.swept.emit(f"{count} jobs of each scan" if sweeps else "", False)

    def look(self, items: Sequence[str], numbered: str, sweeps: Sequence[str] = ()) -> None:
        """Look at a list in place of the one before.

        Args:
            items: files, folders, globs, numbers and text files, as jobs.scan_list has them.
            numbered: what numbers stand for.
            sweeps: parameters that take several values, as params.sweep reads them.
        """
        self.drop()
        looking, shared = self._looking, self._session.shared()
        self._background.start(
            lambda: self._look(looking, items, numbered, combinations(sweeps), *shared),
            lambda _outcome: None,
            lambda error: self._refuse(looking, error),
        )

    def drop(self) -> None:
        """Look no further."""
        self._looking.is_dropped = True
        self._looking = _Looking()

    def queue(self, folder: str, watched: str = "", sweeps: Sequence[str] = ()) -> None:
        """Put the jobs that can be done into the queue.

        Args:
            folder: of their results.
            watched: a folder whose scans are to come into the batch as they are finished; "" for none.
            sweeps: as in `look`, for these scans.
        """
        candidates, output = tuple(self._looking.candidates), Path(folder).expanduser().absolute()
        own, last = self._session.shared()
        order = WatchOrder(
            Path(watched).expanduser().absolute(), own, output, _COMMAND, versions(), combinations(sweeps), last=last
        ) if watched else None  # fmt: skip

        def queue_all(store: Store) -> Added:
            if order is not None:
                FolderWatch(order)  # one that is not there is refused before anything is added
            return add(store, candidates, output, _COMMAND, versions(), watched=None if order is None else order.folder)

        def done(added: Added) -> None:
            self._on_queued(added)
            if order is not None:
                self.watchAsked.emit(replace(order, batch=added.batch))

        self._queue.hold_left()
        self._queue.do(queue_all, done, lambda error: self.refused.emit(str(error)))

    def _look(  # noqa: PLR0913 - what a list of scans is
        self, looking: _Looking, items: Sequence[str], numbered: str, sweep: Sequence[_Values], own: _Values,
        last: _Values,
    ) -> None:  # fmt: skip
        """Look at all scans of a list; on a thread of its own."""
        found = scan_list(items, numbered)
        absent = [Candidate(path, problem="there is no such file") for path in found.absent]
        looking.candidates.extend(absent)
        rows = [*map(row_of, absent), *(BatchRow(str(path)) for path in found.scans for _ in sweep)]
        self._found.emit(looking, rows)
        for candidate in look(found.scans, own, sweep, last):
            seen = checked(candidate)
            if looking.is_dropped:
                return
            looking.candidates.append(seen)
            self._found.emit(looking, (len(looking.candidates) - 1, row_of(seen)))

    def _tell(self, looking: _Looking, told: Any) -> None:
        if looking.is_dropped:
            return
        if isinstance(told, list):
            self.listed.emit(told)
        else:
            self.looked.emit(*told)

    def _refuse(self, looking: _Looking, error: Exception) -> None:
        if not looking.is_dropped:
            self.refused.emit(explain("", error).text)

    def _on_queued(self, added: Added) -> None:
        self.drop()
        if added.jobs:
            self._queue.added.emit([*added.jobs.values()])
        left = f"; {len(added.refused)} scans were left out" if added.refused else ""
        self.queued.emit(f"Batch {added.batch}: {len(added.jobs)} jobs are in the queue{left}")


def row_of(candidate: Candidate) -> BatchRow:
    """Return what is shown of a scan that was looked at."""
    found = sorted(candidate.findings, key=lambda finding: -finding.level.rank)
    tip = "\n".join(f"{finding.title}: {finding.reason}" for finding in found)
    if candidate.problem:
        return BatchRow(candidate.scan, Level.STOP, candidate.problem, tip or candidate.problem)
    swept = candidate.plan.sweep if candidate.plan is not None else None
    which = "" if swept is None else f"{_in_words({path: (value, '') for path, value in swept.values.items()})}: "
    if found:
        more = f", and {len(found) - 1} more" if len(found) > 1 else ""
        return BatchRow(candidate.scan, found[0].level, f"{which}{found[0].title}{more}", tip, True)
    return BatchRow(candidate.scan, Level.GOOD, f"{which}ready", "", True)


def _in_words(values: _Values) -> str:
    """Say which values of the form hold for all scans."""
    said = [f"{by_path()[path].title}: {format_text(by_path()[path], value)}" for path, (value, _) in values.items()]
    return "  ·  ".join(said)
