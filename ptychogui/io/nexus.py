"""What a detector's file says beside its frames, by the NeXus names of NXmx that DECTRIS' masters have as well.

NeXus requires the attribute "units" and has no default for it: a quantity without one is noted and not taken, and so is
everything else that can't be read, or is no positive number.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import h5py
import numpy as np

from ptychogui.errors import DataError
from ptychogui.io.cxi import ELECTRON_VOLT_J
from ptychogui.io.dataset import Value
from ptychogui.io.hdf5 import H5_ERRORS, first_dataset, is_hdf5, missing_target, open_h5
from ptychogui.params.units import said_quantity
from ptychogui.physics.optics import energy_eV

_BEAM = "/entry/instrument/beam"
_DETECTOR = "/entry/instrument/detector"
_SPECIFIC = f"{_DETECTOR}/detectorSpecific"

ENERGY_PLACE = f"{_BEAM}/incident_energy"
WAVELENGTH_PLACE = f"{_BEAM}/incident_wavelength"
EIGER_ENERGY_PLACE = f"{_SPECIFIC}/photon_energy"
DISTANCE_PLACES = (f"{_DETECTOR}/detector_distance", f"{_DETECTOR}/distance")
PIXEL_PLACES = (f"{_DETECTOR}/y_pixel_size", f"{_DETECTOR}/x_pixel_size")
SATURATION_PLACES = (f"{_DETECTOR}/saturation_value", f"{_SPECIFIC}/countrate_correction_count_cutoff")
BIT_DEPTH_PLACES = (f"{_DETECTOR}/bit_depth_image", f"{_DETECTOR}/bit_depth_readout")
"""The image first: an Eiger adds several readouts of 12 bits up to an image of 32."""
MASK_PLACES = (f"{_SPECIFIC}/pixel_mask", f"{_DETECTOR}/pixel_mask")

_MOST_BITS = 32
_MOST_NUMBERS = 1_000_000
"""Of one quantity; more are no quantity."""
_LARGEST = 1e30
"""Larger numbers are none of any quantity, in whatever unit, and their sums may be infinite."""
_SAME, _ALIKE = 1e-6, 0.01
"""Relative spread up to which numbers are one, and up to which their mean stands for them."""


_T = TypeVar("_T")


@dataclass(frozen=True)
class Header:
    """Parameter path -> value with its HDF5 path; bad pixels as in Dataset; and what could not be used."""

    values: Mapping[str, Value] = field(default_factory=dict)
    bad_pixels: np.ndarray | None = None
    notes: tuple[str, ...] = ()


def read_header(path: Path, size: tuple[int, int]) -> Header:
    """Read what an HDF5 file says of beam and detector; nothing of any other file.

    Args:
        path: a master, or a file with frames.
        size: rows and columns of its frames.
    """
    try:
        if not is_hdf5(path):
            return Header()
        with open_h5(path) as file:
            reader = _Reader(path.name, file)
            values, bad_pixels = _values(reader), _bad_pixels(reader, size)
    except (DataError, OSError) as error:
        return Header(notes=(f"what {path.name} says of beam and detector can't be read: {error}",))
    return Header({name: value for name, value in values.items() if value}, bad_pixels, tuple(reader.notes))


def placed(values: Mapping[str, Value], name: str) -> dict[str, Value]:
    """Return values with the file's name before the place in it, for a scan of several files."""
    return {path: replace(value, place=f"{name}: {value.place}") for path, value in values.items()}


@dataclass
class _Reader:
    """An open file, and what has been noticed in it."""

    name: str
    file: h5py.File
    notes: list[str] = field(default_factory=list)

    def ignore(self, title: str, place: str, why: str) -> None:
        """Note that something is there but can't be used."""
        self.notes.append(f"{self.name}: the {title} at {place} {why}, and is ignored")

    def read(self, place: str, title: str, take: Callable[[h5py.Dataset], _T | None]) -> _T | None:
        """Return what a function makes of the dataset at a place; None where there is none, or it can't be read."""
        try:
            found = first_dataset(self.file, [place])
            if found is not None:
                return take(found)
            dangling = missing_target(self.file, place)
        except (*H5_ERRORS, ValueError) as error:
            dangling = f"can't be read ({type(error).__name__})"
        if dangling:
            self.ignore(title, place, dangling)
        return None

    def number(self, place: str, title: str) -> tuple[float, str] | None:
        """Return a positive number, and its units; of several that are alike their mean."""
        found = self.read(place, title, _numbers)
        if found is None:
            return None
        numbers, units = found
        if not numbers.size:
            self.ignore(title, place, "is not a number")
            return None
        odd = numbers[~((numbers > 0) & (numbers < _LARGEST))]
        if odd.size:
            self.ignore(title, place, f"is {odd[0]:g}, not a positive number")
            return None
        mean = float(numbers.mean())
        spread = float(np.ptp(numbers)) / mean
        if not spread <= _ALIKE:
            self.ignore(title, place, f"is {numbers.size} different numbers")
            return None
        if spread > _SAME:
            self.notes.append(f"{self.name}: the {title} at {place} varies by {spread:.2g}; its mean is used")
        return mean, units

    def quantity(self, place: str, title: str, unit: str) -> Value | None:
        """Return a positive quantity in an SI unit."""
        found = self.number(place, title)
        if found is None:
            return None
        number, said = found
        if not said:
            self.ignore(title, place, f"is {number:g} without units")
            return None
        in_joules = said == "J" and unit == "eV"
        value = number / ELECTRON_VOLT_J if in_joules else said_quantity(number, said, unit)
        if value is None or not 1 / _LARGEST < value < _LARGEST:
            self.ignore(title, place, f"is {number:g} '{said}', no {title} in a unit that is known")
            return None
        return Value(value, place)


