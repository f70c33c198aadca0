"""The words of a search, such as `star scan:12-40 engine:lsqml modes>2 date:today starred`, as a condition of SQL.

Words are searched for in titles, paths, raw files, notes and tags; all of them have to be there, in any case and as
parts of words. FIELD:VALUE, FIELD>VALUE and so on ask for a field, or for any parameter by its name. A minus in front
asks for the opposite, quotes keep blanks together.
"""

from __future__ import annotations

import calendar
import difflib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from ptychogui.catalog.marks import MOST_STARS
from ptychogui.errors import ParameterError
from ptychogui.params.model import describe
from ptychogui.params.spec import Param
from ptychogui.params.units import parse_quantity, split_unit
from ptychogui.texts import storable

_WORD = re.compile(r'(-?)(?:(\w+)(:|<=|>=|<|>|=))?(?:"([^"]*)"|([^\s"]+))(?=\s|$)')
_NO_VALUE = re.compile(r"\w+(?::|<=|>=|<|>|=)")
_RANGE = re.compile(r"(.*[^.eE-])(?:\.\.|-)(.+)")
_WITHIN = 1e-6
"""Numbers are the same that differ by no more than this part of them."""

_NUMBERS = {
    "scan": ("scan", ""), "modes": ("modes", ""), "iterations": ("iterations", ""), "error": ("error", ""),
    "free_error": ("free_error", ""), "energy": ("energy_eV", "eV"), "distance": ("distance_m", "m"),
    "pixel": ("pixel_m", "m"), "rows": ("rows", ""), "columns": ("columns", ""), "layers": ("layers", ""),
    "positions": ("positions", ""), "took": ("took_s", "s"), "stars": ("stars", ""),
}  # fmt: skip
"""Field -> column, and the unit in which it is kept."""
_TEXTS = ("title", "program", "state", "device", "source", "note")
_LISTS = {"engine": "engine", "tag": "tags"}
"""Fields of several words with commas between them."""
FIELDS = (*_NUMBERS, *_TEXTS, *_LISTS, "path", "date")
_STARRED = "starred"
_DAYS = {"today": (0, 1), "yesterday": (1, 1), "week": (6, 7), "month": (29, 30)}
"""Word -> days before today on which it begins, and how many it has."""


@dataclass(frozen=True)
class Query:
    """A condition on the table of results, with its values."""

    condition: str = "1"
    values: tuple[Any, ...] = ()


def parse_query(text: str, today: date | None = None) -> Query:
    """Read what a user typed; nothing asks for all results.

    Args:
        text: of the search.
        today: the present day if None.

    Raises:
        ParameterError: a field is not known, or a value does not fit its field; the message says which, and what does.
    """
    if text.count('"') % 2:
        raise ParameterError(f"search: a quote in {text.strip()} is not closed")
    day, parts, end = today or date.today(), [], 0
    for found in _WORD.finditer(text):
        if text[end : found.start()].strip():
            break
        end = found.end()
        parts.append(_part(found, day))
    if text[end:].strip():
        raise ParameterError(f"search: '{text[end:].strip()}' can't be understood; put a blank before and after quotes")
    conditions = [part.condition for part in parts]
    return Query(" AND ".join(conditions) or "1", tuple(value for part in parts for value in part.values))


def _part(found: re.Match[str], today: date) -> Query:
    minus, field, sign, quoted, bare = found.groups()
    value = quoted if quoted is not None else bare
    if field is None:
        part = _plain_word(value, quoted is not None)
    else:
        part = _of_field(field.casefold(), ":" if sign == "=" else sign, value, today)
    return (
        Query(f"NOT ifnull({part.condition}, 0)", part.values) if minus else Query(f"({part.condition})", part.values)
    )


def _plain_word(word: str, is_quoted: bool) -> Query:
    if not is_quoted and word.casefold() == _STARRED:
        return Query("stars > 0")
    if not is_quoted and _NO_VALUE.fullmatch(word):
        raise ParameterError(f"search: {word} needs a value, such as {word}1")
    folded = storable(word).casefold()
    return Query("instr(said, ?) OR instr(marked, ?)", (folded, folded))


def _of_field(field: str, sign: str, value: str, today: date) -> Query:
    if field == "date":
        return _dates(sign, value, today)
    if field in _NUMBERS:
        column, unit = _NUMBERS[field]
        return _numbers(field, f'"{column}"', sign, value, lambda text: _number(field, text, unit))
    if field in (*_TEXTS, *_LISTS, "path"):
        _check_sign(field, sign)
        return _text(field, storable(value))
    return _parameter(field, sign, value)


def _text(field: str, value: str) -> Query:
    if field == "engine":
        return Query("instr(',' || engine || ',', ?)", (f",{value.casefold()},",))
    if field == "tag":
        return Query("instr(lower(tags), ?)", (f",{value.lower()},",))
    if field == "path":
        return Query("instr(CAST(path AS TEXT), ?)", (value,))
    return Query(f"instr(lower({field}), ?)", (value.lower(),))


