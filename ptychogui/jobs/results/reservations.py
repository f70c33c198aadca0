"""Reservations: a path belongs to one job from before its result is written, across processes and machines.

A reservation is a small file in the hidden folder `.ptychogui-reserved` beside the result. It says who owns it, and is
made with O_EXCL, which holds on network file systems as well. It goes when it is released, when its Reservation is
forgotten, and when the process ends. One that is left of a process that was killed counts no more, and the next
process that reserves a path in the folder takes it away. Without reservations there is no such folder.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import json
import logging
import math
import os
import stat
import time
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from types import TracebackType

from ptychogui.errors import OutputError
from ptychogui.io.atomic import make_folders, output_error
from ptychogui.jobs.results.owners import PROCESS, Owner, lives, this_process

_log = logging.getLogger(__name__)

FOLDER = ".ptychogui-reserved"

FORGOTTEN_S = 7 * 86400.0
"""After so long a reservation counts no more whose owner can't be asked, such as a process of another machine."""

_UNWRITTEN_S = 3600.0
"""After so long one counts no more that does not say whose it is: its process was killed while it wrote that."""
_SWEEP_S = 600.0
"""No sweep takes so long; one that did, and can't be asked, was killed."""
_SWEPT_FOR_S = 60.0
"""For so long a folder is not swept again by the same process, unless a path is asked for that a dead one has."""
_TRIES, _PAUSE_S = 50, 0.01
"""Until another process is out of the way: one that sweeps, or that takes the empty folder away."""


_swept_s: dict[Path, float] = {}
"""Folder of reservations -> when this process has looked there for dead ones."""


class Reservation:
    """A path that belongs to one job; a context manager that gives it back. See `reserve`.

    One that this process owns is given back as well when nothing refers to it any more, and at the end of the process.

    Args:
        path: as it was asked for.
        owner: whose it is.
        made: folders that were made for it, the outermost first; those that are empty then go with it.
        marker: its file, where that is known.
    """

    def __init__(self, path: Path, owner: Owner, made: tuple[Path, ...] = (), marker: Path | None = None) -> None:
        self.path, self.owner = path, owner
        self._is_released = False
        give_back = functools.partial(_give_back, _marker(path) if marker is None else marker, owner, made)
        is_own = owner.kind == PROCESS and owner == this_process()
        self._give_back = weakref.finalize(self, give_back) if is_own else give_back

    def release(self) -> None:
        """Give the path back; again does nothing."""
        if not self._is_released:
            self._is_released = True
            self._give_back()

    def __enter__(self) -> Reservation:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    @contextlib.contextmanager
    def released_on_error(self) -> Iterator[Path]:
        """Give the path back if the block fails; it stays reserved otherwise."""
        try:
            yield self.path
        except BaseException:
            self.release()
            raise


def reserve(path: Path, owner: Owner | None = None) -> Reservation | None:
    """Reserve a path, whether there is a file or not; its folder is made if absent.

    Args:
        path: of a result; links are followed, so that two names of one file are one path.
        owner: whose it is to be; this process's if None.

    Returns:
        the reservation; None if another owner has the path that still lives, or can't be asked.

    Raises:
        OutputError: nothing can be written there.
    """
    owner = this_process() if owner is None else owner
    try:
        return _reserve(path, owner)
    except OSError as error:
        raise output_error(path, error) from error
    except ValueError as error:  # NUL in a name
        raise OutputError(f"can't write {str(path)!r}: {error}; choose another name") from error


def reserved_in(folder: Path) -> Callable[[str], bool]:
    """Return what tells whether a name in a folder is reserved, perhaps by somebody who lives no more."""
    markers = os.path.join(os.path.realpath(folder), FOLDER)
    _sweep_now_and_then(Path(markers))
    return lambda name: os.path.lexists(os.path.join(markers, _digest(name)))


def holder_text(path: Path) -> str:
    """Say who has a path, for an error: "process 17 of host beamline4 since 2026-01-02 10:00:00"; "" if nobody has."""
    marker = _marker(path)
    told = _read(marker)
    owner = told.owner
    if owner is None:
        return ""
    who = f"{owner.kind} {owner.identity.get('pid', '')}".strip()
    host = owner.identity.get("host", "")
    return f"{who} of {host} since {told.since}; {marker} says so" if host else f"{who} since {told.since}"


def _reserve(path: Path, owner: Owner) -> Reservation | None:
    marker = _marker(path)
    made = _make_folders(marker.parent.parent)
    try:
        _sweep_now_and_then(marker.parent)
        is_taken = _take(marker, path.name, owner)
    except BaseException:
        _remove_empty(made)
        raise
    return Reservation(path, owner, made, marker) if is_taken else None


