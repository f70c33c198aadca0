"""Texts of pairing ways: what each means for the files and frames that have no partner."""

from __future__ import annotations

from collections.abc import Sequence

from ptychogui.texts import counted

_BETWEEN = "or any number up to the next"


def size_text(size: int, is_line: bool) -> str:
    """Say for how many positions a file is."""
    return f"a file is a line of {size}" if is_line else f"a file is for {counted(size, 'position')}"


def first_text(there: tuple[int, int], first: int, wanted: int) -> str:
    """Say which files are missing, and which are of another scan.

    Args:
        there: numbers of the first and the last file that are there.
        first: number of the first position's file.
        wanted: files that the scan needs.
    """
    low, high = there
    gone = _spans((first, low - 1), (high + 1, first + wanted - 1))
    more = _spans((low, first - 1), (first + wanted, high))
    return ", ".join(
        f"{' and '.join(spans)} {'is' if len(spans) == 1 and ' to ' not in spans[0] else 'are'} {what}"
        for spans, what in ((gone, "missing"), (more, "not of this scan"))
        if spans
    )


def skip_text(skip: int, extra: int, is_line: bool) -> str:
    """Say which frames, or positions, have no partner.

    Args:
        skip: place of the first position's frame.
        extra: frames that there are too many; negative: too few.
        is_line: whether that is so in each line's file.
    """
    before = abs(skip)
    parts = [("first", before), ("last", abs(extra) - before)]
    ends = " and ".join(f"the {end}{'' if n == 1 else f' {n}'}" for end, n in parts if n)
    what, other = ("frame", "position") if extra > 0 else ("position", "frame")
    many = abs(extra) > 1
    where = "each line" if is_line else "the scan"
    return f"{ends} {what}{'s' if many else ''} of {where} {'have' if many else 'has'} no {other}"


def between_text(value: int, offered: Sequence[int], listed: int) -> str:
    """Say that what lies between two numbers may be meant as well, where only the ends are offered."""
    return _BETWEEN if value == offered[0] and len(offered) == 2 and offered[1] - value >= listed else ""


def begin_note(first: int, wanted: int, by: str) -> str:
    """Say why files begin with an unusual number."""
    return (
        f"the files are taken to begin with number {first}, since there are as many as the scan needs, {wanted}"
        f"{f'; {by}' if by else ''}"
    )


def usual_notes(there: tuple[int, int], first: int, wanted: int, by: str) -> tuple[str, ...]:
    """Say what else might be meant, where files begin with the usual number."""
    low, high = there
    last = first + wanted - 1
    if low < first:
        belongs = f"{_numbers(low, first - 1)} belong{'s' if low == first - 1 else ''} to no line"
        return (f"{belongs}, since {by}; otherwise give --first-file {low}",)
    if first and first == low and high < last:
        hint = f"if the first is the missing one give --first-file {first - 1}"
        return (f"there is no file {last}, the last: {by}; {hint}",)
    return ()


def skip_notes(skip: int, is_line: bool) -> tuple[str, ...]:
    """Say which frames are left out, or missing, where the first one is not the first position's."""
    if not skip:
        return ()
    number = "" if abs(skip) == 1 else f" {abs(skip)}"
    many, where = "s" if number else "", "each line" if is_line else "the scan"
    if skip > 0:
        return (f"the first{number} frame{many} of {where} {'are' if many else 'is'} before its first position",)
    return (f"the first{number} position{many} of {where} {'have' if many else 'has'} no frame",)


def _spans(*ends: tuple[int, int]) -> list[str]:
    return [_numbers(start, stop) for start, stop in ends if stop >= start]


def _numbers(start: int, stop: int) -> str:
    return f"file {start}" if start == stop else f"files {start} to {stop}"
