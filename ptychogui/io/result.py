"""The result file: CXI 1.6 that any CXI reader opens, with all that is needed to know how it was made.

`/entry_1/image_1` is the probe and `/entry_1/image_2` the object. Our own content is in `/entry_1/ptychogui`. In
`/entry_1/ptychodus` are the five values that ptychodus wants to lay positions over the object and to plot the error.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ptychogui import __version__
from ptychogui.errors import DataError, OutputError
from ptychogui.io.atomic import check_writable, replacing
from ptychogui.io.cxi import FRAME_PLACES
from ptychogui.io.hdf5.files import build_image, first_dataset, open_h5, read_complex, read_text, reading
from ptychogui.params.units import ELECTRON_VOLT_J
from ptychogui.physics.orientation import Orientation
from ptychogui.pictures.thumbnails import thumbnail
from ptychogui.texts import storable

__all__ = [
    "Result", "SourceFile", "check_replaceable", "check_writable", "needed_bytes", "read_result", "result_image",
    "write_result",
]  # fmt: skip

_SOURCES_ONE_BY_ONE = 8
"""Raw files of a series that have an entry each in a result; more share one."""

CXI_VERSION = 160
ENTRY = "/entry_1"
PROBE_PLACE = f"{ENTRY}/image_1/data"
OBJECT_PLACE = f"{ENTRY}/image_2/data"
TRANSLATION_PLACE = f"{ENTRY}/sample_1/geometry_1/translation"
ENERGY_PLACE = f"{ENTRY}/instrument_1/source_1/energy"
DETECTOR = f"{ENTRY}/instrument_1/detector_1"
OWN = f"{ENTRY}/ptychogui"
PTYCHODUS = f"{ENTRY}/ptychodus"

_OWN_TEXTS = ("parameters", "device", "command", "started", "finished", "state", "recipe")
_OPTIONAL = {
    "components": np.complex64, "coefficients": np.float32, "intensities": np.float32, "stxm": np.float32,
    "dpc_px": np.float32, "mean_pattern": np.float32,
}  # fmt: skip
"""Arrays in our own group that are not always there."""
_OVERHEAD_BYTES = 400_000
"""Thumbnail, texts and HDF5's own, at most."""


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


@dataclass(frozen=True)
class Result:
    """What a reconstruction gives and how it was made.

    Attributes:
        object: complex64 (rows, columns), or (layers, rows, columns) with several layers.
        probe: complex64 (modes, N, N), centered at [N // 2, N // 2]; sum |probe|^2 = counts of a pattern.
        object_pixel_m: size of a pixel of both.
        positions_m: float64 (positions, 2), row and column of the probe on the object, as used or refined.
        energy_eV: photon energy.
        distance_m: sample to detector.
        object_origin_m: row and column of the object's element [0, 0] on the axes of `positions_m`
            (ScanGeometry.origin_px times object_pixel_m), or None if not known.
        detector_pixel_m: size of a detector pixel, or None if not known.
        frame_indices: int64 (positions,), the frame in the scan file of each position; 0, 1, 2, ... when None.
        parameters: JSON text of params.storage.to_json: every value and its origin.
        errors: float64 (iterations,), in photon-noise units.
        sources: the raw files.
        device: what it ran on ("cpu: AMD EPYC, 2 threads").
        timing_s: seconds by stage ("prepare", "iterate", ...).
        versions: version by name ("ptychogui", "numpy", ...).
        command: command line or action that made it.
        started, finished: ISO 8601 dates.
        state: "done", "stopped", "checkpoint" or "truth".
        title: name of the scan or job.
        notes: what the reader or the run noticed.
        recipe: JSON text of the simulation that this is the truth of; "" else.
        thumbnail: uint8 (rows, columns, 3) picture of the object's phase; made when written, if None.
        components: complex64 (K, N, N), by which the first mode varies; None if it does not (physics.probe_variation).
        coefficients: float32 (positions, K), how much of each component a position has.
        intensities: float32 (positions,), relative, of the beam at each position; None if they were not fitted.
        orientation: what was done to the file's frames and positions; None if not known.
        stxm: float32 (positions,), counts of each position's pattern; None if not known, and so are the next. See
            physics.survey.
        dpc_px: float32 (positions, 2), row and column of each pattern's center of mass from the direct beam.
        mean_pattern: float32 (N, N), mean counts of all patterns, beam at [N // 2, N // 2].
    """

    object: np.ndarray
    probe: np.ndarray
    object_pixel_m: float
    positions_m: np.ndarray
    energy_eV: float
    distance_m: float
    object_origin_m: tuple[float, float] | None = None
    detector_pixel_m: float | None = None
    frame_indices: np.ndarray | None = None
    parameters: str = ""
    errors: np.ndarray = field(default_factory=lambda: np.zeros(0))
    sources: tuple[SourceFile, ...] = ()
    device: str = ""
    timing_s: Mapping[str, float] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=lambda: {"ptychogui": __version__})
    command: str = ""
    started: str = ""
    finished: str = ""
    state: str = "done"
    title: str = ""
    notes: tuple[str, ...] = ()
    recipe: str = ""
    thumbnail: np.ndarray | None = None
    components: np.ndarray | None = None
    coefficients: np.ndarray | None = None
    intensities: np.ndarray | None = None
    orientation: Orientation | None = None
    stxm: np.ndarray | None = None
    dpc_px: np.ndarray | None = None
    mean_pattern: np.ndarray | None = None

    @property
    def scanned(self) -> np.ndarray | None:
        """Where the scan positions lie in the object: bool (rows, columns) of their bounding box; None if not known."""
        if self.object_origin_m is None or not len(self.positions_m):
            return None
        shape = self.object.shape[-2:]
        pixels = (self.positions_m - self.object_origin_m) / self.object_pixel_m
        low, high = np.clip(np.rint([pixels.min(axis=0), pixels.max(axis=0)]).astype(int), 0, np.array(shape) - 1)
        inside = np.zeros(shape, dtype=np.bool_)
        inside[low[0] : high[0] + 1, low[1] : high[1] + 1] = True
        return inside


