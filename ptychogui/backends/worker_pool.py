"""The CPU's worker threads, and how launches reach them: gathered as words in C's memory, and done without Python.

A call into C for every launch would hand the interpreter's lock over each time, which takes longer than a small kernel
where several threads want it. What is done often is recorded, and is then a single call. See kernels/commands.hpp.
"""

from __future__ import annotations

import ctypes
import functools
import itertools
import os
import struct
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ptychogui.errors import DeviceError

_WORD = 8
_FORMATS = {"int32": "q", "float32": "d"}

_LEAD = 2
"""Pieces of work that each worker is given before the thread that gathers them does one of its own."""

Piece = Callable[[], None]
"""Work of which all but the launches is done when it is called."""


class WorkerPool:
    """Worker threads, and where launches go: done at once, or gathered and done by the workers."""

    def __init__(self, library: ctypes.CDLL, workers: int) -> None:
        """Start the threads; worker 0 is the one that calls.

        Args:
            library: the compiled kernels.
            workers: threads in all.

        Raises:
            DeviceError: the system has no more threads.
        """
        pointer, whole = ctypes.c_void_p, ctypes.c_longlong
        library.do_commands.argtypes = (ctypes.c_char_p, whole)
        library.give_commands.argtypes = (pointer, ctypes.c_char_p, whole)
        library.finish_commands.argtypes = library.dismiss_worker.argtypes = (pointer,)
        library.hire_worker.restype = library.open_meeting.restype = pointer
        library.close_meeting.argtypes = (pointer,)
        self._library = library
        self._gathered: list[bytes] | None = None
        self._recorded: list[_Phase] | None = None
        self._may_break = False
        self._threads: list[int] = []
        self._meetings: dict[int, int] = {}
        self.dismiss = weakref.finalize(self, _dismiss, library, self._threads, self._meetings, os.getpid())
        for _ in range(workers - 1):
            thread = library.hire_worker()
            if thread is None:
                self.dismiss()
                raise DeviceError(f"can't start {workers} worker threads on the CPU; give fewer with --threads")
            self._threads.append(thread)

    def kernel(
        self, name: str, pointers: Sequence[int], scalars: Sequence[str], dims: Sequence[int]
    ) -> Callable[..., bytes]:
        """Return a function that makes the words of a launch from the kernel's scalars, whose types are given here."""
        count = 2 + len(pointers) + len(scalars) + len(dims)
        front = struct.pack(f"={2 + len(pointers)}Q", self._handler(name), count, *pointers)
        back = struct.pack(f"={len(dims)}q", *dims)
        pack = struct.Struct("=" + "".join(_FORMATS[kind] for kind in scalars)).pack
        return lambda *values: front + pack(*values) + back

    def foreign(self, function: int, pointer: int) -> bytes:
        """Return the words of a call function(pointer) of another library, by their addresses."""
        return struct.pack("=4Q", self._handler("foreign"), 4, function, pointer)

    def add(self, words: bytes) -> None:
        """Do launches now, or in their turn while they are gathered."""
        if self._gathered is not None:
            self._gathered.append(words)
        elif self._recorded is not None:
            self._recorded.append(_Phase([[words]]))
        else:
            self._give(0, words)

    def record(self, work: Callable[[], None], parts: int = 1, between: Callable[[], None] = lambda: None) -> Recording:
        """Return what some work launches, without doing it.

        Args:
            work: launches and spreads.
            parts: into which all together it is cut where it may be broken off; see `note_break_point`.
            between: called between two parts; what it raises ends the recording's launch there.
        """
        self._recorded = []
        try:
            work()
            cut = _cut(self._recorded, parts)
        finally:
            self._recorded = None
        return Recording(self, self._threads, [self._shares(phases) for phases in cut], between)

    @property
    def is_recording(self) -> bool:
        """Whether launches are recorded and not done."""
        return self._recorded is not None

    def note_break_point(self) -> None:
        """Note, in a piece that is recorded, that the work may be broken off before it."""
        self._may_break = True

    def do(self, workers: Any, shares: Any, words: Any, count: int) -> None:
        """Have each worker do its share of words, and wait; arrays of C's, as kernels/commands.hpp takes them."""
        if not self.dismiss.alive:
            raise DeviceError("the CPU was closed while it was still to be used")
        self._library.do_shares(workers, shares, words, count)

    def _shares(self, phases: Sequence[Sequence[bytes]]) -> list[bytes]:
        """Return the words of each worker that has any in some phase.

        All workers meet between two phases, unless worker 0 alone has work in both.
        """
        most = max(map(len, phases), default=1)
        meeting = self._words_of_meeting(most)
        shares: list[list[bytes]] = [[] for _ in range(most)]
        before: Sequence[bytes] = ()
        for phase in filter(None, phases):
            if before and max(len(before), len(phase)) > 1:
                for share in shares:
                    share.append(meeting)
            for share, words in zip(shares, phase, strict=False):
                share.append(words)
            before = phase
        return [b"".join(share) for share in shares]

    def _words_of_meeting(self, workers: int) -> bytes:
        if workers not in self._meetings:
            self._meetings[workers] = self._library.open_meeting(workers)
        return self.foreign(_address(self._library.join_meeting), self._meetings[workers])

    def spread(self, shares: Sequence[Iterator[Piece]]) -> None:
        """Have each worker do its share of pieces, in order.

        The others are given a lead, and a piece more for each that worker 0 does, who gathers for all of them.
        """
        if self._recorded is not None:
            self._may_break = False
            pieces = [[self._words([piece]) for piece in share] for share in shares]
            self._recorded.append(_Phase(pieces, self._may_break))
            return
        try:
            for worker in range(1, len(shares)):
                self._hand_over(worker, shares[worker], _LEAD)
            while sum(self._hand_over(worker, shares[worker], 1) for worker in reversed(range(len(shares)))):
                pass
        finally:
            for thread in self._threads[: len(shares) - 1]:
                self._library.finish_commands(thread)

    def _hand_over(self, worker: int, share: Iterator[Piece], most: int) -> int:
        """Gather the next pieces of a share and give their launches to its worker; return how many there were."""
        pieces = list(itertools.islice(share, most))
        words = self._words(pieces)
        if words:
            self._give(worker, words)
        return len(pieces)

    def _words(self, pieces: Iterable[Piece]) -> bytes:
        """Gather the launches of pieces."""
        self._gathered = []
        try:
            for piece in pieces:
                piece()
            return b"".join(self._gathered)
        finally:
            self._gathered = None

    def _give(self, worker: int, words: bytes) -> None:
        if worker == 0:
            self._library.do_commands(words, len(words) // _WORD)
        else:
            self._library.give_commands(self._threads[worker - 1], words, len(words) // _WORD)

    def _handler(self, name: str) -> int:
        return _address(getattr(self._library, f"command_{name}"))


@dataclass(frozen=True)
class _Phase:
    """Launches between two meetings of the workers: the words of each one's pieces.

    `may_break` says that the work may be broken off between pieces.
    """

    pieces: Sequence[Sequence[bytes]]
    may_break: bool = False

    def part(self, number: int, parts: int) -> list[bytes]:
        """Return the words of each worker in one of some even parts."""
        return [b"".join(own[len(own) * number // parts : len(own) * (number + 1) // parts]) for own in self.pieces]


def _cut(phases: Sequence[_Phase], parts: int) -> list[list[list[bytes]]]:
    """Return runs of phases, in all of them the words of each worker, between which work may be broken off."""
    breakable = sum(phase.may_break for phase in phases)
    each = -(-parts // max(breakable, 1))
    runs: list[list[list[bytes]]] = [[]]
    for phase in phases:
        most = min(each, max(map(len, phase.pieces), default=1)) if phase.may_break else 1
        for number in range(most):
            if number:
                runs.append([])
            runs[-1].append(phase.part(number, most))
    return runs


class Recording:
    """Words that each worker does; see WorkerPool.record."""

    def __init__(
        self, pool: WorkerPool, workers: Sequence[int], runs: Sequence[Sequence[bytes]], between: Callable[[], None]
    ) -> None:
        """Take the addresses of the workers besides the calling thread, and for each run a share for each and that."""
        self._runs, self._between = [_run(pool, workers, shares) for shares in runs], between

    def launch(self) -> None:
        """Do it all, and wait for it.

        Raises:
            DeviceError: the backend is closed.
            Exception: what is called between two parts has raised it.
        """
        self._runs[0]()
        for run in self._runs[1:]:
            self._between()
            run()


def _run(pool: WorkerPool, workers: Sequence[int], shares: Sequence[bytes]) -> Callable[[], None]:
    count = len(shares)
    return functools.partial(
        pool.do,
        (ctypes.c_void_p * count)(*workers[: count - 1]),
        (ctypes.c_char_p * count)(*shares),
        (ctypes.c_longlong * count)(*(len(share) // _WORD for share in shares)),
        count,
    )


def _address(function: Any) -> int:
    address = ctypes.cast(function, ctypes.c_void_p).value
    assert address is not None
    return address


def _dismiss(library: ctypes.CDLL, threads: list[int], meetings: dict[int, int], process: int) -> None:
    """End the threads; a forked process has none of them."""
    if os.getpid() != process:
        return
    while threads:
        library.dismiss_worker(threads.pop())
    for meeting in meetings.values():
        library.close_meeting(meeting)
