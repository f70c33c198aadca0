"""Parameters as text: one value for an option or a form, and a whole set as a ptychopy command string.

A command string is what ptychopy's users have in their scripts and logbooks:
`./ptycho -jobID=sim512 -beamSize=110e-9 -size=512 -lambda=2.48e-10 -simulate=1`. Values in it are SI. ptychopy's own
defaults are not ours: a command sets what it says and nothing else.
"""

from __future__ import annotations

import difflib
import os
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

from ptychogui.errors import ParameterError
from ptychogui.params.model import Parameters, by_path, describe
from ptychogui.params.schedule import alone
from ptychogui.params.spec import Param
from ptychogui.params.units import format_quantity, parse_decimal, parse_quantity, parse_whole, split_unit

_Given: TypeAlias = Mapping[str, "str | None"]
"""Every lower-case flag of a command string and its raw value; None if it stands alone."""

PROGRAM = "./ptycho"
"""First word of a command string."""

_IGNORED = {flag.casefold(): flag for flag in ("blind", "updateVis", "wsServerUrl", "angles", "RMS")}
"""Flags that ptychopy accepts and that change nothing, there or here."""

_HC_EV_M = Decimal("6.62607015e-34") * Decimal(299792458) / Decimal("1.602176634e-19")
"""Photon energy in eV times wavelength in m; exact by the SI's definition."""

_COUNTING_UNITS = ("px", "counts", "bit")
"""What a number on the command line need not say."""

_NEVER = "never"

_YES = ("1", "true", "yes", "on")
_NO = ("0", "false", "no", "off")


def parse_text(param: Param, text: str) -> Any:
    """Return the value that a text gives to a parameter: "8.8 keV", "30,30", "50 nm, 40 nm", "yes", "none".

    A pair is "row,column"; a unit after one number holds for both. "none" or nothing is None where that is
    allowed. The range is checked when Parameters are made.

    Raises:
        ParameterError: the text is not a value of the parameter's kind.
    """
    try:
        return parse_untitled(param, text)
    except ParameterError as error:
        raise ParameterError(f"{param.title}: {error}") from None


def format_text(param: Param, value: Any) -> str:
    """Write a parameter's value so that `parse_text` gives exactly it back, with a readable unit."""
    if value is None:
        return param.none
    if param.kind is bool:
        return "yes" if value else "no"
    if param.kind is Path:
        return _path_text(value)
    if param.kind == "pair":
        return ", ".join(_format_number(param.item, number, param.unit) for number in value)
    if param.kind in (int, float):
        never = "or never" in param.marks and value == 0
        return _NEVER if never else _format_number(param.kind, value, param.unit)
    return str(value)


def as_options(values: Mapping[str, Any]) -> str:
    """Write values by parameter path as options: "--center 64,71 --no-simulate"; "" of none."""
    return " ".join(_option(by_path()[path], value) for path, value in values.items())


def _option(param: Param, value: Any) -> str:
    if param.kind is bool:
        return param.option if value else param.option.replace("--", "--no-", 1)
    text = format_text(param, value).replace(", ", ",").replace(" ", "")
    if param.unit in _COUNTING_UNITS:
        text = text.replace(param.unit, "")
    return f"{param.option} {shlex.quote(text)}"


def parse_untitled(param: Param, text: str) -> Any:
    """Do what `parse_text` does, with errors that do not name the parameter: for a form, which shows it beside them."""
    if _is_none(param, text):
        return None
    if param.kind is bool:
        return _parse_switch(text)
    if param.kind == "choice":
        return _parse_choice(param, text)
    if param.kind == "pair":
        return _parse_pair(param, text)
    if param.kind in (int, float):
        return 0.0 if _is_never(param, text) else _parse_number(param.kind, text, param.unit)
    return Path(text) if param.kind is Path else text


def _is_none(param: Param, text: str) -> bool:
    return param.optional and text.strip().casefold() in ("", param.none)


def _is_never(param: Param, text: str) -> bool:
    return "or never" in param.marks and text.strip().casefold() == _NEVER


def _parse_number(kind: type, text: str, unit: str) -> float | int:
    return parse_whole(text, unit) if kind is int else parse_quantity(text, unit)


def _format_number(kind: type, value: float, unit: str) -> str:
    return f"{value} {unit}".rstrip() if kind is int else format_quantity(value, unit)


def _parse_switch(text: str) -> bool:
    word = text.strip().casefold()
    if word not in _YES + _NO:
        raise ParameterError(f"'{text}' is neither yes nor no; give 1 or 0, yes or no")
    return word in _YES


