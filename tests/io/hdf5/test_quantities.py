"""Quantities as many readings, in any unit, with some of them lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from ptychogui.io.hdf5.files import units_of
from ptychogui.io.hdf5.quantities import PIXEL, QuantityReader, beam_center, typical

COUNT = 60


def readings(**changes: float) -> np.ndarray:
    """Return 60 readings of 8.8, with some replaced: at3=nan."""
    found = np.full(COUNT, 8.8)
    for name, value in changes.items():
        found[int(name.removeprefix("at"))] = value
    return found


@pytest.mark.parametrize("lost", [0.0, np.nan, np.inf, -np.inf, -1.0, -8.8, 8.8e6, 8.8e-6, 1e30, 1e38, 88.0])
@pytest.mark.parametrize("places", [(0,), (3, 17), tuple(range(50, 60))])
def test_lost_readings_do_not_move_the_value(lost: float, places: tuple[int, ...]) -> None:
    numbers = readings()
    numbers[list(places)] = lost
    found = typical(numbers)
    assert found.value == pytest.approx(8.8, rel=1e-12)
    assert f"has {len(places)} of 60 readings that can't be meant, such as {lost:g}" in found.odd


def test_a_few_readings_are_enough_where_the_others_are_no_numbers() -> None:
    numbers = np.where(np.arange(COUNT) < 3, 8.8, 0.0)
    assert typical(numbers).value == pytest.approx(8.8)
    assert "57 of 60" in typical(numbers).odd


def test_where_readings_are_likely_decides_between_many_and_few() -> None:
    numbers = np.where(np.arange(COUNT) < 20, 8800.0, 0.01)
    assert typical(numbers, (100.0, 200e3)).value == 8800.0
    assert typical(readings(), (100.0, 200e3)).value == 8.8


@pytest.mark.parametrize(
    "numbers",
    [np.linspace(8.0, 9.0, COUNT), np.repeat([8.8, 9.9], 30), np.array([8.8, 9.9]), np.geomspace(1, 1e6, COUNT)],
)
def test_a_value_that_varies_is_said_and_not_taken(numbers: np.ndarray) -> None:
    found = typical(numbers)
    assert found.value is None
    assert found.instead == f"{len(numbers)} different numbers, {numbers.min():g} to {numbers.max():g}"


def test_noise_is_averaged_and_said() -> None:
    numbers = 8.8 + np.random.default_rng(0).normal(scale=1e-3, size=COUNT)
    found = typical(numbers)
    assert found.value == pytest.approx(numbers.mean())
    assert "varies by" in found.odd and "mean is used" in found.odd


def test_the_same_number_every_time_is_that_number_and_nothing_is_said() -> None:
    assert (typical(readings()).value, typical(readings()).odd) == (8.8, "")
    assert typical(np.array([8.8])).value == 8.8


@pytest.mark.parametrize("number", [0.0, np.nan, -1.0, np.inf])
def test_no_reading_that_is_possible_is_none(number: float) -> None:
    assert typical(np.full(COUNT, number)).instead == f"{number:g}, not a positive number"


@pytest.mark.parametrize(
    ("name", "said", "text"),
    [
        ("units", "mm", "mm"),
        ("units", b"mm", "mm"),
        ("units", np.bytes_("mm"), "mm"),
        ("units", np.array([b"mm"]), "mm"),
        ("units", np.array(["mm"], h5py.string_dtype()), "mm"),
        ("units", np.array([["mm"]], h5py.string_dtype("ascii")), "mm"),
        ("units", np.array(["mm"] * 3, h5py.string_dtype()), "mm"),
        ("units", np.array([b"mm\0\0"]), "mm"),
        ("units", "µm".encode("latin-1"), "µm"),
        ("units", h5py.Empty("S1"), ""),
        ("Units", "mm", "mm"),
        ("unit", "mm", "mm"),
        ("units", np.array(["m", "deg"], h5py.string_dtype()), "['m', 'deg']"),
        ("other", "mm", ""),
    ],
)
def test_units_are_an_attribute_of_any_form(tmp_path: Path, name: str, said: Any, text: str) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["d"] = 1.0
        file["d"].attrs[name] = said
        assert units_of(file["d"]) == text


def center(tmp_path: Path, *said: Any, units: str = "") -> tuple[Any, list[str]]:
    """Return the center that a file of frames of 120 x 160 pixels of 75 um says, and notes."""
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name, value in zip("yx", said, strict=True):
            if value is not None:
                file[name] = value
                file[name].attrs["units"] = units
        file["pixel"] = 75e-6
        reader = QuantityReader("", file)
        pixel = reader.quantity("/pixel", PIXEL, default="m")
        found = beam_center(reader, ("/y", "/x"), (120, 160), pixel)
        return found.value if found else None, reader.notes


@pytest.mark.parametrize(
    ("y", "x", "units"),
    [
        (58.0, 70.0, ""),
        (58, 70, "pixel"),
        (58 * 0.075, 70 * 0.075, "mm"),
        (58 * 75e-6, 70 * 75e-6, "meters"),
        (np.where(np.arange(60) == 5, 0, 58.0), np.where(np.arange(60) < 3, np.nan, 70.0), "px"),
    ],
)
def test_a_beam_center_is_read_as_row_and_column(tmp_path: Path, y: Any, x: Any, units: str) -> None:
    found, _ = center(tmp_path, y, x, units=units)
    assert found == pytest.approx((58.0, 70.0))


@pytest.mark.parametrize(
    ("y", "x", "said"),
    [
        (0.0, 70.0, "is 0, not a positive number"),
        (58.0, None, "is 58, without a place at /x"),
        (58.0, 500.0, r"is (58, 500), off the detector of 120 x 160 px"),
        (-3.0, 70.0, "is -3, not a positive number"),
        (np.nan, 70.0, "is nan, not a positive number"),
        (np.linspace(10, 100, 60), 70.0, "is 60 different numbers"),
        ("58", 70.0, "is not a number"),
    ],
)
def test_a_beam_center_that_cant_be_is_noted_and_ignored(tmp_path: Path, y: Any, x: Any, said: str) -> None:
    found, notes = center(tmp_path, y, x)
    assert found is None
    assert any(said in note for note in notes)


def test_a_beam_center_in_a_unit_of_something_else_is_ignored(tmp_path: Path) -> None:
    found, notes = center(tmp_path, 58.0, 70.0, units="mrad")
    assert found is None and "is 58 'mrad', in no unit that is known" in notes[0]


def test_a_beam_in_the_center_of_the_frames_needs_no_value(tmp_path: Path) -> None:
    assert center(tmp_path, 59.5, 79.5) == (None, [])
    assert center(tmp_path, 0.0, 0.0)[0] is None
