"""CXI scans (CXI file format 1.6, cxidb.org) and plain HDF5 stacks of frames, read lazily.

CXI is SI throughout: energies in J, lengths in m, `translation` as (x, y, z) with x along columns and y along rows.
A "units" attribute that says otherwise is honored.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np

from ptychogui.errors import DataError
from ptychogui.io.access import Access
from ptychogui.io.dataset import Dataset, Value
from ptychogui.io.frames import Hdf5Frames, check_sources
from ptychogui.io.hdf5 import (
    datasets,
    first_dataset,
    is_hdf5,
    missing_target,
    open_h5,
    read_complex,
    read_text,
    reading,
    units_of,
)

ELECTRON_VOLT_J = 1.602176634e-19
"""Exact in the SI."""

_ENTRY = "/entry_1"
_DETECTOR = f"{_ENTRY}/instrument_1/detector_1"
_SOURCE = f"{_ENTRY}/instrument_1/source_1"
_GEOMETRY = f"{_ENTRY}/sample_1/geometry_1"
_DATA = f"{_ENTRY}/data_1"

FRAME_PLACES = (f"{_DATA}/data", f"{_DETECTOR}/data")
TRANSLATION_PLACES = tuple(f"{group}/translation" for group in (_GEOMETRY, _DATA, _DETECTOR))
PROBE_PLACES = tuple(f"{group}/illumination" for group in (_SOURCE, _DATA, f"{_ENTRY}/sample_1"))
FRAME_INDEX_PLACES = (f"{_DATA}/frame_index", f"{_DETECTOR}/frame_index")
POSITION_INDEX_PLACES = (
    f"{_GEOMETRY}/position_index",
    f"{_DATA}/position_index",
    f"{_ENTRY}/ptychodus/probe_position_indexes",
)
ENERGY_PLACE = f"{_SOURCE}/energy"
DISTANCE_PLACE = f"{_DETECTOR}/distance"
PIXEL_PLACES = (f"{_DETECTOR}/y_pixel_size", f"{_DETECTOR}/x_pixel_size")
BIT_DEPTH_PLACE = f"{_DETECTOR}/bit_depth_readout"
MASK_PLACE = f"{_DETECTOR}/mask"
RESULT_PLACE = f"{_ENTRY}/image_2/data"

_MOST_BITS = 32

_FACTS = {
    "title": f"{_ENTRY}/title",
    "date": f"{_ENTRY}/start_time",
    "experiment": f"{_ENTRY}/experiment_identifier",
    "description": f"{_ENTRY}/experiment_description",
    "note": f"{_ENTRY}/note",
    "sample": f"{_ENTRY}/sample_1/name",
    "instrument": f"{_ENTRY}/instrument_1/name",
    "source": f"{_SOURCE}/name",
    "detector": f"{_DETECTOR}/description",
}

_METERS = {"": 1.0, "m": 1.0, "mm": 1e-3, "um": 1e-6, "µm": 1e-6, "nm": 1e-9, "meter": 1.0, "meters": 1.0}
_ELECTRON_VOLTS = {"": 1 / ELECTRON_VOLT_J, "J": 1 / ELECTRON_VOLT_J, "eV": 1.0, "keV": 1e3}


@dataclass
class _Scan:
    """An open file and what has been noticed in it."""

    path: Path
    file: h5py.File
    notes: list[str] = field(default_factory=list)


def supports_cxi(path: Path) -> bool:
    """Whether the file is HDF5 with the group /entry_1.

    Raises:
        DataError: it is HDF5, but damaged.
    """
    if not is_hdf5(path):
        return False
    with open_h5(path) as file:
        return isinstance(file.get(_ENTRY), h5py.Group)


def open_cxi(path: Path, access: Access) -> Dataset:
    """Open a CXI scan; its frames stay in the file, which stays open until Dataset.close().

    Args:
        path: the file.
        access: its dataset_path is the HDF5 path of the frames; "" for the places that CXI gives them.

    Raises:
        DataError: the file is damaged, has no frames, or its parts contradict each other.
    """
    return _open(path, access.dataset_path)


def _open(path: Path, dataset_path: str) -> Dataset:
    file = open_h5(path)
    try:
        with reading(path, "its content"):
            return _read(_Scan(path, file), dataset_path)
    except BaseException:
        file.close()
        raise


def _read(scan: _Scan, dataset_path: str) -> Dataset:
    found = _find_frames(scan, dataset_path)
    frames = Hdf5Frames(scan.path, found)
    check_sources(scan.path, found)
    frame_rows, positions_m, positions_problem = _read_scan(scan, frames.shape[0])
    values = _read_values(scan)
    return Dataset(
        path=scan.path,
        format="CXI",
        frames=frames,
        frame_rows=frame_rows,
        positions_m=positions_m,
        values=values,
        bad_pixels=_read_mask(scan, frames.shape),
        probe=_read_probe(scan),
        facts={name: text for name, place in _FACTS.items() if (text := read_text(scan.file, place))},
        notes=tuple(scan.notes),
        positions_problem=positions_problem,
        closer=scan.file.close,
    )


def read_translation(path: Path, file: h5py.File) -> np.ndarray | None:
    """Return the positions in an open CXI file: float64 (positions, 2), row and column in m; None if there are none.

    Raises:
        DataError: they are no list of positions, or some are not finite.
    """
    found = first_dataset(file, TRANSLATION_PLACES)
    return None if found is None else _read_positions(_Scan(path, file), found)


def _find_frames(scan: _Scan, dataset_path: str) -> h5py.Dataset:
    places = (dataset_path,) if dataset_path else FRAME_PLACES
    found = first_dataset(scan.file, places)
    if found is not None:
        return found
    dangling = next((text for place in places if (text := missing_target(scan.file, place))), "")
    if dangling:
        raise DataError(f"{scan.path}: {dangling}; put it back or name other frames with --dataset-path")
    if RESULT_PLACE in scan.file and not dataset_path:
        raise DataError(f"{scan.path} is a reconstruction, not a scan: it has an object but no diffraction patterns")
    stacks = [f"{data.name} {data.shape}" for data in datasets(scan.file, 3)]
    offer = (
        f"it has {', '.join(stacks[:8])}: name one with --dataset-path"
        if stacks
        else "it has no stack of frames at all"
    )
    raise DataError(f"{scan.path}: there are no diffraction patterns at {' or '.join(places)}; {offer}")


def _read_scan(scan: _Scan, frames: int) -> tuple[np.ndarray, np.ndarray | None, str]:
    """Return the rows of the frames, their positions if there are any, and why they can't be used if they can't.

    The user may have a better list of positions, so that bad ones are no reason to refuse the file.
    """
    found = first_dataset(scan.file, TRANSLATION_PLACES)
    if found is None:
        scan.notes.append("the file has no scan positions")
        return np.arange(frames), None, ""
    try:
        positions_m = _read_positions(scan, found)
        rows, chosen = _pair(scan, frames, len(positions_m))
    except DataError as error:
        scan.notes.append(f"the scan positions can't be used: {error}")
        return np.arange(frames), None, str(error)
    return rows, positions_m[chosen], ""


def _read_positions(scan: _Scan, found: h5py.Dataset) -> np.ndarray:
    """Return all positions of the file: float64 (positions, 2), row and column in m."""
    where = f"{scan.path}: {found.name}"
    if found.ndim != 2 or found.shape[1] < 2 or found.dtype.kind not in "iuf":
        raise DataError(
            f"{where} should be a list of positions (x, y, z) but has shape {found.shape} and type {found.dtype}"
        )
    positions_m = np.asarray(found[:, :2], dtype=np.float64)[:, ::-1] * _factor(scan, found, _METERS)
    broken = np.flatnonzero(~np.isfinite(positions_m).all(axis=1))
    if len(broken):
        raise DataError(
            f"{where}: {len(broken)} of {len(positions_m)} positions are not numbers, the first is position "
            f"{broken[0]} {tuple(positions_m[broken[0]].tolist())}"
        )
    return positions_m


def _pair(scan: _Scan, frames: int, positions: int) -> tuple[np.ndarray, np.ndarray]:
    """Match frames and positions by scan index.

    Returns:
        rows of the frames, increasing, and the positions that they belong to: two int64 arrays of one length.
    """
    frame_index = _read_index(scan, FRAME_INDEX_PLACES, frames, "frames")
    position_index = _read_index(scan, POSITION_INDEX_PLACES, positions, "positions")
    if frame_index is None and position_index is None and frames != positions:
        raise DataError(
            f"{scan.path} has {frames} frames but {positions} positions, and no index "
            f"at {FRAME_INDEX_PLACES[0]} that says which belong together"
        )
    frame_index = np.arange(frames) if frame_index is None else frame_index
    position_index = np.arange(positions) if position_index is None else position_index
    _, rows, chosen = np.intersect1d(frame_index, position_index, assume_unique=True, return_indices=True)
    if not len(rows):
        raise DataError(f"{scan.path}: no frame belongs to any position by the file's indices")
    for name, left_out, other in (
        ("frames", frames - len(rows), "position"),
        ("positions", positions - len(rows), "frame"),
    ):
        if left_out:
            scan.notes.append(f"{name} without a {other} are left out: {left_out}")
    order = np.argsort(rows)
    return rows[order], chosen[order]


def _read_index(scan: _Scan, places: tuple[str, ...], count: int, name: str) -> np.ndarray | None:
    found = first_dataset(scan.file, places)
    if found is None:
        return None
    index = np.asarray(found[()]).reshape(-1)
    if found.dtype.kind not in "iu" or len(index) != count:
        raise DataError(
            f"{scan.path}: {found.name} should hold one number for each of the {count} {name} but has {len(index)}"
        )
    if len(np.unique(index)) != count:
        raise DataError(f"{scan.path}: {found.name} gives the same number to several {name}; each needs its own")
    return index.astype(np.int64)


def _read_values(scan: _Scan) -> dict[str, Value]:
    """Read the parameters' values that the file knows."""
    values = {
        "experiment.energy_eV": _read_number(scan, ENERGY_PLACE, _ELECTRON_VOLTS, "photon energy"),
        "experiment.distance_m": _read_number(scan, DISTANCE_PLACE, _METERS, "detector distance"),
        "experiment.detector_pixel_m": _read_pixel(scan),
        "preprocessing.bit_depth": _read_number(scan, BIT_DEPTH_PLACE, {"": 1.0, "bit": 1.0, "bits": 1.0}, "bit depth"),
    }
    depth = values["preprocessing.bit_depth"]
    if depth is not None and 1 <= depth.value <= _MOST_BITS:
        values["preprocessing.bit_depth"] = Value(int(depth.value), depth.place)
    elif depth is not None:
        scan.notes.append(f"the bit depth at {depth.place} is {depth.value:g}, not 1 to {_MOST_BITS}, and is ignored")
        values["preprocessing.bit_depth"] = None
    return {path: value for path, value in values.items() if value is not None}


