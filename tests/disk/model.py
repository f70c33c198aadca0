"""A disk that loses power: from the operations on it, what is there afterwards.

The model is that of POSIX: the content of a file is there as it was when the file was synced, a name as it was when its
folder was. What was not synced may be there or not; `lucky` decides for each.
"""

from __future__ import annotations

import os
import shutil
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Operation:
    """One operation: kind is c(reate), d(irectory), w(rite), t(runcate), s(ync), r(ename), u(nlink), or m(essage)."""

    kind: str
    path: str
    offset: int
    data: bytes


def read_journal(path: Path) -> Iterator[Operation]:
    """Read what the shim has written."""
    content, at = path.read_bytes(), 0
    while at < len(content):
        kind, length = struct.unpack_from("=cQ", content, at)
        at += 9
        name = content[at : at + length].decode(errors="surrogateescape")
        at += length
        offset, size = struct.unpack_from("=qQ", content, at)
        at += 16
        has_data = kind in (b"w", b"r")
        yield Operation(kind.decode(), name, offset, content[at : at + size * has_data])
        at += size * has_data


@dataclass
class _File:
    """A file's content now, as it was synced, and what was written since."""

    now: bytearray = field(default_factory=bytearray)
    synced: bytes = b""
    since: list[tuple[int, bytes | None]] = field(default_factory=list)

    def change(self, offset: int, data: bytes | None) -> None:
        self.since.append((offset, data))
        _change(self.now, offset, data)

    def sync(self) -> None:
        self.synced, self.since = bytes(self.now), []

    def after(self, lucky: Callable[[], bool]) -> bytes:
        content = bytearray(self.synced)
        for offset, data in self.since:
            if lucky():
                _change(content, offset, data)
        return bytes(content)


def _change(content: bytearray, offset: int, data: bytes | None) -> None:
    """Write, or cut where there are no data."""
    if data is None:
        del content[offset:]
        content.extend(bytes(offset - len(content)))
        return
    content.extend(bytes(max(0, offset - len(content))))
    content[offset : offset + len(data)] = data


class Disk:
    """All below a folder, which itself is there."""

    def __init__(self, root: Path) -> None:
        self._root = os.fspath(root)
        self._now: dict[str, _File | None] = {}
        self._names: dict[str, _File | None] = {}
        """What is there for sure; None is a folder."""
        self._unsynced: list[tuple[str, list[tuple[str, _File | None, bool]]]] = []
        """Changes of names by folder: name, what has it, and whether it is there from now on."""

    def do(self, operation: Operation) -> None:
        """Follow an operation."""
        kind, path = operation.kind, operation.path
        if kind == "c":
            self._name(path, _File())
        elif kind == "d":
            self._name(path, None)
        elif kind in "wt":
            file = self._now.get(path)
            if file is not None:  # else it has no name any more
                file.change(operation.offset, operation.data if kind == "w" else None)
        elif kind == "r":
            self._rename(path, operation.data.decode(errors="surrogateescape"))
        elif kind == "u":
            self._unsynced.append((os.path.dirname(path), [(path, self._now.pop(path), False)]))
        elif kind == "s":
            self._sync(path)

    def _name(self, path: str, file: _File | None) -> None:
        self._now[path] = file
        self._unsynced.append((os.path.dirname(path), [(path, file, True)]))

    def _rename(self, before: str, after: str) -> None:
        file = self._now.pop(before)
        self._now[after] = file
        assert file is not None, "folders are not renamed"
        self._unsynced.append((os.path.dirname(after), [(before, file, False), (after, file, True)]))

    def _sync(self, path: str) -> None:
        file = self._now.get(path)
        if file is not None:
            file.sync()
            return
        for folder, change in self._unsynced:
            if folder == path:
                _apply(self._names, change)
        self._unsynced = [one for one in self._unsynced if one[0] != path]

    def lose_power(self, lucky: Callable[[], bool]) -> None:
        """Write below the root what is there when the power is back."""
        names = dict(self._names)
        for _, change in self._unsynced:
            if lucky():
                _apply(names, change)
        shutil.rmtree(self._root, ignore_errors=True)
        os.makedirs(self._root)
        for path in sorted(names):
            if not os.path.isdir(os.path.dirname(path)):
                continue
            file = names[path]
            if file is None:
                os.mkdir(path, 0o700)
            else:
                Path(path).write_bytes(file.after(lucky))


def _apply(names: dict[str, _File | None], change: list[tuple[str, _File | None, bool]]) -> None:
    for path, file, is_there in change:
        if is_there:
            names[path] = file
        else:
            names.pop(path, None)
