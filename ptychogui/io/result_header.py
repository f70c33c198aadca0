"""The header of a result file: how, when and from what a result was made, read in one go without its arrays.

A list of thousands of results is made from headers alone; `io.result` reads and writes whole results.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ptychogui import __version__
from ptychogui.errors import DataError
from ptychogui.io.hdf5.files import as_text, open_h5, reading
from ptychogui.params.units import ELECTRON_VOLT_J
from ptychogui.physics.orientation import Orientation
from ptychogui.states import State

ENTRY = "/entry_1"
PROBE_PLACE = f"{ENTRY}/image_1/data"
OBJECT_PLACE = f"{ENTRY}/image_2/data"
TRANSLATION_PLACE = f"{ENTRY}/sample_1/geometry_1/translation"
ENERGY_PLACE = f"{ENTRY}/instrument_1/source_1/energy"
DETECTOR = f"{ENTRY}/instrument_1/detector_1"
PROCESS = f"{ENTRY}/process_1"
OWN = f"{ENTRY}/ptychogui"
"""Group of what only this program writes."""
PTYCHODUS = f"{ENTRY}/ptychodus"
"""Group of what ptychodus writes, and wants, beside what CXI has a place for."""

OWN_TEXTS = ("parameters", "device", "command", "started", "finished", "recipe", "noise_model", "sweep", "findings")
"""Attributes of a result that are texts in our own group, under their own name."""

_TEXT = h5py.string_dtype()
"""Of a text of any length in an HDF5 file."""

_SOURCES_ONE_BY_ONE = 8
"""Raw files of a series that have an entry each in a result; more share one."""


@dataclass(frozen=True)
class SourceFile:
    """A raw file as it was when it was read: path, size and time of last change (ISO 8601, UTC)."""

    path: str
    size_bytes: int
    modified: str
    files: int = 1
    """How many, where one entry stands for the files of a series: size is their sum, the change the last one."""

    @classmethod
    def of(cls, path: Path) -> SourceFile:
        """Describe an existing file."""
        status = path.stat()
        return cls(os.fspath(path.resolve()), status.st_size, _date(status.st_mtime))

    @classmethod
    def of_series(cls, paths: Sequence[Path]) -> tuple[SourceFile, ...]:
        """Describe the existing ones of some files in order: a few one by one, many as one entry from the first on."""
        there = [path for path in paths if path.exists()]
        if len(there) <= _SOURCES_ONE_BY_ONE:
            return tuple(map(cls.of, there))
        states = [path.stat() for path in there]
        span = f"{there[0].resolve()} to {there[-1].name}"
        changed = _date(max(status.st_mtime for status in states))
        return (cls(span, sum(status.st_size for status in states), changed, len(there)),)


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="seconds")


@dataclass(frozen=True, kw_only=True)
class ResultFacts:
    """How a result was made: what its header and the whole result have in common.

    What a file does not say is "", empty or None; its three numbers without a default are 0 then.

    Attributes:
        object_pixel_m: size of a pixel of object and probe.
        energy_eV: photon energy.
        distance_m: sample to detector.
        object_origin_m: row and column of the object's element [0, 0] on the axes of the positions
            (ScanGeometry.origin_px times object_pixel_m), or None if not known.
        detector_pixel_m: size of a detector pixel, or None if not known.
        parameters: JSON text of params.storage.to_json: every value and its origin.
        errors: float64 (iterations,), in photon-noise units.
        free_errors: the same over the pixels that were held out; NaN, or nothing at all, where none were.
        sources: the raw files.
        device: what it ran on ("cpu: AMD EPYC, 2 threads").
        timing_s: seconds by stage ("prepare", "iterate", ...).
        versions: version by name ("ptychogui", "numpy", ...).
        command: command line or action that made it.
        started, finished: ISO 8601 dates.
        state: DONE, STOPPED, CHECKPOINT or TRUTH; None where the file has no word for it that this version knows.
        title: name of the scan or job.
        notes: what the reader or the run noticed.
        noise_model: what engines were given: "gaussian", where the parameters say 'auto' as well, "poisson", or "auto",
            where a note says from which iteration on it was that of photons; "" where none heeds it.
        recipe: JSON text of the simulation that this is the truth of; "" else.
        sweep: JSON text of the group that the job was one of, and of its own values; "" where it was alone.
        findings: JSON text of what the convergence watch has found, a list; "" where it has found nothing.
        thumbnail: uint8 (rows, columns, 3) picture of the object's phase; made when written, if None.
        orientation: what was done to the file's frames and positions; None if not known.
    """

    object_pixel_m: float
    energy_eV: float
    distance_m: float
    object_origin_m: tuple[float, float] | None = None
    detector_pixel_m: float | None = None
    parameters: str = ""
    errors: np.ndarray = field(default_factory=lambda: np.zeros(0))
    free_errors: np.ndarray = field(default_factory=lambda: np.zeros(0))
    sources: tuple[SourceFile, ...] = ()
    device: str = ""
    timing_s: Mapping[str, float] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=lambda: {"ptychogui": __version__})
    command: str = ""
    started: str = ""
    finished: str = ""
    state: State | None = State.DONE
    title: str = ""
    notes: tuple[str, ...] = ()
    noise_model: str = ""
    recipe: str = ""
    sweep: str = ""
    findings: str = ""
    thumbnail: np.ndarray | None = None
    orientation: Orientation | None = None

    @property
    def took_s(self) -> float | None:
        """How long it took, from the first read to the last iteration; None if not known."""
        return sum(self.timing_s.values()) if self.timing_s else None


@dataclass(frozen=True, kw_only=True)
class ResultHeader(ResultFacts):
    """All that is said in a result file, without object, probe and what else has a value a pixel or a position.

    Attributes:
        object_shape: (rows, columns), or (layers, rows, columns) with several layers.
        probe_shape: (modes, N, N).
        positions: how many.
        program, version: what wrote the file; "" if not known.
        made: when it was written, an ISO 8601 date; "" if not known.
    """

    object_shape: tuple[int, ...]
    probe_shape: tuple[int, ...]
    positions: int
    program: str
    version: str
    made: str


def read_header(path: Path | str) -> ResultHeader:
    """Read the header of a result of ours, or of any CXI file with a probe in image_1 and an object in image_2.

    Raises:
        DataError: the file is damaged or holds no reconstruction.
    """
    with opened_result(Path(path)) as file:
        translation = _translation(file)
        return ResultHeader(
            object_shape=object_shape(_shape(file, OBJECT_PLACE)),
            probe_shape=probe_shape(_shape(file, PROBE_PLACE)),
            positions=0 if translation is None else translation.shape[0],
            program=text_at(file, f"{PROCESS}/program"),
            version=text_at(file, f"{PROCESS}/version"),
            made=text_at(file, f"{PROCESS}/date") or text_at(file, f"{ENTRY}/end_time"),
            **read_facts(file),
        )


def read_positions_m(path: Path | str) -> np.ndarray:
    """Read the positions of a result alone: float64 (positions, 2), row and column; none if there are none.

    Raises:
        DataError: the file is damaged or holds no reconstruction.
    """
    with opened_result(Path(path)) as file:
        return positions_in(file)


@contextlib.contextmanager
def opened_result(path: Path) -> Iterator[h5py.File]:
    """Open a file that holds an object and a probe; what can't be read of it inside the block is told.

    Raises:
        DataError: the file is damaged or holds no reconstruction.
    """
    with open_h5(path) as file, reading(path, "its content"):
        absent = [place for place in (OBJECT_PLACE, PROBE_PLACE) if _dataset(file, place) is None]
        if absent:
            raise DataError(f"{path} is not a reconstruction: it has no {' and no '.join(absent)}")
        try:
            yield file
        except (TypeError, ValueError, AttributeError, IndexError) as error:
            raise DataError(f"{path}: the reconstruction in it can't be read: {error}") from error


def object_shape(stored: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of an object whose dataset has this one: a single layer has no axis.

    Raises:
        ValueError: no object has this shape.
    """
    shape = stored[1:] if len(stored) == 3 and stored[0] == 1 else stored
    if len(shape) not in (2, 3):
        raise ValueError(f"the object {stored} should have two or three axes")
    return shape


