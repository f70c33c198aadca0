"""A preset applied to an MDA file: parameters, and the position of every point that was measured."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, TypeAlias

import numpy as np

from ptychogui.errors import DataError, ParameterError
from ptychogui.io.dataset import MIRRORED, Value
from ptychogui.io.hdf5.quantities import CENTER, typical
from ptychogui.io.mda.format import ExtraPv, Mda, Scan
from ptychogui.io.mda.presets import Axis, Named, Preset, Quantity
from ptychogui.io.notes import Note
from ptychogui.io.read_options import OF_THE_FILES
from ptychogui.params.commandline import parse_text
from ptychogui.params.model import by_path, refusal
from ptychogui.params.units import accepted_units, parse_quantity, said_quantity, singular
from ptychogui.physics.lost_positions import lost_note, lost_positions

COLUMN = re.compile(r"(outer|inner)\s+(?:([DP])(\d+)|(\S+))")
"""How a preset names a column: "outer D1", "inner P2", or a loop and the column's own name."""

_LONGEST = 40
"""Letters of a PV's text that are shown."""

_GROUPS = ("experiment", "preprocessing")
_MOST_POINTS = 20_000_000
"""Of the grid that a scan's lines span; a damaged file may claim any number."""

_ANGLES = ("deg", "degree", "rad", "mrad", "urad", "µrad", "°")


@dataclass(frozen=True)
class AppliedPreset:
    """A scan as its MDA file tells it by a preset.

    Attributes:
        values: parameter path -> value with the PV or column that it is from.
        positions_m: float64 (positions, 2), row and column of the points that were measured.
        line, point: int64 (positions,), in which line each is, and where in it.
        dims: lines and points of a line, as planned.
        facts: text worth showing.
        notes: what is missing, and the misfits.
        misfits: what the preset has of the file and can't be used, or not as the file says it.
        guesses: paths of the values that no file says and that the preset only guesses.
        angle: of the sample's rotation, as text with its unit; None where it is not known.
    """

    values: Mapping[str, Value]
    positions_m: np.ndarray
    line: np.ndarray
    point: np.ndarray
    dims: tuple[int, int]
    facts: Mapping[str, str]
    notes: tuple[str, ...]
    misfits: tuple[str, ...] = ()
    guesses: frozenset[str] = frozenset()
    angle: Value | None = None


@dataclass(frozen=True)
class _Loops:
    """The two innermost loops: the outer one, and its lines; a scan of one loop is a single line without an outer."""

    outer: Scan | None
    lines: tuple[Scan | None, ...]
    points: int
    notes: tuple[str, ...]

    @property
    def first(self) -> Scan:
        """The first line that was measured."""
        return next(line for line in self.lines if line is not None and line.acquired)


def apply_preset(named: Named, mda: Mda) -> AppliedPreset:
    """Read what a preset knows of a file.

    Raises:
        DataError: a column that positions need is not there, or no point was measured; the message names preset and
            columns. Or a column is an angle, or the lines span more points than can be.
        ParameterError: a constant of the preset is not a value of its parameter.
    """
    preset, loops = named.preset, _innermost(mda)
    axes = [_axis(axis, preset, named, loops, side) for side, axis in enumerate((preset.rows, preset.columns))]
    axes_m = [values_m for values_m, _ in axes]
    line, point = _measured(loops)
    positions_m = np.stack([values[line, point] for values in axes_m], axis=1)
    lost = lost_positions(positions_m)
    real = ~lost
    if not real.any():
        raise DataError(f"{preset.rows.source} and {preset.columns.source} hold no number; make a preset of your own")
    lost_notes = (lost_note(lost),) if lost.any() else ()
    positions_m, line, point = positions_m[real], line[real], point[real]
    dims = len(loops.lines), loops.points
    ignored: list[str] = []
    found = _values(named, mda, loops, ignored)
    constants = list(_constants(named, found))
    planned = dict(_planned(preset, loops, *axes_m))
    values = found | {path: value for path, value, _ in constants} | planned
    guesses = frozenset(path for path, _, is_guess in constants if is_guess and path not in planned)
    facts = {"beamline": f"{preset.title} (preset {named.name})", "scan number": str(mda.number), "time": mda.scan.time}
    angle = _angle(preset, mda, loops)
    if angle is not None:
        facts["rotation angle"] = f"{angle.value} ({angle.place})"
    misfits = (*(note for _, note in axes if note), *ignored)
    notes = (*mda.notes, *loops.notes, *misfits, *_missing(loops), *lost_notes)
    mirrored = [name for name, axis in (("rows", preset.rows), ("columns", preset.columns)) if axis.sign < 0]
    if mirrored:
        facts[MIRRORED] = " and ".join(mirrored)
    return AppliedPreset(values, positions_m, line, point, dims, facts, notes, misfits, guesses, angle)


