"""A result that can't be written where it should be is kept elsewhere: hours of work are not lost to a full disk."""

from __future__ import annotations

import logging
import secrets
import tempfile
from pathlib import Path

import platformdirs

from ptychogui.errors import OutputError
from ptychogui.io.result import Result, write_result

_log = logging.getLogger(__name__)

_NAME_CHARACTERS = 40
"""Of a result's name that go into that of its stand-in, so that a name too long is none there."""


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