def _parse_choice(param: Param, text: str) -> str:
    word = text.strip().casefold()
    if word not in param.choices:
        raise ParameterError(f"'{text}' is not one of {', '.join(param.choices)}")
    return word


def _parse_pair(param: Param, text: str) -> tuple[float | int, ...]:
    parts = text.split(",")
    if len(parts) != 2:
        raise ParameterError(f"'{text}' is not a pair; give two numbers 'row,column'")
    unit = split_unit(parts[0])[1] or split_unit(parts[1])[1]
    parts = [part if split_unit(part)[1] else part + unit for part in parts]
    return tuple(_parse_number(param.item, part, param.unit) for part in parts)


def _path_text(path: Path) -> str:
    """Write a path; a file that is called "none" or blank keeps a folder so that it is not taken for no file."""
    text = str(path)
    return os.path.join(".", text) if text.strip().casefold() in ("", "none") else text


@dataclass(frozen=True)
class PtychopyCommand:
    """What a ptychopy command string says."""

    values: Mapping[str, Any]
    """Parameter path -> value, in the order of the string."""
    flags: Mapping[str, str]
    """Parameter path -> the flag that gave it, with its dash: "-lambda"."""
    notes: tuple[str, ...]
    """What was accepted without effect, or deserves a second look."""


def parse_command(text: str) -> dict[str, Any]:
    """Return parameter path -> value for every flag of a ptychopy command string; see `read_command`."""
    return dict(read_command(text).values)


def read_command(text: str) -> PtychopyCommand:
    """Read a ptychopy command string.

    The program's name may lead it. Flags have one dash, two or none, any case, and their value after '=' or a blank;
    a switch needs no value. Values with blanks are quoted as in a shell. A repeated flag counts the last time.

    Raises:
        ParameterError: an unknown flag, or a value that does not fit its flag.
    """
    given = _split_flags(text)
    values: dict[str, Any] = {}
    flags: dict[str, str] = {}
    for flag, raw in given.items():
        if flag not in _IGNORED:
            param = _find(flag)
            values[param.path] = _flag_value(param, raw, given)
            flags[param.path] = f"-{param.flag}"
    return PtychopyCommand(values, flags, _notes(given))


def format_command(parameters: Parameters) -> str:
    """Write parameters as a ptychopy command string: every flag whose value is not the default, and the algorithm.

    `parse_command` gives the same values back. Parameters that have no flag in ptychopy are left out.
    """
    words = [PROGRAM]
    for param in describe():
        value = parameters.get(param.path)
        if param.flag and (value != param.default or param.path in COMMAND_DEFAULTS):
            words.append(f"-{param.flag}={_flag_text(param, value)}")
    return shlex.join(words)


def _split_flags(text: str) -> _Given:
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ParameterError(f"command string: {error}; close every quote") from None
    if words and not words[0].startswith("-") and "=" not in words[0]:
        del words[0]
    given: dict[str, str | None] = {}
    last = ""
    for word in words:
        name, equals, value = word.lstrip("-").partition("=")
        if equals or (word.startswith("-") and not _NEGATIVE_NUMBER.match(word)):
            last = name.casefold()
            last = _ALIASES.get(last, last)
            given.pop(last, None)
            given[last] = value if equals else None
        elif last and given[last] is None:
            given[last] = word
        else:
            raise ParameterError(f"command string: '{word}' belongs to no flag; put values with blanks in quotes")
    return given


_NEGATIVE_NUMBER = re.compile(r"-\.?\d")


@cache
def _flags() -> dict[str, Param]:
    return {param.flag.casefold(): param for param in describe() if param.flag}


def _notes(given: _Given) -> tuple[str, ...]:
    notes = [f"-{_IGNORED[flag]} has no effect, in ptychopy or here" for flag in given if flag in _IGNORED]
    if given.get("beamstopmask", "0") in (None, "1"):
        notes.append("ptychopy's beamstopMask.h5 is 1 on good pixels, a mask here is non-zero on bad ones: invert it")
    return tuple(notes)


def _find(flag: str) -> Param:
    known = _flags()
    if flag not in known:
        alike = difflib.get_close_matches(flag, [*known, *_ALIASES], n=1, cutoff=0.0)
        param = known[_ALIASES.get(alike[0], alike[0])]
        raise ParameterError(f"command string: there is no flag -{flag}; the nearest is -{param.flag} ({param.title})")
    return known[flag]


