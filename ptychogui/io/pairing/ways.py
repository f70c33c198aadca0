"""The ways in which positions and raw files can meet: all that explain what is there equally well.

A way says which file is the first position's, how many positions a file is for, and where in it (or in the stack that
all files are) the first position's frame lies. What the user or the files themselves say is settled. A single way is
taken; of several none is. See docs/decisions/0015-pairing-ways.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ptychogui.errors import DataError
from ptychogui.io.dataset import RawFile
from ptychogui.io.pairing.facts import FileFacts, FilesSeen, ScanPlan, usual_of
from ptychogui.io.pairing.way_texts import (
    begin_note,
    between_text,
    first_text,
    size_text,
    skip_notes,
    skip_text,
    usual_notes,
)
from ptychogui.texts import counted

FIRST_FILE, PER_FILE, FIRST_FRAME, DIMS = (
    "preprocessing.first_file", "preprocessing.patterns_per_file", "preprocessing.first_frame", "experiment.scan_dims",
)  # fmt: skip
"""The parameters that settle a way."""

MOST_SPARE = 10
"""A line's file may hold one frame, or one in so many, too few or too many; with more it may be no line's."""

_MOST_COMPARED = 1000
"""Places of the first file that are compared by what the files hold."""

_LISTED = 4
"""Numbers that are offered one by one; of more the first and the last."""


@dataclass(frozen=True, eq=False)
class PairingWay:
    """One way.

    Attributes:
        of: int64 (positions,), each measured position's file, counted from that of the first position.
        point: int64 (positions,), place of its frame in that file; negative where it is before the first one.
        first: index of the first position's file among the raw files; may lie outside.
        values: parameter path -> value, what to say for this way.
        text: what it means for the files: "file 19 is missing".
        notes: what was concluded, where nobody said it.
    """

    of: np.ndarray
    point: np.ndarray
    first: int = 0
    values: Mapping[str, Any] = field(default_factory=dict)
    text: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Size:
    """For how many positions a file is, whether it is a line, and what was concluded."""

    size: int
    is_line: bool
    notes: tuple[str, ...] = ()


def pairing_ways(files: Sequence[RawFile], plan: ScanPlan, facts: FileFacts) -> tuple[PairingWay, ...]:
    """Return all ways in which a scan's positions and raw files can meet.

    Args:
        files: the raw files, without gaps; the first one is that of `facts.first_file`, or any early enough.
        plan: the positions.
        facts: what is known.

    Raises:
        DataError: nothing tells which frames belong to which positions.
    """
    seen = FilesSeen.of(files, facts)
    if not plan.is_prefix and seen.span == 1 and int(seen.counts.sum()) == len(plan.here) and not facts.first_frame:
        note = "the file has as many frames as there are measured points, and is read in their order"
        return (PairingWay(np.zeros(len(plan.here), np.int64), np.arange(len(plan.here)), seen.low, notes=(note,)),)
    if _as_they_are(seen, plan, facts):
        counts = seen.counts[seen.low : seen.high + 1]
        point = np.arange(len(plan.here)) - np.repeat(np.cumsum(counts) - counts, counts)
        notes = _begin_notes(seen, facts, seen.span) if facts.is_series and facts.first_file is None else ()
        return (PairingWay(np.repeat(np.arange(seen.span), counts), point, seen.low, notes=notes),)
    if _is_exchanged(seen, plan, facts):
        return _exchanged(seen, plan)
    sizes = [_said_size(seen, plan, facts.per_file)] if facts.per_file else _sizes(seen, plan, facts)
    found = [
        replace(
            one,
            text=" and ".join(filter(None, (size_text(size.size, size.is_line) if len(sizes) > 1 else "", one.text))),
        )
        for size in sizes
        for one in _placed(seen, plan, facts, size)
    ]
    return _telling_apart(found)


def _as_they_are(seen: FilesSeen, plan: ScanPlan, facts: FileFacts) -> bool:
    """Whether the files hold as many frames as there are positions, however many each, and nothing speaks of lines."""
    inside = slice(seen.low, seen.high + 1)
    is_whole = seen.good[inside].all() and int(seen.counts[inside].sum()) == len(plan.here) and plan.is_prefix
    return bool(is_whole and not facts.per_file and plan.dims is None and not facts.first_frame)


def _telling_apart(found: list[PairingWay]) -> tuple[PairingWay, ...]:
    """Return different ways, each with the values in which they differ, and what it means in words."""
    values = [way.values for way in found]
    differing = [path for path in found[0].values if len({str(one.get(path)) for one in values}) > 1]
    return tuple(
        replace(way, values={path: way.values[path] for path in differing}) if len(found) > 1 else way for way in found
    )


# For how many positions a file is


def _said_size(seen: FilesSeen, plan: ScanPlan, per_file: int) -> _Size:
    """Return the size that the user says; where files hold another number, frames don't go on from file to file."""
    is_line = plan.dims is not None and plan.dims[1] == per_file
    return _Size(per_file, is_line or usual_of(seen.held) != per_file)


