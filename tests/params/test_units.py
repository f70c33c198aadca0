from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from ptychogui.errors import ParameterError
from ptychogui.params.units import accepted_units, format_quantity, parse_quantity, parse_whole, split_unit

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
