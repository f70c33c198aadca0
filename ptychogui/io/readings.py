"""The ways in which positions and raw files can be read together: all that explain what is there equally well.

A reading says which file is the first one's, how many positions a file is for, and where in it (or in the stack that
all files are) the first position's frame lies. Whatever the user or the files themselves say is no matter of reading
any more. A single reading is what is meant; of several none is chosen. See docs/decisions/0015.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from ptychogui.errors import DataError
from ptychogui.io.dataset import RawFile

FIRST_FILE, PER_FILE, FIRST_FRAME, DIMS = (
    "preprocessing.first_file", "preprocessing.patterns_per_file", "preprocessing.first_frame", "experiment.scan_dims",
)  # fmt: skip
"""The parameters that settle a reading."""

MOST_SPARE = 10
"""A line's file may lack, or have too many, a frame or such a part of its points before it may be no line's."""

_LISTED = 4
"""Numbers that are offered one by one; of more the first and the last."""


@dataclass(frozen=True)
class Plan:
    """Positions that are to meet their frames.

    Attributes:
        positions: how many were planned, in the order of measuring.
        dims: lines and points of a line, if known.
        measured: int64, increasing, those of them that were measured; None for all.
        can_swap: whether `dims` are what the user says, and not the file.
    """

    positions: int
    dims: tuple[int, int] | None = None
    measured: np.ndarray | None = None
    can_swap: bool = True

    @cached_property
    def here(self) -> np.ndarray:
        """The measured positions, int64."""
        return np.arange(self.positions) if self.measured is None else np.asarray(self.measured, np.int64)

    @property
    def is_prefix(self) -> bool:
        """Whether nothing is missing before the last position that was measured."""
        return bool(self.here[-1] == len(self.here) - 1)

    @property
    def was_stopped(self) -> bool:
        """Whether the scan's own file says that it ended early."""
        return bool(self.here[-1] < self.positions - 1)


@dataclass(frozen=True)
class Said:
    """What needs no reading.

    Attributes:
        first_file: number of the first file, as the user says.
        per_file: positions that each file is for.
        first_frame: place of the first position's frame.
        counts_from: number that the files of a beamline usually begin with.
        by: who says so: "preset velociprobe counts files from 1".
        is_series: whether files are known by their numbers alone, so that there may have been more of them.
    """

    first_file: int | None = None
    per_file: int | None = None
    first_frame: int | None = None
    counts_from: int | None = None
    by: str = ""
    is_series: bool = True


