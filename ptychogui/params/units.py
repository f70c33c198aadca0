"""Quantities as people write them: "8.8 keV", "50nm", "1.95 m". Inside, everything is SI.

Numbers go through Decimal, so text -> value -> text -> value never changes a bit.
"""

from __future__ import annotations

import re
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

_WORDS = {
    "micron": "um", "micrometer": "um", "micrometre": "um", "millimeter": "mm", "millimetre": "mm",
    "nanometer": "nm", "nanometre": "nm", "meter": "m", "metre": "m", "angstrom": "Å",
    "pixel": "px", "pix": "px",
}  # fmt: skip
"""Units that files write in words, in the singular."""

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
    """Return a number in `unit` that a file gives in a unit of its own, words and plurals included ("microns").

    None where that is no unit of the kind, as a ring current's is none of energy. No unit at all is `unit`.
    """
    try:
        return parse_quantity(f"{number!r} {_WORDS.get(singular(said), said.strip())}", unit)
    except ParameterError:
        return None


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
    alike = [name for name in known if name.casefold() == suffix.casefold()]
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
