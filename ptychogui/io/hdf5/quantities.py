"""Quantities in HDF5 files, in any unit, and as one number or as one reading for each frame.

Readings get lost: they are 0, not a number, or off by orders of magnitude. They don't move what the others say.
What can't be read is noted and counts as not known: the user may know it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import h5py
import numpy as np

from ptychogui.io.dataset import Value
from ptychogui.io.hdf5.files import H5_ERRORS, first_dataset, units_of
from ptychogui.io.raw.links import missing_target
from ptychogui.params.units import said_factor, said_quantity

CENTER = "preprocessing.center_px"
"""The parameter that the two parts of the direct beam's place become."""

_MOST_NUMBERS = 1_000_000
"""Of one quantity; more are no quantity."""
_LARGEST = 1e30
"""Larger numbers are none of any quantity, in whatever unit, and their sums may be infinite."""
_SAME, _ALIKE = 1e-6, 0.01
"""Relative spread up to which numbers are one, and up to which their mean stands for them."""
_ENOUGH = 0.75
"""Part of the readings that are possible which must be alike for the others to be lost ones."""

_NEAR_PX = 2.0
"""Of the array's center; a beam that is said to be there is as good in the center itself, with all pixels about it."""

_MOST_BITS = 32

_T = TypeVar("_T")


@dataclass(frozen=True)
class Typical:
    """What many readings of one quantity say.

    Attributes:
        value: the mean of those that are alike; None where they say nothing.
        said: what is odd about them, to follow on "the detector distance"; "" for nothing.
    """

    value: float | None
    said: str = ""


def typical(numbers: np.ndarray, usual: tuple[float, float] = (0.0, np.inf)) -> Typical:
    """Return the number that readings have in common, and what is odd about them.

    Args:
        numbers: float64 (readings,), one at least.
        usual: where readings are more likely than elsewhere; decides only between some that are there and others.
    """
    possible = (numbers > 0) & (numbers < _LARGEST)
    if not possible.any():
        return Typical(None, f"is {numbers[0]:g}, not a positive number")
    likely = possible & (numbers >= usual[0]) & (numbers <= usual[1])
    possible = likely if likely.any() else possible
    median = np.median(numbers[possible])
    alike = possible & (np.abs(numbers - median) <= _ALIKE * median)
    if np.count_nonzero(alike) < _ENOUGH * np.count_nonzero(possible):
        low, high = numbers[possible].min(), numbers[possible].max()
        return Typical(None, f"is {np.count_nonzero(possible)} different numbers, {low:g} to {high:g}")
    taken = numbers[alike]
    mean, lost = float(taken.mean()), numbers[~alike]
    said = []
    if lost.size:
        odd = f"{lost.size} of {numbers.size} readings that can't be meant, such as {lost[0]:g}"
        said.append(f"has {odd}; the others are taken")
    if float(np.ptp(taken)) > _SAME * mean:
        said.append(f"varies by {np.ptp(taken) / mean:.2g}; its mean is used")
    return Typical(mean if said else float(taken[0]), ", and ".join(said))


@dataclass
class QuantityReader:
    """An open file, and what has been noticed in it.

    Attributes:
        name: of the file, said with each place; "" to leave it out.
        file: the file.
        notes: what was noticed.
    """

    name: str
    file: h5py.File
    notes: list[str] = field(default_factory=list)

    def say(self, title: str, place: str, what: str) -> None:
        """Note something about a quantity."""
        self.notes.append(f"the {title} at {self.name}{': ' if self.name else ''}{place} {what}")

    def ignore(self, title: str, place: str, why: str) -> None:
        """Note that something is there but can't be used."""
        self.say(title, place, f"{why}, and is ignored")

    def read(self, place: str, title: str, take: Callable[[h5py.Dataset], _T | None]) -> _T | None:
        """Return what a function makes of the dataset at a place; None where there is none, or it can't be read."""
        try:
            found = first_dataset(self.file, [place])
            if found is not None:
                return take(found)
            said = missing_target(self.file, place)
            dangling = said.removeprefix(f"{place} ") if said.startswith(f"{place} ") else said and f"is lost: {said}"
        except (*H5_ERRORS, ValueError) as error:
            dangling = f"can't be read ({type(error).__name__})"
        if dangling:
            self.ignore(title, place, dangling)
        return None

    def number(self, place: str, title: str) -> tuple[float, str] | None:
        """Return a positive number, and its units; of several that are alike their mean."""
        found = self._numbers(place, title)
        if found is None:
            return None
        value = self._one(found[0], place, title)
        return None if value is None else (value, found[1])

    def quantity(
        self, place: str, title: str, unit: str, default: str = "", usual: tuple[float, float] = (0.0, np.inf)
    ) -> Value | None:
        """Return a positive quantity in an SI unit, or None.

        Args:
            place: HDF5 path.
            title: what it is, for notes.
            unit: of the result.
            default: of the file where it names none; "" where it has to name one.
            usual: as in `typical`, in `unit`.
        """
        found = self._numbers(place, title)
        if found is None:
            return None
        numbers, said = found
        if not (said or default):
            self.ignore(title, place, f"is {numbers[0]:g} without units")
            return None
        one = said_quantity(1.0, said or default, unit)
        limits = (0.0, np.inf) if one is None else (usual[0] / one, usual[1] / one)
        number = self._one(numbers, place, title, limits)
        value = None if number is None else said_quantity(number, said or default, unit)
        if number is not None and (value is None or not 1 / _LARGEST < value < _LARGEST):
            self.ignore(title, place, f"is {number:g} '{said}', no {title} in a unit that is known")
            return None
        return None if value is None else Value(value, place)

    def _numbers(self, place: str, title: str) -> tuple[np.ndarray, str] | None:
        found = self.read(place, title, _numbers)
        if found is not None and not found[0].size:
            self.ignore(title, place, "is not a number")
            return None
        return found

    def _one(
        self, numbers: np.ndarray, place: str, title: str, usual: tuple[float, float] = (0.0, np.inf)
    ) -> float | None:
        found = typical(numbers, usual)
        if found.value is None:
            self.ignore(title, place, found.said)
        elif found.said:
            self.say(title, place, found.said)
        return found.value