def _sizes(seen: FilesSeen, plan: ScanPlan, facts: FileFacts) -> list[_Size]:
    """Return for how many positions a file may be, by the scan's lines and by what most files hold.

    Raises:
        DataError: nothing tells.
    """
    usual, line = usual_of(seen.held), None if plan.dims is None else plan.dims[1]
    if usual == line and line is not None:
        return [_Size(line, is_line=True)]
    if seen.span == 1 and _holds_all(usual, plan, facts):
        return [_Size(plan.positions, is_line=False)]
    through = _Size(usual, False, (f"each file is taken for {counted(usual, 'position')}, as most files hold",))
    if line is None or plan.dims is None:
        even = _even_lines(seen, plan, facts, usual)
        if even or _counts_through(seen, plan, facts, usual):
            return [*even, through]
        raise DataError(
            f"{plan.positions} scan positions and {sum(seen.held)} frames in {len(seen.held)} files of mostly {usual}: "
            "nothing tells which belong together; give --scan-dims (a file holds a line) or --patterns-per-file"
        )
    as_lines = _Size(line, is_line=True)
    if usual == 1 and line > 2:
        return [through]
    if seen.span == plan.dims[0]:
        return [as_lines]
    return _over_lines(seen, plan, usual, as_lines, through)


def _holds_all(usual: int, plan: ScanPlan, facts: FileFacts) -> bool:
    """Whether a single file is for all positions, and not one of many of which the others are missing."""
    if not facts.is_series:
        return True
    is_part = plan.dims is None and 0 < usual < plan.positions and plan.positions % usual == 0
    return usual > 0 and not is_part


