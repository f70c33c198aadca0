"""`ptychogui simulate`: write a simulated scan.

There is an option for every field of `physics.simulation.Recipe`, explained by the docstring of that class.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import typing
from functools import cache
from pathlib import Path
from typing import Any

import click
import psutil

from ptychogui.cli.shared_options import PATH
from ptychogui.cli.terminal import tell
from ptychogui.errors import MemoryBudgetError, ParameterError
from ptychogui.io.atomic import check_writable
from ptychogui.io.simulated import check_scan_replaceable, truth_path, write_scan
from ptychogui.params.click_words import Command
from ptychogui.params.options import given_values, options
from ptychogui.params.spec import Param, plain_type
from ptychogui.params.units import parse_quantity
from ptychogui.physics.phantoms import PHANTOMS
from ptychogui.physics.simulation import Recipe, simulate

_GROUP = "recipe"
_UNITS = {"_eV": "eV", "_m": "m", "_counts": "counts"}
_HELP = re.compile(r"^    (\w+): (.*?)(?=^    \w|^\w|\Z)", re.MULTILINE | re.DOTALL)
"""Name and explanation of a field, in the docstring of a Recipe."""


@cache
def _recipe_params() -> tuple[Param, ...]:
    """Describe the fields of a Recipe as parameters."""
    hints = typing.get_type_hints(Recipe)
    helps = {name: " ".join(text.split()) for name, text in _HELP.findall(inspect.getdoc(Recipe) or "")}
    return tuple(_describe(field, hints[field.name], helps[field.name]) for field in dataclasses.fields(Recipe))


def _describe(field: dataclasses.Field[Any], hint: Any, text: str) -> Param:
    default = field.default
    if field.name == "mode_fractions":
        hint, default, text = str, ",".join(map(str, Recipe.mode_fractions)), f"{text} Numbers separated by commas."
    kind, item, choices, optional, _ = plain_type(hint)
    if field.name == "phantom":
        kind, choices, text = "choice", tuple(PHANTOMS), "the sample."
    return Param(
        path=f"{_GROUP}.{field.name}", group=_GROUP, name=field.name, kind=kind, item=item, optional=optional,
        default=default, title=field.name.replace("_", " "), help=text[0].upper() + text[1:],
        unit=next((unit for suffix, unit in _UNITS.items() if field.name.endswith(suffix)), ""),
        flag="", advanced=False, awaits="", choices=choices, minimum=None, maximum=None,
        exclusive_minimum=False, exclusive_maximum=False, multiple_of=None,
    )  # fmt: skip


@click.command("simulate", cls=Command)
@click.argument("out", type=PATH, metavar="OUT.cxi")
@options(_recipe_params())
@click.pass_context
def simulate_command(context: click.Context, /, out: Path, **_recipe: Any) -> None:
    """Write a simulated scan, and the truth beside it as OUT-truth.cxi."""
    recipe = _given_recipe(context)
    check_writable(out)
    check_writable(truth_path(out))
    check_scan_replaceable(out)
    _check_memory(recipe)
    for path in write_scan(out, simulate(recipe)):
        tell(path)


def _given_recipe(context: click.Context) -> Recipe:
    """Return the recipe that the user's options ask for."""
    given = {path.partition(".")[2]: value for path, (value, _) in given_values(context, _recipe_params()).items()}
    if "mode_fractions" in given:
        given["mode_fractions"] = _fractions(given["mode_fractions"])
    return Recipe(**given)


def _fractions(text: str) -> tuple[float, ...]:
    try:
        return tuple(parse_quantity(part, "") for part in text.split(","))
    except ParameterError as error:
        raise ParameterError(f"--mode-fractions: {error}") from None


def _check_memory(recipe: Recipe) -> None:
    """Refuse a scan that is too large for the memory that is free."""
    free_bytes = psutil.virtual_memory().available
    if recipe.memory_bytes > free_bytes:
        raise MemoryBudgetError(
            f"{recipe.frames} simulated patterns of {recipe.n} x {recipe.n} pixels need about "
            f"{recipe.memory_bytes / 1e9:.1f} GB of memory but {free_bytes / 1e9:.1f} GB are free; choose a smaller "
            "--n or --scan-dims"
        )
