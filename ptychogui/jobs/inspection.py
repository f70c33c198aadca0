"""Inspection of a file, as `ptychogui info` prints it: every value with its unit and where it comes from."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ptychogui.errors import DataError, ParameterError
from ptychogui.io.dataset import Dataset
from ptychogui.io.mda.contents import PV_PLACE, items_of
from ptychogui.io.mda.format import Mda, is_mda, read_mda
from ptychogui.io.mda.mda_scan import MdaScan, read_mda_scan
from ptychogui.io.mda.presets import choose_preset
from ptychogui.io.raw.raw_scan import all_notes
from ptychogui.io.read_options import ReadOptions
from ptychogui.io.result_header import ResultHeader, read_positions_m
from ptychogui.io.scan_or_result import open_scan_or_header
from ptychogui.jobs.job_values import NEEDED, dataset_layers
from ptychogui.params.commandline import format_text
from ptychogui.params.model import Parameters, by_path
from ptychogui.params.origins import Origin, Source
from ptychogui.params.storage import from_json
from ptychogui.params.units import format_quantity
from ptychogui.physics.frames import pattern_size
from ptychogui.physics.optics import job_pixel_m
from ptychogui.physics.orientation import Orientation

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Entry:
    """One value: SI in `value`, readable in `text`."""

    name: str
    value: Any
    unit: str
    origin: str
    text: str


def inspect_file(path: Path, options: ReadOptions | None = None) -> tuple[list[Entry], tuple[str, ...]]:
    """Return the values in a scan or result file, and notes.

    Of an MDA scan whose frames can't be opened it is what the MDA file says, and a note with the reason.

    Raises:
        DataError: the file is neither, or broken.
    """
    try:
        opened = open_scan_or_header(path, options)
    except DataError as error:
        if not _is_mda(path):
            raise
        return _frameless(path, options or ReadOptions(), error)
    if isinstance(opened, ResultHeader):
        return list(_result_entries(opened, read_positions_m(path))), opened.notes
    with opened:
        return list(_scan_entries(opened)), all_notes(opened)


def _is_mda(path: Path) -> bool:
    with contextlib.suppress(OSError):
        return is_mda(path)
    return False


def _frameless(path: Path, options: ReadOptions, error: DataError) -> tuple[list[Entry], tuple[str, ...]]:
    """Return what an MDA file says by its preset, or by itself where the preset does not fit.

    Raises:
        DataError: the file or the preset itself is at fault.
    """
    mda = read_mda(path)
    choose_preset(mda, path, options.beamline)
    try:
        scan = read_mda_scan(path, options)
    except DataError as misfit:
        _log.info("%s is shown without its preset: %s", path, misfit)
        return list(_bare_entries(mda)), (*mda.notes, f"{misfit}; --pvs lists all PVs and columns")
    return list(_frameless_entries(scan)), (*scan.notes, str(error))


def _bare_entries(mda: Mda) -> Iterator[Entry]:
    items = items_of(mda)
    pvs = sum(item.place == PV_PLACE for item in items)
    facts = {"scan number": str(mda.number), "time": mda.scan.time, "dimensions": " x ".join(map(str, mda.dims))}
    yield from _titles("MDA", {name: text for name, text in facts.items() if text})
    yield _plain("PVs", pvs, "")
    yield _plain("columns", len(items) - pvs, "")


def _frameless_entries(scan: MdaScan) -> Iterator[Entry]:
    yield from _titles("MDA", scan.found.facts)
    yield Entry("frames", None, "", "missing", "none")
    yield from _positions(scan.found.positions_m)
    parameters, origins = dataset_layers(scan).resolve()
    yield from _turned(parameters)
    yield from _parameters(parameters, origins)


def _titles(form: str, facts: Mapping[str, str]) -> Iterator[Entry]:
    yield _text("format", f"{form} scan")
    yield from (_text(name, text) for name, text in facts.items())


def _turned(parameters: Parameters) -> Iterator[Entry]:
    orientation = Orientation.of(parameters.preprocessing, parameters.experiment)
    if not orientation.changes_nothing:
        yield Entry("orientation", str(orientation), "", "computed", str(orientation))


def _scan_entries(dataset: Dataset) -> Iterator[Entry]:
    yield from _titles(dataset.format, dataset.facts)
    rows, columns = dataset.frames.shape[1:]
    yield _plain("frames", dataset.frames.shape[0], "", f"{dataset.frames.shape[0]} ({dataset.frames.dtype})")
    yield _plain("frame size", [rows, columns], "px", f"{rows} x {columns} px")
    yield from _positions(dataset.positions_m)
    if dataset.bad_pixels is not None:
        yield _plain("bad pixels", int(dataset.bad_pixels.sum()), "px")
    if dataset.probe is not None:
        yield _plain("first probe", list(dataset.probe.shape), "", _sizes(dataset.probe.shape))
    parameters, origins = dataset_layers(dataset).resolve()
    yield from _turned(parameters)
    yield from _object_pixel(dataset, parameters)
    yield from _parameters(parameters, origins)


def _result_entries(result: ResultHeader, positions_m: np.ndarray) -> Iterator[Entry]:
    yield _text("format", "CXI reconstruction")
    for name in ("title", "state", "device", "started", "finished", "command", "noise_model"):
        if getattr(result, name):
            yield _text(name.replace("_", " "), str(getattr(result, name)))
    yield _plain("object", list(result.object_shape), "px", _sizes(result.object_shape))
    yield _plain("probe", list(result.probe_shape), "px", _sizes(result.probe_shape))
    yield _plain("object pixel", result.object_pixel_m, "m", format_quantity(_round(result.object_pixel_m), "m"))
    yield from _positions(positions_m)
    if result.orientation is not None:
        yield _text("orientation", str(result.orientation))
    if len(result.errors):
        yield _plain("iterations done", len(result.errors), "")
        yield _plain("error", float(result.errors[-1]), "photon noise", f"{result.errors[-1]:.4g} photon noise")
    if len(result.free_errors):
        free_error = float(result.free_errors[-1])
        yield _plain("free error", free_error, "photon noise", f"{free_error:.4g} photon noise")
    yield from (_text("source", source.path) for source in result.sources)
    yield from (_text(f"version of {name}", version) for name, version in result.versions.items())
    if result.parameters:
        yield from _parameters(*from_json(result.parameters), with_defaults=True)
    else:
        yield _plain("photon energy", result.energy_eV, "eV", format_quantity(_round(result.energy_eV), "eV"))
        yield _plain("detector distance", result.distance_m, "m", format_quantity(_round(result.distance_m), "m"))


def _positions(positions_m: np.ndarray | None) -> Iterator[Entry]:
    if positions_m is None or not len(positions_m):
        yield Entry("positions", 0, "", "missing", "none")
        return
    yield _plain("positions", len(positions_m), "")
    extent = np.ptp(positions_m, axis=0)
    text = " x ".join(format_quantity(_round(length), "m") for length in extent)
    yield _plain("scanned area", extent.tolist(), "m", text)


def _object_pixel(dataset: Dataset, parameters: Parameters) -> Iterator[Entry]:
    """Give the pixel of the object if all that it follows from is known."""
    with contextlib.suppress(ParameterError, DataError):
        n = pattern_size(dataset.frames.shape, parameters.preprocessing)
        pixel_m = job_pixel_m(parameters, n)
        text = f"{format_quantity(_round(pixel_m), 'm')} with patterns of {n} x {n} px"
        yield Entry("object pixel", pixel_m, "m", "computed", text)


def _parameters(parameters: Parameters, origins: Mapping[str, Origin], with_defaults: bool = False) -> Iterator[Entry]:
    """Give every parameter that is not a default, or really every one, and those a reconstruction can't do without."""
    for path, param in by_path().items():
        value = parameters.get(path)
        missing = path in NEEDED and value is None
        if missing or with_defaults or origins[path].source is not Source.DEFAULT:
            plain = str(value) if isinstance(value, Path) else value
            origin = "missing" if missing else str(origins[path])
            yield Entry(path, plain, param.unit, origin, format_text(param, _readable(value)))


def _readable(value: Any) -> Any:
    """Round numbers to 7 significant digits, as many as a 32-bit float has."""
    if isinstance(value, tuple):
        return tuple(map(_readable, value))
    return float(f"{value:.7g}") if isinstance(value, float) else value


def _text(name: str, text: str) -> Entry:
    return Entry(name, text, "", "file", text)


def _plain(name: str, value: Any, unit: str, text: str = "") -> Entry:
    return Entry(name, value, unit, "file", text or f"{value} {unit}".rstrip())


def _sizes(shape: tuple[int, ...]) -> str:
    """Write the shape of a complex array, which this program holds as complex64."""
    return f"{' x '.join(map(str, shape))} (complex64)"


def _round(value: float) -> float:
    return float(f"{value:.4g}")
