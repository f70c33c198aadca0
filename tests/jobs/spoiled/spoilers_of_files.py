"""What goes wrong with the rest of a file: positions, values, units, links, layouts, the probe, names."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from tests.jobs.spoiled.ingredients import DETECTOR, ELECTRON_VOLT_J, INSTRUMENT, PLACES, Ingredients
from tests.jobs.spoiled.spoiling import FILED, Spoiling, add

FILES: list[Spoiling] = []
_add = partial(add, FILES)


# Positions and frames that don't meet as they should.


def _keep(made: Ingredients, kept: slice) -> None:
    made.positions_m = made.positions_m[kept]


def _keep_frames(made: Ingredients, kept: slice) -> None:
    made.frames = made.frames[kept]


def _keep_one(made: Ingredients) -> None:
    made.positions_m, made.frames = made.positions_m[:1], made.frames[:1]


def _shift_pairing(made: Ingredients) -> None:
    made.positions_m = np.roll(made.positions_m, 1, axis=0)


def _mirror_positions(made: Ingredients) -> None:
    made.positions_m = made.positions_m * [1, -1]


_add("last 10 positions missing", "positions", FILED, "positions", _keep, kept=slice(50))
_add("last frame missing", "positions", FILED, "positions|layout", _keep_frames, kept=slice(-1))
_add("first position missing", "positions", FILED, "positions", _keep, kept=slice(1, None))
_add("frames one after their positions", "orientation|pairing", FILED, "positions", _shift_pairing)
_add("columns of the scan mirrored", "orientation|pairing", FILED, "positions", _mirror_positions)
_add("one position", "positions", FILED, "positions|layout", _keep_one, hopeless=True)


# Values of many readings, some of them lost.


def _read_often(made: Ingredients, name: str, lost: Sequence[float]) -> None:
    """Have a value be one a frame, with the first of them lost; `lost` are factors of the right value."""
    readings = np.full(60, made.values[name], np.float64)
    readings[: len(lost)] *= lost
    made.values[name] = readings


def _lose_positions(made: Ingredients, rows: Sequence[int], reading: float) -> None:
    made.positions_m = made.positions_m.copy()
    made.positions_m[list(rows)] = reading


def _stick_positions(made: Ingredients) -> None:
    """Have the stage report one place for the last 12 frames."""
    made.positions_m = made.positions_m.copy()
    made.positions_m[-12:] = made.positions_m[-12]


for _title, _lost in (
    ("60 readings", (1.0,)), ("a reading of 0", (0.0,)), ("readings of NaN", (np.nan, np.nan)),
    ("a reading of infinity", (np.inf,)), ("a reading 1000 times as large", (1e3,)), ("five of 0", (0.0,) * 5),
    ("a negative reading", (-1.0,)), ("readings with a dip", (1.0, 1.0, 0.5)),
):  # fmt: skip
    for _name in ("energy", "distance"):
        _add(f"{_name}: {_title}", _name, FILED, _name, _read_often, name=_name, lost=_lost)
for _title, _rows, _reading in (
    ("one position is NaN", (3,), np.nan), ("two are infinite", (0, 59), np.inf), ("one is a meter off", (7,), 1.0),
    ("one is 20 um off", (7,), 2e-5), ("two are -1e30", (5, 6), -1e30), ("three are 0", (10, 30, 50), 0.0),
):  # fmt: skip
    _add(f"positions: {_title}", "positions", FILED, "positions", _lose_positions, rows=_rows, reading=_reading)
_add("positions: 12 are stuck", "positions", FILED, "positions", _stick_positions)


# Units in any spelling or none, and pixels that are not quite square.


def _give(made: Ingredients, names: Sequence[str], factor: float, unit: Any = None) -> None:
    """Give values in a unit, of which the SI unit is `factor`, and say it; or keep silent about it, if None."""
    for name in names:
        if name == "positions":
            made.positions_m = made.positions_m * factor
        else:
            made.values[name] = made.values[name] * factor
        if unit is not None:
            made.units[name] = unit


_PIXEL = "pixel_size|pixel size|detector pixel|detector's pixels|not square"
_PIXELS, _PER_EV = ("pixel rows", "pixel columns"), 1 / ELECTRON_VOLT_J
for _unit, _factor in (
    ("metre", 1), ("Meters", 1), ("M", 1), ("millimeters", 1e3), ("MM", 1e3), ("cm", 1e2), ("micron", 1e6),
    ("[m]", 1), (" m ", 1), (b"mm", 1e3), (np.array([b"m"]), 1), (np.array(["mm"], h5py.string_dtype()), 1e3),
    ("", 1), ("furlong", 1 / 201.168),
):  # fmt: skip
    _add(f"distance in {_unit!r}", "distance", FILED, "distance", _give, names=["distance"], factor=_factor, unit=_unit)
for _unit, _factor in (
    ("Joule", 1), ("joules", 1), ("KeV", _PER_EV / 1e3), ("ev", _PER_EV), ("electronvolt", _PER_EV),
    (np.array([b"keV"]), _PER_EV / 1e3), ("horsepower", 1),
):  # fmt: skip
    _add(f"energy in {_unit!r}", "energy", FILED, "energy", _give, names=["energy"], factor=_factor, unit=_unit)
for _unit, _factor in (
    ("microns", 1e6), ("µm", 1e6), ("Micrometer", 1e6), ("nanometers", 1e9), (np.array([b"um"]), 1e6), ("Mm", 1e-6),
):  # fmt: skip
    for _words, _takes, _names in (("positions", "positions", ["positions"]), (_PIXEL, "pixel", _PIXELS)):
        _add(f"{_takes} in {_unit!r}", _words, FILED, _takes, _give, names=_names, factor=_factor, unit=_unit)
_add("pixels 0.1 % wider than high", _PIXEL, FILED, "pixel", _give, names=_PIXELS[1:], factor=1.001)
_add("pixels 40 % wider than high", _PIXEL, FILED, "pixel", _give, names=_PIXELS[1:], factor=1.4)
_add("pixels of no height", _PIXEL, FILED, "pixel", _give, names=_PIXELS[:1], factor=0.0)
_add("pixel in mm, not said", _PIXEL, FILED, "pixel", _give, names=_PIXELS, factor=1e3)
for _name, _unit, _factor in (
    ("distance", "mm", 1e3), ("distance", "um", 1e6), ("distance", "km", 1e-3), ("energy", "eV", _PER_EV),
    ("energy", "keV", _PER_EV / 1e3),
):  # fmt: skip
    _add(f"{_name} in {_unit}, not said", _name, FILED, _name, _give, names=[_name], factor=_factor)
for _title, _factor, _is_hopeless in (
    ("in one place", 0.0, True), ("4 times as far apart", 4.0, False), ("20 times as far apart", 20.0, True),
    ("in mm, not said", 1e3, True), ("in um, not said", 1e6, True), ("a thousandth apart", 1e-3, False),
):  # fmt: skip
    _words = "positions|overlap"
    _add(
        f"positions {_title}",
        _words,
        FILED,
        "positions",
        _give,
        hopeless=_is_hopeless,
        names=["positions"],
        factor=_factor,
    )


# Links and layouts.


def _write_in_parts(file: h5py.File, frames: np.ndarray, folder: Path, missing: int | None) -> None:
    """Write the frames as a virtual dataset over three files, of which one may be missing."""
    layout, each = h5py.VirtualLayout(frames.shape, frames.dtype), len(frames) // 3
    for number in range(3):
        part, name = slice(number * each, (number + 1) * each), f"part{number}.h5"
        if number != missing:
            with h5py.File(os.fsencode(folder / name), "w") as other:
                other["d"] = frames[part]
        layout[part] = h5py.VirtualSource(name, "d", frames[part].shape)
    file.require_group(DETECTOR).create_virtual_dataset("data", layout)


def _write_elsewhere(file: h5py.File, frames: np.ndarray, folder: Path, link: str) -> None:
    """Write the frames to a file of their own, frames.h5 beside this one, and link to some file."""
    with h5py.File(os.fsencode(folder / "frames.h5"), "w") as other:
        other["d"] = frames
    file["entry_1/sample_1/orientation_matrix"] = np.eye(3)[None]
    file["entry_1/preview"] = np.zeros((48, 48, 3), np.uint8)
    file[PLACES["frames"]] = h5py.ExternalLink(link, "/d")


def _lay_out(made: Ingredients, writer: Callable[..., None], **how: Any) -> None:
    made.frames_writer = partial(writer, **how)


def _point(made: Ingredients, name: str, link: Any) -> None:
    """Have a value be a link."""
    made.values[name] = None
    made.extras[PLACES[name]] = link


def _lay_on_grid(made: Ingredients, positions_too: bool) -> None:
    made.frames = made.frames.reshape(6, 10, *made.detector)
    if positions_too:
        made.positions_m = made.positions_m.reshape(6, 10, 2)


for _missing in (None, 0, 1):
    _title = f"frames in three files, {_missing} missing"
    _add(_title, f"part{_missing}", FILED, "layout", _lay_out, writer=_write_in_parts, missing=_missing)
for _link, _is_hopeless in (("frames.h5", False), ("/no/such/frames.h5", False), ("gone.h5", True)):
    _title = f"frames linked to {_link}"
    _add(_title, "frames.h5", FILED, "layout", _lay_out, hopeless=_is_hopeless, writer=_write_elsewhere, link=_link)
for _name, _words in (
    ("mask", "mask"),
    ("probe", "illumination|probe"),
    ("energy", "energy"),
    ("distance", "distance"),
):
    for _title, _link in (("file", h5py.ExternalLink("gone.h5", "/x")), ("place", h5py.SoftLink("/entry_1/gone"))):
        _title = f"{_name} linked to a {_title} that is not there"
        _add(_title, _words, FILED, _name, _point, name=_name, link=_link)
_add("frames on a grid", "grid|axes", FILED, "layout", _lay_on_grid, positions_too=False)
_add("frames and positions on a grid", "grid|axes", FILED, "layout|positions", _lay_on_grid, positions_too=True)


# Conventions of others.


def _mean_machine(made: Ingredients, value: float, unit: str) -> None:
    """Have the source's energy be the machine's, and the beam's the photons'."""
    made.extras["entry_1/definition"] = "NXcxi_ptycho"
    made.extras[f"{INSTRUMENT}/beam_1/energy"] = made.values["energy"]
    made.values["energy"], made.units["energy"] = value, unit


def _compound(made: Ingredients, names: tuple[str, str], real: int) -> None:
    """Have the probe be a compound of two fields, of which one is the real part."""
    probe = made.values["probe"]
    held = np.zeros(probe.shape, [(name, "f4") for name in names])
    held[names[real]], held[names[1 - real]] = probe.real, probe.imag
    made.values["probe"] = held


def _change_probe(made: Ingredients, change: Callable[[np.ndarray], np.ndarray]) -> None:
    made.values["probe"] = change(made.values["probe"])


def _split(probe: np.ndarray) -> np.ndarray:
    return np.stack([probe.real, probe.imag])


_PROBE = "illumination|probe"
_add("the machine's energy in GeV", "energy", FILED, "energy", _mean_machine, value=3.0, unit="GeV")
_add("the machine's energy in J", "energy", FILED, "energy", _mean_machine, value=4.8e-10, unit="J")
for _names, _real in (
    (("i", "r"), 1), (("imag", "real"), 1), (("Re", "Im"), 0), (("imaginary", "real"), 1),
):  # fmt: skip
    _add(f"probe of fields {_names}", _PROBE, FILED, "probe", _compound, names=_names, real=_real)
_add("probe in two parts", _PROBE, FILED, "probe", _change_probe, change=_split)
_add("a probe of NaN", _PROBE, FILED, "probe", _change_probe, change=lambda probe: probe * np.nan)
_add("a probe of another size", _PROBE, FILED, "probe", _change_probe, change=lambda probe: probe[8:-8, 8:-8])


# Names.


def _call(made: Ingredients, name: bytes, folder: bytes) -> None:
    made.name, made.folder = name, folder


for _file, _folder in (
    (b"scan_\xe9.cxi", b""), (b"scan.cxi", b"\xe9t\xe9"), (b"two\nlines.cxi", b""), (b"-scan.cxi", b""),
    ("Ω scan 🔬.cxi".encode(), b""), (b"100%#1 [a].cxi", b""), (b"n" * 251 + b".cxi", b""), (b"\x1b[31mred.cxi", b""),
    (b"it's \"one\" .cxi", b" blanks "), (b"caf\xe9 " * 50 + b".cxi", b""),
):  # fmt: skip
    _add(f"named {_folder + _file[:20]!r}", "name", FILED, "name", _call, name=_file, folder=_folder)
