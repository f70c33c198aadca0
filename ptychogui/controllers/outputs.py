"""Where a result goes when the user has not said where."""

from __future__ import annotations

import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import platformdirs

from ptychogui.errors import OutputError
from ptychogui.io.atomic import check_writable

_ANY_WRITE = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH


def result_path(source: Path | None, name: str, folders: tuple[Path, ...] | None = None) -> Path:
    """Choose the path of a result: beside the scan, "NAME-001.cxi" and up, never one that exists.

    Args:
        source: the scan; None for one that is simulated while it runs.
        name: name of the job.
        folders: folders for results whose scan lies where nothing may be written; the user's documents, then the
            system's temporary folder when not given.

    Raises:
        OutputError: no folder can be written.
    """
    asked = [source.parent] if source is not None and not _closed(source.parent) else []
    spare = (Path(platformdirs.user_documents_dir()) / "ptychogui", Path(tempfile.gettempdir()) / "ptychogui")
    problems = []
    for folder in (*asked, *(spare if folders is None else folders)):
        path = next(candidate for candidate in _numbered(folder, name) if not candidate.exists())
        try:
            check_writable(path)
        except OutputError as error:
            problems.append(str(error))
        else:
            return path
    raise OutputError("no folder for the result: " + "; ".join(problems))


def _closed(folder: Path) -> bool:
    """Whether nobody is meant to write in a folder: data kept safe stays untouched, also where root asks."""
    return not folder.stat().st_mode & _ANY_WRITE


def _numbered(folder: Path, name: str) -> Iterator[Path]:
    number = 0
    while True:
        number += 1
        yield folder / f"{name}-{number:03d}.cxi"
