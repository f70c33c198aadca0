"""Quantities as people write them: "8.8 keV", "50nm", "1.95 m". Inside, everything is SI.

Numbers go through Decimal, so text -> value -> text -> value never changes a bit.
"""

from __future__ import annotations

import math
import re
import unicodedata
from decimal import Decimal

from ptychogui.errors import ParameterError

_FACTORS: dict[str, dict[str, Decimal]] = {
    "m": {
        name: Decimal(factor)
        for name, factor in {
            "m": "1", "km": "1e3", "cm": "1e-2", "mm": "1e-3", "µm": "1e-6", "um": "1e-6", "nm": "1e-9", "pm": "1e-12",
            "Å": "1e-10", "angstrom": "1e-10",
        }.items()
    },
    "eV": {"eV": Decimal(1), "keV": Decimal("1e3"), "MeV": Decimal("1e6")},
    "s": {
        name: Decimal(factor)
        for name, factor in {"s": "1", "ms": "1e-3", "µs": "1e-6", "us": "1e-6", "min": "60", "h": "3600"}.items()
    },
}  # fmt: skip
"""Accepted units by base unit. Counting units (px, counts, bit) accept only their own name."""

_SHOWN: dict[str, tuple[str, ...]] = {
    "m": ("km", "m", "mm", "µm", "nm", "pm"),
    "eV": ("MeV", "keV", "eV"),
    "s": ("s", "ms", "µs"),
}
"""Units used for showing, largest first."""

ELECTRON_VOLT_J = 1.602176634e-19
"""Exact in the SI."""

_PREFIXES = {"G": 9, "M": 6, "k": 3, "": 0, "d": -1, "c": -2, "m": -3, "u": -6, "n": -9, "p": -12, "f": -15, "a": -18}
_PREFIX_WORDS = {
    "giga": 9, "mega": 6, "kilo": 3, "": 0, "deci": -1, "centi": -2, "milli": -3, "micro": -6, "nano": -9, "pico": -12,
    "femto": -15, "atto": -18,
}  # fmt: skip
"""Powers of ten."""

_ONE, _JOULE, _AA = Decimal(1), 1 / Decimal(repr(ELECTRON_VOLT_J)), Decimal("1e-10")
_SYMBOLS = {"m": {"m": _ONE}, "eV": {"eV": _ONE, "J": _JOULE}, "s": {"s": _ONE}}
"""Symbols that take a prefix, by the base unit that they measure in."""

_NAMES = {
    "m": {"meter": _ONE, "metre": _ONE}, "eV": {"electronvolt": _ONE, "joule": _JOULE}, "s": {"second": _ONE},
}  # fmt: skip
"""Words that take a prefix, in the singular."""

_LONE = {
    "m": {
        "micron": Decimal("1e-6"),
        **dict.fromkeys(("angstrom", "ångström", "ångstrom", "angström", "angstroem", "ang", "å", "a", "aa"), _AA),
    },
    "s": {"sec": _ONE, "min": Decimal(60), "minute": Decimal(60), "h": Decimal(3600), "hour": Decimal(3600)},
    "px": {"px": _ONE, "pixel": _ONE, "pix": _ONE},
}
"""Words and symbols that take none."""

_SLIPS = ("Mm", "Gm")
"""Lengths that nobody measures; somebody missed the case, or not."""

_MISREAD = {"Âµ": "µ", "Î¼": "µ", "Ã…": "Å"}
"""What becomes of signs in UTF-8 that somebody took for Latin-1."""
_SCALED = re.compile(r"(?:10\s*(?:\^|\*\*)\s*\(?([+-]?\d{1,2})\)?|(\d+\.?\d*(?:[eE][+-]?\d{1,2})?))\s*[*x ]?\s*(\D.*)")
"""A unit with a number before it: "1e-6 m", "10^-6 m"."""
_JOINTS = str.maketrans("", "", " _-.\t")
_BRACKETS = {"(": ")", "[": "]", "{": "}", "<": ">", '"': '"', "'": "'"}

_QUANTITY = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?)\s*(\D*?)\s*")
_GREEK_MU = "\u03bc"
_MICRO_SIGN = "\u00b5"
_ANGSTROM_SIGN = "\u212b"


def parse_quantity(text: str, unit: str) -> float:
    """Return the value of `text` in `unit`; a bare number is in `unit` already.

    Args:
        text: a number, a blank or not, and a unit or not: "8.8 keV", "50nm", "1.2e-9".
        unit: the SI or counting unit of the result ("m", "eV", "s", "px", "counts", ...), "" for a plain number.

    Raises:
        ParameterError: `text` is not a number, or its unit does not measure what `unit` measures.
    """
    value = float(parse_decimal(text, unit))
    if abs(value) == float("inf"):
        raise ParameterError(f"'{text}' is too large a number")
    return value


def said_quantity(number: float, said: str, unit: str) -> float | None:
    """Return a number in `unit` that a file gives in a unit of its own, however that is spelled.

    Symbols and words with any prefix, plurals, either case, either mu, brackets, "10^-6 m": "mm", "Microns",
    "milli-metre", "KeV", "[µm]", "Joule". Case decides where two units differ in nothing else: "MeV" and "meV" are what
    they are in the SI, "mev" is neither. A megameter is no length that anybody measures, and "Mm" more likely a
    slip: it is none.

    None where that is no unit of the kind, as a ring current's is none of energy. No unit at all is `unit`.
    """
    factor = said_factor(said, unit)
    if factor is None or not math.isfinite(number):
        return None if factor is None else number
    return float(Decimal(repr(float(number))) * factor)


