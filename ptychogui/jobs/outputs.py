"""Where a result goes when the user has not said where, and when it can't go where the user said."""

from __future__ import annotations

import logging
import secrets
import tempfile
from pathlib import Path

import platformdirs

from ptychogui.errors import OutputError
from ptychogui.io.atomic import ANY_WRITE, check_writable
from ptychogui.io.naming import file_stem, unused_path
from ptychogui.io.result import Result, write_result

_log = logging.getLogger(__name__)

_NAME_CHARACTERS = 40
"""Of a result's name that go into that of its stand-in, so that a name too long is none there."""


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
    beside = None if source is None else next(folder for folder in source.absolute().parents if folder.is_dir())
    asked = [beside] if beside is not None and not _closed(beside) else []
    spare = (Path(platformdirs.user_documents_dir()) / "ptychogui", Path(tempfile.gettempdir()) / "ptychogui")
    problems = []
    for folder in (*asked, *(spare if folders is None else folders)):
        path = unused_path(folder / f"{file_stem(name)}.cxi", always_numbered=True)
        try:
            check_writable(path)
        except OutputError as error:
            _log.info("the result goes elsewhere: %s", error)
            problems.append(str(error))
        else:
            return path
    raise OutputError("no folder for the result: " + "; ".join(problems))


def keep_elsewhere(result: Result, name: str) -> str:
    """Write a result that can't be written where it should be to the temporary folder or the user's cache.

    Args:
        result: what must not be lost.
        name: of the file where it should be.

    Returns:
        what became of it, in words: "the result is kept in ...".
    """
    for folder in (Path(tempfile.gettempdir()), Path(platformdirs.user_cache_dir("ptychogui", appauthor=False))):
        path = folder / f"{name[:_NAME_CHARACTERS]}-{secrets.token_hex(4)}.cxi"
        try:
            write_result(path, result)
        except OutputError as error:
            _log.info("the result can't be kept there either: %s", error)
            continue
        _log.info("the result is kept in %s", path)
        return f"the result is kept in {path}"
    return "the result could not be kept anywhere else either"


def _closed(folder: Path) -> bool:
    """Whether nobody is meant to write in a folder: data kept safe stays untouched, also where root asks."""
    return not folder.stat().st_mode & ANY_WRITE
