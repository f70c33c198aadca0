from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from ptychogui.errors import ParameterError
from ptychogui.params.units import (
    accepted_units,
    format_quantity,
    parse_quantity,
    parse_whole,
    said_quantity,
    split_unit,
)

finite = st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("8.8 keV", "eV", 8800.0),
        ("8.8keV", "eV", 8800.0),
        ("8.8 kev", "eV", 8800.0),
        ("8800", "eV", 8800.0),
        ("8.8e3 eV", "eV", 8800.0),
        ("50nm", "m", 50e-9),
        ("1.2e-9", "m", 1.2e-9),
        ("75 um", "m", 75e-6),
        ("75 µm", "m", 75e-6),
        ("75 \u03bcm", "m", 75e-6),
        ("1.24 Å", "m", 1.24e-10),
        ("1.95 m", "m", 1.95),
        (" -.5mm ", "m", -0.5e-3),
        ("+3.", "m", 3.0),
        ("2 h", "s", 7200.0),
        ("90 min", "s", 5400.0),
        ("256 px", "px", 256.0),
        ("10 COUNTS", "counts", 10.0),
        ("0.1", "", 0.1),
    ],
)
def test_quantities_as_people_write_them(text: str, unit: str, value: float) -> None:
    assert parse_quantity(text, unit) == value


@pytest.mark.parametrize(
    ("text", "unit", "words"),
    [
        ("fast", "m", ["'fast'", "nm", "without: m"]),
        ("", "m", ["not a number"]),
        ("8,8 keV", "eV", ["'8,8 keV'", "keV"]),
        ("8.8 keV", "m", ["'keV' is not a unit here", "nm"]),
        ("3 kpx", "px", ["'kpx' is not a unit", "(px; without: px)"]),
        ("3 m", "", ["'m' is not a unit here", "without a unit"]),
        ("nan", "m", ["'nan' is not a number"]),
        ("inf", "m", ["'inf' is not a number"]),
        ("1e999", "m", ["too large"]),
        ("1e99999999999", "m", ["not a number"]),
    ],
)
def test_a_wrong_quantity_is_named_with_the_units_that_would_do(text: str, unit: str, words: list[str]) -> None:
    with pytest.raises(ParameterError) as caught:
        parse_quantity(text, unit)
    assert all(word in str(caught.value) for word in words)


def test_whole_numbers_are_exact_and_never_rounded() -> None:
    assert parse_whole("256 px", "px") == 256
    assert parse_whole("1e3", "") == 1000
    assert parse_whole("123456789012345678901234567890", "") == 123456789012345678901234567890
    with pytest.raises(ParameterError, match=r"'2\.5' is not a whole number"):
        parse_whole("2.5", "")


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (8800.0, "eV", "8.8 keV"),
        (400e-9, "m", "400 nm"),
        (172e-6, "m", "172 µm"),
        (2.3843e-10, "m", "238.43 pm"),
        (1.95, "m", "1.95 m"),
        (-50e-9, "m", "-50 nm"),
        (0.0, "m", "0 m"),
        (1e-20, "m", "1e-20 m"),
        (2500.0, "px", "2500 px"),
        (1e6, "counts", "1000000 counts"),
        (0.02, "s", "20 ms"),
        (600.0, "s", "600 s"),
        (0.1, "", "0.1"),
    ],
)
def test_a_value_is_shown_with_the_prefix_that_reads_best(value: float, unit: str, text: str) -> None:
    assert format_quantity(value, unit) == text


@settings(deadline=None)
@given(finite, st.sampled_from(["m", "eV", "s", "px", "counts", ""]))
def test_writing_and_reading_changes_no_bit(value: float, unit: str) -> None:
    assert parse_quantity(format_quantity(value, unit), unit) == value


