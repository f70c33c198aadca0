"""Sweeps: several values for a parameter, as a list or a range, and all combinations of several sweeps."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ptychogui.errors import ParameterError
from ptychogui.params.commandline import format_text, parse_text
from ptychogui.params.model import Parameters, by_path
from ptychogui.params.spec import Param
from ptychogui.params.units import split_unit

OPTION = "--sweep"
MOST = 10_000
"""Combinations at most: more is a slip of the finger."""


def combinations(sweeps: Sequence[str]) -> tuple[dict[str, tuple[Any, str]], ...]:
    """Return all combinations of the values of some sweeps, the last one running fastest; one without any of none.

    Args:
        sweeps: each "NAME=VALUE,VALUE,..." or, of a number, "NAME=START:STOP:COUNT", ends included. NAME is a
            parameter's path, or its last word. Values that have a comma themselves are parted by ';'.

    Returns:
        parameter path -> (value, option) of each.

    Raises:
        ParameterError: no such parameter, a value that it can't have, a parameter twice, or too many combinations.
    """
    swept: dict[str, list[Any]] = {}
    for text in sweeps:
        param, values = _sweep(text)
        if param.path in swept:
            raise ParameterError(f"{OPTION} {text}: {param.path} is swept twice; give all its values at once")
        swept[param.path] = values
    if math.prod(map(len, swept.values())) > MOST:
        raise ParameterError(f"{OPTION}: these are more than {MOST} combinations; sweep fewer values")
    return tuple(
        {path: (value, OPTION) for path, value in zip(swept, values, strict=True)}
        for values in itertools.product(*swept.values())
    )


def may_be_swept(param: Param) -> bool:
    """Whether a parameter changes something in a result that could be compared."""
    return "names a scan" not in param.marks and param.group not in ("devices", "output")


def _sweep(text: str) -> tuple[Param, list[Any]]:
    name, equals, given = text.partition("=")
    if not equals or not given.strip():
        raise ParameterError(f"{OPTION} {text}: write NAME=1,3,5 or NAME=START:STOP:COUNT")
    param = _param(name.strip(), text)
    try:
        values = [_checked(param, value) for value in _values(param, given)]
    except ParameterError as error:
        raise ParameterError(f"{OPTION} {text}: {error}") from None
    twice = [value for i, value in enumerate(values) if value in values[:i]]
    if twice:
        raise ParameterError(f"{OPTION} {text}: {format_text(param, twice[0])} is there twice")
    return param, values


def _param(name: str, text: str) -> Param:
    """Find a parameter by its path, its option, or the last word of either."""
    last = name.rpartition(".")[2].lstrip("-").replace("-", "_")
    found = by_path().get(name)
    alike = [param for param in by_path().values() if last in (param.name, param.option[2:].replace("-", "_"))]
    if found is None and len(alike) != 1:
        raise ParameterError(f"{OPTION} {text}: no parameter is called '{name}'; ptychogui reconstruct --help has them")
    param = found or alike[0]
    if not may_be_swept(param):
        raise ParameterError(f"{OPTION} {text}: {param.path} changes nothing in a result that could be compared")
    return param


def _values(param: Param, given: str) -> list[Any]:
    parts = given.split(":")
    if param.kind in (int, float) and len(parts) > 1:
        return _range(param, parts)
    separator = ";" if ";" in given or param.kind == "pair" else ","
    return [parse_text(param, part.strip()) for part in given.split(separator)]


def _range(param: Param, parts: list[str]) -> list[Any]:
    """Return numbers at equal distances, ends included: "8.7:8.9keV:5", a unit after one end holding for both."""
    if len(parts) != 3 or not parts[2].strip().isdigit() or not 2 <= int(parts[2]) <= MOST:
        raise ParameterError("a range is START:STOP:COUNT, such as 8.7keV:8.9keV:5, with a COUNT of 2 or more")
    unit = split_unit(parts[0])[1] or split_unit(parts[1])[1]
    first, last = (parse_text(param, end if split_unit(end)[1] else end + unit) for end in parts[:2])
    if first is None or last is None:
        raise ParameterError("both ends of a range are numbers")
    numbers = [float(f"{number:.12g}") for number in np.linspace(first, last, int(parts[2]))]
    if param.kind is int and not all(number.is_integer() for number in numbers):
        raise ParameterError(f"the {parts[2]} values from {first} to {last} are not whole; list them, {first},...")
    return [param.kind(number) for number in numbers]


def _checked(param: Param, value: Any) -> Any:
    """Return a value as its parameter has it; one out of its range is refused."""
    return Parameters().replace({param.path: value}).get(param.path)
