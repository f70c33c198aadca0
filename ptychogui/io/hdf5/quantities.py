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
from ptychogui.io.hdf5.links import missing_target
from ptychogui.io.notes import Note
from ptychogui.params.model import usual_range
from ptychogui.params.units import said_factor, said_quantity

CENTER = "preprocessing.center_px"
"""The parameter that the two parts of the direct beam's place become."""

_MOST_NUMBERS = 1_000_000
"""Of one quantity; more are no quantity."""
_LARGEST = 1e30
"""Larger numbers belong to no quantity in any unit, and their sums may be infinite."""
_SAME, _ALIKE = 1e-6, 0.01
"""Relative spread up to which numbers are one, and up to which their mean stands for them."""
_ENOUGH = 0.75
"""Where so large a part of the possible readings is alike, the others are taken for lost."""

_NEAR_PX = 2.0
"""A beam that is said to be so near to the frame's center is taken to be in it, so that no pixel is cut off."""

_MOST_BITS = 32

_T = TypeVar("_T")


@dataclass(frozen=True)
class QuantityKind:
    """A quantity that files have.

    Attributes:
        title: what it is, for notes.
        unit: SI unit that it is read in; "" where it is taken as a number.
        path: of the parameter that it becomes, as it is or with others; "" for none.
    """

    title: str
    unit: str = ""
    path: str = ""

    @property
    def usual(self) -> tuple[float, float]:
        """Between what the quantity usually is, in its unit; anything positive where nothing is known of it."""
        return usual_range(self.path) if self.path and self.unit else (0.0, np.inf)


ENERGY = QuantityKind("photon energy", "eV", "experiment.energy_eV")
WAVELENGTH = QuantityKind("wavelength", "m")
DISTANCE = QuantityKind("detector distance", "m", "experiment.distance_m")
PIXEL = QuantityKind("detector pixel size", "m", "experiment.detector_pixel_m")
MASK = QuantityKind("pixel mask")
_PATTERN_CENTER = QuantityKind("pattern center", path=CENTER)
_SATURATION = QuantityKind("saturation", path="preprocessing.saturation_counts")
_BIT_DEPTH = QuantityKind("bit depth", path="preprocessing.bit_depth")


@dataclass(frozen=True)
class Typical:
    """What many readings of one quantity say.

    Attributes:
        value: the mean of those that are alike; None where they say nothing.
        instead: what they are where they say nothing, to follow on "the detector distance is".
        odd: what is odd about those that say something, to follow on "the detector distance"; "" for nothing.
    """

    value: float | None
    instead: str = ""
    odd: str = ""


def typical(numbers: np.ndarray, usual: tuple[float, float] = (0.0, np.inf)) -> Typical:
    """Return the number that readings have in common, and what is odd about them.

    Args:
        numbers: float64 (readings,), one at least.
        usual: where readings are more likely than elsewhere; decides only between some that are there and others.
    """
    possible = (numbers > 0) & (numbers < _LARGEST)
    if not possible.any():
        return Typical(None, f"{numbers[0]:g}, not a positive number")
    likely = possible & (numbers >= usual[0]) & (numbers <= usual[1])
    possible = likely if likely.any() else possible
    median = np.median(numbers[possible])
    alike = possible & (np.abs(numbers - median) <= _ALIKE * median)
    if np.count_nonzero(alike) < _ENOUGH * np.count_nonzero(possible):
        low, high = numbers[possible].min(), numbers[possible].max()
        return Typical(None, f"{np.count_nonzero(possible)} different numbers, {low:g} to {high:g}")
    taken = numbers[alike]
    mean, lost = float(taken.mean()), numbers[~alike]
    odd = []
    if lost.size:
        meant = f"{lost.size} of {numbers.size} readings that can't be meant, such as {lost[0]:g}"
        odd.append(f"has {meant}; the others are taken")
    if float(np.ptp(taken)) > _SAME * mean:
        odd.append(f"varies by {np.ptp(taken) / mean:.2g}; its mean is used")
    return Typical(mean if odd else float(taken[0]), odd=", and ".join(odd))


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

    def say(self, kind: QuantityKind, place: str, what: str) -> None:
        """Note something about a quantity."""
        text = f"the {kind.title} at {self.name}{': ' if self.name else ''}{place} {what}"
        self.notes.append(Note(text, kind.path or kind.title))

    def ignore(self, kind: QuantityKind, place: str, why: str) -> None:
        """Note that something is there but can't be used."""
        self.say(kind, place, f"{why}, and is ignored")

    def read(self, place: str, kind: QuantityKind, take: Callable[[h5py.Dataset], _T | None]) -> _T | None:
        """Return what a function makes of the dataset at a place; None where there is none, or it can't be read."""
        try:
            found = first_dataset(self.file, [place])
            if found is not None:
                return take(found)
            link = missing_target(self.file, place)
        except (*H5_ERRORS, ValueError) as error:
            self.ignore(kind, place, f"can't be read ({type(error).__name__})")
        else:
            if link is not None:
                self.ignore(kind, place, link.target if link.place == place else f"is lost: {link}")
        return None

    def number(self, place: str, kind: QuantityKind) -> tuple[float, str] | None:
        """Return a positive number, and its units; of several that are alike their mean."""
        found = self._numbers(place, kind)
        if found is None:
            return None
        value = self._one(found[0], place, kind)
        return None if value is None else (value, found[1])

    def quantity(self, place: str, kind: QuantityKind, default: str = "") -> Value | None:
        """Return a positive quantity in its unit, or None.

        Args:
            place: HDF5 path.
            kind: what it is.
            default: unit of the file where it names none; "" where it has to name one.
        """
        found = self._numbers(place, kind)
        if found is None:
            return None
        numbers, said = found
        if not (said or default):
            self.ignore(kind, place, f"is {numbers[0]:g} without units")
            return None
        one = said_quantity(1.0, said or default, kind.unit)
        limits = (0.0, np.inf) if one is None else (kind.usual[0] / one, kind.usual[1] / one)
        number = self._one(numbers, place, kind, limits)
        value = None if number is None else said_quantity(number, said or default, kind.unit)
        if number is not None and (value is None or not 1 / _LARGEST < value < _LARGEST):
            self.ignore(kind, place, f"is {number:g} '{said}', no {kind.title} in a unit that is known")
            return None
        return None if value is None else Value(value, place)

    def _numbers(self, place: str, kind: QuantityKind) -> tuple[np.ndarray, str] | None:
        found = self.read(place, kind, _numbers)
        if found is not None and not found[0].size:
            self.ignore(kind, place, "is not a number")
            return None
        return found

    def _one(
        self, numbers: np.ndarray, place: str, kind: QuantityKind, usual: tuple[float, float] = (0.0, np.inf)
    ) -> float | None:
        found = typical(numbers, usual)
        if found.value is None:
            self.ignore(kind, place, f"is {found.instead}")
        elif found.odd:
            self.say(kind, place, found.odd)
        return found.value


