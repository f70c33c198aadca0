"""Where results go: a path for every job that is no other job's, even before its result is written.

A user who names a result gets that path. Else it is beside the scan, NAME-001.cxi and up (window and scripts), or in a
folder, NAME-result.cxi, NAME-result-001.cxi and up (command line). NAME is that of the job or of the scan.
"""

from __future__ import annotations

import itertools
import logging
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import platformdirs

from ptychogui.errors import OutputError
from ptychogui.io.atomic import ANY_WRITE, check_writable
from ptychogui.io.raw.file_series import scan_name
from ptychogui.jobs.results.owners import Owner
from ptychogui.jobs.results.reservations import Reservation, holder_text, reserve, reserved_in

_log = logging.getLogger(__name__)

_Names: TypeAlias = Callable[[int], str]
"""The names that a result may have, by number from 0 on."""

_LONGEST_BYTES = 255
"""Of a name in nearly all file systems."""
_SPARE_BYTES = 32
"""For what is put behind a name: "-result-001_probe_magnitude.tif"."""


_given: dict[Path, int] = {}
"""First name of a row of numbered ones -> the number that this process has given last: there the next is looked for."""


def job_name(source: Path | None, job_id: str, unnamed: str = "simulated") -> str:
    """Return what a job and its result are called: by the user, or after the scan, or as those without either."""
    return job_id or (scan_name(source) if source else unnamed)


def beside_scan(
    source: Path | None, name: str, folders: tuple[Path, ...] | None = None, owner: Owner | None = None
) -> Reservation:
    """Reserve a path for a result beside its scan, "NAME-001.cxi" and up.

    Args:
        source: the scan; None for one that is simulated while it runs.
        name: of the job.
        folders: folders for results whose scan lies where nothing may be written; the user's documents, then the
            system's temporary folder when not given.
        owner: whose it is to be; this process's if None.

    Raises:
        OutputError: no folder can be written.
    """
    beside = None if source is None else next(folder for folder in source.absolute().parents if folder.is_dir())
    asked = [beside] if beside is not None and not _closed(beside) else []
    spare = (Path(platformdirs.user_documents_dir()) / "ptychogui", Path(tempfile.gettempdir()) / "ptychogui")
    problems = []
    for folder in (*asked, *(spare if folders is None else folders)):
        stem = file_stem(name)
        try:
            check_writable(folder / f"{stem}-001.cxi")
            return _first_free(folder, _numbered(stem), owner)
        except OutputError as error:
            _log.info("the result goes elsewhere: %s", error)
            problems.append(str(error))
    raise OutputError("no folder for the result: " + "; ".join(problems))


def in_folder(folder: Path, name: str, owner: Owner | None = None) -> Reservation:
    """Reserve a path for a result in a folder, "NAME-result.cxi", or "NAME-result-001.cxi" and up.

    Raises:
        OutputError: the folder can't be written.
    """
    return _first_free(folder, _result_names(name), owner)


def make_results_folder(folder: Path) -> None:
    """Make a folder for results, if it is not there.

    Raises:
        OutputError: it can't be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"can't make the folder {folder}: {(error.strerror or str(error)).lower()}") from error


def free_in_folder(folder: Path, name: str) -> Path:
    """Return the path that a result would have in a folder, for a job that is looked at and never run."""
    paths = map(folder.joinpath, map(_result_names(name), itertools.count()))
    return next(path for path in paths if not os.path.lexists(path))


def as_given(path: Path, owner: Owner | None = None) -> Reservation:
    """Reserve the path that the user gave, where an older result may be.

    Raises:
        OutputError: another job that has not ended has this path, or it can't be written.
    """
    reservation = reserve(path, owner)
    if reservation is None:
        raise OutputError(
            f"{path} is the result of another job that has not ended ({holder_text(path)}); let it end, or "
            "choose another name"
        )
    return reservation


def results_stem(name: str) -> str:
    """Return how the names of all results of a job begin that `in_folder` gives."""
    return f"{file_stem(name)}-result"


def file_stem(name: str) -> str:
    """Return a name as one that files can begin with, whatever is put behind it.

    It stays in the folder, is seen there, and is no option to any command: "/" and the like become "_", and so do
    dots and dashes that it begins with.
    """
    stem = name[:_LONGEST_BYTES]
    if not (stem.isascii() and stem.isprintable() and os.sep not in stem):
        stem = "".join(character if _is_nameable(character) else "_" for character in stem)
    stem = re.sub(r"^[.-]+", lambda found: "_" * len(found[0]), stem)
    while len(os.fsencode(stem)) > _LONGEST_BYTES - _SPARE_BYTES:
        stem = stem[:-1]
    return stem if stem.strip() else "unnamed"


def _first_free(folder: Path, names: _Names, owner: Owner | None) -> Reservation:
    """Reserve a name in a folder at which nothing lies and that is no other job's: the first, but for gaps."""
    for number in _likely_free(folder, names):
        path = folder / names(number)
        reservation = None if os.path.lexists(path) else reserve(path, owner)
        if reservation is not None:
            if not os.path.lexists(path):
                _given[folder / names(0)] = number
                return reservation
            reservation.release()  # its last owner wrote it in the meantime
    raise AssertionError("numbers do not end")


def _likely_free(folder: Path, names: _Names) -> Iterator[int]:
    """Give 0, and then numbers from about the first that is free: found by halving, since a night makes thousands."""
    last = _given.get(folder / names(0), 0)
    if not last:
        yield 0
    is_reserved = reserved_in(folder)

    def is_taken(number: int) -> bool:
        return os.path.lexists(folder / names(number)) or is_reserved(names(number))

    if last and not is_taken(0):
        yield 0
    taken = last if is_taken(last) else 0
    free = taken + 1
    while is_taken(free):
        taken, free = free, free + 2 * (free - taken)
    while free - taken > 1:
        middle = (taken + free) // 2
        taken, free = (middle, free) if is_taken(middle) else (taken, middle)
    yield from itertools.count(free)


def _numbered(stem: str) -> _Names:
    return lambda number: f"{stem}-{number + 1:03d}.cxi"


def _result_names(name: str) -> _Names:
    stem = results_stem(name)
    return lambda number: f"{stem}-{number:03d}.cxi" if number else f"{stem}.cxi"


def _is_nameable(character: str) -> bool:
    """Whether the name of a file can have a character."""
    try:
        os.fsencode(character)
    except UnicodeEncodeError:
        return False
    return character not in (os.sep, "\0")


def _closed(folder: Path) -> bool:
    """Whether nobody is meant to write in a folder: data kept safe stays untouched, also where root asks."""
    return not folder.stat().st_mode & ANY_WRITE
