"""The header of a detector's file: beam, detector and mask by the NeXus names of NXmx, which DECTRIS' masters use.

NeXus requires the attribute "units" and has no default for it: a quantity without one is noted and not taken, and so is
everything else that can't be read, or is no positive number.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ptychogui.errors import DataError
from ptychogui.io.dataset import Value
from ptychogui.io.hdf5.files import is_hdf5, open_h5
from ptychogui.io.hdf5.quantities import (
    CENTER,
    DISTANCE,
    ENERGY,
    MASK,
    PIXEL,
    WAVELENGTH,
    QuantityReader,
    beam_center,
    count_limit,
    square_pixel,
)
from ptychogui.io.mask_files import Mask, stored_mask
from ptychogui.physics.optics import energy_eV

_log = logging.getLogger(__name__)

_BEAM = "/entry/instrument/beam"
_DETECTOR = "/entry/instrument/detector"
_SPECIFIC = f"{_DETECTOR}/detectorSpecific"

ENERGY_PLACE = f"{_BEAM}/incident_energy"
WAVELENGTH_PLACE = f"{_BEAM}/incident_wavelength"
EIGER_ENERGY_PLACE = f"{_SPECIFIC}/photon_energy"
DISTANCE_PLACES = (f"{_DETECTOR}/detector_distance", f"{_DETECTOR}/distance")
PIXEL_PLACES = (f"{_DETECTOR}/y_pixel_size", f"{_DETECTOR}/x_pixel_size")
SATURATION_PLACES = (f"{_DETECTOR}/saturation_value", f"{_SPECIFIC}/countrate_correction_count_cutoff")
CENTER_PLACES = (f"{_DETECTOR}/beam_center_y", f"{_DETECTOR}/beam_center_x")
BIT_DEPTH_PLACES = (f"{_DETECTOR}/bit_depth_image", f"{_DETECTOR}/bit_depth_readout")
"""The image first: an Eiger adds several readouts of 12 bits up to an image of 32."""
MASK_PLACES = (f"{_SPECIFIC}/pixel_mask", f"{_DETECTOR}/pixel_mask")

_NO_MASK = Mask(np.empty((0, 0), np.bool_), np.empty((0, 0), np.bool_))


@dataclass(frozen=True)
class Header:
    """Parameter path -> value with its HDF5 path; the mask of bad pixels; and what could not be used."""

    values: Mapping[str, Value] = field(default_factory=dict)
    mask: Mask | None = None
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
            reader = QuantityReader(path.name, file)
            values, mask = _values(reader, size), _mask(reader, size)
    except (DataError, OSError) as error:
        _log.debug("the header of %s is ignored: %s", path, error)
        return Header(notes=(f"what {path.name} says of beam and detector can't be read: {error}",))
    return Header({name: value for name, value in values.items() if value}, mask, tuple(reader.notes))


def placed(values: Mapping[str, Value], name: str) -> dict[str, Value]:
    """Return values with the file's name before the place in it, for a scan of several files."""
    return {path: replace(value, place=f"{name}: {value.place}") for path, value in values.items()}


def _values(reader: QuantityReader, size: tuple[int, int]) -> dict[str, Value | None]:
    distances = (reader.quantity(place, DISTANCE) for place in DISTANCE_PLACES)
    pixel = _pixel(reader)
    return {
        "experiment.energy_eV": _energy(reader),
        "experiment.distance_m": next(filter(None, distances), None),
        "experiment.detector_pixel_m": pixel,
        CENTER: beam_center(reader, CENTER_PLACES, size, pixel),
        **count_limit(reader, SATURATION_PLACES, BIT_DEPTH_PLACES),
    }


def _energy(reader: QuantityReader) -> Value | None:
    """Read the photon energy in eV, or what follows from the wavelength."""
    energy = reader.quantity(ENERGY_PLACE, ENERGY)
    if energy is not None:
        return energy
    wavelength = reader.quantity(WAVELENGTH_PLACE, WAVELENGTH)
    if wavelength is not None:
        return replace(wavelength, value=energy_eV(wavelength.value))
    return reader.quantity(EIGER_ENERGY_PLACE, ENERGY)


def _pixel(reader: QuantityReader) -> Value | None:
    """Read the pixel size in m."""
    rows, columns = (reader.quantity(place, PIXEL) for place in PIXEL_PLACES)
    return square_pixel(reader, rows, columns)


def _mask(reader: QuantityReader, size: tuple[int, int]) -> Mask | None:
    """Read the mask, in which any bit (in any frame) makes a bad pixel."""
    for place in MASK_PLACES:
        mask = reader.read(place, MASK, lambda found: stored_mask(found, size) or _NO_MASK)
        if mask is _NO_MASK:
            reader.ignore(MASK, place, f"is no mask of frames of {size[0]} x {size[1]} px")
        elif mask is not None:
            return mask
    return None
