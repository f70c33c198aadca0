"""Beamline presets: where an MDA file of a beamline holds energy, positions and the rest, and where its frames lie.

Presets are TOML: those that come with the program in resources/presets, the user's own in the configuration folder. A
user's preset of the same name goes first.
"""

from __future__ import annotations

import glob
import json
import logging
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from ptychogui.errors import DataError, ParameterError
from ptychogui.io.fingerprint import listed, looked_at
from ptychogui.io.mda.format import Mda
from ptychogui.params.units import accepted_units, parse_quantity
from ptychogui.paths import config_folder, resources_folder

_log = logging.getLogger(__name__)

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found]

FALLBACK = "any"
"""The preset that is taken where no other recognizes a file."""

_OWN = 4
"""The least likeness of a preset of the user's that recognizes a file; any other's is less."""


def _whole(value: Any) -> int:
    if type(value) is not int:  # neither true nor 1.0, which are equal to 1
        raise ValueError(f"a whole number is wanted{_not(value)}")
    return value


class _Entry(BaseModel):
    """Something that a preset knows, or guesses."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    certainty: Literal["known", "guess"] = "known"
    note: str = ""


class Quantity(_Entry):
    """A number: from the first PV there is (globs are allowed), the PV of a number, or a column of a loop.

    A column is "outer D1", "inner D14" or "inner P1": loop, detector or positioner, and its place in the file from 1
    on; or its name in place of D1. `unit` is taken where the file says none.
    """

    pvs: tuple[str, ...] = ()
    pv_number: Annotated[int, BeforeValidator(_whole)] | None = Field(None, ge=1)
    column: str = ""
    unit: str = ""


class Axis(_Entry):
    """Positions along rows or columns: a column as in Quantity, and the sign of the object's axis."""

    source: str
    unit: Literal["m", "mm", "um", "µm", "nm", "pm"] = "um"
    sign: Annotated[Literal[1, -1], BeforeValidator(_whole)] = 1


class Constant(_Entry):
    """A parameter that is always the same, as text with its unit."""

    value: str


class RawFrames(_Entry):
    """Raw files beside the scan: '#' is the number of a line, {scan} the scan's number, {stem} the MDA file's name."""

    patterns: tuple[str, ...] = ()
    first_file: Annotated[int, BeforeValidator(_whole)] = Field(0, ge=0)
    patterns_per_file: Annotated[int, BeforeValidator(_whole)] | None = Field(None, ge=1)
    dataset_path: str = ""


class Recognize(BaseModel):
    """Globs of file names and of PV names; one that fits is enough."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    files: tuple[str, ...] = ()
    pvs: tuple[str, ...] = ()


class Preset(BaseModel):
    """What a beamline's files are like. `constants` are by the names of the Experiment and Preprocessing parameters."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    title: str
    recognize: Recognize = Recognize()
    energy: Quantity | None = None
    distance: Quantity | None = None
    detector_pixel: Quantity | None = None
    center_row: Quantity | None = None
    center_column: Quantity | None = None
    angle: Quantity | None = None
    rows: Axis
    columns: Axis
    constants: Mapping[str, Constant] = Field(default_factory=dict)
    frames: RawFrames = RawFrames()

    @model_validator(mode="after")
    def _units_fit(self) -> Preset:
        for name, unit in _MEASURED_IN.items():
            quantity: Quantity | None = getattr(self, name)
            if quantity is not None and (quantity.unit or unit != "px"):
                _check_unit(name, quantity.unit, unit)
        return self

    @property
    def guesses(self) -> list[str]:
        """Names of what is not known for sure."""
        entries = {name: getattr(self, name) for name in type(self).model_fields} | dict(self.constants)
        return [name for name, entry in entries.items() if isinstance(entry, _Entry) and entry.certainty == "guess"]


_MEASURED_IN = {"energy": "eV", "distance": "m", "detector_pixel": "m", "center_row": "px", "center_column": "px"}


def _check_unit(name: str, given: str, unit: str) -> None:
    try:
        parse_quantity(f"1 {given or 'nothing'}", unit)
    except ParameterError:
        units = ", ".join(accepted_units(unit))
        raise ValueError(f"{name}.unit is '{given}', which is no unit that is known of {name}; give {units}") from None


@dataclass(frozen=True)
class Named:
    """A preset with its name and the file that it was read from."""

    name: str
    path: Path
    preset: Preset


def preset_folder() -> Path:
    """Return the folder of the user's own presets, whether it is there or not."""
    return config_folder() / "presets"