def said_factor(said: str, unit: str) -> Decimal | None:
    """Return how many `unit` a unit is that a file writes; see `said_quantity`."""
    text = _unwrapped(said)
    scaled = _SCALED.fullmatch(text)
    if scaled is not None:
        scale = Decimal(10) ** int(scaled[1]) if scaled[1] else Decimal(scaled[2])
        factor = said_factor(scaled[3], unit)
        return None if factor is None else scale * factor
    text = text.translate(_JOINTS)
    if not text or text == unit:
        return _ONE
    if text in _SLIPS:
        return None
    return _symbols(unit).get(text) or _by_name(text.casefold(), unit)


def _unwrapped(said: str) -> str:
    """Return a unit in one of the ways to write its signs, without brackets around it."""
    for damaged, sign in _MISREAD.items():
        said = said.replace(damaged, sign)
    text = unicodedata.normalize("NFKC", said).replace(_GREEK_MU, "u").replace("(s)", "s").strip("\0 \t\r\n")
    while len(text) > 1 and _BRACKETS.get(text[0]) == text[-1]:
        text = text[1:-1].strip()
    return text


def _symbols(unit: str) -> dict[str, Decimal]:
    """Return the factor of each symbol with its prefix."""
    return {
        prefix + symbol: factor.scaleb(power)
        for symbol, factor in _SYMBOLS.get(unit, {}).items()
        for prefix, power in _PREFIXES.items()
        if prefix + symbol not in _SLIPS
    }


def _by_name(folded: str, unit: str) -> Decimal | None:
    """Return the factor of a unit in words, or of a symbol in another case, if only one can be meant."""
    for word in (folded, folded.removesuffix("s")):
        if word in _LONE.get(unit, {}):
            return _LONE[unit][word]
        for name, factor in _NAMES.get(unit, {}).items():
            power = _PREFIX_WORDS.get(word.removesuffix(name)) if word.endswith(name) else None
            if power is not None:
                return factor.scaleb(power)
    alike = {factor for name, factor in _symbols(unit).items() if name.casefold() == folded}
    return alike.pop() if len(alike) == 1 else None


def singular(said: str) -> str:
    """Return a unit that a file writes in words as it is in the singular, in small letters."""
    return said.strip().casefold().removesuffix("s")


def parse_whole(text: str, unit: str) -> int:
    """Return the whole number that `text` gives in `unit`; as `parse_quantity`, without rounding.

    Raises:
        ParameterError: `text` is not a whole number, or has a wrong unit.
    """
    value = parse_decimal(text, unit)
    if value != int(value):
        raise ParameterError(f"'{text}' is not a whole number")
    return int(value)


def split_unit(text: str) -> tuple[str, str]:
    """Split "50 nm" into "50" and "nm"; text that is no quantity comes back whole, with no unit."""
    match = _QUANTITY.fullmatch(text)
    return (match[1], match[2]) if match else (text, "")


def format_quantity(value: float, unit: str) -> str:
    """Write a value in `unit` with all its digits and the prefix that reads best: "8.8 keV", "400 nm", "256 px".

    `parse_quantity` gives exactly the value back. Counting units never get a prefix.
    """
    number = Decimal(repr(float(value)))
    for shown in _SHOWN.get(unit, ()):
        scaled = number / _FACTORS[unit][shown]
        if 1 <= abs(scaled) < 100_000:
            return f"{_plain(scaled)} {shown}"
    return f"{_plain(number)} {unit}".rstrip()


def accepted_units(unit: str) -> tuple[str, ...]:
    """Names of the units that `parse_quantity` takes for a base unit."""
    return tuple(_FACTORS.get(unit, {unit: Decimal(1)} if unit else {}))


def parse_decimal(text: str, unit: str) -> Decimal:
    """Return the value of `text` in `unit` with every digit it has; as `parse_quantity`, without rounding."""
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise ParameterError(f"'{text}' is not a number{_wanted(unit)}")
    number, suffix = match.groups()
    factor = _factor(suffix, unit, text)
    return Decimal(number) if factor == 1 else Decimal(number) * factor


def _factor(suffix: str, unit: str, text: str) -> Decimal:
    if not suffix:
        return Decimal(1)
    known = _FACTORS.get(unit, {unit: Decimal(1)} if unit else {})
    suffix = suffix.replace(_GREEK_MU, _MICRO_SIGN).replace(_ANGSTROM_SIGN, "Å")
    is_other = suffix in _symbols(unit)  # as meV is, which is no MeV
    alike = [name for name in known if name.casefold() == suffix.casefold() and not is_other]
    chosen = suffix if suffix in known else alike[0] if len(alike) == 1 else None
    if chosen is None:
        raise ParameterError(f"'{text}': '{suffix}' is not a unit here{_wanted(unit)}")
    return known[chosen]


def _wanted(unit: str) -> str:
    if not unit:
        return "; give a number without a unit"
    return f"; give a number with or without a unit ({', '.join(accepted_units(unit))}; without: {unit})"


def _plain(number: Decimal) -> str:
    """Write a Decimal without trailing zeros, and with an exponent only where many zeros would be needed."""
    if number == 0:
        return "0"
    number = number.normalize()
    return f"{number:f}" if -6 <= number.adjusted() < 16 else f"{number:e}"
