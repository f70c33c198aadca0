"""Object and probe in files of their own: CSV as ptychopy writes it, TIFF of phase and magnitude, NPY; and NPZ."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from ptychogui.errors import DataError
from ptychogui.io.csv_numbers import read_complex_csv
from ptychogui.io.foreign.fields import NO_PROBE, foreign_result
from ptychogui.io.foreign.hdf5_layouts import product_result
from ptychogui.io.result import Result

_PAIRS = (
    (re.compile(r"(?P<stem>.+)_object_0\.csv", re.IGNORECASE), "{stem}_probes_0.csv"),
    (re.compile(r"(?P<stem>.+)_phase\.(?P<end>tiff?)", re.IGNORECASE), "{stem}_magnitude.{end}"),
    (re.compile(r"(?P<stem>.+)_ph\.(?P<end>tiff?)", re.IGNORECASE), "{stem}_abs.{end}"),
    (re.compile(r"(?P<stem>.*)object(?P<rest>.*)\.npy", re.IGNORECASE), "{stem}probe{rest}.npy"),
)
"""Names of the first file of a pair, and of the second one."""


def second_of_pair(path: Path) -> Path | None:
    """Return the file that makes a result together with this one, there or not; None where no pair begins so."""
    for pattern, second in _PAIRS:
        found = pattern.fullmatch(path.name)
        if found is not None and not found["stem"].endswith("_probe"):
            return path.with_name(second.format(**found.groupdict()))
    return None


def read_pair(path: Path) -> Result | None:
    """Read a result from the first of two files; None where no pair begins so, or the second one is missing.

    Raises:
        DataError: one of them can't be read.
    """
    second = second_of_pair(path)
    if second is None or not second.is_file():
        return None
    kind = path.suffix.casefold()
    if kind == ".csv":
        return _from_csv(path, second)
    return _from_npy(path, second) if kind == ".npy" else _from_tiff(path, second)


def read_npz(path: Path) -> Result | None:
    """Read an NPZ file that holds an object and a probe, such as a ptychodus product; None where it does not.

    Raises:
        DataError: the file is damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            if not {"object", "probe"} <= set(file.files):
                return None
            said = {name: file[name] for name in file.files}
    except Exception as error:  # noqa: BLE001 - zipfile, zlib and numpy raise whatever they stumble over
        raise DataError(f"{path}: the NPZ file is cut off, damaged or holds no plain numbers; save it again") from error
    try:
        return product_result(said)
    except KeyError:
        return _result(path, "unknown", said["object"], said["probe"])


def _from_csv(path: Path, second: Path) -> Result:
    probe = read_complex_csv(second)
    if probe.shape[0] % probe.shape[1]:
        raise DataError(f"{second}: a probe is square, with modes stacked; this table is {probe.shape}")
    return _result(path, "ptychopy", read_complex_csv(path), probe.reshape(-1, *2 * probe.shape[1:]))


def _from_npy(path: Path, second: Path) -> Result:
    try:
        object_, probe = (np.load(name, allow_pickle=False) for name in (path, second))
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path}: it, or {second.name}, is cut off, damaged or holds no plain numbers") from error
    return _result(path, "unknown", object_, probe)


def _from_tiff(path: Path, second: Path) -> Result:
    """Read phase and magnitude, of the probe as well where they are there."""
    object_, facts = _field(path, second)
    stem = re.sub(r"_(phase|ph)\.tiff?$", "", path.name, flags=re.IGNORECASE)
    ends = [path.name[len(stem) :], second.name[len(stem) :]]
    names = [path.with_name(f"{stem}_probe{end}") for end in ends]
    probe = _field(*names)[0] if all(name.is_file() for name in names) else NO_PROBE
    program = "ptychogui" if facts else "ptychopy"
    pixel_m = float(facts.get("pixel_size_m", 0.0))
    return _result(path, program, object_, probe, object_pixel_m=pixel_m, title=str(facts.get("title", "")))


def _field(phase: Path, magnitude: Path) -> tuple[np.ndarray, dict[str, Any]]:
    """Read a complex field from two TIFF files, and what ours say of it."""
    try:
        with tifffile.TiffFile(phase) as file:
            angle, said = file.asarray(), file.pages[0].tags.get("ImageDescription")
        modulus = tifffile.imread(magnitude)
        field = np.asarray(modulus * np.exp(1j * angle.astype(np.float64)), np.complex64)
    except Exception as error:  # noqa: BLE001 - tifffile raises whatever it stumbles over
        raise DataError(f"{phase}: it, or {magnitude.name}, is cut off, damaged or of another size") from error
    return field, _said(None if said is None else str(said.value))


def _said(text: str | None) -> dict[str, Any]:
    try:
        facts = json.loads(text or "")
    except ValueError:
        return {}
    return facts if isinstance(facts, dict) and "pixel_size_m" in facts else {}


def _result(path: Path, program: str, object_: Any, probe: Any, **found: Any) -> Result:
    try:
        return foreign_result(program, object=object_, probe=probe, **found)
    except (TypeError, ValueError) as error:
        raise DataError(f"{path}: {error}") from error