def _innermost(mda: Mda) -> _Loops:
    """Find the two innermost loops; of a scan with more the first pair that has points."""
    if not mda.scan.lines:
        return _Loops(None, (mda.scan,), mda.scan.requested, ())
    pairs = [scan for scan in _pairs(mda.scan) if any(line is not None and line.acquired for line in scan.lines)]
    if not pairs:
        raise DataError("the MDA file has no point that was measured")
    lines = pairs[0].lines
    points = max(line.requested for line in lines if line is not None)
    if len(lines) * points > _MOST_POINTS:
        raise DataError(f"the scan's {len(lines)} lines of up to {points} points are more than {_MOST_POINTS} in all")
    more = f"the scan has {len(mda.dims)} axes; the first of {len(pairs)} two-dimensional scans in it is taken"
    return _Loops(pairs[0], lines, points, (more,) if len(mda.dims) > 2 else ())


def _pairs(scan: Scan) -> Iterator[Scan]:
    """Give the loops of rank 2 in a scan."""
    if scan.rank == 2:
        yield scan
    for inner in scan.lines:
        if inner is not None:
            yield from _pairs(inner)


def _measured(loops: _Loops) -> tuple[np.ndarray, np.ndarray]:
    """Return line and point of everything that was measured."""
    counts = [0 if line is None else line.acquired for line in loops.lines]
    if not any(counts):
        raise DataError("the MDA file has no point that was measured")
    return np.repeat(np.arange(len(counts)), counts), np.concatenate([np.arange(count) for count in counts])


def _missing(loops: _Loops) -> Iterator[str]:
    """Say which lines were not measured, and which are short."""
    gone = [i for i, line in enumerate(loops.lines) if line is None or not line.acquired]
    short = [i for i, line in enumerate(loops.lines) if line is not None and 0 < line.acquired < loops.points]
    for lines, what in ((gone, "were not measured"), (short, f"have less than {loops.points} points")):
        if lines:
            yield f"{len(lines)} of {len(loops.lines)} scan lines {what}, the first is line {lines[0] + 1}"


def _axis(axis: Axis, preset: Preset, named: Named, loops: _Loops, side: int) -> tuple[np.ndarray, str]:
    """Return float64 (lines, points), the positions along an axis in m; NaN where nothing was measured.

    With it what is to be said of its unit, "" for nothing.
    """
    source = axis.source
    if loops.outer is None:
        source = _flat_source(preset, side)
    found = np.full((len(loops.lines), loops.points), np.nan)
    loop, name = _split(source, named)
    if loop == "outer":
        assert loops.outer is not None
        values, unit = _column(loops.outer, name, source, named)
        for row, line, value in zip(found, loops.lines, values, strict=True):
            row[: line.acquired if line else 0] = value
    else:
        unit = _column(loops.first, name, source, named)[1]
        for row, line in zip(found, loops.lines, strict=True):
            if line is not None and line.acquired:
                row[: line.acquired] = _column(line, name, source, named)[0][: line.acquired]
    if singular(unit) in _ANGLES:
        raise DataError(f"preset {named.name} wants positions from '{source}', but that is an angle, in {unit.strip()}")
    factor = said_quantity(1.0, unit, "m") if unit.strip() else None
    if factor is not None:
        return axis.sign * found * factor, ""
    note = f"'{unit}', the unit of {source}, is not known; the preset's, {axis.unit}, is taken" if unit.strip() else ""
    return axis.sign * found * parse_quantity(f"1 {axis.unit}", "m"), note


def _flat_source(preset: Preset, side: int) -> str:
    """Return where a scan of one loop has rows (side 0) or columns (1): as the preset says if it names inner ones."""
    sources = preset.rows.source, preset.columns.source
    if all(source.startswith("inner") for source in sources):
        return sources[side]
    return ("inner P2", "inner P1")[side]


def _split(source: str, named: Named) -> tuple[str, str]:
    match = COLUMN.fullmatch(source)
    if match is None:
        raise DataError(
            f"{named.path}: '{source}' is no column of a loop; write 'outer P1', 'inner D14', or 'inner' and a name"
        )
    loop, _, name = source.partition(" ")
    return loop, name.strip()


