"""CXI scans (CXI file format 1.6, cxidb.org) and plain HDF5 stacks of frames, read lazily.

CXI is SI throughout: energies in J, lengths in m, `translation` as (x, y, z) with x along columns and y along rows.
A "units" attribute that says otherwise is honored. NXcxi_ptycho differs in one thing: the energy of `source_1` is the
machine's there, and that of the photons is in `beam_1`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import h5py
import numpy as np

from ptychogui.errors import DataError
from ptychogui.io.dataset import Dataset, Value
from ptychogui.io.hdf5.files import (
    H5_ERRORS,
    datasets,
    first_dataset,
    is_hdf5,
    open_h5,
    read_complex,
    read_text,
    reading,
)
from ptychogui.io.hdf5.links import DanglingLink, missing_target
from ptychogui.io.hdf5.position_lists import read_position_list
from ptychogui.io.hdf5.quantities import (
    CENTER,
    DISTANCE,
    ENERGY,
    PIXEL,
    WAVELENGTH,
    QuantityReader,
    beam_center,
    count_limit,
    square_pixel,
)
from ptychogui.io.mask_files import Mask, stored_mask
from ptychogui.io.notes import NO_POSITIONS, Note
from ptychogui.io.raw.hdf5_frames import Hdf5Frames, grid_note, looks_like_frames
from ptychogui.io.raw.stack import Stack
from ptychogui.io.raw.virtual_datasets import frames_there, lost_parts, with_lost_pixels
from ptychogui.io.read_options import ReadOptions
from ptychogui.physics.lost_positions import lost_note
from ptychogui.physics.optics import energy_eV

_log = logging.getLogger(__name__)

_ENTRY = "/entry_1"
_DETECTOR = f"{_ENTRY}/instrument_1/detector_1"
_SOURCE = f"{_ENTRY}/instrument_1/source_1"
_BEAM = f"{_ENTRY}/instrument_1/beam_1"
_GEOMETRY = f"{_ENTRY}/sample_1/geometry_1"
_DATA = f"{_ENTRY}/data_1"

FRAME_PLACES = (f"{_DATA}/data", f"{_DETECTOR}/data")
POSITION_GROUPS = (_GEOMETRY, _DATA, _DETECTOR)
"""Where the translation may be."""
TRANSLATION_PLACES = tuple(f"{group}/translation" for group in POSITION_GROUPS)
PROBE_PLACES = tuple(f"{group}/illumination" for group in (_SOURCE, _DATA, f"{_ENTRY}/sample_1"))
FRAME_INDEX_PLACES = (f"{_DATA}/frame_index", f"{_DETECTOR}/frame_index")
POSITION_INDEX_PLACES = (
    f"{_GEOMETRY}/position_index",
    f"{_DATA}/position_index",
    f"{_ENTRY}/ptychodus/probe_position_indexes",
)
ENERGY_PLACE = f"{_SOURCE}/energy"
BEAM_ENERGY_PLACES = tuple(f"{_BEAM}/{name}" for name in ("energy", "incident_energy", "incident_beam_energy"))
WAVELENGTH_PLACE = f"{_BEAM}/incident_wavelength"
DISTANCE_PLACE = f"{_DETECTOR}/distance"
PIXEL_PLACES = (f"{_DETECTOR}/y_pixel_size", f"{_DETECTOR}/x_pixel_size")
CENTER_PLACES = (f"{_DETECTOR}/beam_center_y", f"{_DETECTOR}/beam_center_x")
BIT_DEPTH_PLACE = f"{_DETECTOR}/bit_depth_readout"
SATURATION_PLACE = f"{_DETECTOR}/saturation_value"
MASK_PLACE = f"{_DETECTOR}/mask"
RESULT_PLACE = f"{_ENTRY}/image_2/data"

_MOST_BITS = 32
_DIFFERENT = 0.01
"""Relative difference of two energies that is said."""

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


def open_cxi(path: Path, options: ReadOptions) -> Dataset:
    """Open a CXI scan; its frames stay in the file, which stays open until Dataset.close().

    Args:
        path: the file.
        options: its dataset_path is the HDF5 path of the frames; "" for the places that CXI gives them.

    Raises:
        DataError: the file is damaged, has no frames, or its parts contradict each other.
    """
    return _open(path, options.dataset_path)


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
    scan.notes.extend(frames.notes)
    if frames.grid:
        scan.notes.append(grid_note(frames.grid))
    lost = lost_parts(scan.path, found)
    there, lost_notes = frames_there(lost, frames.shape[0])
    scan.notes.extend(lost_notes)
    frame_rows, positions_m, positions_problem = _read_scan(scan, frames, there)
    values = _read_values(scan, frames)
    mask = _read_mask(scan, frames.shape)
    return Dataset(
        path=scan.path,
        format="CXI",
        frames=frames,
        frame_rows=frame_rows,
        positions_m=positions_m,
        values=values,
        bad_pixels=with_lost_pixels(lost, mask.bad if mask else None),
        bad_if_inverted=with_lost_pixels(lost, mask.inverted if mask else None),
        probe=_read_probe(scan),
        facts={name: text for name, place in _FACTS.items() if (text := read_text(scan.file, place))},
        notes=tuple(scan.notes),
        positions_problem=positions_problem,
        lost_frames=None if lost is None else lost.frames,
        reopen=partial(_reopen, scan.path, dataset_path),
        closer=scan.file.close,
    )


def _reopen(path: Path, dataset_path: str) -> Stack:
    """Open the frames of a scan that was opened before; what leads to them may be links to another file."""
    file = open_h5(path)
    try:
        with reading(path, "its frames"):
            return Stack(Hdf5Frames(path, _find_frames(_Scan(path, file), dataset_path)), close=file.close)
    except BaseException:
        file.close()
        raise


def read_translation(path: Path, file: h5py.File) -> np.ndarray | None:
    """Return the positions in an open CXI file: float64 (positions, 2), row and column in m; None if there are none.

    Those that are lost are NaN.

    Raises:
        DataError: they are no list of positions, or all are lost.
    """
    found = read_position_list(path, file, POSITION_GROUPS)
    return None if found is None else found.positions_m


def _find_frames(scan: _Scan, dataset_path: str) -> h5py.Dataset:
    places = (dataset_path,) if dataset_path else FRAME_PLACES
    found = first_dataset(scan.file, places)
    if found is not None:
        return found
    dangling = _dangling(scan, places)
    if dangling:
        raise DataError(f"{scan.path}: {dangling}; put it back or name other frames with --dataset-path")
    if RESULT_PLACE in scan.file and not dataset_path:
        raise DataError(f"{scan.path} is a reconstruction, not a scan: it has an object but no diffraction patterns")
    found_stacks = (data for axes in (3, 4) for data in datasets(scan.file, axes))
    stacks = [f"{data.name} {data.shape}" for data in found_stacks if looks_like_frames(data.shape, data.dtype)]
    offer = (
        f"it has {', '.join(stacks[:8])}: name one with --dataset-path"
        if stacks
        else "it has no stack of frames at all"
    )
    raise DataError(f"{scan.path}: there are no diffraction patterns at {' or '.join(places)}; {offer}")


def _read_scan(scan: _Scan, frames: Hdf5Frames, there: np.ndarray) -> tuple[np.ndarray, np.ndarray | None, str]:
    """Return the rows of the frames, their positions if there are any, and why they can't be used if they can't.

    The user may have a better list of positions, so that bad ones are no reason to refuse the file. A position that is
    lost, or whose frame is, costs the other one as well.
    """
    try:
        found = read_position_list(scan.path, scan.file, POSITION_GROUPS, frames.shape[0], frames.grid)
        if found is None:
            scan.notes.append(_no_positions(scan))
            return there, None, ""
        rows, chosen = _pair(scan, frames.shape[0], len(found.positions_m))
    except DataError as error:
        _log.debug("%s: the scan positions can't be used: %s", scan.path, error)
        scan.notes.append(f"the scan positions can't be used: {error}")
        return there, None, str(error)
    lost = ~np.isfinite(found.positions_m).all(axis=1)
    scan.notes.extend([*found.notes, *([lost_note(lost)] if lost.any() else [])])
    kept = np.isin(rows, there) & ~lost[chosen]
    return rows[kept], found.positions_m[chosen[kept]], ""


def _dangling(scan: _Scan, places: Iterable[str]) -> DanglingLink | None:
    """Return a link on the way to one of some places that leads nowhere."""
    return next(filter(None, (missing_target(scan.file, place) for place in places)), None)


def _no_positions(scan: _Scan) -> str:
    """Say that there are none, and which link may have led to them."""
    dangling = _dangling(scan, TRANSLATION_PLACES)
    said = "the file has no scan positions"
    return Note(said, NO_POSITIONS) if dangling is None else f"{said}: {dangling}"


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


def _read_values(scan: _Scan, frames: Hdf5Frames) -> dict[str, Value]:
    """Read the parameters' values that the file knows."""
    reader = QuantityReader("", scan.file, scan.notes)
    pixel = _read_pixel(reader)
    values = {
        "experiment.energy_eV": _read_energy(reader),
        "experiment.distance_m": reader.quantity(DISTANCE_PLACE, DISTANCE, default="m"),
        "experiment.detector_pixel_m": pixel,
        "experiment.scan_dims": Value(frames.grid, "the grid of frames") if frames.grid else None,
        CENTER: beam_center(reader, CENTER_PLACES, frames.shape[1:], pixel),
    }
    limit = count_limit(reader, [SATURATION_PLACE], [BIT_DEPTH_PLACE])
    return {path: value for path, value in values.items() if value is not None} | limit


