"""Kill what runs the queue, again and again, and see that every job still ends once.

Usage: python -m scripts.soak [--jobs N] [--devices LIST] [--pause SECONDS] [--iterations N] [--engine E] [--seed N]
           [--checkpoint-every SECONDS] [--limit SECONDS]

A queue of its own gets N small jobs, and `ptychogui run` or the window, drawn by lot, does them. Every few seconds (a
random time around --pause) a child, or now and then the one that runs the queue, is ended with SIGKILL; the next is
started until nothing is left to do.
Then every job has to be done once, with its whole result, or failed with its cause; no process, reservation, part of a
file or shared memory may be left. What was found is printed as a table; exit status 1 where something is wrong.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from ptychogui.errors import DataError
from ptychogui.io.result_header import read_header
from ptychogui.io.simulated import write_scan
from ptychogui.jobs.provenance import versions
from ptychogui.jobs.results.owners import PROCESS, Owner, lives
from ptychogui.physics.simulation import Recipe, simulate
from ptychogui.queue.planning import look_at, reserved
from ptychogui.queue.store.entry import ENDED, Entry
from ptychogui.queue.store.journal import open_starts
from ptychogui.queue.store.store import Store
from ptychogui.states import State

RECIPE = Recipe(n=32, scan_dims=(6, 6), probe="gaussian", photons=1e5)
"""A scan that is reconstructed in a moment."""

_OWNER_SHARE = 0.25
"""Of the kills, those of the process that runs the queue."""
_WINDOW_SHARE = 0.4
"""Of these processes, those that are the window."""
_RUN, _WINDOW = "`ptychogui run`", "the window"
_LOOK_S = 0.05
_LEFT_S = 30.0
"""For the last children to be gone."""


@dataclass
class Counts:
    """What happened on the way.

    Attributes:
        children: how many were killed.
        owners: how many processes that ran the queue were killed, by kind.
        begun: how many of these were started, by kind.
        memory: resident bytes of the one that lived longest, at each look.
        longest: of which kind that was.
        elapsed_s: from the first start to the last end.
    """

    children: int = 0
    owners: Counter[str] = field(default_factory=Counter)
    begun: Counter[str] = field(default_factory=Counter)
    memory: list[int] = field(default_factory=list)
    longest: str = ""
    elapsed_s: float = 0.0


@dataclass
class _Owner:
    """A process that runs the queue."""

    kind: str
    process: subprocess.Popen[bytes]
    memory: list[int] = field(default_factory=list)


def main() -> None:
    """Soak, print the table, and exit."""
    given = arguments(sys.argv[1:])
    with tempfile.TemporaryDirectory(prefix="ptychogui-soak-") as folder:
        problems, table = soak(Path(folder), given)
    print(table)
    for problem in problems:
        print(f"wrong: {problem}")
    sys.exit(bool(problems))


def arguments(words: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--devices", default="cpu:0,cpu:1")
    parser.add_argument("--pause", type=float, default=4.0)
    parser.add_argument("--iterations", type=int, default=200)
    parser.add_argument("--engine", default="epie")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--checkpoint-every", type=float, default=300.0)
    parser.add_argument("--limit", type=float, default=3600.0)
    return parser.parse_args(words)


def soak(folder: Path, given: argparse.Namespace) -> tuple[list[str], str]:
    """Do all in a folder; return what is wrong, and the table."""
    os.environ["PTYCHOGUI_HOME"] = str(folder / "home")
    before = _shared_memory()
    scan = write_scan(folder / "scan.cxi", simulate(RECIPE))[0]
    with Store(folder / "home" / "queue") as store:
        _fill(store, scan, folder / "results", given)
        counts = _run_and_kill(store, given, random.Random(given.seed))
        entries = store.entries()
        problems = [*_wrong(store, entries, given), *_left(folder, before)]
    return problems, _table(entries, counts, len(problems))


def _fill(store: Store, scan: Path, results: Path, given: argparse.Namespace) -> None:
    results.mkdir()
    values = {
        "reconstruction.iterations": (given.iterations, "soak"), "reconstruction.engine": (given.engine, "soak"),
        "output.checkpoint_every_s": (given.checkpoint_every, "soak"),
    }  # fmt: skip
    plan = look_at(scan, values)
    with contextlib.ExitStack() as paths:
        jobs = [paths.enter_context(reserved(store, plan, results, "soak", versions())) for _ in range(given.jobs)]
        store.add(jobs)


def _run_and_kill(store: Store, given: argparse.Namespace, chance: random.Random) -> Counts:
    """Keep the queue running and kill what runs it until all jobs have ended."""
    counts, begun_s = Counts(), time.monotonic()
    owner = _start(given, counts, chance)
    next_s = time.monotonic() + chance.uniform(0.5, 1.5) * given.pause
    while any(state not in ENDED for state, _ in store.counts()) and time.monotonic() - begun_s < given.limit:
        time.sleep(_LOOK_S)
        if owner.process.poll() is not None:
            owner = _start(given, counts, chance)
        owner.memory.append(_resident_bytes(owner.process.pid))
        if len(owner.memory) > len(counts.memory):
            counts.memory, counts.longest = owner.memory, owner.kind
        if time.monotonic() >= next_s:
            next_s = time.monotonic() + chance.uniform(0.5, 1.5) * given.pause
            _kill_one(store, owner, counts, chance)
    counts.elapsed_s = time.monotonic() - begun_s
    if any(state not in ENDED for state, _ in store.counts()):
        owner.process.terminate()
    owner.process.wait()
    return counts


def _start(given: argparse.Namespace, counts: Counts, chance: random.Random) -> _Owner:
    """Start one that runs the queue; the devices of the last `ptychogui run` are those of the window."""
    kind = _WINDOW if counts.begun and chance.random() < _WINDOW_SHARE else _RUN
    counts.begun[kind] += 1
    command = [sys.executable, "-m", "ptychogui", "run", "--until-empty", "--devices", given.devices]
    command = [sys.executable, "-m", "scripts.soak_window"] if kind == _WINDOW else command
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    nothing = subprocess.DEVNULL
    return _Owner(kind, subprocess.Popen(command, stdout=nothing, stderr=nothing, env=environment))


def _kill_one(store: Store, owner: _Owner, counts: Counts, chance: random.Random) -> None:
    """End a child that does a job, or its owner; nobody where no job is under way yet."""
    children = [start.process for start in open_starts(store, "") if lives(Owner(PROCESS, start.process))]
    if not children:
        return
    if chance.random() < _OWNER_SHARE:
        owner.process.kill()
        owner.process.wait()
        counts.owners[owner.kind] += 1
        return
    with contextlib.suppress(ProcessLookupError):
        os.kill(chance.choice(children)["pid"], signal.SIGKILL)
        counts.children += 1


def _wrong(store: Store, entries: Sequence[Entry], given: argparse.Namespace) -> Iterator[str]:
    """Say which jobs did not end as they should."""
    if len(entries) != given.jobs:
        yield f"{given.jobs} jobs were added, {len(entries)} are there"
    results = Counter(entry.result for entry in entries)
    for entry in entries:
        ends = [start.state for start in store.starts(entry.id) if start.state != State.INTERRUPTED.value]
        if len(ends) != 1 or ends[0] != entry.state.value:
            yield f"job {entry.id} is {entry.state} and ended as {ends}"
        if entry.state is State.DONE:
            yield from _wrong_result(entry, given.iterations)
        elif entry.state is not State.FAILED or not entry.cause:
            yield f"job {entry.id} is {entry.state}: {entry.cause}"
        if results[entry.result] > 1:
            yield f"job {entry.id} shares {entry.result} with another"


def _wrong_result(entry: Entry, iterations: int) -> Iterator[str]:
    try:
        header = read_header(entry.result)
    except DataError as error:
        yield f"job {entry.id}: {error}"
        return
    if header.state is not State.DONE or len(header.errors) != iterations:
        yield f"job {entry.id}: its result is {header.state} after {len(header.errors)} iterations"


def _left(folder: Path, memory_before: set[str]) -> Iterator[str]:
    """Say what is left that should not be."""
    end_s = time.monotonic() + _LEFT_S
    while (processes := _processes_of(folder)) and time.monotonic() < end_s:
        time.sleep(_LOOK_S)
    yield from (f"process {process} is left" for process in processes)
    parts = [*folder.rglob(".ptychogui-*.part"), *(folder / "results").glob(".ptychogui-reserved/*")]
    yield from (f"{part} is left" for part in parts)
    yield from (f"/dev/shm/{name} is left" for name in _shared_memory() - memory_before if "ptychogui" in name)


def _processes_of(folder: Path) -> list[str]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.pid != os.getpid() and process.environ().get("PTYCHOGUI_HOME", "").startswith(str(folder)):
                found.append(f"{process.pid} {' '.join(process.cmdline())[:80]}")
    return found


def _shared_memory() -> set[str]:
    with contextlib.suppress(OSError):
        return set(os.listdir("/dev/shm"))
    return set()


def _resident_bytes(pid: int) -> int:
    with contextlib.suppress(psutil.Error):
        return int(psutil.Process(pid).memory_info().rss)
    return 0


def _table(entries: Sequence[Entry], counts: Counts, problems: int) -> str:
    """Write what was found as a table in Markdown."""
    states = Counter(str(entry.state) for entry in entries)
    memory = [bytes_ for bytes_ in counts.memory if bytes_]
    middle, last = (memory[len(memory) // 2], memory[-1]) if memory else (0, 0)
    rows = {
        "jobs": len(entries),
        "done": states.pop("done", 0),
        "failed with a cause": states.pop("failed", 0),
        "in another state": json.dumps(states) if states else 0,
        "children killed": counts.children,
        **{f"{kind} killed, of those started": f"{counts.owners[kind]} of {counts.begun[kind]}"
           for kind in (_RUN, _WINDOW)},
        "starts of jobs": sum(entry.attempts for entry in entries),
        "seconds": f"{counts.elapsed_s:.0f}",
        "MB of the one that ran the queue longest, at half time and at its end":
            f"{middle / 1e6:.0f}, {last / 1e6:.0f} ({counts.longest})",
        "lost, doubled, or left": problems,
    }  # fmt: skip
    return "\n".join(["| | |", "| --- | ---: |", *(f"| {name} | {value} |" for name, value in rows.items())])


if __name__ == "__main__":
    main()