def _flag_value(param: Param, raw: str | None, given: _Given) -> Any:
    special = _SPECIAL.get(param.flag)
    if raw is None:
        raw = "1" if param.kind is bool or param.flag in _SWITCHES else alone(param)
    if raw is None:
        raise ParameterError(f"command string: -{param.flag} needs a value, such as -{param.flag}=...")
    try:
        return special.parse(param, raw, given) if special else parse_untitled(param, raw)
    except ParameterError as error:
        raise ParameterError(f"command string: -{param.flag}: {error}") from None


def _flag_text(param: Param, value: Any) -> str:
    special = _SPECIAL.get(param.flag)
    if special and special.format:
        return special.format(value)
    if value is None:
        return ""
    if param.kind is bool:
        return "1" if value else "0"
    if param.kind == "pair":
        return ",".join(map(repr, value))
    return _path_text(value) if param.kind is Path else str(value)


@dataclass(frozen=True)
class _Special:
    """How to read and write a flag that is not simply the parameter's value."""

    parse: Callable[[Param, str, _Given], Any]
    format: Callable[[Any], str] | None = None


def _energy(param: Param, text: str, _given: _Given) -> float | None:
    if _is_none(param, text):
        return None
    wavelength = parse_decimal(text, "m")
    if wavelength <= 0:
        raise ParameterError(f"the wavelength '{text}' is not positive; give it in m")
    return float(_HC_EV_M / wavelength)


def _wavelength_text(energy_eV: float | None) -> str:
    """Write the wavelength in m with as many digits as it takes to give exactly this energy back."""
    if energy_eV is None:
        return ""
    wavelength = _HC_EV_M / Decimal(energy_eV)
    texts = (f"{wavelength:.{digits}e}" for digits in range(1, 28))
    return next(text for text in texts if float(_HC_EV_M / Decimal(text)) == energy_eV)


def _engine(_param: Param, text: str, _given: _Given) -> str:
    name = text.strip().casefold()
    return {"mls": "lsqml"}.get(name, name)


def _scan_pattern(param: Param, text: str, given: _Given) -> str:
    """Read 1 as spiral and 0 as what ptychopy then does: the positions of -lf, or else a raster."""
    if text not in ("0", "1"):
        return _parse_choice(param, text)
    return "spiral" if text == "1" else "listed" if given.get("lf") else "raster"


def _switch(on: str, off: str) -> _Special:
    """Make a switch between the two choices of a parameter."""
    return _Special(
        lambda _param, text, _given: on if _parse_switch(text) else off, lambda value: "1" if value == on else "0"
    )


def _lone(make: Callable[[str], str]) -> _Special:
    """Make a parser of a pair that may be one number, which `make` completes."""
    return _Special(
        lambda param, text, _given: parse_untitled(param, text if "," in text or _is_none(param, text) else make(text))
    )


def _counted_from_one(param: Param, text: str, _given: _Given) -> Any:
    return parse_untitled(param, "1" if text.strip() == "0" else text)


def _time_limit(param: Param, text: str, _given: _Given) -> float | None:
    limit: float | None = parse_untitled(param, text)
    return limit if limit is not None and limit > 0 else None


def _mask(param: Param, text: str, given: _Given) -> Path | None:
    if text == "0":
        return None
    return Path(given.get("fp") or "").parent / "beamstopMask.h5" if text == "1" else parse_untitled(param, text)


def _mask_text(path: Path | None) -> str:
    if path is None:
        return "0"
    return os.path.join(".", path) if str(path) in ("0", "1") else _path_text(path)


COMMAND_DEFAULTS: Mapping[str, Any] = {"reconstruction.engine": "epie"}
"""Parameter path -> value that a command means by saying nothing, where it is not the default here."""

_ENGINES = {"epie": "ePIE", "dm": "DM", "lsqml": "MLs"}
"""ptychopy's names of the engines that it has."""

_SPECIAL: dict[str, _Special] = {
    "lambda": _Special(_energy, _wavelength_text),
    "algorithm": _Special(_engine, lambda engine: _ENGINES.get(engine, engine)),
    "spiralScan": _Special(_scan_pattern, lambda pattern: "1" if pattern == "spiral" else str(pattern)),
    "sqrtData": _switch("counts", "amplitudes"),
    "fftShiftData": _switch("center", "corner"),
    "step": _lone(lambda text: f"{text},{text}"),
    "scanDims": _lone(lambda text: f"{text},1"),
    "updateProbe": _Special(_counted_from_one),
    "updateModes": _Special(_counted_from_one),
    "T": _Special(_time_limit),
    "beamstopMask": _Special(_mask, _mask_text),
}

_SWITCHES = ("spiralScan", "sqrtData", "fftShiftData", "beamstopMask")
"""Flags that are no bool here but may stand alone in a command string."""

_ALIASES = {"iter": "i"}