def _read_energy(reader: QuantityReader) -> Value | None:
    """Read the energy of the photons: what the beam's group says goes before what the source's does."""
    beams = (_read_photons(reader, place) for place in BEAM_ENERGY_PLACES)
    beam = next(filter(None, beams), None) or _read_wavelength(reader)
    source = _read_photons(reader, ENERGY_PLACE)
    if beam is not None and source is not None and abs(source.value / beam.value - 1) > _DIFFERENT:
        what = f"is {beam.value:g} eV, at {source.place} {source.value:g} eV; that of the beam is taken"
        reader.say(ENERGY, beam.place, what)
    return beam or source


def _read_photons(reader: QuantityReader, place: str) -> Value | None:
    """Read an energy that X-rays can have; that of a machine is noted and not taken."""
    found = reader.quantity(place, ENERGY, default="J")
    if found is None or found.value <= ENERGY.usual[1]:
        return found
    what = f"is {found.value:.4g} eV, which is no X-ray energy: the machine's, or in another unit"
    reader.ignore(ENERGY, place, what)
    return None


def _read_wavelength(reader: QuantityReader) -> Value | None:
    found = reader.quantity(WAVELENGTH_PLACE, WAVELENGTH, default="m")
    return None if found is None else Value(energy_eV(found.value), found.place)


