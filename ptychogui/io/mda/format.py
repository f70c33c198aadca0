"""MDA files, which EPICS' saveData writes: scans of one to four axes, and process variables (PVs) beside them.

The layout is that of docs/MDAFormat.md of EPICS' sscan module: big-endian XDR, every number of which takes 4 or 8
bytes. A file may be cut off or damaged anywhere; nothing is allocated before it is known to lie in the file, and all
parts together never take more than the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ptychogui.errors import DataError
from ptychogui.io.fingerprint import looked_at

VERSIONS = (1.2, 1.3, 1.4)
MOST_AXES = 4

CTRL_CHAR, DBR_STRING = 32, 0
NUMBERS = {29: ">i4", 30: ">f4", CTRL_CHAR: ">i4", 33: ">i4", 34: ">f8"}
"""EPICS' types of numeric PVs, and how their values are stored."""

_HEADER_BYTES = 20
_MOST_NOTES = 20


@dataclass(frozen=True)
class ExtraPv:
    """A process variable that was recorded once: text, or numbers of a unit.

    `value` is a str, or a numpy array (n,) of int32, float32 or float64; EPICS' `kind` says which. Characters are text
    where they can be read as such, else numbers.
    """

    name: str
    description: str
    kind: int
    unit: str
    value: str | np.ndarray


@dataclass(frozen=True)
class Positioner:
    """An axis that was moved: float64 (requested,) readbacks where there is one, else what was asked for."""

    number: int
    name: str
    description: str
    mode: str
    unit: str
    readback_name: str
    readback_description: str
    readback_unit: str
    values: np.ndarray


@dataclass(frozen=True)
class Detector:
    """What was read at each point: float32 (requested,)."""

    number: int
    name: str
    description: str
    unit: str
    values: np.ndarray


@dataclass(frozen=True)
class Trigger:
    """What starts a measurement at each point."""

    number: int
    name: str
    command: float


@dataclass(frozen=True)
class Scan:
    """One loop: its points, and for each point of an outer loop the inner one, None where it is not there.

    Values behind the first `acquired` of `requested` points were never measured.
    """

    rank: int
    name: str
    time: str
    requested: int
    acquired: int
    positioners: tuple[Positioner, ...]
    detectors: tuple[Detector, ...]
    triggers: tuple[Trigger, ...] = ()
    lines: tuple[Scan | None, ...] = ()


@dataclass(frozen=True)
class Mda:
    """A file: its outermost loop and its PVs by name; `notes` say what could not be read."""

    version: float
    number: int
    dims: tuple[int, ...]
    regular: bool
    scan: Scan
    pvs: Mapping[str, ExtraPv] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def is_mda(path: Path) -> bool:
    """Whether a file begins as an MDA file does."""
    with path.open("rb") as file:
        head = file.read(_HEADER_BYTES + 4 * MOST_AXES)
    try:
        _header(_Cursor(path, head))
    except DataError:
        return False
    return True


def read_mda(path: Path) -> Mda:
    """Read a file.

    Raises:
        DataError: it can't be opened, is no MDA file, or its outermost loop is damaged; with the byte where.
    """
    looked_at(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"can't open {path}: {(error.strerror or str(error)).lower()}") from error
    cursor = _Cursor(path, data)
    version, number, dims, regular, pv_offset = _header(cursor)
    notes: list[str] = []
    scan = _read_scan(cursor, cursor.at, len(dims), notes)
    pvs = dict(_read_pvs(cursor, pv_offset, notes)) if pv_offset else {}
    return Mda(version, number, dims, regular, scan, pvs, tuple(notes))


