"""Lock files: what several processes would make at the same time is made by one, and the others wait for it."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PATIENCE_S = 120.0
"""Several times what the work takes; a holder that was suspended may never end it."""

_POLL_S = 0.1


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file, which the system frees when its holder dies.

    What can't be locked in time, or at all, as on some file systems and full disks, is done without.
    """
    try:
        lock = path.open("wb")
    except OSError:
        yield
        return
    with lock:
        _wait_for(lock.fileno())
        yield


def _wait_for(descriptor: int) -> None:
    end = time.monotonic() + _PATIENCE_S
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= end:
                return None
            time.sleep(_POLL_S)
        except OSError:
            return None