def probe_shape(stored: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of a probe whose dataset has this one: one axis of modes, even if there is one mode.

    Raises:
        ValueError: no probe has this shape.
    """
    shape = stored[1:] if len(stored) == 4 else stored
    if len(shape) not in (2, 3):
        raise ValueError(f"the probe {stored} should have two or three axes")
    return (*(1,) * (3 - len(shape)), *shape)


def read_facts(file: h5py.File) -> dict[str, Any]:
    """Read the attributes of ResultFacts from an open result."""
    lists = {name: json.loads(text_at(file, f"{OWN}/{name}") or "[]") for name in ("sources", "notes")}
    tables = {name: json.loads(text_at(file, f"{OWN}/{name}") or "{}") for name in ("timing_s", "versions")}
    origin_m = _origin_m(file)
    errors, free_errors = (array_at(file, f"{OWN}/{name}") for name in ("errors", "free_errors"))
    errors = array_at(file, f"{PTYCHODUS}/loss_values") if errors is None else errors
    return {
        "object_pixel_m": _object_pixel_m(file),
        "energy_eV": _number(file, ENERGY_PLACE, 0.0) / ELECTRON_VOLT_J,
        "distance_m": _number(file, f"{DETECTOR}/distance", 0.0),
        "object_origin_m": None if origin_m is None else (float(origin_m[0]), float(origin_m[1])),
        "detector_pixel_m": _number(file, f"{DETECTOR}/x_pixel_size", 0.0) or None,
        "errors": np.zeros(0) if errors is None else errors,
        "free_errors": np.zeros(0) if free_errors is None else free_errors,
        "sources": tuple(SourceFile(**source) for source in lists["sources"]),
        "notes": tuple(lists["notes"]),
        "state": State.read(text_at(file, f"{OWN}/state")),
        "title": text_at(file, f"{ENTRY}/title"),
        "thumbnail": array_at(file, f"{OWN}/thumbnail"),
        "orientation": _orientation(text_at(file, f"{OWN}/orientation")),
        **tables,
        **{name: text_at(file, f"{OWN}/{name}") for name in OWN_TEXTS},
    }


def positions_in(file: h5py.File) -> np.ndarray:
    """Return the positions in an open result: float64 (positions, 2), row and column; none if there are none."""
    found = _translation(file)
    translation_m = None if found is None else _content(found)
    return np.zeros((0, 2)) if translation_m is None else translation_m[:, :2][:, ::-1].astype(np.float64)


def _translation(file: h5py.File) -> h5py.h5d.DatasetID | None:
    return _dataset(file, TRANSLATION_PLACE) or _dataset(file, f"{ENTRY}/data_1/translation")


def text_at(file: h5py.File, place: str) -> str:
    """Return the text at a place; "" where there is none."""
    found = _dataset(file, place)
    kind = None if found is None else found.get_type()
    if found is None or not isinstance(kind, h5py.h5t.TypeStringID):
        return ""
    content = _content(found, _TEXT if kind.is_variable_str() else found.dtype)
    return "" if content is None or content.size != 1 else as_text(content.reshape(-1)[0])


def array_at(file: h5py.File, place: str) -> np.ndarray | None:
    """Return the array at a place, links followed; None where there is none."""
    found = _dataset(file, place)
    return None if found is None else _content(found)


def _dataset(file: h5py.File, place: str) -> h5py.h5d.DatasetID | None:
    """Open the dataset at a place; None where there is none.

    A header has thirty, most of them a word or a number; by way of h5py's objects each takes three times as long.
    """
    try:
        return h5py.h5d.open(file.id, place.encode())
    except KeyError:
        return None


def _shape(file: h5py.File, place: str) -> tuple[int, ...]:
    found = _dataset(file, place)
    return () if found is None or found.shape is None else tuple(found.shape)


def _content(dataset: h5py.h5d.DatasetID, dtype: np.dtype | None = None) -> np.ndarray | None:
    """Read a dataset, as this dtype if h5py's own need not be worked out; None where it has no place for a value."""
    shape = dataset.shape
    if shape is None:
        return None
    array = np.empty(shape, dataset.dtype if dtype is None else dtype)
    if array.size:
        dataset.read(h5py.h5s.ALL, h5py.h5s.ALL, array)
    return array


def _number(file: h5py.File, place: str, default: float) -> float:
    found = array_at(file, place)
    return default if found is None else float(found.reshape(-1)[0])


def _object_pixel_m(file: h5py.File) -> float:
    """Take our own value, or work it out from the width of the image; 0 if neither is there."""
    own = _number(file, f"{OWN}/object_pixel_m", 0.0)
    size_m = None if own else array_at(file, f"{ENTRY}/image_2/image_size")
    return own if size_m is None else float(size_m[0]) / _shape(file, OBJECT_PLACE)[-1]


def _origin_m(file: h5py.File) -> np.ndarray | None:
    """Take our own value, or work it out from the center that ptychodus gives; None if neither is there."""
    own = array_at(file, f"{OWN}/object_origin_m")
    center_m = [array_at(file, f"{PTYCHODUS}/object_center_{axis}_m") for axis in "yx"]
    if own is not None or any(part is None for part in center_m):
        return own
    middle_px = ptychodus_middle_px(_shape(file, OBJECT_PLACE), _shape(file, PROBE_PLACE)[-1])
    return np.ravel(np.array(center_m, np.float64)) - middle_px * _object_pixel_m(file)


def ptychodus_middle_px(object_shape: tuple[int, ...], window: int) -> np.ndarray:
    """Return row and column of what ptychodus calls the center of an object, from its element [0, 0].

    It puts the middle of a window of N pixels at (N - 1) / 2 and the middle of the object likewise, so the center moves
    by N // 2 - (N - 1) / 2 against ours for the windows to lie on the same pixels.
    """
    return np.asarray((np.array(object_shape[-2:]) - window) / 2 + window // 2)


def _orientation(text: str) -> Orientation | None:
    """Read what asdict gave; what later versions add is left out."""
    known = {item.name for item in fields(Orientation)}
    return Orientation(**{name: value for name, value in json.loads(text).items() if name in known}) if text else None
