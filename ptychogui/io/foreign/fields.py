"""Fields of a foreign result: object, probe and positions of any usual shape, made into those of a Result."""

from __future__ import annotations

from typing import Any

import numpy as np

from ptychogui.io.hdf5.files import as_complex
from ptychogui.io.result import Result

NO_PROBE = np.zeros((0, 0, 0), np.complex64)
"""Of a result whose files hold an object alone."""


def foreign_result(program: str, **found: Any) -> Result:
    """Return a result of another program; what is not found is not known.

    Args:
        program: that wrote it.
        found: attributes of a Result; `object` and `probe` as `as_object` and `as_modes` take them.

    Raises:
        TypeError: object or probe are no numbers.
        ValueError: they have a shape that no object and no probe has.
    """
    known: dict[str, Any] = {
        "object_pixel_m": 0.0, "energy_eV": 0.0, "distance_m": 0.0, "positions_m": np.zeros((0, 2)), "state": None,
        "versions": {program: ""},
    }  # fmt: skip
    fields = {"object": as_object(found.pop("object")), "probe": as_modes(found.pop("probe"))}
    return Result(**(known | fields | found))


def as_object(array: Any) -> np.ndarray:
    """Return an object as complex64 (rows, columns), or (layers, rows, columns) with several layers."""
    field = as_complex(np.asarray(array), "the object")
    field = field[0] if field.ndim == 4 else field
    field = field[0] if field.ndim == 3 and len(field) == 1 else field
    if field.ndim not in (2, 3) or not field.size:
        raise ValueError(f"an object has two or three axes, this one is of {field.shape}")
    return field


def as_modes(array: Any) -> np.ndarray:
    """Return a probe as complex64 (modes, N, N); of (orthogonal probe, modes, N, N) the first of the former."""
    field = as_complex(np.asarray(array), "the probe")
    field = field[0] if field.ndim == 4 else field
    if field.ndim not in (2, 3):
        raise ValueError(f"a probe has two to four axes, this one is of {field.shape}")
    return field if field.ndim == 3 else field[None]