def needed_bytes(
    object_shape: tuple[int, ...], probe_shape: tuple[int, ...], positions: int, components: int = 0
) -> int:
    """Estimate the size of a result file, for `check_writable` before the work starts."""
    planes = (probe_shape[0] + components + 1) * int(np.prod(probe_shape[1:]))
    return 8 * (int(np.prod(object_shape)) + planes + (8 + components) * positions) + _OVERHEAD_BYTES


def check_replaceable(path: Path) -> None:
    """Make sure that a result may be written here: there is nothing yet, or a result of ours.

    Raises:
        OutputError: there is another file; it may be a measurement, so it is never replaced.
    """
    if os.path.isdir(path):  # is_dir() raises where the name is too long
        raise OutputError(f"{path} is a folder; name a file in it")
    if os.path.lexists(path) and not _is_result(path):
        raise OutputError(f"{path} exists and is not a result; choose another name or delete it")


def _is_result(path: Path) -> bool:
    """Whether a file is a reconstruction of ours: neither a measurement nor the truth of a simulated scan."""
    try:
        with open_h5(path) as file:
            measured = any(place in file for place in FRAME_PLACES)
            return OWN in file and not measured and read_text(file, f"{OWN}/state") != "truth"
    except (DataError, OSError, RuntimeError):
        return False


def write_result(path: Path, result: Result) -> tuple[str, ...]:
    """Write a result file, whole or not at all.

    Returns:
        what the file can't hold as it is, a sentence each; they are among its notes.

    Raises:
        OutputError: it can't be written; what was at `path` is untouched.
    """
    held, notes = _storable(result)
    image = result_image(held)
    with replacing(path) as target:
        target.write(image)
    return notes


def result_image(result: Result) -> bytes:
    """Return the bytes of a result file, whose texts are UTF-8 without NUL."""
    return build_image(lambda file: _fill(file, result))


def _storable(result: Result) -> tuple[Result, tuple[str, ...]]:
    """Return a result with texts that HDF5 can hold, and say which it had to change: a name may be any bytes."""
    texts = {name: getattr(result, name) for name in ("title", *_OWN_TEXTS)}
    changes: dict[str, Any] = {name: held for name, text in texts.items() if (held := storable(text)) != text}
    if not changes:
        return result, ()
    note = f"escaped in the result, whose texts are UTF-8: {' and '.join(changes)}"
    return replace(result, notes=(*result.notes, note), **changes), (note,)


def _fill(file: h5py.File, result: Result) -> None:
    file["cxi_version"] = CXI_VERSION
    file["number_of_entries"] = 1
    for name, text in (("title", result.title), ("start_time", result.started), ("end_time", result.finished)):
        if text:
            file[f"{ENTRY}/{name}"] = text
    _fill_instrument(file, result)
    _fill_process(file, result)
    _fill_image(file, PROBE_PLACE, result.probe, result.object_pixel_m, "incoherent:y:x", "amplitude")
    _fill_image(file, OBJECT_PLACE, result.object, result.object_pixel_m, "layer:y:x", "transmission")
    file[f"{ENTRY}/instrument_1/source_1/illumination"] = h5py.SoftLink(PROBE_PLACE)
    _fill_own(file, result)
    _fill_ptychodus(file, result)


