"""The owner of the queue: the one process that runs its jobs. It holds a lock that the system takes back at its end."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import secrets
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from ptychogui.errors import OutputError, ParameterError
from ptychogui.io.atomic import output_error
from ptychogui.jobs.results.owners import PROCESS, Owner, lives, this_process
from ptychogui.queue.store.folders import close_to_others, make_folder

RUN, WINDOW = "ptychogui run", "the window"
"""What owners call themselves."""

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


@dataclass(frozen=True)
class QueueOwner:
    """Who runs a queue.

    Attributes:
        kind: what the process is to the user: "ptychogui run".
        identity: of the process, as jobs.results.owners has it.
        since: when it began.
    """

    kind: str
    identity: Mapping[str, Any]
    since: str

    def __str__(self) -> str:
        return f"{self.kind}, process {self.identity['pid']} of {self.identity['host']}, since {self.since}"

    @property
    def leaves_when_asked(self) -> bool:
        """Whether it is a program of this machine that leaves the queue to others when `ask_to_leave` asks it to."""
        return self.kind == RUN and lives(Owner(PROCESS, self.identity)) is True


def owner(folder: Path) -> QueueOwner | None:
    """Return who runs a queue; None if nobody does."""
    try:
        told = json.loads((folder / _LOCK).read_text(encoding="utf-8"))
        found = QueueOwner(told["kind"], told["identity"], told["since"])
        str(found)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return None if lives(Owner(PROCESS, found.identity)) is False else found


def owner_text(folder: Path) -> str:
    """Say who runs a queue: "ptychogui run, process 17 of beamline4, since ..."; "" if nobody does."""
    return str(owner(folder) or "")


def ask_to_leave(found: QueueOwner) -> None:
    """Have an owner keep the state of its jobs and leave the queue to whoever takes it next.

    Raises:
        ParameterError: it is none that leaves when it is asked to.
    """
    if not found.leaves_when_asked:
        raise ParameterError(f"{found} does not leave the queue to others: end it first")
    with contextlib.suppress(ProcessLookupError):
        os.kill(int(found.identity["pid"]), signal.SIGTERM)


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