def _parameter(name: str, sign: str, value: str) -> Query:
    """Ask for a parameter's value in the table of all parameters."""
    named = {param.name.casefold(): param for param in describe()}
    if name not in named:
        alike = difflib.get_close_matches(name, [*FIELDS, *named], n=1, cutoff=0.0)[0]
        raise ParameterError(
            f"search: there is no field '{name}', the nearest is '{alike}'; fields are {', '.join(FIELDS)} and all "
            f'parameters; put a text with a sign in it in quotes, such as "{name}{sign}{value}"'
        )
    param = named[name]
    if param.kind in (int, float, bool):
        part = _numbers(name, "value", sign, value, lambda text: _value(param, text))
    else:
        _check_sign(name, sign)
        part = Query("instr(lower(value), ?)", (storable(value).lower(),))
    condition = f"id IN (SELECT result FROM parameters WHERE name = ? AND ({part.condition}))"
    return Query(condition, (param.name, *part.values))


def _numbers(field: str, column: str, sign: str, value: str, parse: Callable[[str], float]) -> Query:
    """Compare a column with a number, or with both ends of a range."""
    ends = _RANGE.fullmatch(value)
    if ends is not None:
        _check_sign(field, sign)
        low, high = (parse(end) for end in _with_one_unit(*ends.groups()))
        if low > high:
            raise ParameterError(f"search: {field}:{value} is empty: the first number is the larger one")
        return Query(f"{column} BETWEEN ? AND ?", (low - _WITHIN * abs(low), high + _WITHIN * abs(high)))
    number = parse(value)
    if sign == ":":
        return Query(f"abs({column} - ?) <= ?", (number, _WITHIN * abs(number)))
    return Query(f"{column} {sign} ?", (number,))


def _with_one_unit(first: str, last: str) -> tuple[str, str]:
    """Return both ends of a range with the unit that may be said once: 8-9keV."""
    return first if split_unit(first)[1] else first + split_unit(last)[1], last


def _number(field: str, text: str, unit: str) -> float:
    try:
        number = parse_quantity(text, unit)
    except ParameterError:
        of_unit = f" in {unit}" if unit else ""
        raise ParameterError(
            f"search: {field}: '{text}' is no number{of_unit}; give 12, 12-40, or {field}>12"
        ) from None
    if field == "stars" and not 0 <= number <= MOST_STARS:
        raise ParameterError(f"search: stars: there are 0 to {MOST_STARS}, not {text}")
    return number


def _value(param: Param, text: str) -> float:
    words = {"yes": 1.0, "true": 1.0, "on": 1.0, "no": 0.0, "false": 0.0, "off": 0.0} if param.kind is bool else {}
    return words[text.casefold()] if text.casefold() in words else _number(param.name, text, param.unit)


def _check_sign(field: str, sign: str) -> None:
    if sign != ":":
        raise ParameterError(f"search: {field} can't be compared by {sign}; give {field}:VALUE")


def _dates(sign: str, value: str, today: date) -> Query:
    first, dots, last = value.partition("..")
    begin, end = _days(first, today)
    if dots:
        _check_sign("date", sign)
        end = _days(last, today)[1]
        if end <= begin:
            raise ParameterError(f"search: date:{value} is empty: the first day is the later one")
    comparisons: dict[str, tuple[str, Sequence[float]]] = {
        ":": ("made_s >= ? AND made_s < ?", (begin, end)),
        ">": ("made_s >= ?", (end,)), ">=": ("made_s >= ?", (begin,)),
        "<": ("made_s < ?", (begin,)), "<=": ("made_s < ?", (end,)),
    }  # fmt: skip
    condition, values = comparisons[sign]
    return Query(condition, tuple(values))


def _days(text: str, today: date) -> tuple[float, float]:
    """Return where a day, a month, a year, or what a word means begins and ends, in s since 1970, local time."""
    if text.casefold() in _DAYS:
        before, count = _DAYS[text.casefold()]
        first = today - timedelta(days=before)
        return _midnight(first), _midnight(first + timedelta(days=count))
    try:
        parts = [int(part) for part in text.split("-")]
        year, month, day = (*parts, 1, 1)[:3]
        first = date(year, month, day)
        days = {1: 365 + calendar.isleap(first.year), 2: calendar.monthrange(first.year, first.month)[1]}
        return _midnight(first), _midnight(first + timedelta(days=days.get(len(parts), 1)))
    except (ValueError, OverflowError, TypeError):
        raise ParameterError(
            f"search: date: '{text}' is no date; give 2026-11-30, 2026-11, 2026-11-01..2026-11-30, "
            f"{', '.join(_DAYS)}, or date>2026-11-01"
        ) from None


def _midnight(day: date) -> float:
    return datetime.combine(day, time()).timestamp()
