"""Fingerprints of reference reconstructions, to see that a change of structure changes no bit.

Usage: python -m scripts.same_bits FOLDER > after.txt; diff before.txt after.txt

Inputs are made in FOLDER once, so that the same files are reconstructed before and after; results go there as well.
Every scan is reconstructed by the command line; its line has SHA-256 digests of object, probe, positions and errors.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import h5py

_PLACES = (
    "/entry_1/image_2/data", "/entry_1/image_1/data", "/entry_1/sample_1/geometry_1/translation",
    "/entry_1/ptychogui/errors",
)  # fmt: skip

_SCAN = ("--n", "64", "--scan-dims", "10,10", "--detector-pixel", "150e-6", "--probe-diameter", "0.8e-6", "--seed", "3")

_GAUSSIAN = "--noise-model", "gaussian"

_RUNS: dict[str, tuple[str, ...]] = {
    "epie": ("scan.cxi", "--engine", "epie"),
    "epie, groups of one": ("scan.cxi", "--engine", "epie", "--batch-size", "1"),
    "dm": ("scan.cxi", "--engine", "dm"),
    "raar": ("scan.cxi", "--engine", "raar"),
    "lsqml": ("scan.cxi", *_GAUSSIAN),
    "lsqml, poisson": ("scan.cxi", "--noise-model", "poisson"),
    "three modes": ("scan.cxi", "--probe-modes", "3", *_GAUSSIAN),
    "positions refined": ("scan.cxi", "--position-freedom", "all", "--position-coupled", *_GAUSSIAN),
    "variable probe": ("scan.cxi", "--opr-modes", "2", "--intensity-correction", *_GAUSSIAN),
    "chain": ("scan.cxi", "--engine", "dm:10/2,lsqml:20", *_GAUSSIAN),
    "found center, bad pixels": ("scan.cxi", "--find-center", "--find-bad-pixels", "--bin", "2", *_GAUSSIAN),
    "turned": ("scan.cxi", "--rotate90", "1", "--transpose", "--swap-axes", *_GAUSSIAN),
    "a night of raw files": (
        "mda/night_0012.mda",
        "--beamline",
        "velociprobe",
        "--distance",
        "1.92",
        "--detector-pixel",
        "150e-6",
        *_GAUSSIAN,
    ),
    "ptychopy string": ("--command", "./ptycho -jobID=bits -fp=scan.cxi -algorithm=ePIE -i=20 -updateProbe=2"),
}


def main() -> None:
    """Make what is missing, reconstruct all, and print a line for each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    _make_inputs(folder)
    for number, (name, arguments) in enumerate(_RUNS.items()):
        output = folder / f"result-{number}.cxi"
        output.unlink(missing_ok=True)
        options = () if name == "ptychopy string" else ("--iterations", "20")
        _run(folder, "reconstruct", *arguments, *options, "--device", "cpu", "--quiet", "-o", str(output))
        print(f"{name:28}", *(_fingerprint(output, place) for place in _PLACES), flush=True)


def _make_inputs(folder: Path) -> None:
    if not (folder / "scan.cxi").exists():
        _run(folder, "simulate", "scan.cxi", *_SCAN)
    if not (folder / "mda").exists():
        _make_night(folder)


def _make_night(folder: Path) -> None:
    from ptychogui.io.mda.presets import list_presets
    from ptychogui.io.mda.scan_writer import write_mda_scan
    from ptychogui.physics.simulation import Recipe, simulate

    made = simulate(Recipe(
        n=64, scan="raster", scan_dims=(12, 13), detector_pixel_m=150e-6, probe_diameter_m=0.8e-6, photons=1e6
    ))  # fmt: skip
    preset = next(known for known in list_presets()[0] if known.name == "velociprobe")
    path = folder / "mda" / "night_0012.mda"
    path.parent.mkdir()
    write_mda_scan(path, preset, made.counts, made.positions_m, (12, 13), made.energy_eV)


def _run(folder: Path, *arguments: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "ptychogui", *arguments], cwd=folder, check=True, stdout=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parent.parent)},
    )  # fmt: skip


def _fingerprint(path: Path, place: str) -> str:
    with h5py.File(path, "r") as file:
        return hashlib.sha256(file[place][()].tobytes()).hexdigest()[:12]


if __name__ == "__main__":
    main()