@dataclass(frozen=True, eq=False)
class Reading:
    """One way.

    Attributes:
        of: int64 (positions,), each measured position's file, counted from that of the first position.
        point: int64 (positions,), place of its frame in that file; negative where it is before the first one.
        first: index of the first position's file among the raw files; may lie outside.
        values: parameter path -> value, what to say for this reading.
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


@dataclass(frozen=True)
class _Seen:
    """The files as they are: frames in each, which can be read, and from which to which they are there."""

    counts: np.ndarray
    good: np.ndarray
    low: int
    high: int
    base: int

    @classmethod
    def of(cls, files: Sequence[RawFile], said: Said) -> _Seen:
        there = [place for place, file in enumerate(files) if file.modified_s is not None] or [0]
        is_known = not said.is_series
        low = 0 if is_known or said.first_file is not None else there[0]
        high = len(files) - 1 if is_known else there[-1]
        good = np.array([not file.problem for file in files])
        return cls(np.array([file.frames for file in files]), good, low, high, files[0].number)

    @property
    def span(self) -> int:
        """Files from the first that is there to the last, with those between."""
        return self.high - self.low + 1

    @property
    def held(self) -> list[int]:
        """What the files hold that can be read."""
        inside = slice(self.low, self.high + 1)
        return [int(count) for count in self.counts[inside][self.good[inside]]]


def readings(files: Sequence[RawFile], plan: Plan, said: Said) -> tuple[Reading, ...]:
    """Return all ways in which a scan's positions and raw files can be read together.

    Args:
        files: the raw files, without gaps; the first one is that of `said.first_file`, or any early enough.
        plan: the positions.
        said: what is known.

    Raises:
        DataError: nothing tells which frames belong to which positions.
    """
    seen = _Seen.of(files, said)
    if not plan.is_prefix and seen.span == 1 and int(seen.counts.sum()) == len(plan.here) and not said.first_frame:
        note = "the file has as many frames as there are measured points, and is read in their order"
        return (Reading(np.zeros(len(plan.here), np.int64), np.arange(len(plan.here)), seen.low, notes=(note,)),)
    if _as_they_are(seen, plan, said):
        counts = seen.counts[seen.low : seen.high + 1]
        point = np.arange(len(plan.here)) - np.repeat(np.cumsum(counts) - counts, counts)
        notes = _begin_notes(seen, said, seen.span) if said.is_series and said.first_file is None else ()
        return (Reading(np.repeat(np.arange(seen.span), counts), point, seen.low, notes=notes),)
    if _is_exchanged(seen, plan, said):
        return _exchanged(seen, plan)
    sizes = [_Size(said.per_file, plan.dims is not None and said.per_file == plan.dims[1])] if said.per_file else None
    sizes = sizes or _sizes(seen, plan, said)
    found = [
        replace(one, text=" and ".join(filter(None, (_size_text(size) if len(sizes) > 1 else "", one.text))))
        for size in sizes
        for one in _placed(seen, plan, said, size)
    ]
    return _telling_apart(found)


def _as_they_are(seen: _Seen, plan: Plan, said: Said) -> bool:
    """Whether the files hold as many frames as there are positions, however many each, and nothing speaks of lines."""
    inside = slice(seen.low, seen.high + 1)
    is_whole = seen.good[inside].all() and int(seen.counts[inside].sum()) == len(plan.here) and plan.is_prefix
    return bool(is_whole and not said.per_file and plan.dims is None and not said.first_frame)


def _telling_apart(found: list[Reading]) -> tuple[Reading, ...]:
    """Return different readings, each with the values in which they differ, and what it means in words."""
    values = [reading.values for reading in found]
    differing = [path for path in found[0].values if len({str(one.get(path)) for one in values}) > 1]
    return tuple(
        replace(reading, values={path: reading.values[path] for path in differing}) if len(found) > 1 else reading
        for reading in found
    )


# For how many positions a file is


def _sizes(seen: _Seen, plan: Plan, said: Said) -> list[_Size]:
    """Return for how many positions a file may be, by the scan's lines and by what most files hold.

    Raises:
        DataError: nothing tells.
    """
    usual, line = usual_of(seen.held), None if plan.dims is None else plan.dims[1]
    if usual == line and line is not None:
        return [_Size(line, is_line=True)]
    if seen.span == 1 and _holds_all(usual, plan, said):
        return [_Size(plan.positions, is_line=False)]
    through = _Size(usual, False, (f"each file is taken for {counted(usual, 'position')}, as most files hold",))
    if line is None or plan.dims is None:
        if _counts_through(seen, plan, said, usual):
            return [through]
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


def _holds_all(usual: int, plan: Plan, said: Said) -> bool:
    """Whether a single file is for all positions, and not one of many of which the others are missing."""
    if not said.is_series:
        return True
    is_part = plan.dims is None and 0 < usual < plan.positions and plan.positions % usual == 0
    return usual > 0 and not is_part


def _counts_through(seen: _Seen, plan: Plan, said: Said, usual: int) -> bool:
    """Whether files hold fixed numbers of frames, where nothing is known of lines."""
    if usual <= 0:
        return False
    if not said.is_series and set(seen.held[:-1]) <= {usual}:
        return True
    return plan.positions % usual in (0, int(seen.counts[seen.high]))


def _over_lines(seen: _Seen, plan: Plan, usual: int, as_lines: _Size, through: _Size) -> list[_Size]:
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


def _is_exchanged(seen: _Seen, plan: Plan, said: Said) -> bool:
    """Whether there are as many files as a line has points, with as many frames as there are lines."""
    if plan.dims is None or said.per_file or not plan.can_swap or plan.dims[0] == plan.dims[1]:
        return False
    return plan.dims == (usual_of(seen.held), seen.span)


def _exchanged(seen: _Seen, plan: Plan) -> tuple[Reading, ...]:
    assert plan.dims is not None
    lines, points = plan.dims
    of, point = np.divmod(plan.here, lines)
    return (
        Reading(of, point, seen.low, {DIMS: (points, lines)}, f"the scan has {points} lines of {lines} points"),
        Reading(of, point, seen.low, {PER_FILE: lines}, f"a file is for {lines} positions, whatever the lines"),
    )


# Which file is the first, and which frame


def _placed(seen: _Seen, plan: Plan, said: Said, size: _Size) -> Iterator[Reading]:
    """Give the readings of files that are for so many positions each."""
    file, place = np.divmod(plan.here, size.size)
    firsts, notes = _firsts(seen, plan, said, size)
    for first in firsts:
        skips = _skips(seen, plan, said, size, first) if said.first_frame is None else [said.first_frame]
        for skip in skips:
            last = seen.high - first if not said.is_series or size.size == plan.positions else plan.positions
            of, point = (file, place + skip) if size.is_line else _in_stack(plan.here + skip, size.size, last)
            values = {PER_FILE: size.size, FIRST_FILE: seen.base + first, FIRST_FRAME: skip}
            text = ", ".join(_texts(seen, plan, size, first, firsts, skip, skips))
            yield Reading(of, point, first, values, text, (*size.notes, *notes, *_skip_notes(skip, size)))


def _in_stack(rows: np.ndarray, size: int, last: int) -> tuple[np.ndarray, np.ndarray]:
    """Return file and place of frames in a stack of files of one size, the last of which may hold more.

    Frames before the stack have negative places in its first file.
    """
    of = np.clip(rows // size, 0, max(last, 0))
    return of, rows - of * size


def _firsts(seen: _Seen, plan: Plan, said: Said, size: _Size) -> tuple[list[int], tuple[str, ...]]:
    """Return the places that the first file may have, and what was concluded."""
    if said.first_file is not None or not said.is_series:
        return [0], ()
    wanted = int(plan.here[-1]) // size.size + 1
    usual = None if said.counts_from is None else said.counts_from - seen.base
    is_earlier = usual is not None and seen.low < usual
    if seen.span == wanted and not (plan.was_stopped and is_earlier):
        return [seen.low], _begin_notes(seen, said, wanted)
    low, high = sorted((seen.low, seen.high - wanted + 1))
    low = max(low, -seen.base)
    possible = list(range(low, high + 1))
    if usual in possible and not (plan.was_stopped and is_earlier):
        assert usual is not None
        return [usual], _usual_notes(seen, said, usual, wanted)
    if is_earlier and usual is not None:
        possible = sorted({*possible, seen.low, usual})
    return _ends(_best(seen, plan, size, possible)), ()


def _best(seen: _Seen, plan: Plan, size: _Size, possible: list[int]) -> list[int]:
    """Leave out places at which more files than at others hold what can't be a line's."""
    misfits = [_misfits(seen, plan, size, first) for first in possible]
    return [first for first, misfit in zip(possible, misfits, strict=True) if misfit == min(misfits)]


def _misfits(seen: _Seen, plan: Plan, size: _Size, first: int) -> int:
    """Count files that hold many more or less frames than their positions; the last one may be cut off."""
    wanted = _wanted(plan, size)
    spare = max(1, size.size // MOST_SPARE)
    odd = 0
    for line, expected in enumerate(wanted):
        place = line + first
        if 0 <= place < len(seen.counts) and seen.good[place] and expected:
            too_many = int(seen.counts[place]) - int(expected)
            odd += too_many > spare or (too_many < -spare and place != seen.high)
    return odd


def _wanted(plan: Plan, size: _Size) -> np.ndarray:
    """Return the frames that each file needs for its last measured position, int64; 0 for none."""
    file, place = np.divmod(plan.here, size.size)
    wanted = np.zeros(int(file[-1]) + 1, np.int64)
    np.maximum.at(wanted, file, place + 1)
    return wanted


def _skips(seen: _Seen, plan: Plan, said: Said, size: _Size, first: int) -> list[int]:
    """Return the places that the first position's frame may have."""
    extra = _extra_a_line(seen, plan, size, first) if size.is_line else _extra_in_all(seen, plan, said, size, first)
    return _ends(list(range(min(extra, 0), max(extra, 0) + 1)))


