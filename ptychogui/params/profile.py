"""Profiles: named sets of parameters that a user keeps, a line of text for each; and how sets of values differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ptychogui.errors import ParameterError
from ptychogui.params.commandline import format_text, parse_text
from ptychogui.params.model import Parameters, by_path, marked

_HEAD = "# A profile of ptychogui: a parameter a line, as in docs/parameters.md\n"
NEVER_KEPT = {*marked("of one scan"), *marked("names a scan")}
"""Parameters that are in no profile."""

OF_A_PLACE = {*marked("for now"), *marked("geometry")}
"""Parameters that are in a profile if that is asked for."""


@dataclass(frozen=True)
class Difference:
    """A parameter that has two values.

    Attributes:
        path: of the parameter.
        here, there: its values.
    """

    path: str
    here: Any
    there: Any


def profile_text(values: Mapping[str, Any], with_place: bool = False) -> str:
    """Write a profile.

    Args:
        values: parameter path -> value; what belongs to one scan alone is left out.
        with_place: whether geometry and what holds for a while only are in it.
    """
    left_out = NEVER_KEPT if with_place else NEVER_KEPT | OF_A_PLACE
    kept = {path: values[path] for path in by_path() if path in values and path not in left_out}
    return _HEAD + "".join(f"{path} = {format_text(by_path()[path], value)}\n" for path, value in kept.items())


def read_profile(text: str) -> dict[str, Any]:
    """Return parameter path -> value of a profile.

    Raises:
        ParameterError: a line is none of a profile, or its value can't be used; the message says which.
    """
    values: dict[str, Any] = {}
    for number, line in enumerate(text.splitlines(), 1):
        path, equals, word = (part.strip() for part in line.partition("="))
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if not equals or path not in by_path() or path in NEVER_KEPT:
            raise ParameterError(f"line {number}: '{line.strip()[:60]}' does not set a parameter of a profile")
        try:
            values[path] = parse_text(by_path()[path], word)
            Parameters().replace({path: values[path]})
        except ParameterError as error:
            raise ParameterError(f"line {number}: {error}") from None
    return values


def differences(here: Parameters, there: Parameters, left_out: set[str]) -> tuple[Difference, ...]:
    """Return the parameters in which two sets of values differ, in order of declaration."""
    pairs = ((path, here.get(path), there.get(path)) for path in by_path() if path not in left_out)
    return tuple(Difference(path, mine, its) for path, mine, its in pairs if mine != its)