def _read_pixel(reader: QuantityReader) -> Value | None:
    noted = len(reader.notes)
    rows, columns = (reader.quantity(place, PIXEL, default="m") for place in PIXEL_PLACES)
    if rows is None and columns is None:
        del reader.notes[noted + 1 :]  # one is enough
    return square_pixel(reader, rows, columns)


def _read_mask(scan: _Scan, shape: tuple[int, int, int]) -> Mask | None:
    """Read the mask, in which any of CXI's bits makes a bad pixel; one that can't be used is noted and ignored."""
    found = first_dataset(scan.file, [MASK_PLACE])
    if found is None:
        return None
    try:
        mask = stored_mask(found, shape[1:])
    except (*H5_ERRORS, ValueError) as error:
        scan.notes.append(f"the mask {found.name} can't be read ({type(error).__name__}) and is ignored")
        return None
    if mask is None:
        scan.notes.append(
            f"the mask {found.name} of shape {found.shape} and type {found.dtype} is no mask of frames of "
            f"{shape[1]} x {shape[2]} px and is ignored"
        )
    return mask


def _read_probe(scan: _Scan) -> np.ndarray | None:
    """Return the illumination as complex64 (modes, N, N); one that is no probe is noted and left out."""
    found = first_dataset(scan.file, PROBE_PLACES)
    if found is None:
        return None
    why = ""
    try:
        probe = read_complex(found)
    except H5_ERRORS as error:
        probe, why = np.zeros((0,), np.complex64), f" ({error})"
    if (
        probe.ndim not in (2, 3)
        or probe.shape[-1] != probe.shape[-2]
        or not np.isfinite(probe).all()
        or not probe.any()
    ):
        scan.notes.append(f"the illumination {found.name} of shape {found.shape} is no probe and is ignored{why}")
        return None
    return np.array(probe.reshape(-1, *probe.shape[-2:]), order="C")
