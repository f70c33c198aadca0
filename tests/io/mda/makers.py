"""Small MDA scans for the tests of this room."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ptychogui import paths
from ptychogui.io.mda.format import Mda, Positioner, Scan
from ptychogui.io.mda.presets import Named, read_preset

DIMS = (5, 4)


def shipped(name: str) -> Named:
    return read_preset(paths.resources_folder() / "presets" / f"{name}.toml")


def frames() -> np.ndarray:
    """Return frames that tell their place in the scan."""
    stack = np.zeros((DIMS[0] * DIMS[1], 20, 24), np.uint16)
    stack[:, 0, 0] = np.arange(len(stack)) + 1
    return stack


def positions_m() -> np.ndarray:
    rows, columns = np.mgrid[: DIMS[0], : DIMS[1]]
    return np.stack([rows.ravel() * 2e-7, columns.ravel() * 3e-7 - 1e-7], axis=1)


def line_scan(lines: int, done: int, counts: Sequence[int], unit: str = "um") -> Mda:
    """Return a scan of steps of 0.2 and 0.3 that was stopped after some lines; the rest of all values is 0."""

    def axis(name: str, values: np.ndarray, measured: int) -> Positioner:
        return Positioner(0, name, "", "", unit, "", "", "", np.where(np.arange(len(values)) < measured, values, 0.0))

    inner = [Scan(1, "in", "", 20, count, (axis("x", 5 + np.arange(20) * 0.3, count),), ()) for count in counts]
    outer = axis("y", 10 + np.arange(lines) * 0.2, done)
    scan = Scan(2, "out", "", lines, done, (outer,), (), (), (*inner[:done], *[None] * (lines - done)))
    return Mda(1.4, 1, (lines, 20), True, scan)