def read_preset(path: Path) -> Named:
    """Read one preset.

    Raises:
        DataError: it can't be read, or a key or value is not right; the message names it.
    """
    try:
        looked_at(path)
        text = path.read_text(encoding="utf-8-sig")  # editors on Windows begin a file with a mark
        return Named(path.stem, path, Preset.model_validate(tomllib.loads(text)))
    except ValidationError as error:
        raise DataError(f"the preset {path} is not right: {what_is_wrong(error)}") from error
    except OSError as error:
        raise DataError(f"can't read the preset {path}: {(error.strerror or str(error)).lower()}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"can't read the preset {path}: it is no text in UTF-8; save it as that") from error
    except ValueError as error:  # what is no TOML, or a number of thousands of digits
        raise DataError(f"can't read the preset {path}: it is no TOML: {error}; correct it there") from error


_WANTED = {
    "string_type": "a text in quotes is wanted",
    "tuple_type": 'a list is wanted, such as ["one", "two"]',
    "model_type": "a table with keys of its own is wanted",
    "dict_type": "a table with keys of its own is wanted",
    "extra_forbidden": "there is no such key; correct its name, or leave it out",
    "missing": "it is missing; add it",
}
"""What is to be given, in words of TOML, by pydantic's name of what is wrong."""


def what_is_wrong(error: ValidationError) -> str:
    """Say the first thing that is wrong in a preset: its key, what is wanted there, and what was given."""
    first: Any = error.errors()[0]
    key = ".".join(map(str, first["loc"]))
    if first["type"] == "value_error":
        return ": ".join(filter(None, (key, str(first["ctx"]["error"]))))
    if first["type"] in ("extra_forbidden", "missing"):
        return f"{key}: {_WANTED[first['type']]}"
    return f"{key}: {_WANTED.get(first['type'], first['msg'].lower())}{_not(first['input'])}"


def _not(value: Any) -> str:
    """Say which value was given, as TOML writes it; nothing of one that is too long to read."""
    return f", not {json.dumps(value, ensure_ascii=False)}" if isinstance(value, str | int | float) else ""


def list_presets() -> tuple[tuple[Named, ...], tuple[str, ...]]:
    """Read all presets, the user's before those that come with the program, each name once.

    Returns:
        Those that are right, and what is wrong with the others.
    """
    found, problems = [], []
    for path in _files():
        try:
            found.append(read_preset(path))
        except DataError as error:
            _log.info("a preset is left out: %s", error)
            problems.append(str(error))
    return tuple(found), tuple(problems)


def _files() -> list[Path]:
    """List the presets' files, none of the program's whose name one of the user's has."""
    folders = preset_folder(), resources_folder() / "presets"
    files = [path for folder in folders for path in sorted(folder.glob("*.toml"))]
    for folder in folders:
        listed(f"{glob.escape(str(folder))}/*.toml")
    first = {path.stem: path for path in reversed(files)}
    return [path for path in files if first[path.stem] == path]


def choose_preset(mda: Mda, path: Path, name: str = "") -> tuple[Named, tuple[str, ...]]:
    """Return the preset of this name, or the one that recognizes a file best.

    Returns:
        The preset; and which ones could not be asked, since they are not right, and which could be meant as well.

    Raises:
        DataError: no preset has this name, or that one is not right.
    """
    presets, problems = list_presets()
    if name:
        return _called(name, presets), ()
    likeness = {named.name: _likeness(named, mda, path) for named in presets}
    best = max(presets, key=lambda named: likeness[named.name])
    enough = max(1, min(likeness[best.name], _OWN))
    others = [other for other, known in likeness.items() if other != best.name and known >= enough]
    if not others:
        return best, problems
    fit = f"{', '.join(others)} recognize{'s' if len(others) == 1 else ''} the file as well"
    return best, (*problems, f"preset {best.name} is used, but {fit}; choose with --beamline")


def _called(name: str, presets: tuple[Named, ...]) -> Named:
    """Return the preset of a name or title."""
    for named in presets:
        if name.casefold() in (named.name.casefold(), named.preset.title.casefold()):
            return named
    for path in _files():
        if name.casefold() == path.stem.casefold():
            return read_preset(path)  # says what is wrong with it
    names = ", ".join(named.name for named in presets)
    raise DataError(f"no beamline preset is called '{name}'; there are {names}, and {preset_folder()} is for yours")


def _likeness(named: Named, mda: Mda, path: Path) -> int:
    """Say how well a preset recognizes a file: by its name, by PVs, or as the one for whatever is left.

    The user's own go before all that come with the program, but for that last one.
    """
    globs, names = named.preset.recognize, [*mda.pvs, *column_names(mda)]
    if named.name == FALLBACK:
        return 1
    by_name = any(fnmatchcase(path.name, glob) for glob in globs.files)
    by_pvs = any(fnmatchcase(name, glob) for glob in globs.pvs for name in names)
    known = 3 if by_name else 2 if by_pvs else 0
    return known + _OWN if known and named.path.parent == preset_folder() else known


def column_names(mda: Mda) -> list[str]:
    """Return the names of all loops' positioners and detectors."""
    names, scan = [], mda.scan
    while True:
        names += [axis.name for axis in scan.positioners] + [one.name for one in scan.detectors]
        inner = next((line for line in scan.lines if line is not None), None)
        if inner is None:
            return names
        scan = inner
