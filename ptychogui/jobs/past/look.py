"""A look at one past result: its picture, its curve, and all that it says of itself."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ptychogui.errors import PtychoError
from ptychogui.io.foreign import read_any_result
from ptychogui.io.result import Result
from ptychogui.jobs.again import as_command, source_and_layers
from ptychogui.params.commandline import format_text
from ptychogui.params.model import by_path
from ptychogui.params.origins import Source
from ptychogui.params.storage import from_json
from ptychogui.params.units import format_quantity
from ptychogui.pictures.live_picture import LivePicture, Shot, make_picture
from ptychogui.pictures.thumbnails import flatten_layers

_LONGEST_PX = 2048
_STARTS = ("reconstruction.object_guess", "reconstruction.probe_guess", "experiment.positions_file")
"""Parameters that name what a job went on from."""


@dataclass(frozen=True)
class Value:
    """A parameter that is no default: its title, and as text what it is and where that comes from."""

    title: str
    text: str
    origin: str


@dataclass(frozen=True)
class Look:
    """What is seen of a result.

    Attributes:
        path: its file.
        picture: of object and probe.
        errors, free_errors: of every iteration.
        facts: lines of what it is, the most telling first.
        values: parameters that are no defaults.
        notes: what reader and run noticed.
        came_from: files that it went on from, each once.
        sweep: its values in the sweep that it was one of, as text; "" where it was alone.
        raw: the scan that it was made of; None where it was simulated, or is not known.
        command: that makes it again; "" where it does not say how it was made.
        why_not_again: why not.
    """

    path: Path
    picture: LivePicture
    errors: tuple[float, ...]
    free_errors: tuple[float, ...]
    facts: tuple[str, ...]
    values: tuple[Value, ...]
    notes: tuple[str, ...]
    came_from: tuple[Path, ...]
    sweep: str
    raw: Path | None
    command: str
    why_not_again: str


def look_at(_tell: Callable[[Any], None], path: Path) -> Look:
    """Read a result, whoever wrote it, and make of it what is seen.

    Raises:
        DataError: it can't be read.
    """
    result = read_any_result(path)
    raw, command, why_not = _how_again(path, result)
    errors, free_errors = (tuple(map(float, some)) for some in (result.errors, result.free_errors))
    return Look(
        path, make_picture(_shot(result), limit_px=_LONGEST_PX), errors, free_errors, tuple(_facts(result)),
        tuple(_values(result)), result.notes, _came_from(result), _sweep(result), raw, command, why_not,
    )  # fmt: skip


def _shot(result: Result) -> Shot:
    origin_m = result.object_origin_m
    known = origin_m is not None and len(result.positions_m) and result.object_pixel_m
    places_m = result.positions_m - origin_m if known else None
    field = flatten_layers(result.object)
    return Shot(field, result.probe, result.object_pixel_m or 1.0, len(result.errors), places_m, is_still=True)


def _facts(result: Result) -> Iterator[str]:
    rows, columns = result.object.shape[-2:]
    layers = f"{len(result.object)} layers of " if result.object.ndim == 3 else ""
    of = f" of {_length(result.object_pixel_m)}" if result.object_pixel_m else ""
    yield f"{layers}{rows} × {columns} px{of}"
    modes = len(result.probe)
    yield f"{modes} probe mode{'s' * (modes > 1)}, {len(result.positions_m)} positions"
    if result.energy_eV:
        yield f"{format_quantity(result.energy_eV, 'eV')}, {_length(result.distance_m)} to the detector"
    if result.errors.size:
        yield f"{result.state or 'ended'} after {len(result.errors)} iterations, error {result.errors[-1]:.4g}"
    if result.device:
        yield f"on {result.device}"
    program, version = next(iter(result.versions.items()), ("", ""))
    if program:
        yield f"by {program} {version}".rstrip()


def _values(result: Result) -> Iterator[Value]:
    try:
        parameters, origins = from_json(result.parameters)
    except PtychoError:
        return
    for path, param in by_path().items():
        if path in origins and origins[path].source is not Source.DEFAULT:
            yield Value(param.title, format_text(param, parameters.get(path)), str(origins[path]))


def _came_from(result: Result) -> tuple[Path, ...]:
    try:
        parameters, _ = from_json(result.parameters)
    except PtychoError:
        return ()
    named = (parameters.get(path) for path in _STARTS)
    return tuple(dict.fromkeys(Path(os.fspath(one)) for one in named if one is not None and os.fspath(one)))


def _sweep(result: Result) -> str:
    try:
        told = json.loads(result.sweep) if result.sweep else {}
        return ", ".join(map(str, told.get("values", ())))
    except (ValueError, AttributeError):
        return ""


def _how_again(path: Path, result: Result) -> tuple[Path | None, str, str]:
    try:
        return source_and_layers(result, path)[0], as_command(result, path), ""
    except PtychoError as error:
        return None, "", str(error)


def _length(length_m: float) -> str:
    return format_quantity(float(f"{length_m:.3g}"), "m")
