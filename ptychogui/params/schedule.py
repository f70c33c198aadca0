"""Schedules of updates: from which iteration, until which, and how often."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any

from pydantic import BeforeValidator

from ptychogui.params.spec import Param, TextForm

_FORM = re.compile(r"(\d*)(?::(\d*))?(?::(\d*))?")
_MEANT = re.compile(r"|-?[\d:]+|never|auto", re.IGNORECASE)


@dataclass(frozen=True)
class Schedule:
    """Iterations, counted from 1: `first`, and every `every`-th after it, up to `last`. `first` 0 is never."""

    first: int
    last: int | None = None
    every: int = 1

    @classmethod
    def parse(cls, text: str) -> Schedule:
        """Read "FROM", "FROM:UNTIL" or "FROM:UNTIL:EVERY"; parts may be left out, and "never" is 0.

        Raises:
            ValueError: the text has another form.
        """
        plain = "0" if text.strip().casefold() in ("never", "") else text.strip()
        found = _FORM.fullmatch(plain)
        if not found:
            raise ValueError("must be FROM, FROM:UNTIL or FROM:UNTIL:EVERY, in iterations, or 'never'")
        first, last, every = (int(part) if part else None for part in found.groups())
        schedule = cls(1 if first is None else first, last, 1 if every is None else every)
        if schedule.every < 1:
            raise ValueError("must be updated every 1 or more iterations")
        if schedule.first and last is not None and last < schedule.first:
            raise ValueError(f"must end at or after iteration {schedule.first}, not at {last}")
        return schedule

    def due(self, iteration: int) -> bool:
        """Whether it is updated in an iteration, counted from 1."""
        if not self.first or iteration < self.first or (self.last is not None and iteration > self.last):
            return False
        return (iteration - self.first) % self.every == 0

    def __str__(self) -> str:
        if not self.first:
            return "never"
        parts = [str(self.first), "" if self.last is None else str(self.last), str(self.every)]
        keep = 3 if self.every != 1 else 2 if self.last is not None else 1
        return ":".join(parts[:keep])


def _to_text(value: Any) -> Any:
    """Bring a schedule, given as text or as its first iteration, to its one way of writing."""
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        return value
    return _written(str(value))


@lru_cache(maxsize=256)
def _written(text: str) -> str:
    return str(Schedule.parse(text))  # thousands of jobs have the same few


_TEXT_FORM = TextForm("FROM:UNTIL:EVERY")


def _or_auto(value: Any) -> Any:
    """Do the same, but for the word that leaves it to the program."""
    return "auto" if isinstance(value, str) and value.strip().casefold() == "auto" else _to_text(value)


ScheduleText = Annotated[str, BeforeValidator(_to_text), _TEXT_FORM]
"""A schedule as a parameter holds it: its text."""

ScheduleOrAuto = Annotated[str, BeforeValidator(_or_auto), _TEXT_FORM]
"""The same, or "auto", which leaves it to the program."""


def alone(param: Param) -> str | None:
    """Return what an option without a value means: of a schedule the default, or always where that is never; or "on".

    None for a parameter that is neither a schedule nor can be on.
    """
    if "on" in param.choices:
        return "on"
    if param.form != _TEXT_FORM.text:
        return None
    return str(param.default) if Schedule.parse(param.default).first else str(Schedule(1))


def is_meant(word: str, param: Param) -> bool:
    """Whether a word after an option is meant as its value, right or wrong, and not a file or another option."""
    return word.casefold() in param.choices or (not param.choices and _MEANT.fullmatch(word) is not None)
