"""Errors of parameters' values, in our own words in place of pydantic's."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ptychogui.params.spec import Param
from ptychogui.params.units import format_quantity

_BOUNDS = {
    "greater_than": ("gt", "must be above"),
    "greater_than_equal": ("ge", "must be at least"),
    "less_than": ("lt", "must be below"),
    "less_than_equal": ("le", "must be at most"),
    "multiple_of": ("multiple_of", "must be a multiple of"),
}
_NEEDS = {
    "finite_number": "must be a finite number", "int": "must be a whole number", "float": "must be a number",
    "bool": "must be yes or no", "string": "must be text", "path": "must be a path",
    "tuple": "must be a pair 'row,column'", "too": "must be a pair 'row,column'",
    "missing": "must be a pair 'row,column'",
}  # fmt: skip
"""By pydantic's name of the problem, or the name's first word."""


def explain(problem: Mapping[str, Any], param: Param, value: Any, origin: Any) -> str:
    """Say which value is wrong and what it must be: "--iterations -5: must be at least 1".

    Args:
        problem: one of the errors of a pydantic ValidationError.
        param: the parameter; a pair is one value.
        value: what it was given.
        origin: params.origins.Origin or text that says where the value came from; None if not known. A value of an
            option is called by it.
    """
    place = getattr(origin, "place", "")
    shown = _shown(param, value)
    if place.startswith("-"):
        return f"{place} {shown}: {need(problem, param)}"
    return f"{param.path} = {shown}{f' (from {origin})' if origin else ''}: {need(problem, param)}"


def need(problem: Mapping[str, Any], param: Param) -> str:
    """Say what a value must be: "must be at least 1"."""
    kind: str = problem["type"]
    if kind in _BOUNDS:
        key, words = _BOUNDS[kind]
        return f"{words} {format_quantity(problem['ctx'][key], param.unit)}"
    if kind == "literal_error":
        return f"must be one of {', '.join(param.choices)}"
    if kind == "value_error":
        return str(problem["ctx"]["error"])
    text: str = problem["msg"]
    return _NEEDS.get(kind) or _NEEDS.get(kind.partition("_")[0]) or text[0].lower() + text[1:]


def _shown(param: Param, value: Any) -> str:
    if param.kind == "pair" and isinstance(value, (tuple, list)):
        return ", ".join(_shown_number(number, param.unit) for number in value)
    return _shown_number(value, param.unit)


def _shown_number(value: Any, unit: str) -> str:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        return format_quantity(value, unit)
    return repr(value)
