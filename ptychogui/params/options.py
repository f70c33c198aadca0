"""Command-line options of parameters, made from their declarations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from ptychogui.errors import ParameterError
from ptychogui.params.click_words import LoneOption
from ptychogui.params.commandline import parse_text
from ptychogui.params.reference import option_help
from ptychogui.params.schedule import alone, is_meant
from ptychogui.params.spec import Param

_Function = TypeVar("_Function", bound=Callable[..., Any])

_METAVARS: dict[Any, str] = {int: "N", float: "X", str: "TEXT", Path: "FILE", "pair": "ROW,COLUMN"}


def options(params: Sequence[Param]) -> Callable[[_Function], _Function]:
    """Give a click command one option for every parameter, in this order (a decorator)."""

    def decorate(function: _Function) -> _Function:
        for param in reversed(params):
            function = _option(param)(function)
        return function

    return decorate


def given_values(context: click.Context, params: Sequence[Param]) -> dict[str, tuple[Any, str]]:
    """Return parameter path -> (value, option) of the options that the user gave, and no other.

    Raises:
        ParameterError: the text of an option is no value of its parameter; the message names the option.
    """
    return {
        param.path: (_value(param, context.params[_identifier(param)]), param.option)
        for param in params
        if context.get_parameter_source(_identifier(param)) is ParameterSource.COMMANDLINE
    }


def _value(param: Param, given: bool | str) -> Any:
    if isinstance(given, bool):
        return given
    try:
        return parse_text(param, given)
    except ParameterError as error:
        raise ParameterError(f"{param.option}: {error}") from None


def _option(param: Param) -> Callable[[_Function], _Function]:
    if param.kind is bool:
        switch = f"{param.option}/{param.option.replace('--', '--no-', 1)}"
        return click.option(switch, _identifier(param), default=None, help=option_help(param))
    told: dict[str, Any] = {"metavar": _metavar(param), "help": option_help(param)}
    value = alone(param)
    if value is not None:
        told |= {
            "cls": LoneOption,
            "alone": value,
            "is_meant": partial(is_meant, param=param),
            "metavar": f"[{told['metavar']}]",
        }
    return click.option(param.option, _identifier(param), **told)


def _identifier(param: Param) -> str:
    """Name the option's value so that no argument of a command can have the same name."""
    return param.path.replace(".", "__")


def _metavar(param: Param) -> str:
    if param.kind == "choice":
        return "|".join(param.choices)
    if param.form:
        return "|".join((*param.suggestions, param.form))
    return f"{_METAVARS[param.kind]} [{param.unit}]" if param.unit else _METAVARS[param.kind]