def _read_number(scan: _Scan, place: str, units: dict[str, float], title: str) -> Value | None:
    """Read one positive number; what is no such number is noted and counts as not known."""
    found = first_dataset(scan.file, [place])
    if found is None or not found.size:
        return None
    if found.dtype.kind not in "iuf":
        scan.notes.append(f"the {title} at {place} is not a number and is ignored")
        return None
    numbers = np.asarray(found[()], dtype=np.float64).reshape(-1)
    number = float(numbers.mean()) * _factor(scan, found, units)
    if not (math.isfinite(number) and number > 0):
        scan.notes.append(f"the {title} at {place} is {number:g}, not a positive number, and is ignored")
        return None
    if np.ptp(numbers) > 1e-6 * abs(numbers[0]):
        scan.notes.append(
            f"the {title} at {place} varies by {np.ptp(numbers) / abs(numbers.mean()):.2g}; its mean is used"
        )
    return Value(number, place)


def _read_pixel(scan: _Scan) -> Value | None:
    noted = len(scan.notes)
    rows, columns = (_read_number(scan, place, _METERS, "detector pixel size") for place in PIXEL_PLACES)
    if rows is None and columns is None:
        del scan.notes[noted + 1 :]  # one is enough
    if rows is not None and columns is not None and not math.isclose(rows.value, columns.value, rel_tol=1e-6):
        raise DataError(
            f"{scan.path}: the detector's pixels are not square (x_pixel_size {columns.value} m, "
            f"y_pixel_size {rows.value} m); ptychogui needs square ones: bin or resample the frames"
        )
    return columns or rows


