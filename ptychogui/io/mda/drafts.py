"""Drafts of beamline presets: what a user points at in one MDA file becomes a preset for all of its beamline's."""

from __future__ import annotations

import glob
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w
from pydantic import ValidationError

from ptychogui.errors import DataError, ParameterError
from ptychogui.io.atomic import replacing
from ptychogui.io.dataset import Dataset
from ptychogui.io.mda.apply_preset import COLUMN, AppliedPreset, apply_preset
from ptychogui.io.mda.contents import check_name, listing
from ptychogui.io.mda.format import Mda
from ptychogui.io.mda.mda_scan import FramesNotFoundError, find_files, off_detector, pair_lines, scan_number
from ptychogui.io.mda.presets import Axis, Named, Preset, Quantity, Recognize, preset_folder, what_is_wrong
from ptychogui.io.raw.raw_scan import frame_source
from ptychogui.io.read_options import ReadOptions
from ptychogui.params.units import accepted_units, format_quantity, parse_quantity
from ptychogui.texts import counted, storable

AXES = ("rows", "columns")
CENTER = ("center_row", "center_column")


@dataclass(frozen=True)
class Role:
    """Something that a preset finds in a file: its title, the parameter that it becomes, and units to choose from."""

    title: str
    path: str
    unit: str
    units: tuple[str, ...]


ROLES: Mapping[str, Role] = {
    "rows": Role("Rows (y)", "", "m", ("m", "mm", "um", "nm", "pm")),
    "columns": Role("Columns (x)", "", "m", ("m", "mm", "um", "nm", "pm")),
    "energy": Role("Photon energy", "experiment.energy_eV", "eV", accepted_units("eV")),
    "distance": Role("Detector distance", "experiment.distance_m", "m", ("m", "cm", "mm")),
    "detector_pixel": Role("Detector pixel", "experiment.detector_pixel_m", "m", ("m", "mm", "um")),
    "center_row": Role("Center, row", "", "px", ("px",)),
    "center_column": Role("Center, column", "", "px", ("px",)),
    "angle": Role("Rotation angle", "", "", ("degrees",)),
}


@dataclass(frozen=True)
class Draft:
    """A preset in the making. What is not in it stays as in the preset that it began with.

    Attributes:
        named: the preset that it began with.
        name: of the new one.
        files: glob of the names of MDA files that are the beamline's.
        sources: role -> PV, column ("inner D14") or, but for axes and angle, a quantity ("1.95 m"); "" for nothing.
        units: role -> the unit where the file says none.
        signs: axis -> 1, or -1 where the stage moves the other way.
        patterns: where raw files lie, as in RawFrames.
        first_file: number of the first line's raw file.
    """

    named: Named
    name: str
    files: str
    sources: Mapping[str, str]
    units: Mapping[str, str]
    signs: Mapping[str, int]
    patterns: tuple[str, ...]
    first_file: int


@dataclass(frozen=True)
class DraftPreview:
    """What a draft makes of a file.

    Attributes:
        values: role -> what was found for it, "" for nothing.
        positions_m: float64 (positions, 2), row and column; None where they can't be read.
        frames: which raw files were found, or where they were looked for.
        has_frames: whether there are any.
        problems: what is wrong, a sentence each.
    """

    values: Mapping[str, str]
    positions_m: np.ndarray | None
    frames: str
    has_frames: bool
    problems: tuple[str, ...]


def begin_draft(named: Named, mda: Mda, path: Path) -> Draft:
    """Begin with the preset that a file is read with now.

    Args:
        named: the preset.
        mda: what is in the file.
        path: of the file; files called like it but for the number will be recognized.
    """
    preset, own = named.preset, named.path.parent == preset_folder()
    return Draft(
        named=named,
        name=named.name if own else "",
        files=(*preset.recognize.files, "")[0] if own else f"{glob.escape(path.stem.rstrip('0123456789'))}*",
        sources={role: _source(preset, role, mda) for role in ROLES},
        units={role: _unit(preset, role) for role in ROLES},
        signs={axis: getattr(preset, axis).sign for axis in AXES},
        patterns=preset.frames.patterns,
        first_file=preset.frames.first_file,
    )