def _numbers(dataset: h5py.Dataset) -> tuple[np.ndarray, str]:
    """Return float64 (numbers,) and their units; no numbers where there are none, or far too many."""
    if dataset.dtype.kind not in "iuf" or not dataset.size or dataset.size > _MOST_NUMBERS:
        return np.empty(0), ""
    with np.errstate(over="ignore"):
        return np.asarray(dataset[()], dtype=np.float64).reshape(-1), _units(dataset)


def _units(dataset: h5py.Dataset) -> str:
    """Return the attribute "units" as text; "" where there is none."""
    said = np.asarray(dataset.attrs.get("units", "")).reshape(-1)
    text = said[0] if said.size == 1 else str(said.tolist())
    return (text.decode("utf-8", errors="replace") if isinstance(text, bytes) else str(text)).strip("\0 ")


def _values(reader: _Reader) -> dict[str, Value | None]:
    distances = (reader.quantity(place, "detector distance", "m") for place in DISTANCE_PLACES)
    return {
        "experiment.energy_eV": _energy(reader),
        "experiment.distance_m": next(filter(None, distances), None),
        "experiment.detector_pixel_m": _pixel(reader),
        "preprocessing.bit_depth": _saturation(reader) or _bit_depth(reader),
    }


def _energy(reader: _Reader) -> Value | None:
    """Read the photon energy in eV, or what follows from the wavelength."""
    energy = reader.quantity(ENERGY_PLACE, "photon energy", "eV")
    if energy is not None:
        return energy
    wavelength = reader.quantity(WAVELENGTH_PLACE, "wavelength", "m")
    if wavelength is not None:
        return replace(wavelength, value=energy_eV(wavelength.value))
    return reader.quantity(EIGER_ENERGY_PLACE, "photon energy", "eV")


def _pixel(reader: _Reader) -> Value | None:
    """Read the pixel size in m; that of pixels that are not square is noted and not taken."""
    rows, columns = (reader.quantity(place, "detector pixel size", "m") for place in PIXEL_PLACES)
    if rows is None or columns is None:
        return columns or rows
    if not math.isclose(rows.value, columns.value, rel_tol=_SAME):
        both = f"at {columns.place} is {columns.value:g} m, at {rows.place} {rows.value:g} m"
        reader.notes.append(
            f"{reader.name}: the detector pixel size {both}, and is ignored: ptychogui needs square ones"
        )
        return None
    return columns


def _saturation(reader: _Reader) -> Value | None:
    """Read the largest count as a number of bits, since saturation is told by bits: the fewest that can hold it."""
    for place in SATURATION_PLACES:
        found = reader.number(place, "saturation")
        if found is None:
            continue
        largest = found[0]
        bits = math.ceil(math.log2(largest + 1))
        if not 1 <= bits <= _MOST_BITS:
            reader.ignore("saturation", place, f"is {largest:g}, more than {_MOST_BITS} bits")
            continue
        if 2**bits - 1 - largest > 1:
            reader.notes.append(
                f"{reader.name}: the saturation at {place} is {largest:.12g}, no whole number of bits; {bits} are "
                f"taken, so that only counts from {2**bits - 1} on are left free"
            )
        return Value(bits, place)
    return None


def _bit_depth(reader: _Reader) -> Value | None:
    for place in BIT_DEPTH_PLACES:
        found = reader.number(place, "bit depth")
        if found is not None and found[0] in range(1, _MOST_BITS + 1):
            return Value(int(found[0]), place)
        if found is not None:
            reader.ignore("bit depth", place, f"is {found[0]:g}, no whole number from 1 to {_MOST_BITS}")
    return None


def _bad_pixels(reader: _Reader, size: tuple[int, int]) -> np.ndarray | None:
    """Read the mask as bool (rows, columns), True where any of its bits is set (in any frame)."""
    title = "pixel mask"
    for place in MASK_PLACES:
        mask = reader.read(place, title, _mask)
        if mask is None:
            continue
        if mask.shape != tuple(size):
            reader.ignore(title, place, f"is no mask of frames of {size[0]} x {size[1]} px")
        elif mask.all():
            reader.ignore(title, place, "marks every pixel as bad")
        else:
            return mask
    return None


def _mask(dataset: h5py.Dataset) -> np.ndarray:
    """Return what is set in a mask, or in any of several: bool (rows, columns); of what is no mask something empty."""
    if dataset.dtype.kind not in "biu" or dataset.ndim not in (2, 3) or not dataset.size:
        return np.empty((0, 0), np.bool_)
    masks = [dataset[()]] if dataset.ndim == 2 else dataset
    return np.asarray(functools.reduce(np.logical_or, (mask != 0 for mask in masks)), dtype=np.bool_)