def _factor(scan: _Scan, dataset: h5py.Dataset, units: dict[str, float]) -> float:
    unit = units_of(dataset)
    if unit not in units:
        known = ", ".join(name for name in units if name)
        raise DataError(f"{scan.path}: {dataset.name} is given in '{unit}'; ptychogui knows {known or 'plain numbers'}")
    return units[unit]


def _read_mask(scan: _Scan, shape: tuple[int, int, int]) -> np.ndarray | None:
    """Return the mask as bool (rows, columns), True where any of CXI's bits is set (in any frame)."""
    found = first_dataset(scan.file, [MASK_PLACE])
    if found is None:
        return None
    if found.ndim not in (2, 3) or found.shape[-2:] != shape[1:]:
        raise DataError(f"{scan.path}: the mask {found.name} has shape {found.shape} but a frame has {shape[1:]}")
    if found.ndim == 2:
        bad = found[()] != 0
    else:
        bad = np.logical_or.reduce([found[frame] != 0 for frame in range(len(found))])
    if bad.all():
        raise DataError(f"{scan.path}: the mask {found.name} marks every pixel as bad (0 is good in CXI)")
    return np.asarray(bad, dtype=np.bool_)


def _read_probe(scan: _Scan) -> np.ndarray | None:
    """Return the illumination as complex64 (modes, N, N); one that is no probe is noted and left out."""
    found = first_dataset(scan.file, PROBE_PLACES)
    if found is None:
        return None
    try:
        probe = read_complex(found)
    except TypeError:
        probe = np.zeros((0,), np.complex64)
    if (
        probe.ndim not in (2, 3)
        or probe.shape[-1] != probe.shape[-2]
        or not np.isfinite(probe).all()
        or not probe.any()
    ):
        scan.notes.append(f"the illumination {found.name} of shape {found.shape} is no probe and is ignored")
        return None
    return np.array(probe.reshape(-1, *probe.shape[-2:]), order="C")
