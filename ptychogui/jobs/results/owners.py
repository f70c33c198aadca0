"""Who owns a reservation, and whether that owner still lives: a process, or what else registers itself as a kind."""

from __future__ import annotations

import contextlib
import functools
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import psutil

PROCESS = "process"
"""Kind of the owner that a process is."""


@dataclass(frozen=True)
class Owner:
    """Who owns a reservation.

    Attributes:
        kind: of owner.
        identity: what identifies it among its kind; values that JSON has.
        maker: identity of the process that has made the reservation for it, where it is none itself.
    """

    kind: str
    identity: Mapping[str, Any]
    maker: Mapping[str, Any] = field(default_factory=dict, compare=False)


Lives: TypeAlias = Callable[[Owner], bool | None]
"""Whether an owner still wants its path; None if that can't be told from here."""

_kinds: dict[str, Lives] = {}


def register_owners(kind: str, lives: Lives) -> None:
    """Add a kind of owner, such as a queue on disk whose jobs outlive the process."""
    _kinds[kind] = lives


def this_process() -> Owner:
    """Return this process as the owner of a reservation."""
    pid = os.getpid()
    return Owner(PROCESS, {**_machine(), "pid": pid, "start": _own_start(pid)})


def process(pid: int) -> Owner:
    """Return a process of this machine as an owner."""
    return Owner(PROCESS, {**_machine(), "pid": pid, "start": _start(pid)})


def lives(owner: Owner) -> bool | None:
    """Return whether an owner still wants its path; None if that can't be told from here, or by this version."""
    ask = _kinds.get(owner.kind)
    return None if ask is None else ask(owner)


@functools.cache
def _machine() -> dict[str, str]:
    """Identify this machine, its start, and the space in which its process ids are counted."""
    return {
        "host": socket.gethostname(),
        "machine": _line(Path("/etc/machine-id")),
        "boot": _line(Path("/proc/sys/kernel/random/boot_id")) or f"{psutil.boot_time():.0f}",
        "space": _link(Path("/proc/self/ns/pid")),
    }


def _line(path: Path) -> str:
    with contextlib.suppress(OSError):
        return path.read_text(encoding="utf-8", errors="replace").strip()
    return ""


def _link(path: Path) -> str:
    with contextlib.suppress(OSError):
        return os.readlink(path)
    return ""


def _start(pid: int) -> str:
    """Return when a process began, in whatever unit the system has; "ended" if it has, "" if that is not shown.

    Linux counts it from the start of the machine, so that setting the clock does not change it.
    """
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError, TypeError):
        return "ended"
    except PermissionError:
        pass  # another user's
    if not os.path.isdir("/proc/self"):
        return _start_by_clock(pid)
    words = _line(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    return "" if not words else "ended" if words[0] in "ZX" else words[19]


_own_start = functools.lru_cache(maxsize=1)(_start)
"""The same of this process, which does not change."""


def _start_by_clock(pid: int) -> str:
    with contextlib.suppress(psutil.Error):
        return f"{psutil.Process(pid).create_time():.0f}"
    return ""


def _process_lives(owner: Owner) -> bool | None:
    here, identity = _machine(), owner.identity
    if all(identity.get(name) == here[name] for name in ("boot", "machine", "space")):
        start = _start(identity.get("pid", -1))
        return None if not start else start != "ended" and start == identity.get("start")
    is_here = here["machine"] != "" and all(identity.get(name) == here[name] for name in ("host", "machine"))
    return False if is_here and identity.get("boot") != here["boot"] else None  # the machine was started anew


register_owners(PROCESS, _process_lives)