def _column(scan: Scan, name: str, source: str, named: Named) -> tuple[np.ndarray, str]:
    """Return the values of a loop's column, and its unit."""
    for key, (values, unit) in columns_of(scan).items():
        label, _, pv = key.partition(" ")
        if name == label or fnmatchcase(pv, name):
            return values, unit
    there = ", ".join(columns_of(scan)) or "none"
    raise DataError(
        f"preset {named.name} wants '{source}', but loop {scan.name} has no such column; there are {there}. Make a "
        "preset of your own, or choose another with --beamline"
    )


def columns_of(scan: Scan) -> dict[str, tuple[np.ndarray, str]]:
    """Return a loop's columns: "P1 name" or "D1 name" -> (values, unit)."""
    axes = {
        f"P{i} {axis.readback_name or axis.name}": (axis.values, axis.readback_unit or axis.unit)
        for i, axis in enumerate(scan.positioners, 1)
    }
    return axes | {f"D{i} {one.name}": (one.values, one.unit) for i, one in enumerate(scan.detectors, 1)}


def _steps(rows_m: np.ndarray, columns_m: np.ndarray) -> tuple[float, float] | None:
    """Return the median steps between lines and between points; None where there is none."""
    with np.errstate(invalid="ignore"):
        across = [np.abs(np.diff(values, axis=axis)) for axis, values in ((0, rows_m), (1, columns_m))]
    steps = [float(np.median(step[np.isfinite(step)])) if np.isfinite(step).any() else 0.0 for step in across]
    return (steps[0], steps[1]) if min(steps) > 0 else None


def _angle(preset: Preset, mda: Mda, loops: _Loops) -> Value | None:
    """Return the rotation angle as text, with the PV or column that it is from."""
    for given, unit, place in _candidates(preset.angle, mda, loops):
        number = _number(given)
        if not isinstance(number, str):
            return Value(f"{number:g} {unit or 'degrees'}", place)
    return None


def _planned(preset: Preset, loops: _Loops, rows_m: np.ndarray, columns_m: np.ndarray) -> Iterator[tuple[str, Value]]:
    """Give the parameters that the loops say: the scan's dimensions and step."""
    if loops.outer is None:
        return
    yield "experiment.scan_dims", Value((len(loops.lines), loops.points), "the loops of the MDA file")
    step_m = _steps(rows_m, columns_m)
    if step_m is not None:
        guess = ", a guess" if "guess" in (preset.rows.certainty, preset.columns.certainty) else ""
        yield "experiment.step_m", Value(step_m, f"{preset.rows.source} and {preset.columns.source}{guess}")


def _values(named: Named, mda: Mda, loops: _Loops, ignored: list[str]) -> dict[str, Value]:
    """Return the parameters that the file knows; what is there but can't be used is noted in `ignored`."""
    preset = named.preset
    wanted = {
        "experiment.energy_eV": (preset.energy, "eV"),
        "experiment.distance_m": (preset.distance, "m"),
        "experiment.detector_pixel_m": (preset.detector_pixel, "m"),
    }
    found = {
        path: _found(by_path()[path].title.lower(), path, quantity, unit, _candidates(quantity, mda, loops), ignored)
        for path, (quantity, unit) in wanted.items()
    }
    found[CENTER] = _center(preset, mda, loops, ignored)
    return {path: value for path, value in found.items() if value is not None}


def _constants(named: Named, found: Mapping[str, Value]) -> Iterator[tuple[str, Value, bool]]:
    """Give the parameters that only the preset knows: path, value, and whether that is a guess."""
    for name, constant in named.preset.constants.items():
        path = next((f"{group}.{name}" for group in _GROUPS if f"{group}.{name}" in by_path()), "")
        if not path:
            raise ParameterError(f"{named.path}: constants.{name} is no parameter of Experiment or Preprocessing")
        if path in OF_THE_FILES:
            raise ParameterError(f"{named.path}: constants.{name} says how files are read, which belongs into [frames]")
        if path not in found:
            is_guess = constant.certainty == "guess"
            place = f"preset {named.name}{', a guess' if is_guess else ''}"
            yield path, Value(_constant(named, name, path), place), is_guess


_Candidate: TypeAlias = tuple[str | np.ndarray, str, str]
"""What may be a quantity, its unit, and where it is from."""