def square_pixel(reader: QuantityReader, rows: Value | None, columns: Value | None) -> Value | None:
    """Return the size of a square pixel; of sides that are nearly alike their mean; None where they are not."""
    if rows is None or columns is None or abs(rows.value - columns.value) <= _SAME * columns.value:
        return columns or rows
    both = f"is {columns.value:g} m, at {rows.place} {rows.value:g} m"
    if abs(rows.value - columns.value) > _ALIKE * columns.value:
        reader.say("detector pixel size", columns.place, f"{both}, and is ignored: ptychogui needs square ones")
        return None
    reader.say("detector pixel size", columns.place, f"{both}; their mean is used")
    return replace(columns, value=(rows.value + columns.value) / 2)


def beam_center(
    reader: QuantityReader, places: tuple[str, str], size: Sequence[int], pixel: Value | None
) -> Value | None:  # fmt: skip
    """Return row and column of the direct beam in pixels; None where they are not known, or the center of the frames.

    Args:
        reader: of the file.
        places: HDF5 paths of the row and of the column, in pixels or as a length.
        size: rows and columns of a frame.
        pixel: size of a pixel in m.
    """
    title = "pattern center"
    found = [_in_pixels(reader, place, title, pixel) for place in places]
    row, column = found
    if row is None or column is None:
        for place, other, at in zip(places, places[::-1], found, strict=True):
            if at is not None:
                reader.ignore(title, place, f"is {at:g}, without a place at {other}")
        return None
    if not all(-0.5 <= at < length - 0.5 for at, length in zip((row, column), size, strict=True)):
        reader.ignore(title, places[0], f"is ({row:g}, {column:g}), off the detector of {size[0]} x {size[1]} px")
        return None
    if max(abs(row - size[0] // 2), abs(column - size[1] // 2)) <= _NEAR_PX:
        return None
    return Value((row, column), f"{places[0]}; {places[1]}")


def count_limit(
    reader: QuantityReader, saturation_places: Sequence[str], bit_places: Sequence[str]
) -> dict[str, Value]:
    """Return where the detector stops counting, by parameter: the count itself, or else its bits; {} if not known.

    Args:
        reader: of the file.
        saturation_places, bit_places: HDF5 paths, those that go first at first.
    """
    for place in saturation_places:
        found = reader.number(place, "saturation")
        if found is not None and not (why := _impossible_saturation(found[0])):
            return {"preprocessing.saturation_counts": Value(found[0], place)}
        if found is not None:
            reader.ignore("saturation", place, why)
    for place in bit_places:
        found = reader.number(place, "bit depth")
        if found is not None and found[0] in range(1, _MOST_BITS + 1):
            return {"preprocessing.bit_depth": Value(int(found[0]), place)}
        if found is not None:
            reader.ignore("bit depth", place, f"is {found[0]:g}, no whole number from 1 to {_MOST_BITS}")
    return {}


def _impossible_saturation(counts: float) -> str:
    """Say why no detector can be saturated at so many counts; "" where one can."""
    if counts > 2**_MOST_BITS:
        return f"is {counts:g}, more than {_MOST_BITS} bits"
    return f"is {counts:g}, where no detector stops counting" if counts <= 1 else ""


def _in_pixels(reader: QuantityReader, place: str, title: str, pixel: Value | None) -> float | None:
    """Return a place on the detector that is given in pixels or as a length."""
    found = reader.number(place, title)
    if found is None or said_factor(found[1], "px") is not None:
        return None if found is None else found[0]
    length_m = said_quantity(*found, "m")
    if length_m is None or pixel is None:
        why = "in no unit that is known" if length_m is None else "which no pixel size makes pixels"
        reader.ignore(title, place, f"is {found[0]:g} '{found[1]}', {why}")
        return None
    return float(length_m / pixel.value)


def _numbers(dataset: h5py.Dataset) -> tuple[np.ndarray, str]:
    """Return float64 (numbers,) and their units; no numbers where there are none, or far too many."""
    if dataset.dtype.kind not in "iuf" or not dataset.size or dataset.size > _MOST_NUMBERS:
        return np.empty(0), ""
    with np.errstate(over="ignore"):
        return np.asarray(dataset[()], dtype=np.float64).reshape(-1), units_of(dataset)