def _extra_a_line(seen: _Seen, plan: Plan, size: _Size, first: int) -> int:
    """Return the frames that most lines have too many (or, negative, too few); 0 where that is no rule.

    The last file may be cut off where the scan was, and is not asked if it is short.
    """
    extras = []
    for line, expected in enumerate(_wanted(plan, size)):
        place = line + first
        if 0 <= place < len(seen.counts) and seen.good[place] and expected:
            extra = int(seen.counts[place]) - int(expected)
            if extra >= 0 or place != seen.high:
                extras.append(extra)
    often = Counter(extras).most_common()
    return 0 if not often or any(extra == 0 and count == often[0][1] for extra, count in often) else often[0][0]


def _extra_in_all(seen: _Seen, plan: Plan, said: Said, size: _Size, first: int) -> int:
    """Return the frames that there are too many (or, negative, too few) in a stack of files that go on and on.

    Files that are missing as a whole leave no doubt; nor do frames for all that was planned.
    """
    if not seen.good[seen.high] or (said.is_series and size.size == 1):
        return 0
    before = (seen.high - first) * size.size
    there = before + int(seen.counts[seen.high])
    last = int(plan.here[-1]) + 1
    if there == plan.positions or (before >= last and said.is_series):
        return 0
    is_full = said.is_series and there < last and int(seen.counts[seen.high]) == size.size
    return 0 if is_full else there - last


