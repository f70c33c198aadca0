"""Breaks a night of the queue off at every operation on the disk, in one of three ways; prints what was wrong then.

Run with the shim preloaded: python -m tests.disk.driver error|kill|power FOLDER [STEP]
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import random
import shutil
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from tests.disk.model import Disk, read_journal
from tests.disk.work import SHIM, Night, check, settle
from tests.queue.fakes import ended_pid

SHIM.disk_watch.argtypes = (ctypes.c_char_p, ctypes.c_long, ctypes.c_int, ctypes.c_int)
SHIM.disk_say.argtypes = (ctypes.c_char_p,)
SHIM.disk_count.restype = ctypes.c_long

Found = dict[str, list[str]]


class Place:
    """Where a night is, and what it sends."""

    def __init__(self, folder: Path) -> None:
        self.root, self.sent = folder / "root", folder / "sent"
        self.told = folder / "told"

    def clean(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)
        self.root.mkdir()
        for path in (self.sent, self.told):
            path.unlink(missing_ok=True)

    def night(self, say: Callable[[str], None] = lambda _text: None) -> Night:
        return Night(self.root, self.sent, say)

    def watch(self, at: int = -1, code: int = 0, journal: int = -1) -> None:
        SHIM.disk_watch(os.fsencode(self.root), at, code, journal)


def in_child(work: Callable[[], object]) -> tuple[int, list[str]]:
    """Do something in a child of its own; return its status and what it has found."""
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.write(theirs, json.dumps(work() or []).encode())
            status = 0
        except BaseException:
            os.write(theirs, json.dumps([traceback.format_exc()]).encode())
        os._exit(status)
    os.close(theirs)
    with os.fdopen(ours, "rb") as pipe:
        said = pipe.read()
    return os.waitpid(pid, 0)[1], json.loads(said or b"[]")


def settled(place: Place, most_sent: int) -> list[str]:
    """Do what is left, and say what is wrong afterwards."""
    night = place.night()
    settle(night)
    return check(night, place.sent, most_sent)


def each_fault(place: Place, code: int, most_sent: int, step: int) -> Found:
    """Break the night off at operation 0, 1, 2, ..."""
    found: Found = {}
    for at in range(0, 100_000, step):
        place.clean()

        def work(at: int = at) -> list[str]:
            place.watch(at, code)
            night = place.night()
            night.begin()
            night.run()
            return [] if SHIM.disk_count() > at else ["over"]

        status, said = in_child(work)
        if said == ["over"]:
            print(f"{at} operations", file=sys.stderr)
            return found
        wrong = said if status and os.WIFEXITED(status) else []
        wrong += in_child(lambda: settled(place, most_sent))[1]
        if wrong:
            found[str(at)] = wrong
    return found


def each_power_loss(place: Place, step: int) -> Found:
    """Take the power away after each operation of one night."""
    place.clean()
    path = place.root.parent / "journal"
    path.unlink(missing_ok=True)
    journal = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def work() -> None:
        place.watch(journal=journal)
        night = place.night(lambda text: SHIM.disk_say(text.encode()))
        night.begin()
        night.run()

    in_child(work)
    operations = list(read_journal(path))
    print(f"{len(operations)} operations", file=sys.stderr)
    found: Found = {}
    for name, share in (("nothing", 0.0), ("some", 0.5), ("all", 1.0)):
        disk, told = Disk(place.root), []
        chance = random.Random(name)
        for at, operation in enumerate(operations):
            disk.do(operation)
            if operation.kind == "m":
                told.append(operation.path)
            if at % step:
                continue
            place.clean()
            disk.lose_power(lambda: chance.random() < share)  # noqa: B023 - called here and now
            lines = [text.removeprefix("sent ") for text in told if text.startswith("sent ")]
            place.sent.write_text("".join(f"{line}\n" for line in lines))
            wrong = in_child(lambda: kept(place, told))[1] or in_child(lambda: settled(place, 2))[1]  # noqa: B023
            if wrong:
                found[f"{name} unsynced at {at}"] = wrong
    return found


def kept(place: Place, told: list[str]) -> list[str]:
    """Say what the user was told and is not so any more."""
    from ptychogui.queue.store.store import Store

    with Store(place.root / "queue") as store:
        states = {entry.title: entry.state.value for entry in store.entries()}
    wrong = [f"{text}, but there are {states}" for text in told if text == "added" and len(states) != 3]
    for text in told:
        if text.startswith("ended "):
            _, title, state = text.split()
            if states.get(title) != state:
                wrong.append(f"{text}, but it is {states.get(title)}")
    return wrong


def main() -> None:
    """Do as the words say."""
    kind, folder, step = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 1
    ended_pid()
    place = Place(folder)
    ways: dict[str, Callable[[], Found]] = {
        "error": lambda: each_fault(place, errno.ENOSPC, 1, step),
        "kill": lambda: each_fault(place, 0, 2, step),
        "power": lambda: each_power_loss(place, step),
    }
    json.dump(ways[kind](), sys.stdout, indent=1)


if __name__ == "__main__":
    main()
