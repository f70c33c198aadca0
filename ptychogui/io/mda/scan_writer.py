"""Writer of scans as a beamline keeps them: an MDA file, and a compressed HDF5 file of raw frames for each line."""

from __future__ import annotations

from pathlib import Path

import h5py
import hdf5plugin
import numpy as np

from ptychogui.io.mda.format import Detector, ExtraPv, Mda, Positioner, Scan
from ptychogui.io.mda.mda_scan import frame_patterns, scan_number
from ptychogui.io.mda.mda_writer import write_mda
from ptychogui.io.mda.presets import Axis, Named
from ptychogui.io.raw.file_series import Pattern
from ptychogui.params.units import parse_quantity

DATASET = "/entry/data/data"
_DOUBLE = 34


def write_mda_scan(
    path: Path, named: Named, frames: np.ndarray, positions_m: np.ndarray, dims: tuple[int, int], energy_eV: float,
    lines: int | None = None,
) -> list[Path]:  # fmt: skip
    """Write a line scan in a preset's layout; positions of a line share their row.

    Args:
        path: the MDA file; frames go where the first of the preset's patterns says.
        named: the preset; its positions must be outer P1 and inner P1, as those that come with the program.
        frames: integers (lines * points, rows, columns) in the order of the scan.
        positions_m: float64 (lines * points, 2), rows and columns.
        dims: lines and points of a line.
        energy_eV: goes to the first PV that the preset names.
        lines: lines that were measured before the scan was stopped; all when None. Frames of others are written too.

    Returns:
        The MDA file, then the raw files.
    """
    grid = positions_m.reshape(*dims, 2)
    mda = _mda(path, named, grid, energy_eV, dims[0] if lines is None else lines)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_mda(path, mda)
    pattern = Pattern.parse(frame_patterns(path, named, scan_number(path, mda)[0])[0].replace("*", "1"))
    files = [pattern.path(named.preset.frames.first_file + line) for line in range(dims[0])]
    files[0].parent.mkdir(parents=True, exist_ok=True)
    for file, stack in zip(files, frames.reshape(*dims, *frames.shape[1:]), strict=True):
        with h5py.File(file, "w") as written:
            written.create_dataset(
                DATASET, data=stack, chunks=(1, *stack.shape[1:]), **hdf5plugin.Bitshuffle(cname="lz4")
            )
    return [path, *files]


def _mda(path: Path, named: Named, grid: np.ndarray, energy_eV: float, done: int) -> Mda:
    preset, (lines, points) = named.preset, grid.shape[:2]
    inner = [
        Scan(
            1, "sim:FscanH", "", points, points,
            (_positioner("sim:x", preset.columns, grid[line, :, 1]),),
            (Detector(1, "sim:dwell", "dwell time", "s", np.full(points, 0.1, np.float32)),),
        )
        for line in range(lines)
    ]  # fmt: skip
    energy = preset.energy
    name = next((pv for pv in energy.pvs if "*" not in pv), "sim:BraggEAO") if energy else "sim:BraggEAO"
    pv = ExtraPv(name, "photon energy", _DOUBLE, "keV", np.array([energy_eV / 1e3]))
    outer = Scan(
        2, "sim:Fscan1", "Nov 25, 2026 03:00:00.000000", lines, done,
        (_positioner("sim:y", preset.rows, grid[:, 0, 0]),), (), (),
        tuple(line if i < done else None for i, line in enumerate(inner)),
    )  # fmt: skip
    return Mda(1.4, int("".join(filter(str.isdigit, path.stem[-4:])) or 0), (lines, points), True, outer, {name: pv})


def _positioner(name: str, axis: Axis, values_m: np.ndarray) -> Positioner:
    values = axis.sign * values_m / parse_quantity(f"1 {axis.unit}", "m")
    return Positioner(0, name, "", "FLY", axis.unit, f"{name}.RBV", "readback", axis.unit, values)