def preset_of(draft: Draft, mda: Mda) -> Preset:
    """Make the preset that a draft stands for.

    Raises:
        ParameterError: something in it can't be; the message says what.
    """
    begun = draft.named.preset
    content = begun.model_dump()
    content["title"] = begun.title if draft.name == draft.named.name else draft.name or "draft"
    content["recognize"] = _recognize(draft)
    if (draft.patterns, draft.first_file) != (begun.frames.patterns, begun.frames.first_file):
        del content["frames"]["certainty"], content["frames"]["note"]
        content["frames"] |= {"patterns": draft.patterns, "first_file": draft.first_file}
    for role in ROLES:
        content |= _changed(draft, role, mda, content["constants"])
    try:
        return Preset.model_validate(content)
    except ValidationError as error:
        raise ParameterError(what_is_wrong(error)) from error


def preview_draft(draft: Draft, mda: Mda, path: Path) -> DraftPreview:
    """Read a file with a draft, and look for its raw files."""
    try:
        named = Named(draft.name or "draft", preset_folder() / f"{draft.name or 'draft'}.toml", preset_of(draft, mda))
        found = apply_preset(named, mda)
    except (DataError, ParameterError) as error:
        return DraftPreview(dict.fromkeys(ROLES, ""), None, "", False, (str(error),))
    notes = list(found.misfits)
    try:
        frames, has_frames = _files_text(named, found, mda, path), True
    except FramesNotFoundError as error:
        frames, has_frames = "\n".join(["No such files:", *error.places]), False
    except DataError as error:
        frames, has_frames = "", False
        notes.append(str(error))
    return DraftPreview(dict(_values(found)), found.positions_m, frames, has_frames, tuple(notes))


def write_draft(draft: Draft, mda: Mda, source: Path) -> Path:
    """Write the preset into the user's folder, with all that a file holds as remarks; one of this name is replaced.

    Args:
        draft: with a name.
        mda: what is in the file.
        source: the file.

    Raises:
        OutputError: the name is no file name, or the folder can't be written.
        ParameterError: something in the draft can't be.
    """
    check_name(draft.name)
    path = preset_folder() / f"{draft.name}.toml"
    content = preset_of(draft, mda).model_dump(mode="json", exclude_defaults=True)
    head = f"# A beamline preset of ptychogui; see docs/beamlines.md. Made from {json.dumps(source.name)}.\n"
    text = f"{head}{tomli_w.dumps(content)}\n# In the file:\n{listing(mda)}\n"
    if storable(text) != text:
        raise ParameterError("a preset is UTF-8, but a name in it is not: put '?' in place of its odd characters")
    with replacing(path) as file:
        file.write(text.encode())
    return path


def pattern_for(file: Path, scan: Path, number: int) -> str:
    """Return the pattern of raw files of which one is `file`: '#04d' for the line, {scan} and {stem} for the scan.

    The line's number is the one by which other files of the folder differ from this one, and nothing else: the last of
    several, but never the only one that says which scan it is. Without such files it is a single file.

    Args:
        file: a raw file of the scan.
        scan: its MDA file.
        number: the scan's.
    """
    folder, name = os.path.split(os.path.relpath(file, scan.parent))
    pattern = _with_scan(os.path.join(folder, name), scan.stem, number)
    for line, width in _varying(name, scan.stem, _siblings(file)):
        around = os.path.join(folder, name[: line.start()]), name[line.end() :]
        before, after = (_with_scan(text, scan.stem, number) for text in around)
        if int(line[0]) != number or "{scan:" in before + after or "{stem}" in before + after:
            pattern = f"{before}#{f'0{width}' if width > 1 else ''}d{after}"
    return pattern


def _varying(name: str, stem: str, siblings: list[str]) -> Iterator[tuple[re.Match[str], int]]:
    """Give the numbers in a file's name by which others differ from it, each with the fewest digits it is written with.

    Those in the suffix and in the scan's name are left out.
    """
    bare = _whole(stem).sub(lambda match: "/" * len(match[0]), os.path.splitext(name)[0])
    for number in re.finditer(r"[0-9]+", bare):
        before, after = (re.escape(text) for text in (name[: number.start()], name[number.end() :]))
        alike = (re.fullmatch(f"{before}([0-9]+){after}", other) for other in siblings)
        written = {match[1] for match in alike if match} | {number[0]}
        if len(written) > 1:
            yield number, min(map(len, written))


def _with_scan(text: str, stem: str, number: int) -> str:
    """Put {stem} and {scan:03d} where a text has the scan's name and number."""
    whole = text.replace("{", "{{").replace("}", "}}")
    if len(stem) > len(str(number)):
        whole = _whole(stem).sub("{stem}", whole)

    def scan(match: re.Match[str]) -> str:
        digits = match[0]
        return f"{{scan:0{len(digits)}d}}" if int(digits) == number and len(digits) > 1 else digits

    return re.sub(r"\d+", scan, whole)


