"""Files written whole or not at all: a temporary name in the same folder, flushed, then renamed."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import logging
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ptychogui.errors import OutputError

_log = logging.getLogger(__name__)

SPARE_BYTES = 1 << 20
"""Free space to leave on the disk beyond what a file needs."""

ANY_WRITE = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH
"""Mode bits of a file or folder that somebody is meant to change."""

_CAUSES = {
    errno.EACCES: "no permission to write there; choose another place",
    errno.EPERM: "no permission to write there; choose another place",
    errno.EROFS: "the file system is read-only; choose another place",
    errno.ENOSPC: "no space left on the disk; free some or choose another place",
    errno.EDQUOT: "the disk quota is used up; free some space or choose another place",
    errno.ENOENT: "its folder can't be written to; choose another place",
    errno.ENOTDIR: "a part of this path is a file, not a folder; choose another place",
    errno.EISDIR: "this is a folder; give the name of a file",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
}


def check_writable(path: Path, size_bytes: int = 0) -> None:
    """Make sure, before the work starts, that a file of this size can be written; leaves no trace.

    Args:
        path: the file; its folder may not exist yet, if it can be made.
        size_bytes: expected size of the file.

    Raises:
        OutputError: it can't be written; the message says which path and why.
    """
    path = _target(path)
    try:
        _check_free_name(path)
        with _made_folder(path.parent):
            temporary = _temporary(path)
            temporary.open("xb").close()
            temporary.unlink()
            free_bytes = shutil.disk_usage(path.parent).free
    except OSError as error:
        raise output_error(path, error) from error
    needed_bytes = size_bytes + SPARE_BYTES
    if free_bytes < needed_bytes:
        raise OutputError(
            f"can't write {path}: it needs {_size(needed_bytes)}, {_size(needed_bytes - free_bytes)} more "
            "than are free; free some space or choose another place"
        )


@contextlib.contextmanager
def replacing(path: Path, part: Path | None = None) -> Iterator[BinaryIO]:
    """Open a temporary file that takes the place of `path` when the block ends well, and vanishes when it does not.

    The folder is made if absent. After a crash `path` is the old file or the new one, never a part.

    Args:
        path: the file.
        part: the temporary one, in the same folder, where a file is so large that what a killed process leaves of it
            should not stay: the next one has its place. One that no other process has, if None.

    Raises:
        OutputError: the file can't be written; the message says which path and why.
    """
    path = _target(path)
    temporary = part or _temporary(path)
    try:
        _check_free_name(path)
        make_folders(path.parent)
        if part is not None:
            part.unlink(missing_ok=True)
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _log.info("wrote %s", path)
        sync_folder(path.parent)
    except BaseException as error:
        _log.info("%s is not written: %s: %s", path, type(error).__name__, error)
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise output_error(path, error) from error
        raise


def make_folders(folder: Path) -> tuple[Path, ...]:
    """Make a folder and those above it, so that a power cut leaves them there; return the ones that were missing.

    Raises:
        OSError: that can't be done.
    """
    missing = tuple(above for above in (*reversed(folder.parents), folder) if not above.exists())
    folder.mkdir(parents=True, exist_ok=True)
    for one in missing:
        sync_folder(one.parent)
    return missing


def mark_parts(owner: str) -> None:
    """Name this process's temporary files after an owner from now on, so that they can be found when it was killed."""
    _marks[:] = [_mark(owner)]


def remove_parts(folder: Path, owner: str) -> None:
    """Remove the temporary files in a folder that an owner has left, all of whose processes are gone."""
    with contextlib.suppress(OSError):
        for part in folder.glob(f".ptychogui-{_mark(owner)}-*.part"):
            part.unlink()
            _log.info("%s was left of a process that was killed, and is removed", part)


def output_error(path: Path, error: OSError) -> OutputError:
    """Say which path can't be written, why, and what to do."""
    cause = _CAUSES.get(error.errno or 0, error.strerror or str(error))
    return OutputError(f"can't write {path}: {cause}")


def _check_free_name(path: Path) -> None:
    """Make sure that a file of this name can be there, and that one that is there may be replaced.

    Raises:
        OSError: the name is too long, or that of a folder.
        OutputError: the file is read-only.
    """
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not mode & ANY_WRITE:
        raise OutputError(f"can't write {path}: the file there is read-only; choose another name or delete it")


_marks: list[str] = []
"""What this process's temporary files are marked with: nothing, or one word."""


def _mark(owner: str) -> str:
    return hashlib.sha256(owner.encode(errors="surrogateescape")).hexdigest()[:16]


def _temporary(path: Path) -> Path:
    """Return a name beside a file that no other file has, and that is no longer than its own may be."""
    return path.with_name(".ptychogui-" + "-".join([*_marks, secrets.token_hex(8)]) + ".part")


@contextlib.contextmanager
def _made_folder(folder: Path) -> Iterator[None]:
    """Make a folder and those above it for the time of the block."""
    made: list[Path] = []
    try:
        missing = [above for above in (folder, *folder.parents) if not above.exists()]
        for one in reversed(missing):
            one.mkdir()
            made.append(one)
        yield
    finally:
        for one in reversed(made):
            with contextlib.suppress(OSError):
                one.rmdir()


def _target(path: Path) -> Path:
    """Follow links, so that a link stays one and the file it names is replaced."""
    return Path(os.path.realpath(path))


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut, where folders can be synced."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        _log.debug("%s can't be synced: %s", folder, error)


def _size(size_bytes: int) -> str:
    units = {"GB": 1e9, "MB": 1e6, "kB": 1e3}
    unit = next((unit for unit, factor in units.items() if size_bytes >= factor), "")
    return f"{size_bytes / units[unit]:.1f} {unit}" if unit else f"{size_bytes} bytes"
