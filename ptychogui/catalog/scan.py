"""A scan of folders: what is new, changed, moved or gone comes into the index; only what changed is read."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ptychogui.catalog.entry import FileContent, content_of
from ptychogui.catalog.index import FileState, Index, Known
from ptychogui.catalog.marks import Marks, marks_file, read_marks
from ptychogui.errors import DataError
from ptychogui.io.foreign import MAY_BE_RESULTS, read_any_header, second_of_pair
from ptychogui.states import State

_MOST_TRIES = 3
"""A file that so many programs died of while they read it is left alone until it changes."""
_EXPORTS = (".csv", ".tif", ".tiff")

_log = logging.getLogger(__name__)


@dataclass
class ScanReport:
    """What a scan has found: paths, and how many results were there as they had been."""

    new: list[Path] = field(default_factory=list)
    changed: list[Path] = field(default_factory=list)
    moved: list[tuple[Path, Path]] = field(default_factory=list)
    gone: list[Path] = field(default_factory=list)
    same: int = 0
    notes: list[str] = field(default_factory=list)


def scan(index: Index, folders: Sequence[Path], tell: Callable[[int], None] = lambda _looked_at: None) -> ScanReport:
    """Bring the index up to the files in folders, and to the results elsewhere that it has.

    It can be broken off at any point: what was read is in the index, the rest comes with the next scan.

    Args:
        index: to be brought up.
        folders: all of the catalog; one that is not there now keeps its results.
        tell: hears how many files were looked at.

    Raises:
        OutputError: the index can't be written.
        IndexUnusableError: it is damaged.
    """
    return _Scan(index, tell).of(folders)


def file_state(path: Path) -> FileState:
    """Return the state of a result's file, of both where it is a pair.

    Raises:
        OSError: there is none.
    """
    first, second = os.stat(path), second_of_pair(path)
    found = _state(first)
    try:
        other = _state(os.stat(second)) if second is not None else FileState(0, 0, 0)
    except OSError:
        return found
    return FileState(found.inode, found.size_bytes + other.size_bytes, max(found.mtime_ns, other.mtime_ns))


def put_in(index: Index, path: Path, state: FileState) -> bool:
    """Read a file and put it into the index; return whether it is a result.

    The truth of a simulated scan is no result.
    """
    index.begin(path, state)
    content = _content(path, state)
    if content is None:
        index.put_other(path, state)
        return False
    marks, marks_state = _marks(path)
    index.put(path, state, content, marks, marks_state)
    return True


def _content(path: Path, state: FileState) -> FileContent | None:
    """Read what the index keeps of a result; None of what is none, or can't be read."""
    try:
        header = read_any_header(path)
        return None if header.state is State.TRUTH else content_of(path, header, state.mtime_ns)
    except DataError as error:
        _log.debug("%s", error)
    except Exception:  # noqa: BLE001 - one odd file among thousands must not end the scan
        _log.warning("%s can't be read", path, exc_info=True)
    return None


class _Scan:
    """One scan under way."""

    def __init__(self, index: Index, tell: Callable[[int], None]) -> None:
        self._index, self._tell = index, tell
        self._known: dict[bytes, Known] = index.known()
        self._seen: set[bytes] = set()
        self._lost: list[bytes] = []
        self._report = ScanReport()

    def of(self, folders: Sequence[Path]) -> ScanReport:
        found = dict(self._found(folders))
        unseen = {name: known for name, known in self._known.items() if name not in found and self._can_tell(name)}
        elsewhere = {name: state for name in unseen if (state := _state_or_none(name)) is not None}
        gone = {name: known for name, known in unseen.items() if name not in elsewhere}
        places = {known.state: name for name, known in gone.items() if known.is_result}
        for number, (name, state) in enumerate((found | elsewhere).items(), start=1):
            self._take(name, state, places)
            self._tell(number)
        left = [name for name in gone if name not in {os.fsencode(before) for before, _ in self._report.moved}]
        self._index.remove(left)
        self._report.gone = [Path(os.fsdecode(name)) for name in left if gone[name].is_result]
        self._index.set_complete()
        return self._report

    def _take(self, name: bytes, state: FileState, places: dict[FileState, bytes]) -> None:
        """Take over one file as it is now."""
        path, known = Path(os.fsdecode(name)), self._known.get(name)
        if known is not None and known.state == state and known.is_result:
            self._report.same += 1
            self._look_at_marks(path, known.marks)
        elif known is not None and known.state == state and not 0 < known.tries < _MOST_TRIES:
            if known.tries:
                self._report.notes.append(f"{path} is left out: a program that read it was ended, {known.tries} times")
        elif state in places:
            self._move(places.pop(state), path)
        elif put_in(self._index, path, state):
            was_result = known is not None and known.is_result
            (self._report.changed if was_result else self._report.new).append(path)

    def _move(self, before: bytes, path: Path) -> None:
        self._index.move(before, path)
        self._report.moved.append((Path(os.fsdecode(before)), path))
        self._look_at_marks(path, "?")

    def _look_at_marks(self, path: Path, known: str) -> None:
        if _marks_state(path) == known:
            return
        marks, state = _marks(path)
        self._index.mark(path, marks, state)

    def _found(self, folders: Sequence[Path]) -> Iterator[tuple[bytes, FileState]]:
        """Give the files in folders that may be results, with their states."""
        for folder in folders:
            for place, inner, names in os.walk(os.fsencode(folder), onerror=self._on_lost):
                inner[:] = sorted(name for name in inner if not name.startswith(b"."))
                there = set(names)
                for name in sorted(names):
                    state = _state_or_none(os.path.join(place, name)) if _may_be_result(name, there) else None
                    if state is not None:
                        yield os.path.join(place, name), state

    def _on_lost(self, error: OSError) -> None:
        """Keep what is known of a folder that can't be listed now."""
        name = os.fsencode(error.filename)
        self._lost.append(os.path.join(name, b""))
        self._report.notes.append(f"{os.fsdecode(name)} can't be listed now: what is known of it is kept")

    def _can_tell(self, name: bytes) -> bool:
        return not any(name.startswith(folder) for folder in self._lost)


def _may_be_result(name: bytes, there: set[bytes]) -> bool:
    """Whether a file among those of its folder may be a result by its name; an export of one beside it is none."""
    path = Path(os.fsdecode(name))
    end = path.suffix.casefold()
    if name.startswith(b".") or end not in MAY_BE_RESULTS:
        return False
    if end in (".cxi", ".h5", ".hdf5", ".hdf", ".ptyr", ".npz"):
        return True
    second = second_of_pair(path)
    is_export = end in _EXPORTS and any(
        os.fsencode(f"{path.name[:cut]}.cxi") in there for cut in range(1, len(path.stem)) if path.name[cut] == "_"
    )
    return second is not None and os.fsencode(second) in there and not is_export


def _state(found: os.stat_result) -> FileState:
    return FileState(found.st_ino, found.st_size, found.st_mtime_ns)


def _state_or_none(name: bytes) -> FileState | None:
    try:
        path = Path(os.fsdecode(name))
        return file_state(path) if stat.S_ISREG(os.stat(name).st_mode) else None
    except (OSError, ValueError):
        return None


def _marks_state(path: Path) -> str:
    try:
        return ",".join(map(str, _state(os.stat(marks_file(path)))))
    except (OSError, ValueError):
        return ""


def _marks(path: Path) -> tuple[Marks, str]:
    """Return what is said of a result, and the state of the file that says it; nothing where it can't be read."""
    state = _marks_state(path)
    try:
        return read_marks(path), state
    except DataError as error:
        _log.warning("%s", error)
        return Marks(), state