def _fill_instrument(file: h5py.File, result: Result) -> None:
    translation_m = np.zeros((len(result.positions_m), 3))
    translation_m[:, :2] = np.asarray(result.positions_m).reshape(-1, 2)[:, ::-1]
    quantities = [(TRANSLATION_PLACE, translation_m, "m"), (ENERGY_PLACE, result.energy_eV * ELECTRON_VOLT_J, "J")]
    quantities += [(f"{DETECTOR}/distance", result.distance_m, "m")]
    if result.detector_pixel_m is not None:
        quantities += [(f"{DETECTOR}/{axis}_pixel_size", result.detector_pixel_m, "m") for axis in "xy"]
    for place, value, unit in quantities:
        file[place] = value
        file[place].attrs["units"] = unit
    file[f"{ENTRY}/data_1/translation"] = h5py.SoftLink(TRANSLATION_PLACE)
    if result.title:
        file[f"{ENTRY}/sample_1/name"] = result.title


def _fill_process(file: h5py.File, result: Result) -> None:
    date = result.finished or datetime.now(timezone.utc).isoformat(timespec="seconds")
    steps = {"program": "ptychogui", "version": __version__, "date": date, "command": result.command}
    for name, text in steps.items():
        file[f"{ENTRY}/process_1/{name}"] = text


def _fill_image(file: h5py.File, place: str, data: np.ndarray, pixel_m: float, axes: str, kind: str) -> None:
    group = file.create_group(place.rpartition("/")[0])
    group["data"] = np.ascontiguousarray(data, dtype=np.complex64)
    group["data"].attrs["axes"] = axes.split(":", 3 - data.ndim)[-1] if data.ndim < 3 else axes
    group["data_type"] = kind
    group["data_space"] = "real"
    group["image_size"] = np.array([data.shape[-1] * pixel_m, data.shape[-2] * pixel_m, 0.0])
    group["image_size"].attrs["units"] = "m"
    group["source_1"] = h5py.SoftLink(f"{ENTRY}/instrument_1/source_1")
    group["detector_1"] = h5py.SoftLink(DETECTOR)
    group["process_1"] = h5py.SoftLink(f"{ENTRY}/process_1")


def _fill_own(file: h5py.File, result: Result) -> None:
    own = file.create_group(OWN)
    for name in _OWN_TEXTS:
        own[name] = getattr(result, name)
    own["timing_s"] = json.dumps(dict(result.timing_s))
    own["versions"] = json.dumps(dict(result.versions))
    own["errors"] = np.asarray(result.errors, dtype=np.float64)
    own["object_pixel_m"] = float(result.object_pixel_m)
    own["notes"] = json.dumps(result.notes)
    own["sources"] = json.dumps([asdict(source) for source in result.sources])
    if result.orientation is not None:
        own["orientation"] = json.dumps(asdict(result.orientation))
    own["thumbnail"] = thumbnail(result.object, result.scanned) if result.thumbnail is None else result.thumbnail
    if result.frame_indices is not None:
        own["frame_indices"] = np.asarray(result.frame_indices, dtype=np.int64)
    for name, kind in _OPTIONAL.items():
        if getattr(result, name) is not None:
            own[name] = np.asarray(getattr(result, name), dtype=kind)
    if result.object_origin_m is not None:
        own["object_origin_m"] = np.asarray(result.object_origin_m, dtype=np.float64)


def _fill_ptychodus(file: h5py.File, result: Result) -> None:
    """Say where ptychodus looks what CXI has no place for.

    ptychodus puts the middle of a window of N pixels at (N - 1) / 2 and the middle of the object likewise, so the
    object's center moves by N // 2 - (N - 1) / 2 against ours for the windows to lie on the same pixels.
    """
    group = file.create_group(PTYCHODUS)
    count = len(result.positions_m)
    indices = np.arange(count) if result.frame_indices is None else result.frame_indices
    group["probe_position_indexes"] = np.asarray(indices, dtype=np.int64)
    group["probe_photon_count"] = float(np.sum(np.abs(result.probe).astype(np.float64) ** 2))
    if len(result.errors):
        group["loss_epochs"] = np.arange(len(result.errors), dtype=np.int64)
        group["loss_values"] = np.asarray(result.errors, dtype=np.float64)
    if result.object_origin_m is not None:
        window = result.probe.shape[-1]
        middle_px = (np.array(result.object.shape[-2:]) - window) / 2 + window // 2
        center_m = np.asarray(result.object_origin_m) + middle_px * result.object_pixel_m
        group["object_center_y_m"], group["object_center_x_m"] = center_m.tolist()