class _Cursor:
    """A place in the file's bytes, and how many bytes may still be read in all."""

    def __init__(self, path: Path, data: bytes) -> None:
        self.path, self._data, self.at, self._left = path, data, 0, len(data)

    def go(self, offset: int, what: str) -> None:
        """Go to a byte of the file."""
        if not 0 < offset < len(self._data):
            raise self.error(f"{what} should be at byte {offset} of {len(self._data)}")
        self.at = offset

    def take(self, size: int, what: str) -> bytes:
        """Return the next bytes."""
        if size > len(self._data) - self.at:
            raise self.error(f"{what} would take {size} bytes, but the file ends at byte {len(self._data)}")
        if size > self._left:
            raise self.error(f"{what} has been read as part of something else")
        self._left -= size
        self.at += size
        return self._data[self.at - size : self.at]

    def values(self, count: int, kind: str, what: str) -> np.ndarray:
        """Return `count` numbers in the machine's own byte order."""
        if count < 0:
            raise self.error(f"{what} has {count} values")
        dtype = np.dtype(kind)
        return np.frombuffer(self.take(count * dtype.itemsize, what), dtype).astype(dtype.newbyteorder("="))

    def whole(self, what: str) -> int:
        """Return the next integer."""
        return int.from_bytes(self.take(4, what), "big", signed=True)

    def count(self, what: str, each_bytes: int = 4) -> int:
        """Return the next integer as a number of things that take at least so many bytes each."""
        count = self.whole(what)
        if not 0 <= count <= (len(self._data) - self.at) // each_bytes:
            raise self.error(f"{what} is {count}, which the file has no room for")
        return count

    def text(self, what: str) -> str:
        """Return the next string, written with its length twice, and padded to whole words."""
        if not self.count(f"the length of {what}", 1):
            return ""
        length = self.count(f"the length of {what}", 1)
        content = self.take(length, what)
        self.take(min(-length % 4, len(self._data) - self.at), what)
        return readable(content)

    def error(self, problem: str) -> DataError:
        """Return an error that says where."""
        return DataError(f"{self.path}: damaged at byte {self.at}: {problem}")


def readable(content: bytes) -> str:
    """Return text up to its first NUL; bytes that are no UTF-8 are taken for Latin-1, as old IOCs write it."""
    content = content.split(b"\0", 1)[0]
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _header(cursor: _Cursor) -> tuple[float, int, tuple[int, ...], bool, int]:
    """Read version, number of the scan, dimensions (outermost first), regularity and the place of the PVs."""
    version = round(float(cursor.values(1, ">f4", "the version")[0]), 4)
    if version not in VERSIONS:
        raise DataError(f"{cursor.path} is no MDA file of version {VERSIONS[0]} to {VERSIONS[-1]}")
    number, rank = cursor.whole("the scan's number"), cursor.whole("the rank")
    if not 1 <= rank <= MOST_AXES:
        raise cursor.error(f"the scan has {rank} axes, not 1 to {MOST_AXES}")
    dims = tuple(cursor.whole("a dimension") for _ in range(rank))
    if min(dims) < 0:
        raise cursor.error(f"the scan's dimensions are {dims}")
    regular = cursor.whole("whether dimensions vary")
    if regular not in (0, 1):
        raise cursor.error(f"whether dimensions vary is said by {regular}, not 0 or 1")
    return version, number, dims, bool(regular), cursor.whole("the place of the PVs")


