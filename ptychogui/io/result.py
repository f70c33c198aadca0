"""The result file: CXI 1.6 that any CXI reader opens, with all that is needed to know how it was made.

`/entry_1/image_1` is the probe and `/entry_1/image_2` the object. Our own content is in `/entry_1/ptychogui`. In
`/entry_1/ptychodus` are the five values that ptychodus wants to lay positions over the object and to plot the error.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ptychogui import __version__
from ptychogui.errors import DataError, OutputError
from ptychogui.io.atomic import replacing
from ptychogui.io.cxi import FRAME_PLACES
from ptychogui.io.hdf5.files import build_image, open_h5, read_complex
from ptychogui.io.result_header import (
    DETECTOR,
    ENERGY_PLACE,
    ENTRY,
    OBJECT_PLACE,
    OWN,
    OWN_TEXTS,
    PROBE_PLACE,
    PROCESS,
    PTYCHODUS,
    TRANSLATION_PLACE,
    ResultFacts,
    array_at,
    object_shape,
    opened_result,
    positions_in,
    probe_shape,
    ptychodus_middle_px,
    read_facts,
    text_at,
)
from ptychogui.params.units import ELECTRON_VOLT_J
from ptychogui.pictures.thumbnails import thumbnail
from ptychogui.states import State
from ptychogui.texts import storable

CXI_VERSION = 160

_OPTIONAL = {
    "components": np.complex64, "coefficients": np.float32, "intensities": np.float32, "stxm": np.float32,
    "dpc_px": np.float32, "mean_pattern": np.float32,
}  # fmt: skip
"""Arrays in our own group that are not always there."""
_OVERHEAD_BYTES = 400_000
"""Thumbnail, texts and HDF5's own, at most."""


@dataclass(frozen=True, kw_only=True)
class Result(ResultFacts):
    """What a reconstruction gives and how it was made.

    Attributes:
        object: complex64 (rows, columns), or (layers, rows, columns) with several layers.
        probe: complex64 (modes, N, N), centered at [N // 2, N // 2]; sum |probe|^2 = counts of a pattern.
        positions_m: float64 (positions, 2), row and column of the probe on the object, as used or refined.
        frame_indices: int64 (positions,), the frame in the scan file of each position; 0, 1, 2, ... when None.
        components: complex64 (K, N, N), by which the first mode varies; None if it does not (physics.probe_variation).
        coefficients: float32 (positions, K), how much of each component a position has.
        intensities: float32 (positions,), relative, of the beam at each position; None if they were not fitted.
        stxm: float32 (positions,), counts of each position's pattern; None if not known, and so are the next. See
            physics.survey.
        dpc_px: float32 (positions, 2), row and column of each pattern's center of mass from the direct beam.
        mean_pattern: float32 (N, N), mean counts of all patterns, beam at [N // 2, N // 2].
    """

    object: np.ndarray
    probe: np.ndarray
    positions_m: np.ndarray
    frame_indices: np.ndarray | None = None
    components: np.ndarray | None = None
    coefficients: np.ndarray | None = None
    intensities: np.ndarray | None = None
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
            return OWN in file and not measured and text_at(file, f"{OWN}/state") != State.TRUTH.value
    except (DataError, OSError, RuntimeError):
        return False


def is_reconstruction(path: Path) -> bool:
    """Whether a file holds a reconstruction, of whatever program, and no frames that could be reconstructed."""
    try:
        with opened_result(path) as file:
            return not any(place in file for place in FRAME_PLACES)
    except DataError:
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
    texts = {name: getattr(result, name) for name in ("title", *OWN_TEXTS)}
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
        file[f"{PROCESS}/{name}"] = text


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
    group["process_1"] = h5py.SoftLink(PROCESS)


def _fill_own(file: h5py.File, result: Result) -> None:
    own = file.create_group(OWN)
    for name in OWN_TEXTS:
        own[name] = getattr(result, name)
    own["state"] = State(result.state).value if result.state else ""
    own["timing_s"] = json.dumps(dict(result.timing_s))
    own["versions"] = json.dumps(dict(result.versions))
    own["errors"] = np.asarray(result.errors, dtype=np.float64)
    if np.isfinite(result.free_errors).any():
        own["free_errors"] = np.asarray(result.free_errors, dtype=np.float64)
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
    """Say where ptychodus looks what CXI has no place for."""
    group = file.create_group(PTYCHODUS)
    count = len(result.positions_m)
    indices = np.arange(count) if result.frame_indices is None else result.frame_indices
    group["probe_position_indexes"] = np.asarray(indices, dtype=np.int64)
    group["probe_photon_count"] = float(np.sum(np.abs(result.probe).astype(np.float64) ** 2))
    if len(result.errors):
        group["loss_epochs"] = np.arange(len(result.errors), dtype=np.int64)
        group["loss_values"] = np.asarray(result.errors, dtype=np.float64)
    if result.object_origin_m is not None:
        middle_px = ptychodus_middle_px(result.object.shape, result.probe.shape[-1])
        center_m = np.asarray(result.object_origin_m) + middle_px * result.object_pixel_m
        group["object_center_y_m"], group["object_center_x_m"] = center_m.tolist()


def read_result(path: Path | str) -> Result:
    """Read a result file of ours, or any CXI file with a probe in image_1 and an object in image_2.

    Raises:
        DataError: the file is damaged or holds no reconstruction.
    """
    with opened_result(Path(path)) as file:
        object_, probe = read_complex(file[OBJECT_PLACE]), read_complex(file[PROBE_PLACE])
        arrays: dict[str, Any] = {name: array_at(file, f"{OWN}/{name}") for name in ("frame_indices", *_OPTIONAL)}
        return Result(
            object=object_.reshape(object_shape(object_.shape)),
            probe=(probe[0] if probe.ndim == 4 else probe).reshape(probe_shape(probe.shape)),
            positions_m=positions_in(file),
            **arrays,
            **read_facts(file),
        )