def _whole(stem: str) -> re.Pattern[str]:
    """Return a scan's name as it is found in others, its number not as a part of a longer one; "" is never found."""
    return re.compile(rf"(?<![0-9]){re.escape(stem)}(?![0-9])" if stem else "(?!)")


def _siblings(file: Path) -> list[str]:
    try:
        return os.listdir(file.parent)
    except OSError:
        return [file.name]


def _recognize(draft: Draft) -> Recognize:
    """Say which files are the beamline's: those of the draft, and what the preset had if it is the same."""
    begun = draft.named.preset.recognize
    files = (draft.files,) if draft.files else ()
    if draft.name != draft.named.name:
        return Recognize(files=files)
    return begun if draft.files in begun.files else begun.model_copy(update={"files": files})


def _source(preset: Preset, role: str, mda: Mda) -> str:
    """Return where a preset finds a role in a file; where it would, if it does not."""
    if role in AXES:
        return str(getattr(preset, role).source)
    quantity: Quantity | None = getattr(preset, role)
    constant = preset.constants.get(ROLES[role].path.partition(".")[2])
    always = [constant.value] if constant else []
    if quantity is None:
        return "".join(always)
    there = [name for given in quantity.pvs for name in mda.pvs if fnmatchcase(name, given)]
    return next(filter(None, (*there[:1], *always, quantity.column, *quantity.pvs[:1])), "")


def _unit(preset: Preset, role: str) -> str:
    entry: Quantity | Axis | None = getattr(preset, role)
    return (entry.unit if entry is not None else "").replace("µ", "u") or ROLES[role].units[0]


def _changed(draft: Draft, role: str, mda: Mda, constants: dict[str, Any]) -> dict[str, Any]:
    """Return what a role's entry becomes; a quantity goes into the constants."""
    begun, source, unit = draft.named.preset, draft.sources[role].strip(), draft.units[role]
    if role in AXES:
        axis: Axis = getattr(begun, role)
        same = (source, unit, draft.signs[role]) == (axis.source, _unit(begun, role), axis.sign)
        return {} if same else {role: {"source": source, "unit": unit, "sign": draft.signs[role]}}
    if (source, unit) == (_source(begun, role, mda), _unit(begun, role)):
        return {}
    name = ROLES[role].path.partition(".")[2]
    constants.pop(name, None)
    if not source:
        return {role: None}
    if COLUMN.fullmatch(source):
        return {role: {"column": source, "unit": unit}}
    if name and _is_quantity(source, ROLES[role].unit):
        constants[name] = {"value": source}
        return {role: None}
    return {role: {"pvs": (source,), "unit": unit}}


def _is_quantity(text: str, unit: str) -> bool:
    try:
        parse_quantity(text, unit)
    except ParameterError:
        return False
    return True


def _values(found: AppliedPreset) -> Iterator[tuple[str, str]]:
    """Write what was found for each role."""
    for role, given in ROLES.items():
        value = found.values.get(given.path)
        yield role, format_quantity(float(f"{value.value:.6g}"), given.unit) if value is not None else ""
    for axis, values_m in zip(AXES, found.positions_m.T, strict=True):
        ends = (format_quantity(float(f"{end:.4g}"), "m") for end in (values_m.min(), values_m.max()))
        yield axis, " to ".join(ends)
    center = found.values.get("preprocessing.center_px")
    for role, value in zip(CENTER, center.value if center else ("", ""), strict=True):
        yield role, f"{value:g} px" if center else ""
    yield "angle", found.angle.value if found.angle else ""


def _files_text(named: Named, found: AppliedPreset, mda: Mda, path: Path) -> str:
    """Say which raw files are found.

    Raises:
        DataError: none are; the message says where they were looked for.
    """
    told = find_files(path, named, scan_number(path, mda)[0], ReadOptions())
    with frame_source(None, told) as source:
        count, shape, off = len(source.files), source.frames.shape, off_detector(found, source)
        notes = _pairing_notes(named, found, source, told)
    what = f"{counted(count, 'file')}, {shape[0]} frames of {shape[1]} x {shape[2]} px"
    return "\n".join([f"{told.file_pattern}: {what}", *notes, *off])


def _pairing_notes(named: Named, found: AppliedPreset, source: Dataset, told: ReadOptions) -> tuple[str, ...]:
    """Say what pairing the files with the lines would leave out, or why it can't be done."""
    try:
        return pair_lines(found, source, told, named).notes
    except DataError as error:
        return (str(error),)