def _even_lines(seen: FilesSeen, plan: ScanPlan, facts: FileFacts, usual: int) -> list[_Size]:
    """Return how many positions each file would be for if there were as many lines as files, but for a frame or so.

    Files that are for as many positions as they hold frames, down to the last one, leave no room for that.
    """
    points, rest = divmod(plan.positions, seen.high - seen.earliest + 1)
    is_near = 0 < abs(points - usual) <= max(1, points // MOST_SPARE)
    if not facts.is_series or rest or not is_near or usual <= 1 or not points:
        return []
    is_exact = seen.span == -(-plan.positions // usual) and int(seen.counts[seen.high]) == plan.positions % usual
    return [] if is_exact else [_Size(points, is_line=True)]


def _counts_through(seen: FilesSeen, plan: ScanPlan, facts: FileFacts, usual: int) -> bool:
    """Whether files hold fixed numbers of frames, where nothing is known of lines."""
    if usual <= 0:
        return False
    if not facts.is_series and set(seen.held[:-1]) <= {usual}:
        return True
    return plan.positions % usual in (0, int(seen.counts[seen.high]))


def _over_lines(seen: FilesSeen, plan: ScanPlan, usual: int, as_lines: _Size, through: _Size) -> list[_Size]:
    """Return whether files hold lines, or fixed numbers of frames over the ends of lines, or may do either."""
    assert plan.dims is not None
    lines, line = plan.dims
    fits = usual > 0 and seen.span <= -(-plan.positions // usual)
    is_whole = seen.good.all() and sum(seen.held) == plan.positions
    if usual == 1 or (is_whole and fits and set(seen.held[:-1]) == {usual}):
        return [through]
    if not fits or abs(usual - line) <= max(1, line // MOST_SPARE):
        return [as_lines]
    is_even = plan.positions % usual == 0 and set(seen.held) == {usual}
    if is_even and (usual > line or seen.span > lines):
        return [through]
    return [as_lines, through] if is_even or usual > line else [as_lines]


def _is_exchanged(seen: FilesSeen, plan: ScanPlan, facts: FileFacts) -> bool:
    """Whether there are as many files as a line has points, with as many frames as there are lines."""
    if plan.dims is None or facts.per_file or not plan.can_swap or plan.dims[0] == plan.dims[1]:
        return False
    return plan.dims == (usual_of(seen.held), seen.span)


def _exchanged(seen: FilesSeen, plan: ScanPlan) -> tuple[PairingWay, ...]:
    assert plan.dims is not None
    lines, points = plan.dims
    of, point = np.divmod(plan.here, lines)
    return (
        PairingWay(of, point, seen.low, {DIMS: (points, lines)}, f"the scan has {points} lines of {lines} points"),
        PairingWay(of, point, seen.low, {PER_FILE: lines}, f"a file is for {lines} positions, whatever the lines"),
    )


# Which file is the first, and which frame


def _placed(seen: FilesSeen, plan: ScanPlan, facts: FileFacts, size: _Size) -> Iterator[PairingWay]:
    """Give the ways of files that are for so many positions each."""
    file, place = np.divmod(plan.here, size.size)
    firsts, notes = _firsts(seen, plan, facts, size)
    for first in firsts:
        skips = _skips(seen, plan, facts, size, first) if facts.first_frame is None else [facts.first_frame]
        for skip in skips:
            last = seen.high - first if not facts.is_series or size.size == plan.positions else plan.positions
            of, point = (file, place + skip) if size.is_line else _in_stack(plan.here + skip, size.size, last)
            values = {PER_FILE: size.size, FIRST_FILE: seen.base + first, FIRST_FRAME: skip}
            text = ", ".join(filter(None, _texts(seen, plan, size, (first, firsts), (skip, skips))))
            yield PairingWay(of, point, first, values, text, (*size.notes, *notes, *skip_notes(skip, size.is_line)))


def _texts(
    seen: FilesSeen, plan: ScanPlan, size: _Size, first: tuple[int, list[int]], skip: tuple[int, list[int]]
) -> Iterator[str]:  # fmt: skip
    """Say what a way means for the files, as far as others are possible."""
    if len(first[1]) > 1:
        yield first_text(seen.there, seen.base + first[0], int(plan.here[-1]) // size.size + 1)
        yield between_text(*first, _LISTED)
    if len(skip[1]) > 1:
        yield skip_text(skip[0], max(skip[1]) + min(skip[1]), size.is_line)
        yield between_text(*skip, _LISTED)


def _in_stack(rows: np.ndarray, size: int, last: int) -> tuple[np.ndarray, np.ndarray]:
    """Return file and place of frames in a stack of files of one size, the last of which may hold more.

    Frames before the stack have negative places in its first file.
    """
    of = np.clip(rows // size, 0, max(last, 0))
    return of, rows - of * size


def _firsts(seen: FilesSeen, plan: ScanPlan, facts: FileFacts, size: _Size) -> tuple[list[int], tuple[str, ...]]:
    """Return the places that the first file may have, and what was concluded."""
    if facts.first_file is not None or not facts.is_series:
        return [0], ()
    wanted = int(plan.here[-1]) // size.size + 1
    usual = None if facts.counts_from is None else facts.counts_from - seen.base
    is_earlier = usual is not None and seen.low < usual
    if seen.span == wanted and not (plan.was_stopped and is_earlier):
        return [seen.low], _begin_notes(seen, facts, wanted)
    low, high = sorted((seen.low, seen.high - wanted + 1))
    low = max(low, -seen.base)
    possible = list(range(low, high + 1))
    if usual in possible and not (plan.was_stopped and is_earlier):
        assert usual is not None
        return [usual], usual_notes(seen.there, seen.base + usual, wanted, facts.by)
    if is_earlier and usual is not None:
        possible = sorted({*possible, seen.low, usual})
    return _ends(_best(seen, plan, size, possible)), ()


def _best(seen: FilesSeen, plan: ScanPlan, size: _Size, possible: list[int]) -> list[int]:
    """Keep the places of the first file at which the fewest files hold what can't be a line's; all of very many."""
    if len(possible) > _MOST_COMPARED:
        return possible
    wanted = _wanted(plan, size)
    misfits = [_misfits(seen, wanted, size, first) for first in possible]
    return [first for first, misfit in zip(possible, misfits, strict=True) if misfit == min(misfits)]


def _misfits(seen: FilesSeen, wanted: np.ndarray, size: _Size, first: int) -> int:
    """Count files that hold many more or less frames than their positions; the last one may be cut off."""
    spare = max(1, size.size // MOST_SPARE)
    places, extras = _extras(seen, wanted, first)
    return int(np.count_nonzero((extras > spare) | ((extras < -spare) & (places != seen.high))))


def _extras(seen: FilesSeen, wanted: np.ndarray, first: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the readable files of lines, and the frames that each has too many: two int64 arrays."""
    places = np.flatnonzero(wanted) + first
    places = places[(places >= 0) & (places < len(seen.counts))]
    places = places[seen.good[places]]
    return places, seen.counts[places] - wanted[places - first]


def _wanted(plan: ScanPlan, size: _Size) -> np.ndarray:
    """Return the frames that each file needs for its last measured position, int64; 0 for none."""
    file, place = np.divmod(plan.here, size.size)
    wanted = np.zeros(int(file[-1]) + 1, np.int64)
    np.maximum.at(wanted, file, place + 1)
    return wanted


def _skips(seen: FilesSeen, plan: ScanPlan, facts: FileFacts, size: _Size, first: int) -> list[int]:
    """Return the places that the first position's frame may have."""
    extra = _extra_a_line(seen, plan, size, first) if size.is_line else _extra_in_all(seen, plan, facts, size, first)
    return _ends(list(range(min(extra, 0), max(extra, 0) + 1)))


def _extra_a_line(seen: FilesSeen, plan: ScanPlan, size: _Size, first: int) -> int:
    """Return the frames that most lines have too many (or, negative, too few); 0 where that is no rule.

    The last file may be cut off where the scan was, and is not asked if it is short.
    """
    places, extras = _extras(seen, _wanted(plan, size), first)
    extras = extras[(extras >= 0) | (places != seen.high)]
    often = Counter(extras.tolist()).most_common()
    return 0 if not often or any(extra == 0 and count == often[0][1] for extra, count in often) else often[0][0]


def _extra_in_all(seen: FilesSeen, plan: ScanPlan, facts: FileFacts, size: _Size, first: int) -> int:
    """Return the frames that there are too many (or, negative, too few) in a stack of files that go on and on.

    Files that are missing as a whole leave no doubt; nor do frames for all that was planned.
    """
    if not seen.good[seen.high] or (facts.is_series and size.size == 1):
        return 0
    before = (seen.high - first) * size.size
    there = before + int(seen.counts[seen.high])
    last = int(plan.here[-1]) + 1
    if there == plan.positions or (before >= last and facts.is_series):
        return 0
    is_full = facts.is_series and there < last and int(seen.counts[seen.high]) == size.size
    return 0 if is_full else there - last


def _begin_notes(seen: FilesSeen, facts: FileFacts, wanted: int) -> tuple[str, ...]:
    first = seen.there[0]
    return () if first == (facts.counts_from or 0) else (begin_note(first, wanted, facts.by),)


def _ends(numbers: list[int]) -> list[int]:
    return numbers if len(numbers) <= _LISTED else [numbers[0], numbers[-1]]
