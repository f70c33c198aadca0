"""What goes wrong with frames: readings that are no counts, dead areas, masks, scale, a beam in the wrong place."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from tests.jobs.spoiled.ingredients import DETECTOR, Ingredients
from tests.jobs.spoiled.spoiling import BEAM, DETECTED, SCALED, WRITTEN, Spoiling, add

FRAMES: list[Spoiling] = []
_add = partial(add, FRAMES)


def middle_gaps(shape: tuple[int, ...]) -> np.ndarray:
    """Return where three rows and two columns near the middle of a detector are: bool (rows, columns)."""
    gaps = np.zeros(shape, bool)
    gaps[shape[0] // 2 - 12 : shape[0] // 2 - 9] = gaps[:, shape[1] // 2 + 8 : shape[1] // 2 + 10] = True
    return gaps


# Readings that are no counts.


def _put(made: Ingredients, kind: str, reading: float) -> None:
    """Convert the frames, and have the gaps between modules read this."""
    frames = made.frames.astype(kind)
    frames[..., middle_gaps(made.detector)] = reading
    made.frames = frames


def _put_few(made: Ingredients, reading: float) -> None:
    """Have three single pixels read this in all frames."""
    frames = made.frames.astype(np.uint32)
    row, column = (size // 2 for size in made.detector)
    for down, right in ((-5, 3), (8, 8), (20, -14)):
        frames[..., row + down, column + right] = reading
    made.frames = frames


def _flash(made: Ingredients, reading: float) -> None:
    """Have five single readings of all be this."""
    frames = made.frames.astype(np.uint32).reshape(-1, *made.detector)
    row, column = (size // 2 for size in made.detector)
    for number in range(5):
        frames[11 * number + 3, row - 20 + 9 * number, column + 17 - 5 * number] = reading
    made.frames = frames.reshape(made.frames.shape)


def _leave_unwritten(made: Ingredients, kind: str, fill: float) -> None:
    """Have the last 8 frames hold a fill value."""
    frames = made.frames.astype(kind)
    frames[-8:] = fill
    made.frames = frames


def _clip(made: Ingredients, limit: int, bits: int = 0) -> None:
    made.frames = np.minimum(made.frames, limit)
    if bits:
        made.extras[f"{DETECTOR}/bit_depth_readout"] = bits


_READINGS = "readings|pixels that|saturat|never written|empty"
for _kind, _reading, _title in (
    ("u2", 2**16 - 1, "2^16-1"), ("u4", 2**16 - 1, "2^16-1"), ("f4", 2**16 - 1, "2^16-1"),
    ("u4", 2**32 - 1, "2^32-1"), ("u4", 2**32 - 2, "2^32-2"), ("f4", 2**32 - 1, "2^32-1"),
    ("f8", 2**32 - 1, "2^32-1"), ("i8", 2**32 - 1, "2^32-1"), ("f8", 2**32 - 2, "2^32-2"),
    ("u4", 2**20 - 1, "2^20-1"), ("i4", -1, "-1"), ("i4", -2, "-2"), ("i2", -1, "-1"), ("f4", np.nan, "NaN"),
    ("f4", np.inf, "infinity"), ("f4", 1e6, "a million"), ("i4", 2**31 - 1, "2^31-1"), ("f4", -1e9, "-1e9"),
):  # fmt: skip
    _add(f"gaps of {_title} as {_kind}", _READINGS, WRITTEN, "type", _put, kind=_kind, reading=_reading)
_add("three pixels of 5e6", _READINGS, WRITTEN, "type", _put_few, reading=5_000_000)
_add("three pixels of 20000", _READINGS, WRITTEN, "type", _put_few, reading=20_000)
for _kind, _reading in (("u2", 0), ("u4", 2**32 - 1), ("i4", -1), ("f4", np.nan)):
    _title = f"8 frames never written, {_reading} as {_kind}"
    _add(_title, _READINGS, WRITTEN, "type", _leave_unwritten, kind=_kind, fill=_reading)
_add("five flashes of a million", f"{_READINGS}|flicker", WRITTEN, "type", _flash, reading=10**6)
_add("counts end at 500", "plateau|saturat", DETECTED, "limit", _clip, limit=500)
_add("counts end at 2^9-1, said", "saturat", DETECTED, "limit", _clip, limit=2**9 - 1, bits=9)


# Dead areas, with no mask in the file.


def _kill(made: Ingredients, rows: tuple[int, int], columns: tuple[int, int], reading: int) -> None:
    """Have an area, told from the middle of the detector, read a constant."""
    row, column = (size // 2 for size in made.detector)
    frames = made.frames.copy()
    frames[..., row + rows[0] : row + rows[1], column + columns[0] : column + columns[1]] = reading
    made.frames = frames


_ALL = (-32, 32)
for _title, _rows, _columns, _reading in (
    ("one row of 0", (-6, -5), _ALL, 0), ("one column of 0", _ALL, (4, 5), 0), ("six rows of 0", (-12, -6), _ALL, 0),
    ("four columns of 0", _ALL, (6, 10), 0), ("six rows of 5", (-12, -6), _ALL, 5),
    ("two columns of 1", _ALL, (-9, -7), 1), ("a corner of 0", (-32, -8), (-32, -8), 0),
    ("a block of 8 x 8 of 0", (3, 11), (-10, -2), 0), ("a block of 5 x 5 of 40", (-10, -5), (-10, -5), 40),
    ("the upper 20 rows of 0", (-32, -12), _ALL, 0),
):  # fmt: skip
    _words = "pixels that|count nothing|never count|always read the same|do not change|constant|dead"
    _add(_title, _words, DETECTED, "dead", _kill, rows=_rows, columns=_columns, reading=_reading)


# Masks.


def _mask(made: Ingredients, of: Callable[[np.ndarray], np.ndarray]) -> None:
    """Write a mask that is made from where the gaps are; these read 0."""
    gaps = middle_gaps(made.detector)
    made.frames = np.where(gaps, 0, made.frames).astype(made.frames.dtype)
    made.values["mask"] = of(gaps)


def _beamstop(gaps: np.ndarray) -> np.ndarray:
    rows, columns = np.indices(gaps.shape) - np.array(gaps.shape)[:, None, None] // 2
    return np.asarray((rows**2 + columns**2 < 15**2).astype(np.uint8))


_MASK = "the mask|masks|masked"
for _title, _of in (
    ("good is 0", lambda gaps: gaps.astype(np.uint32)), ("good is 1", lambda gaps: (~gaps).astype(np.uint8)),
    ("good is 1, as floats", lambda gaps: (~gaps).astype(np.float32)), ("good is true", lambda gaps: ~gaps),
    ("good is 255", lambda gaps: np.where(gaps, 0, 255).astype(np.uint8)), ("most light is masked", _beamstop),
    ("of another size", lambda gaps: np.zeros((32, 32), np.uint8)),
    ("good is 1, one a frame", lambda gaps: np.repeat((~gaps)[None].astype(np.uint8), 60, axis=0)),
):  # fmt: skip
    _add(f"mask: {_title}", _MASK, DETECTED, "mask", _mask, of=_of)
_add("everything is masked", _MASK, DETECTED, "mask", _mask, hopeless=True, of=np.ones_like)


# Counts that are none, or not where they are thought to be.


def _scale(made: Ingredients, factor: float, kind: str) -> None:
    made.frames = (made.frames.astype(np.float64) * factor).astype(kind)


def _take_roots(made: Ingredients) -> None:
    made.frames = np.sqrt(made.frames.astype(np.float64)).astype(np.float32)


def _subtract_dark(made: Ingredients, kind: str) -> None:
    noise = np.random.default_rng(5).normal(0, 3, made.frames.shape)
    made.frames = np.rint(made.frames + noise).astype(kind)


def _move_beam(made: Ingredients, rows: int, columns: int) -> None:
    """Have a larger detector, with the beam so many pixels from its middle."""
    frames = np.zeros((*made.frames.shape[:-2], 96, 112), made.frames.dtype)
    frames[..., 16 + rows : 80 + rows, 24 + columns : 88 + columns] = made.frames
    made.frames = frames


def _roll_to_corner(made: Ingredients) -> None:
    made.frames = np.fft.ifftshift(made.frames, axes=(-2, -1))
    if made.values.get("mask") is not None:
        made.values["mask"] = np.fft.ifftshift(made.values["mask"], axes=(-2, -1))


def _become(made: Ingredients, kind: str, reading: float) -> None:
    made.frames = np.full(made.frames.shape, reading, kind)


for _factor, _kind in ((1e9, "f8"), (1e9, "f4"), (1e-9, "f8"), (1e-9, "f4"), (1e5, "u4"), (0.37, "f4")):
    _title = f"counts times {_factor:g} as {_kind}"
    _add(_title, "scale|be counts|units", SCALED, "scale", _scale, factor=_factor, kind=_kind)
_add("roots of counts", "amplitudes|roots", SCALED, "scale", _take_roots)
_add("dark subtracted, integers", "negative|below zero|dark", WRITTEN, "type", _subtract_dark, kind="i4")
_add("dark subtracted, floats", "negative|below zero|dark", WRITTEN, "type", _subtract_dark, kind="f4")
_add("beam 9 pixels off", "off center|beam is", BEAM, "beam", _move_beam, rows=5, columns=-8)
_add("beam 3 pixels off", "off center|beam is", BEAM, "beam", _move_beam, rows=3, columns=0)
_add("beam at the corners", "corners", SCALED, "beam", _roll_to_corner)
_WHOLE = "type|frames|limit|dead|scale|beam"
for _kind, _reading in (("u2", 0), ("f4", 0), ("f4", np.nan), ("i4", -1), ("u2", 2**16 - 1)):
    _title = f"all frames are {_reading} as {_kind}"
    _add(_title, "frames", WRITTEN, _WHOLE, _become, hopeless=True, kind=_kind, reading=_reading)
_add("all frames are 3", "frames|border|constant|do not change", WRITTEN, _WHOLE, _become, kind="u2", reading=3)
