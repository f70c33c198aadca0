"""Child processes: started afresh, joined by a pipe, deaf to a Ctrl-C that is the parent's to answer."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

_NICE = 10


def spawn(target: Callable[..., None], *args: Any, name: str) -> tuple[BaseProcess, Connection]:
    """Start a child that runs `target(pipe, *args)`.

    Returns:
        The child, which does not outlive this process, and our end of the pipe.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=True)
    process = context.Process(target=target, args=(theirs, *args), name=name, daemon=True)
    with theirs, _without_interrupts():
        process.start()
    return process, ours


def give_way() -> None:
    """Let the window and engines go before the calling process, and leave Ctrl-C to its parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(_NICE)


@contextlib.contextmanager
def _without_interrupts() -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