def square_pixel(reader: QuantityReader, rows: Value | None, columns: Value | None) -> Value | None:
    """Return the size of a square pixel; of sides that are nearly alike their mean; None where they are not."""
    if rows is None or columns is None or abs(rows.value - columns.value) <= _SAME * columns.value:
        return columns or rows
    both = f"is {columns.value:g} m, at {rows.place} {rows.value:g} m"
    if abs(rows.value - columns.value) > _ALIKE * columns.value:
        reader.say(PIXEL, columns.place, f"{both}, and is ignored: ptychogui needs square ones")
        return None
    reader.say(PIXEL, columns.place, f"{both}; their mean is used")
    return replace(columns, value=(rows.value + columns.value) / 2)


def beam_center(
    reader: QuantityReader, places: tuple[str, str], size: Sequence[int], pixel: Value | None
) -> Value | None:  # fmt: skip
    """Return row and column of the direct beam in pixels; None where they are not known, or are the frames' center.

    Args:
        reader: of the file.
        places: HDF5 paths of the row and of the column, in pixels or as a length.
        size: rows and columns of a frame.
        pixel: size of a pixel in m.
    """
    found = [_in_pixels(reader, place, pixel) for place in places]
    row, column = found
    if row is None or column is None:
        for place, other, at in zip(places, places[::-1], found, strict=True):
            if at is not None:
                reader.ignore(_PATTERN_CENTER, place, f"is {at:g}, without a place at {other}")
        return None
    if not all(-0.5 <= at < length - 0.5 for at, length in zip((row, column), size, strict=True)):
        why = f"is ({row:g}, {column:g}), off the detector of {size[0]} x {size[1]} px"
        reader.ignore(_PATTERN_CENTER, places[0], why)
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
        found = reader.number(place, _SATURATION)
        if found is not None and not (why := _impossible_saturation(found[0])):
            return {"preprocessing.saturation_counts": Value(found[0], place)}
        if found is not None:
            reader.ignore(_SATURATION, place, why)
    for place in bit_places:
        found = reader.number(place, _BIT_DEPTH)
        if found is not None and found[0] in range(1, _MOST_BITS + 1):
            return {"preprocessing.bit_depth": Value(int(found[0]), place)}
        if found is not None:
            reader.ignore(_BIT_DEPTH, place, f"is {found[0]:g}, no whole number from 1 to {_MOST_BITS}")
    return {}


def _impossible_saturation(counts: float) -> str:
    """Say why no detector can be saturated at so many counts; "" where one can."""
    if counts > 2**_MOST_BITS:
        return f"is {counts:g}, more than {_MOST_BITS} bits"
    return f"is {counts:g}, where no detector stops counting" if counts <= 1 else ""


def _in_pixels(reader: QuantityReader, place: str, pixel: Value | None) -> float | None:
    """Return a place on the detector that is given in pixels or as a length."""
    found = reader.number(place, _PATTERN_CENTER)
    if found is None or said_factor(found[1], "px") is not None:
        return None if found is None else found[0]
    length_m = said_quantity(*found, "m")
    if length_m is None or pixel is None:
        why = "in no unit that is known" if length_m is None else "which no pixel size makes pixels"
        reader.ignore(_PATTERN_CENTER, place, f"is {found[0]:g} '{found[1]}', {why}")
        return None
    return float(length_m / pixel.value)


def _numbers(dataset: h5py.Dataset) -> tuple[np.ndarray, str]:
    """Return float64 (numbers,) and their units; no numbers where there are none, or far too many."""
    if dataset.dtype.kind not in "iuf" or not dataset.size or dataset.size > _MOST_NUMBERS:
        return np.empty(0), ""
    with np.errstate(over="ignore"):
        return np.asarray(dataset[()], dtype=np.float64).reshape(-1), units_of(dataset)