def _found(
    title: str,
    path: str,
    quantity: Quantity | None,
    unit: str,
    candidates: Iterator[_Candidate],
    ignored: list[str],
) -> Value | None:
    """Return the first positive number that may be a quantity; None where there is none.

    What is odd about it is noted in `ignored`, about the parameter at `path`.
    """
    for given, said, place in candidates:
        number, odd = _typical(given)
        value = _measured_in(unit, number, said)
        if not isinstance(value, str):
            ignored.extend([Note(f"the {title} of {place} {odd}", path)] if odd else [])
            return Value(value, f"{place}, a guess" if quantity and quantity.certainty == "guess" else place)
        ignored.append(Note(f"the {title} of {place} is {value}, and is ignored", path))
    return None


def _number(given: str | np.ndarray) -> float | str:
    """Return the number that a PV or column holds, the first of several; text, where it is none, says so."""
    if isinstance(given, str):
        return f"the text {given[:_LONGEST]!r}, not a number"
    if not len(given):
        return "empty"
    return float(given[0]) if np.isfinite(given[0]) else f"{given[0]:g}, not a number"


def _typical(given: str | np.ndarray) -> tuple[float | str, str]:
    """Return the number that the readings of a column have in common, or the only one; and what is odd about them."""
    if isinstance(given, str) or len(given) < 2:
        return _number(given), ""
    found = typical(np.asarray(given, np.float64))
    return (found.instead, "") if found.value is None else (found.value, found.odd)


def _measured_in(unit: str, number: float | str, said: str) -> float | str:
    """Return a positive number in a unit; text, where it is none, says so."""
    if isinstance(number, str):
        return number
    value = said_quantity(number, said, unit)
    if value is None:
        return f"{number:g} in '{said}', not in {' or '.join(accepted_units(unit))}"
    return value if value > 0 else f"{number:g}, not a positive number"


def _center(preset: Preset, mda: Mda, loops: _Loops, ignored: list[str]) -> Value | None:
    """Return row and column of the direct beam; None where one of them is not known."""
    row, column = (
        _found(f"pattern center's {side}", CENTER, given, "px", _candidates(given, mda, loops), ignored)
        for side, given in (("row", preset.center_row), ("column", preset.center_column))
    )
    if row is not None and column is not None:
        return Value((row.value, column.value), f"{row.place}; {column.place}")
    for side, other, found in (("row", "column", row), ("column", "row", column)):
        if found is not None:
            ignored.append(f"the pattern center's {side} of {found.place} is known without its {other}, and is ignored")
    return None


def _constant(named: Named, name: str, path: str) -> Any:
    """Return the value of a constant.

    Raises:
        ParameterError: it is not one of its parameter.
    """
    text = named.preset.constants[name].value
    try:
        value = parse_text(by_path()[path], text)
    except ParameterError as error:
        raise ParameterError(f"{named.path}: constants.{name}: {error}") from None
    wrong = refusal(path, value)
    if wrong:
        raise ParameterError(f"{named.path}: constants.{name} is '{text}', but {wrong}")
    return value


def _candidates(quantity: Quantity | None, mda: Mda, loops: _Loops) -> Iterator[_Candidate]:
    """Give what may be a quantity, the first choice first."""
    if quantity is None:
        return
    for pv in _pvs(quantity, mda):
        first = pv.value if isinstance(pv.value, str) else pv.value[:1]
        yield first, pv.unit.strip() or quantity.unit, f"PV {pv.name}"
    match = COLUMN.fullmatch(quantity.column)
    scan = loops.first if match is None or match[1] == "inner" else loops.outer
    if match is None or scan is None or not scan.acquired:
        return
    name = quantity.column.split(None, 1)[1]
    for key, (values, unit) in columns_of(scan).items():
        label, _, pv_name = key.partition(" ")
        if name == label or fnmatchcase(pv_name, name):
            yield values[: scan.acquired], unit.strip() or quantity.unit, f"column {quantity.column}, {pv_name}"


def _pvs(quantity: Quantity, mda: Mda) -> Iterator[ExtraPv]:
    """Give the PVs that may hold a quantity, the first choice first."""
    for glob in quantity.pvs:
        yield from (pv for name, pv in mda.pvs.items() if fnmatchcase(name, glob))
    if quantity.pv_number is not None and quantity.pv_number <= len(mda.pvs):
        yield list(mda.pvs.values())[quantity.pv_number - 1]
