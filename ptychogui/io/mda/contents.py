"""Contents of an MDA file by name, so that a user can point at what his beamline's preset is to read."""

from __future__ import annotations

import glob
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ptychogui.errors import OutputError
from ptychogui.io.mda.apply_preset import columns_of
from ptychogui.io.mda.format import Mda, Scan
from ptychogui.io.mda.presets import FALLBACK, preset_folder

_LOOPS = ("inner", "outer", "third", "fourth")
_LONGEST = 40

PV_PLACE = "PV"
"""The place of an item that is a PV."""


@dataclass(frozen=True)
class Item:
    """A PV or a column: where a preset finds it ("inner D14", "PV"), its name, what it is, its unit and its value."""

    place: str
    name: str
    description: str
    unit: str
    value: str


def items_of(mda: Mda) -> list[Item]:
    """List the PVs of a file, and then the columns of its loops, the outermost first."""
    pvs = [_item(PV_PLACE, pv.name, pv.description, pv.unit, pv.value) for pv in mda.pvs.values()]
    return [*pvs, *_columns(mda.scan)]


def _item(place: str, name: str, description: str, unit: str, value: str | np.ndarray) -> Item:
    """Make an item whose texts can be printed, whatever the file holds."""
    return Item(place, _one_line(name), _one_line(description), _one_line(unit), _one_line(_shown(value)))


def _columns(scan: Scan) -> Iterator[Item]:
    described = [axis.readback_description or axis.description for axis in scan.positioners]
    described += [one.description for one in scan.detectors]
    for (key, (values, unit)), description in zip(columns_of(scan).items(), described, strict=True):
        label, _, name = key.partition(" ")
        yield _item(f"{_LOOPS[scan.rank - 1]} {label}", name, description, unit, values[: scan.acquired])
    inner = next((line for line in scan.lines if line is not None), None)
    if inner is not None:
        yield from _columns(inner)


def _shown(value: str | np.ndarray) -> str:
    """Write a value, or the first and the last of many."""
    if isinstance(value, str):
        return repr(value if len(value) <= _LONGEST else f"{value[:_LONGEST]}...")
    if len(value) < 2:
        return f"{value[0]:g}" if len(value) else "nothing"
    return f"{value[0]:g} to {value[-1]:g}"


_SKELETON = """\
# A beamline preset of ptychogui; see docs/beamlines.md. Made from {source}: what the file holds is listed at the end.
# Where you have looked, and it is so, write "known" in place of "guess".
title = "{name}"
recognize = {{ files = [{files}], pvs = [] }}

[energy]
pvs = ["*BraggEAO"]      # PVs by name, the first that is there; or: column = "outer D1"
unit = "keV"             # where the file says none
certainty = "guess"
note = "the Kohzu monochromator's EPICS class, whatever the beamline"

[rows]                   # the axis whose positions grow downwards in the object
source = "{rows}"      # loop, and positioner (P) or detector (D) by number, or a name
unit = "um"
sign = 1                 # -1 if the stage moves the other way; 'ptychogui orientation' finds out
certainty = "guess"
note = "the slow axis, and neither its unit nor its sign, was looked at"

[columns]
source = "{columns}"
unit = "um"
sign = 1
certainty = "guess"
note = "the fast axis, and neither its unit nor its sign, was looked at"

# [constants.distance_m]         # whatever is always the same, as on the command line
# value = "1.95 m"
# [constants.detector_pixel_m]
# value = "75 um"

[frames]                 # from the MDA file's folder; '#04d' is the number of a line, {{scan:03d}} that of the scan
patterns = ["../ptycho/scan{{scan:03d}}/scan{{scan:03d}}_#04d.h5"]
first_file = 1
certainty = "guess"
note = "ptychopy's folders"

# In the file:
{items}
"""


def write_skeleton(name: str, source: Path, mda: Mda) -> Path:
    """Write a preset to begin with into the user's folder, with all that a file holds as remarks.

    Args:
        name: of the preset.
        source: the MDA file.
        mda: what is in it.

    Raises:
        OutputError: the name is no file name, a preset of this name is there already, or the folder can't be written.
    """
    check_name(name)
    path = preset_folder() / f"{name}.toml"
    stem = re.sub("[\ud800-\udfff]", "?", glob.escape(source.stem.rstrip("0123456789")))  # TOML holds no other bytes
    files = json.dumps(f"{stem}*", ensure_ascii=False)
    text = _SKELETON.format(
        source=_one_line(source.name), name=name, files=files, rows="outer P1" if mda.scan.lines else "inner P2",
        columns="inner P1", items=listing(mda),
    )  # fmt: skip
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise OutputError(f"there is a preset {path} already; choose another name or edit that one") from None
    except OSError as error:
        raise OutputError(f"can't write {path}: {(error.strerror or str(error)).lower()}") from error
    return path


def check_name(name: str) -> None:
    """Refuse what is no name for a preset.

    Raises:
        OutputError: it isn't, or it is the fallback's; the message says what is.
    """
    if not re.fullmatch(r"[A-Za-z0-9][\w.+-]*", name):
        raise OutputError(f"'{name}' is no name for a preset; use letters and digits, and no blanks")
    if name.casefold() == FALLBACK:
        raise OutputError(f"'{name}' is what is taken where no preset recognizes a file; choose another name")


def listing(mda: Mda) -> str:
    """Return all that a file holds, as remarks of a TOML file."""
    lines = (f"#   {item.place:9} {item.name:32} {item.unit:9} {item.value}  {item.description}"
             for item in items_of(mda))  # fmt: skip
    return "\n".join(map(str.rstrip, lines))


def _one_line(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)