@settings(deadline=None)
@given(st.integers(-999, 999), st.sampled_from(["m", "eV", "s", "px"]))
def test_every_accepted_unit_is_read(number: int, unit: str) -> None:
    for name in accepted_units(unit):
        assert split_unit(f"{number} {name}") == (str(number), name)
        assert parse_quantity(f"{number}{name}", unit) == pytest.approx(number * parse_quantity(f"1 {name}", unit))


@pytest.mark.parametrize(
    ("said", "unit", "factor"),
    [
        ("m", "m", 1.0), ("", "m", 1.0), ("M", "m", 1.0), ("m.", "m", 1.0), (" mm ", "m", 1e-3), ("MM", "m", 1e-3),
        ("metre", "m", 1.0), ("Meters", "m", 1.0), ("millimeters", "m", 1e-3), ("milli-metres", "m", 1e-3),
        ("milli meter", "m", 1e-3), ("millimeter(s)", "m", 1e-3), ("cm", "m", 1e-2), ("dm", "m", 0.1),
        ("km", "m", 1e3), ("um", "m", 1e-6), ("µm", "m", 1e-6), ("\u03bcm", "m", 1e-6), ("UM", "m", 1e-6),
        ("\u00c2\u00b5m", "m", 1e-6), ("microns", "m", 1e-6), ("Micron", "m", 1e-6), ("micrometre", "m", 1e-6),
        ("[mm]", "m", 1e-3), ("(µm)", "m", 1e-6), ("10^-6 m", "m", 1e-6), ("1e-3 m", "m", 1e-3), ("nm", "m", 1e-9),
        ("nanometers", "m", 1e-9), ("pm", "m", 1e-12), ("Å", "m", 1e-10), ("\u212b", "m", 1e-10), ("A", "m", 1e-10),
        ("angstroms", "m", 1e-10), ("Ångström", "m", 1e-10),
        ("eV", "eV", 1.0), ("ev", "eV", 1.0), ("EV", "eV", 1.0), ("KeV", "eV", 1e3), ("kev", "eV", 1e3),
        ("electron volts", "eV", 1.0), ("kilo-electronvolts", "eV", 1e3), ("MeV", "eV", 1e6), ("meV", "eV", 1e-3),
        ("GeV", "eV", 1e9), ("gev", "eV", 1e9), ("J", "eV", 1 / 1.602176634e-19), ("Joule", "eV", 1 / 1.602176634e-19),
        ("joules", "eV", 1 / 1.602176634e-19), ("fJ", "eV", 1e-15 / 1.602176634e-19),
        ("px", "px", 1.0), ("Pixels", "px", 1.0), ("pixel", "px", 1.0),
    ],
)  # fmt: skip
def test_units_are_read_however_a_file_spells_them(said: str, unit: str, factor: float) -> None:
    assert said_quantity(3.0, said, unit) == pytest.approx(3 * factor, rel=1e-12)


@pytest.mark.parametrize(
    ("said", "unit"),
    [
        ("mrad", "m"), ("deg", "m"), ("px", "m"), ("eV", "m"), ("mA", "m"), ("Mm", "m"), ("s", "m"), ("um/px", "m"),
        ("furlong", "m"), ("unknown", "m"), ("mA", "eV"), ("m", "eV"), ("mev", "eV"), ("MEV", "eV"), ("V", "eV"),
        ("K", "eV"), ("m", "px"), ("['m', 'mm']", "m"),
    ],
)  # fmt: skip
def test_what_is_no_unit_of_the_kind_or_may_be_two_is_none(said: str, unit: str) -> None:
    assert said_quantity(3.0, said, unit) is None


def test_a_number_in_a_unit_keeps_all_its_digits() -> None:
    assert said_quantity(1950.0, "mm", "m") == 1.95
    assert said_quantity(75.0, "microns", "m") == 75e-6
    assert said_quantity(float("inf"), "mm", "m") == float("inf")


def test_case_that_makes_another_unit_is_refused() -> None:
    with pytest.raises(ParameterError, match="'meV' is not a unit here"):
        parse_quantity("5 meV", "eV")