# In words


def _texts(
    seen: _Seen, plan: Plan, size: _Size, first: int, firsts: list[int], skip: int, skips: list[int]
) -> Iterator[str]:
    """Say what a reading means for the files, as far as others are possible."""
    if len(firsts) > 1:
        yield from _first_texts(seen, first, int(plan.here[-1]) // size.size + 1)
        if first == firsts[0] and firsts[1] - first >= _LISTED:
            yield "or any number up to the next"
    if len(skips) > 1:
        yield _skip_text(skip, max(skips) + min(skips), "each line" if size.is_line else "the scan")
        if skip == skips[0] and skips[1] - skip >= _LISTED:
            yield "or any number up to the next"

def _size_text(size: _Size) -> str:
    return f"a file is a line of {size.size}" if size.is_line else f"a file is for {counted(size.size, 'position')}"


def _first_texts(seen: _Seen, first: int, wanted: int) -> Iterator[str]:
    ends = (first, seen.low - 1), (seen.high + 1, first + wanted - 1)
    gone = [_numbers(seen.base + start, seen.base + stop) for start, stop in ends if stop >= start]
    if gone:
        yield f"{' and '.join(gone)} {'is' if len(gone) == 1 and ' to ' not in gone[0] else 'are'} missing"
    ends = (seen.low, first - 1), (first + wanted, seen.high)
    more = [_numbers(seen.base + start, seen.base + stop) for start, stop in ends if stop >= start]
    if more:
        yield f"{' and '.join(more)} {'is' if len(more) == 1 and ' to ' not in more[0] else 'are'} not of this scan"


def _skip_text(skip: int, extra: int, where: str) -> str:
    """Say which frames, or positions, have no partner."""
    before = skip if extra > 0 else -skip
    after = abs(extra) - before
    thing = "frame" if extra > 0 else "position"
    missing = "has no position" if extra > 0 else "has no frame"
    parts = [f"the {end}{'' if n == 1 else f' {n}'}" for end, n in (("first", before), ("last", after)) if n]
    plural = "s" if abs(extra) > 1 else ""
    verb = missing.replace("has", "have") if plural else missing
    return f"{' and '.join(parts)} {thing}{plural} of {where} {verb}"


def _numbers(start: int, stop: int) -> str:
    return f"file {start}" if start == stop else f"files {start} to {stop}"


def _begin_notes(seen: _Seen, said: Said, wanted: int) -> tuple[str, ...]:
    """Say why files begin with an unusual number."""
    first = seen.base + seen.low
    if first == (said.counts_from or 0):
        return ()
    why = f"there are as many as the scan needs, {wanted}"
    return (f"the files are taken to begin with number {first}, since {why}{f'; {said.by}' if said.by else ''}",)


def _usual_notes(seen: _Seen, said: Said, usual: int, wanted: int) -> tuple[str, ...]:
    """Say what else might be, where the files begin with the usual number."""
    earlier, first = seen.base + seen.low, seen.base + usual
    last = first + wanted - 1
    if earlier < first:
        belongs = f"{_numbers(earlier, first - 1)} belong{'s' if earlier == first - 1 else ''} to no line"
        return (f"{belongs}, since {said.by}; otherwise give --first-file {earlier}",)
    if first and first == earlier and seen.base + seen.high < last:
        hint = f"if the first is the missing one give --first-file {first - 1}"
        return (f"there is no file {last}, the last: {said.by}; {hint}",)
    return ()


def _skip_notes(skip: int, size: _Size) -> tuple[str, ...]:
    if not skip:
        return ()
    where = "each line's file" if size.is_line else "all frames"
    if skip > 0:
        return (f"the first {counted(skip, 'frame')} of {where} {'is' if skip == 1 else 'are'} before the scan",)
    return (f"the frames of the first {counted(-skip, 'position')} are missing in {where}",)


def _ends(numbers: list[int]) -> list[int]:
    return numbers if len(numbers) <= _LISTED else [numbers[0], numbers[-1]]


def usual_of(counts: Sequence[int]) -> int:
    """Return the commonest number; 0 of none."""
    return Counter(counts).most_common(1)[0][0] if counts else 0


def counted(number: int, noun: str) -> str:
    """Write a number of things."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