def _read_scan(cursor: _Cursor, offset: int, rank: int, notes: list[str]) -> Scan:
    """Read a loop and the loops within it."""
    cursor.go(offset, "a loop")
    found = cursor.whole("the rank of a loop")
    if found != rank:
        raise cursor.error(f"a loop of rank {rank} says that its rank is {found}")
    requested = cursor.count("the number of points", 4 if rank > 1 else 1)
    acquired = cursor.whole("the number of acquired points")
    if not 0 <= acquired <= requested:
        raise cursor.error(f"{acquired} of {requested} points are acquired")
    offsets = cursor.values(requested, ">i4", "the places of the lines") if rank > 1 else np.empty(0, np.int32)
    places, uses = np.unique(offsets[:acquired], return_counts=True)
    shared = set(places[uses > 1].tolist())  # nobody knows whose line it is
    if shared:
        _note(
            notes, f"{int(uses[uses > 1].sum())} lines are left out: they are said to be at the same places as others"
        )
    name, time = cursor.text("the loop's name"), cursor.text("its time")
    counts = [cursor.count(f"the number of {things}") for things in ("positioners", "detectors", "triggers")]
    axes = [_texts(cursor, "a positioner", 7) for _ in range(counts[0])]
    detectors = [_texts(cursor, "a detector", 3) for _ in range(counts[1])]
    triggers = tuple(_trigger(cursor) for _ in range(counts[2]))
    return Scan(
        rank, name, time, requested, acquired,
        tuple(_positioner(number, texts, cursor.values(requested, ">f8", texts[0])) for number, texts in axes),
        tuple(
            Detector(number, name, description, unit, cursor.values(requested, ">f4", name))
            for number, (name, description, unit) in detectors
        ),
        triggers,
        tuple(
            _line(cursor, int(offset), (rank - 1, i), notes) if i < acquired and offset not in shared else None
            for i, offset in enumerate(offsets)
        ),
    )  # fmt: skip


def _line(cursor: _Cursor, offset: int, rank_and_place: tuple[int, int], notes: list[str]) -> Scan | None:
    """Read an inner loop; None where it can't be read."""
    rank, place = rank_and_place
    try:
        return _read_scan(cursor, offset, rank, notes)
    except DataError as error:
        _note(notes, f"line {place + 1} is left out as not acquired: {error}")
        return None


def _note(notes: list[str], text: str) -> None:
    """Say something, but no more than a person reads."""
    if len(notes) < _MOST_NOTES:
        notes.append(text if len(notes) < _MOST_NOTES - 1 else "there is more damage, which is not listed")


def _texts(cursor: _Cursor, what: str, count: int) -> tuple[int, list[str]]:
    """Read the number of something, and strings that describe it."""
    return cursor.whole(f"the number of {what}"), [cursor.text(what) for _ in range(count)]


def _positioner(number: int, texts: list[str], values: np.ndarray) -> Positioner:
    name, description, mode, unit, readback, of_readback, its_unit = texts
    return Positioner(number, name, description, mode, unit, readback, of_readback, its_unit, values)


def _trigger(cursor: _Cursor) -> Trigger:
    number, (name,) = _texts(cursor, "a trigger", 1)
    return Trigger(number, name, float(cursor.values(1, ">f4", "a trigger's command")[0]))


def _read_pvs(cursor: _Cursor, offset: int, notes: list[str]) -> Iterator[tuple[str, ExtraPv]]:
    """Read the PVs, as many as can be read."""
    done = 0
    try:
        cursor.go(offset, "the PVs")
        count = cursor.count("the number of PVs")
        for done in range(count):  # noqa: B007 - for the note
            pv = _read_pv(cursor)
            yield pv.name, pv
    except DataError as error:
        notes.append(f"PVs behind the first {done} are not read: {error}")


def _read_pv(cursor: _Cursor) -> ExtraPv:
    name, description = cursor.text("a PV's name"), cursor.text("a PV's description")
    kind = cursor.whole(f"the type of {name}")
    if kind == DBR_STRING:
        return ExtraPv(name, description, kind, "", cursor.text(name))
    if kind not in NUMBERS:
        raise cursor.error(f"PV {name} is of an unknown type, {kind}")
    count, unit = cursor.count(f"the number of values of {name}"), cursor.text(f"the unit of {name}")
    values = cursor.values(count, NUMBERS[kind], name)
    return ExtraPv(name, description, kind, unit, (kind == CTRL_CHAR and _words(values)) or values)


def _words(characters: np.ndarray) -> str:
    """Return the text that characters are, or "" where they are none."""
    text = readable((characters & 0xFF).astype(np.uint8).tobytes())
    return text if all(letter.isprintable() or letter.isspace() for letter in text) and text.strip() else ""