def read_result(path: Path | str) -> Result:
    """Read a result file of ours, or any CXI file with a probe in image_1 and an object in image_2.

    Raises:
        DataError: the file is damaged or holds no reconstruction.
    """
    path = Path(path)
    with open_h5(path) as file, reading(path, "its content"):
        found = {place: first_dataset(file, [place]) for place in (OBJECT_PLACE, PROBE_PLACE)}
        absent = [place for place, dataset in found.items() if dataset is None]
        if absent:
            raise DataError(f"{path} is not a reconstruction: it has no {' and no '.join(absent)}")
        try:
            return _read(path, file)
        except (TypeError, ValueError) as error:
            raise DataError(f"{path}: the reconstruction in it can't be read: {error}") from error


def _read(path: Path, file: h5py.File) -> Result:
    object_, probe = read_complex(file[OBJECT_PLACE]), read_complex(file[PROBE_PLACE])
    probe = probe[0] if probe.ndim == 4 else probe
    object_ = object_[0] if object_.ndim == 3 and len(object_) == 1 else object_
    if probe.ndim not in (2, 3) or object_.ndim not in (2, 3):
        raise DataError(f"{path}: probe {probe.shape} and object {object_.shape} should have two or three axes")
    translation_m = first_dataset(file, [TRANSLATION_PLACE, f"{ENTRY}/data_1/translation"])
    origin = _array(file, f"{OWN}/object_origin_m")
    texts: dict[str, Any] = {name: read_text(file, f"{OWN}/{name}") for name in _OWN_TEXTS}
    arrays: dict[str, Any] = {name: _array(file, f"{OWN}/{name}") for name in _OPTIONAL}
    errors = _array(file, f"{OWN}/errors")
    return Result(
        object=object_,
        probe=probe.reshape(-1, *probe.shape[-2:]),
        object_pixel_m=_object_pixel_m(file, object_.shape),
        positions_m=np.zeros((0, 2))
        if translation_m is None
        else np.asarray(translation_m[:, :2])[:, ::-1].astype(np.float64),
        energy_eV=_number(file, ENERGY_PLACE, 0.0) / ELECTRON_VOLT_J,
        distance_m=_number(file, f"{DETECTOR}/distance", 0.0),
        object_origin_m=None if origin is None else (float(origin[0]), float(origin[1])),
        detector_pixel_m=_number(file, f"{DETECTOR}/x_pixel_size", 0.0) or None,
        frame_indices=_array(file, f"{OWN}/frame_indices"),
        errors=np.zeros(0) if errors is None else errors,
        sources=tuple(SourceFile(**source) for source in json.loads(read_text(file, f"{OWN}/sources") or "[]")),
        timing_s=json.loads(read_text(file, f"{OWN}/timing_s") or "{}"),
        versions=json.loads(read_text(file, f"{OWN}/versions") or "{}"),
        title=read_text(file, f"{ENTRY}/title"),
        notes=tuple(json.loads(read_text(file, f"{OWN}/notes") or "[]")),
        thumbnail=_array(file, f"{OWN}/thumbnail"),
        **arrays,
        orientation=_orientation(read_text(file, f"{OWN}/orientation")),
        **texts,
    )


def _orientation(text: str) -> Orientation | None:
    """Read what asdict gave; what later versions add is left out."""
    known = {item.name for item in fields(Orientation)}
    return Orientation(**{name: value for name, value in json.loads(text).items() if name in known}) if text else None


def _array(file: h5py.File, place: str) -> np.ndarray | None:
    found = first_dataset(file, [place])
    return None if found is None else np.asarray(found[()])


def _number(file: h5py.File, place: str, default: float) -> float:
    found = first_dataset(file, [place])
    return default if found is None else float(np.asarray(found[()]).reshape(-1)[0])


def _object_pixel_m(file: h5py.File, shape: tuple[int, ...]) -> float:
    """Take our own value, or work it out from the width of the image; 0 if neither is there."""
    size_m = _array(file, f"{ENTRY}/image_2/image_size")
    width_m = 0.0 if size_m is None else float(size_m[0]) / shape[-1]
    return _number(file, f"{OWN}/object_pixel_m", width_m)
