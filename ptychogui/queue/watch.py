"""Watching a folder: scans become jobs as they are finished, each once, also over restarts.

The folder is looked at every few seconds, and sooner where the file system says that something has changed; that of a
network often says nothing. A scan is finished when all that was planned is there, or nothing of it grows any more.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from ptychogui.errors import ParameterError, PtychoError
from ptychogui.jobs.results.complete import complete_result
from ptychogui.jobs.results.result_paths import make_results_folder
from ptychogui.jobs.scan_list import scans_in
from ptychogui.params.origins import Layers, Source
from ptychogui.queue.batches import Candidate, checked, look
from ptychogui.queue.planning import Plan, Values, reserved
from ptychogui.queue.store.result_file import file_state
from ptychogui.queue.store.store import Store
from ptychogui.queue.store.watched import add_found, is_settled, note_unreadable

_LOOK_S, _LEAST_S = 5.0, 1.0
"""Between looks at a folder where nothing is heard of it, and where much is."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FoundScan:
    """What has become of a file in a watched folder.

    Attributes:
        path: of the file.
        jobs: numbers of its jobs.
        problem: why none could be made; "" if some were.
    """

    path: Path
    jobs: tuple[int, ...] = ()
    problem: str = ""


@dataclass(frozen=True)
class WatchOrder:
    """What to do with the scans of a folder.

    Attributes:
        folder: which is watched.
        values: the user's, for all.
        output: folder of the results.
        command: what the user asked for, in words.
        versions: of the programs that make the jobs.
        sweep: values in which the jobs of one scan differ.
        batch: into which jobs come, and what can't be read is said.
        last: values of another scan, which hold where a scan does not know better.
        skip_done: whether scans are left out of which there is a complete result.
    """

    folder: Path
    values: Values
    output: Path
    command: str
    versions: Mapping[str, str]
    sweep: Sequence[Values] = ({},)
    batch: int | None = None
    skip_done: bool = False
    last: Values = field(default_factory=dict)


@dataclass(frozen=True)
class _Look:
    """How a file was found, and since when it is so."""

    state: Any
    since_s: float


class FolderWatch:
    """Looks at a folder, again and again.

    Args:
        order: what to do.
        clock_s: the time; for tests.

    Raises:
        ParameterError: there is no such folder.
        OutputError: that for the results can't be made.
    """

    def __init__(self, order: WatchOrder, clock_s: Callable[[], float] = time.monotonic) -> None:
        if not order.folder.is_dir():
            raise ParameterError(f"--watch {order.folder}: there is no such folder")
        make_results_folder(order.output)
        self._order, self._clock_s = order, clock_s
        self._folder = Path(os.path.abspath(order.folder))
        self._still_s = Layers().with_layer(Source.USER, order.values).resolve()[0].preprocessing.wait_limit_s
        self._pending: dict[Path, _Look] = {}
        self._done: set[Path] = set()

    @property
    def is_waiting(self) -> bool:
        """Whether there are files that may be finished at the next look."""
        return bool(self._pending)

    def look(self, store: Store) -> Iterator[FoundScan]:
        """Look once, and say what was added or can't be read.

        Raises:
            DataError: the folder can't be read.
            OutputError: the store can't be written.
        """
        for path in scans_in(self._folder, self._done):
            if is_settled(store, path):
                self._pending.pop(path, None)
                self._remember(store, path)
                continue
            candidates = [*look([path], self._order.values, self._order.sweep, self._order.last)]
            if self._is_finished(path, candidates):
                yield from self._take(store, path, candidates)

    def _remember(self, store: Store, path: Path) -> None:
        """Look at a file no more, unless it can't be read: it may change."""
        if not store.read("SELECT 1 FROM watched WHERE path = ? AND problem <> ''", (os.fsencode(path),)):
            self._done.add(path)

    def _is_finished(self, path: Path, candidates: Sequence[Candidate]) -> bool:
        """Whether a file has come to rest: at once where all is there, else after a while."""
        now_s, state = self._clock_s(), _state(path, candidates)
        before = self._pending.get(path)
        if before is None or before.state != state:
            self._pending[path] = _Look(state, now_s)
            return False
        plan = candidates[0].plan
        is_whole = plan is not None and all(found.is_ready for found in candidates) and _is_whole(plan)
        return is_whole or now_s - before.since_s >= self._still_s

    def _take(self, store: Store, path: Path, candidates: Sequence[Candidate]) -> Iterator[FoundScan]:
        """Add the jobs of a scan, or say what is wrong with it."""
        self._pending.pop(path, None)
        found = [checked(candidate) for candidate in candidates if not self._is_done(path, candidate)]
        if not found:
            self._done.add(path)
            return
        problem = next((one.problem for one in found if one.problem), "")
        if not problem:
            ids = self._add(store, path, [one.plan for one in found if one.plan is not None])
            yield from [FoundScan(path, tuple(ids))] if ids else []
        elif note_unreadable(store, path, problem, self._order.batch):
            yield FoundScan(path, problem=problem)

    def _is_done(self, path: Path, candidate: Candidate) -> bool:
        """Whether there is a complete result of a job, and it is to be left out then."""
        plan = candidate.plan
        if plan is None or not self._order.skip_done:
            return False
        swept = None if plan.sweep is None else plan.sweep.values
        return complete_result(self._order.output, path, plan.name, swept) is not None

    def _add(self, store: Store, path: Path, plans: Sequence[Plan]) -> list[int]:
        """Add the jobs of a scan; none where another process was faster, and then nothing stays reserved."""
        order = self._order
        try:
            with contextlib.ExitStack() as paths:
                new = [reserved(store, plan, order.output, order.command, order.versions) for plan in plans]
                ids = add_found(store, path, [paths.enter_context(one) for one in new], order.batch)
                if not ids:
                    raise _FasterError
                return ids
        except _FasterError:
            return []


