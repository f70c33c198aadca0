"""Texts from declarations: tooltips, option help and the reference page docs/parameters.md.

`python -m ptychogui.params.reference > docs/parameters.md` writes the page.
"""

from __future__ import annotations

import sys

from ptychogui.params.chain import titles
from ptychogui.params.commandline import format_text
from ptychogui.params.model import Parameters, describe
from ptychogui.params.spec import Param
from ptychogui.params.units import format_quantity

_INTRODUCTION = """\
# Parameters

Every parameter of a reconstruction. This page is generated from the declarations in `ptychogui/params/` by
`python -m ptychogui.params.reference > docs/parameters.md`.

- **Option** is its name on the command line, **ptychopy** its flag in a ptychopy command string (`--command`).
- **Name** is its name in Python and in result files. `ptychogui.api.reconstruct` takes the part after the dot, with
  values in SI units: `energy_eV=8800.0`.
- Values are in the unit of the table when they have none; `8.8 keV`, `50nm` and `75 um` do as well. Values in a
  ptychopy command string are in SI units, and its `-lambda` is the wavelength in m.
- Pairs are `row,column`. `none` stands for 'not known', and `auto` leaves a choice to the program, which says what it
  has chosen and why.
- An option that says when something is done, such as `--position-correction`, may stand alone: that is its default,
  or all iterations where the default is `never`. One that can be `on` is that when it stands alone.
- Iterations count from 1, in a ptychopy command string too. Where several engines follow each other (`--engine
  dm:50,lsqml:100`) they count through.
- A parameter that has an effect in some engines only is refused where none of them runs.
"""


_HEAD = """\
| Parameter | Option | Name | Unit | Default | Range | ptychopy | Meaning |
|---|---|---|---|---|---|---|---|
"""


def range_text(param: Param) -> str:
    """Say which values are allowed: "above 0 eV", "1 to 64", "one of fourier, nearest"; "" if all are."""
    if param.choices:
        return "one of " + ", ".join(param.choices)
    multiple = f"a multiple of {param.multiple_of}" if param.multiple_of else ""
    return ", ".join(part for part in (_interval(param), multiple) if part)


def tooltip(param: Param) -> str:
    """Explain a parameter to the user of a form: help, where it has an effect, range."""
    allowed = range_text(param)
    return f"{param.help}{_limits(param)}" + (f"\nAllowed: {allowed}." if allowed else "")


def option_help(param: Param) -> str:
    """Explain a parameter to the user of the command line: help, where it has an effect, range and default."""
    default = format_text(param, param.default)
    facts = "; ".join(fact for fact in (range_text(param), default and f"default: {default}") if fact)
    return f"{param.help}{_limits(param)}" + (f" [{facts}]" if facts else "")


def reference() -> str:
    """Return the text of docs/parameters.md."""
    pages = [_INTRODUCTION]
    for group, info in Parameters.model_fields.items():
        pages.append(f"\n## {group.capitalize()}\n\n{info.annotation.__doc__}\n\n{_HEAD}")
        pages += [_row(param) for param in describe() if param.group == group]
    return "".join(pages)


def _row(param: Param) -> str:
    flag = f"`-{param.flag}`" if param.flag else ""
    option = f"`{param.option}`"
    cells = (param.title, option, f"`{param.path}`", param.unit, format_text(param, param.default), range_text(param),
             flag, param.help + _limits(param))  # fmt: skip
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def _limits(param: Param) -> str:
    """Say where a parameter has an effect, if not everywhere."""
    engines = f" {titles(param.engines)} only." if param.engines else ""
    return engines + (f" No effect yet: awaits {param.awaits}." if param.awaits else "")


def _interval(param: Param) -> str:
    bounds = (param.minimum, param.maximum)
    low, high = ("" if bound is None else format_quantity(bound, param.unit) for bound in bounds)
    if low and high and not param.exclusive_minimum and not param.exclusive_maximum:
        return f"{low.removesuffix(param.unit).rstrip()} to {high}"
    above = low and f"{'above' if param.exclusive_minimum else 'at least'} {low}"
    below = high and f"{'below' if param.exclusive_maximum else 'at most'} {high}"
    return ", ".join(part for part in (above, below) if part)


if __name__ == "__main__":
    sys.stdout.write(reference())
