"""The owner of the queue: the one process that runs its jobs. It holds a lock that the system takes back at its end."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import secrets
from datetime import datetime
from pathlib import Path
from types import TracebackType

from ptychogui.errors import OutputError
from ptychogui.io.atomic import output_error
from ptychogui.jobs.results.owners import Owner, lives, this_process
from ptychogui.queue.store.folders import close_to_others, make_folder

_LOCK = "owner.lock"


class OwnedError(OutputError):
    """Another process runs the queue; the message says which."""


class Ownership:
    """The right to run the jobs of a queue; a context manager that gives it back.

    Args:
        folder: of the queue, made if absent.
        kind: what this process is to the user: "ptychogui run".

    Raises:
        OwnedError: another process has it.
        OutputError: the folder can't be locked.

    Attributes:
        name: this ownership's own, which no other has.
    """

    def __init__(self, folder: Path, kind: str) -> None:
        self.name = secrets.token_hex(8)
        path = make_folder(folder) / _LOCK
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise output_error(path, error) from error
        close_to_others(path)
        try:
            _lock(self._descriptor, folder)
            since = datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
            self._say({"kind": kind, "since": since, "identity": dict(this_process().identity)})
        except BaseException:
            os.close(self._descriptor)
            raise

    def __enter__(self) -> Ownership:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)

    def _say(self, told: dict[str, object]) -> None:
        """Write who has the queue; on a full disk it stays untold."""
        with contextlib.suppress(OSError):
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, json.dumps(told).encode(), 0)


def owner_text(folder: Path) -> str:
    """Say who runs a queue: "ptychogui run, process 17 of host beamline4, since ..."; "" if nobody does."""
    try:
        told = json.loads((folder / _LOCK).read_text(encoding="utf-8"))
        owner = Owner("process", told["identity"])
        text = f"{told['kind']}, process {owner.identity['pid']} of {owner.identity['host']}, since {told['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return "" if lives(owner) is False else text


def _lock(descriptor: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            who = owner_text(folder) or "another process"
            raise OwnedError(f"the queue in {folder} is run by {who}; ptychogui queue shows and changes it") from None
        raise OutputError(
            f"the queue in {folder} can't be locked ({error.strerror}): set PTYCHOGUI_HOME to a folder on a local disk"
        ) from error