class _FasterError(Exception):
    """Another process has added the scan."""


def _state(path: Path, candidates: Sequence[Candidate]) -> Any:
    """Return what is different as long as a scan grows."""
    scan = None if candidates[0].plan is None else candidates[0].plan.scan
    seen = None if scan is None else (scan.seen.files, scan.seen.listings)
    return file_state(path), seen, candidates[0].problem


def _is_whole(plan: Plan) -> bool:
    """Whether all that was planned is there, and has been for long enough that a change would show."""
    scan = plan.scan
    if scan is None or scan.positions_m is None or not scan.is_whole or scan.seen.is_unsure:
        return False
    dims = plan.parameters.experiment.scan_dims
    return dims is None or len(scan.positions_m) >= math.prod(dims)


class Watcher:
    """Watches a folder on a thread of its own; a context manager, which ends it.

    Args:
        queue: folder of the queue.
        order: what to do.
        tell: hears what was found, on that thread.

    Raises:
        ParameterError: there is no such folder.
        OutputError: that for the results can't be made.
    """

    def __init__(self, queue: Path, order: WatchOrder, tell: Callable[[FoundScan], None]) -> None:
        self._queue, self._watch, self._tell = queue, FolderWatch(order), tell
        self._folder = order.folder
        self._ending, self._woken = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"watch {order.folder}", daemon=True)
        self._said = ""

    def __enter__(self) -> Watcher:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ending.set()
        self._woken.set()
        self._thread.join()

    def _run(self) -> None:
        with _events(self._folder, self._woken):
            while not self._ending.is_set():
                self._woken.clear()
                self._look()
                self._ending.wait(_LEAST_S)
                self._woken.wait(_LEAST_S if self._watch.is_waiting else _LOOK_S)

    def _look(self) -> None:
        """Look once; what is wrong with folder or store is said once, and may be over the next time."""
        try:
            with Store(self._queue) as store:
                for found in self._watch.look(store):
                    self._tell(found)
            self._said = ""
        except PtychoError as error:
            if str(error) != self._said:
                _log.warning("watching %s: %s", self._folder, error)
            self._said = str(error)
        except Exception:
            _log.exception("watching %s", self._folder)


class _Waker(FileSystemEventHandler):
    def __init__(self, woken: threading.Event) -> None:
        self._woken = woken

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Wake whoever waits for a change; opening and reading are none."""
        if event.event_type not in ("opened", "closed_no_write"):
            self._woken.set()


@contextlib.contextmanager
def _events(folder: Path, woken: threading.Event) -> Iterator[None]:
    """Hear of changes in a folder, as far as the system tells of them."""
    observer = Observer()
    try:
        observer.schedule(_Waker(woken), os.fspath(folder))
        observer.start()
    except OSError as error:
        _log.info("%s is looked at every %.0f s: %s", folder, _LOOK_S, error)
        yield
        return
    try:
        yield
    finally:
        observer.stop()
        observer.join()