def _take(marker: Path, name: str, owner: Owner) -> bool:
    """Make a reservation's file, in place of one that counts no more; return whether that could be done."""
    vanished: FileNotFoundError | None = None
    for attempt in range(_TRIES):
        pause_s = _PAUSE_S if attempt else 0.0
        try:
            _write(marker, owner, name)
        except FileNotFoundError as error:  # there is none yet, or another process has just taken the empty one away
            vanished = error
            time.sleep(pause_s)  # before it is made: in a pause after that the other would take it away again
            _make_marker_folder(marker.parent)
        except FileExistsError:
            vanished = None
            if _counts(marker):
                return False
            _sweep(marker.parent)
            time.sleep(pause_s)
        else:
            return True
    if vanished is not None:
        raise vanished
    return False


def _marker(path: Path) -> Path:
    """Return where the reservation of a path is: a name of its own length, whatever that of the result may be."""
    folder, name = os.path.split(os.path.realpath(path))
    return Path(os.path.join(folder, FOLDER, _digest(name)))


def _digest(name: str) -> str:
    return hashlib.sha256(os.fsencode(name)).hexdigest()[:32]


def _make_folders(folder: Path) -> tuple[Path, ...]:
    """Make a folder and those above it; return the ones that were missing."""
    if folder.is_dir():
        return ()
    try:
        return make_folders(folder)
    except FileExistsError as error:  # it is no folder
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder)) from error


def _make_marker_folder(folder: Path) -> None:
    """Make the hidden folder; whoever may write beside it may write in it."""
    with contextlib.suppress(FileExistsError):
        folder.mkdir()
        with contextlib.suppress(OSError):
            folder.chmod(stat.S_IMODE(folder.parent.stat().st_mode))


def _write(marker: Path, owner: Owner, name: str) -> None:
    """Make a reservation's file.

    Raises:
        FileExistsError: there is one.
    """
    since = datetime.now(timezone.utc).isoformat(timespec="seconds")
    told = {"result": name, "since": since, "kind": owner.kind, "identity": owner.identity, "maker": owner.maker}
    text = json.dumps(told, default=dict)
    descriptor = os.open(marker, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
    try:
        os.write(descriptor, text.encode())
    except OSError:
        os.unlink(marker)
        raise
    finally:
        os.close(descriptor)


@dataclass(frozen=True)
class _Told:
    """What a reservation's file says; its owner is None where it says nothing."""

    owner: Owner | None
    since: str = ""


def _read(marker: Path) -> _Told:
    try:
        told = json.loads(marker.read_text(encoding="utf-8"))
        return _Told(Owner(told["kind"], told["identity"], told.get("maker", {})), told["since"])
    except PermissionError:
        return _Told(Owner("another user", {}))
    except (OSError, ValueError, KeyError, TypeError):
        return _Told(None)


def _counts(marker: Path) -> bool:
    """Whether a reservation still counts: its owner lives, or can't be asked and made it not long ago."""
    owner = _read(marker).owner
    answer = None if owner is None else lives(owner)
    if answer is not None:
        return answer
    with contextlib.suppress(OSError):
        age_s = time.time() - marker.stat().st_mtime
        return age_s < (_UNWRITTEN_S if owner is None else FORGOTTEN_S)
    return False


def _sweep_now_and_then(folder: Path) -> None:
    now_s = time.monotonic()
    if now_s - _swept_s.get(folder, -math.inf) > _SWEPT_FOR_S:
        _swept_s[folder] = now_s
        if folder.is_dir():
            _sweep(folder)


def _sweep(folder: Path) -> None:
    """Take away the reservations in a folder that count no more, unless another process is at it.

    One at a time sweeps, so that none takes away what took the place of what it has found dead.
    """
    broom = folder / "sweep"
    try:
        _write(broom, this_process(), broom.name)
    except OSError:
        _break(broom)
        return
    try:
        for marker in [entry for entry in folder.iterdir() if entry != broom]:
            if not _counts(marker):
                with contextlib.suppress(OSError):
                    marker.unlink()
                    _log.info("a reservation that counts no more is taken away: %s", marker)
    finally:
        with contextlib.suppress(OSError):
            broom.unlink()
            folder.rmdir()


def _break(broom: Path) -> None:
    """Take away what a sweep has left that was killed."""
    owner = _read(broom).owner
    answer = None if owner is None else lives(owner)
    with contextlib.suppress(OSError):
        if answer is False or (answer is None and time.time() - broom.stat().st_mtime > _SWEEP_S):
            broom.unlink()


def _give_back(marker: Path, owner: Owner, made: tuple[Path, ...]) -> None:
    """Take a reservation away if it is still this owner's, and folders that are empty without it."""
    if owner.kind == PROCESS and owner != this_process():  # a fork of the process that made it
        return
    if _read(marker).owner == owner:
        with contextlib.suppress(OSError):
            marker.unlink()
        _remove_empty((*made, marker.parent))


def _remove_empty(folders: tuple[Path, ...]) -> None:
    """Remove folders, the last one first, up to one that is not empty."""
    with contextlib.suppress(OSError):
        for folder in reversed(folders):
            folder.rmdir()
