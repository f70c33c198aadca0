"""A measured scan, whole and in two halves that share no pattern."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ptychogui.api import read_result, reconstruct
from ptychogui.engines import ENGINES
from ptychogui.io import cxi
from ptychogui.io.dataset import Dataset
from ptychogui.io.readers import open_dataset
from ptychogui.io.result import Result
from ptychogui.params.units import ELECTRON_VOLT_J
from scripts.evidence.cases import Run
from scripts.evidence.runs import cached
from scripts.evidence.score import Reference

MODES = (1, 3)


@dataclass(frozen=True)
class StarMeasured:
    """What a run on a measured scan gave.

    `noise` is the misfit of the whole scan after each iteration, in photon-noise units; `frequency` (cycles per
    pixel), `correlation` and `threshold` (half a bit) are of the objects from each half of the positions, and
    `resolution_m` is the half period where they cross; `result` is the file of the whole scan's reconstruction.
    """

    label: str
    engine: str
    modes: int
    command: str
    seconds: float
    noise: list[float]
    frequency: list[float]
    correlation: list[float]
    threshold: list[float]
    resolution_m: float
    result: str
    device: str
    load: float
    date: str
    versions: dict[str, str]


def measure_star(scan: Path, folder: Path, iterations: int, threads: int) -> list[StarMeasured]:
    """Do, or read, the runs of every engine, with each number of modes, on a scan and on its halves."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = _halves(scan, folder)
    found = []
    for modes in MODES:
        for engine in ENGINES:
            run = Run(f"{engine}, {modes} mode{'s' * (modes > 1)}", engine, {"probe_modes": modes})
            asked = {"scan": scan.name, "run": asdict(run), "iterations": iterations, "threads": threads}
            name = f"star-{engine}-{modes}"
            values = cached(
                folder / f"{name}.json", asked,
                lambda run=run, name=name: _measure(run, scan, parts, folder / name, iterations, threads),  # type: ignore[misc]
            )  # fmt: skip
            found.append(StarMeasured(**values))
    return found


def _measure(
    run: Run, scan: Path, parts: tuple[Path, Path], stem: Path, iterations: int, threads: int
) -> dict[str, Any]:
    options = run.parameters(iterations, threads)
    whole, one, two = (
        _reconstructed(path, stem.with_name(f"{stem.name}-{part}.cxi"), options)
        for part, path in zip(("whole", "even", "odd"), (scan, *parts), strict=True)
    )
    assert two.object_origin_m is not None
    ring = Reference(one).compare(two.object, two.object_origin_m).ring
    return asdict(StarMeasured(
        label=run.label, engine=run.engine, modes=int(run.options["probe_modes"]),
        command=run.command(scan.name, iterations, threads), seconds=whole.timing_s["iterate"],
        noise=whole.errors.tolist(),
        frequency=ring.frequency.tolist(), correlation=ring.correlation.tolist(), threshold=ring.threshold.tolist(),
        resolution_m=ring.resolution_px * whole.object_pixel_m, result=f"{stem.name}-whole.cxi", device=whole.device,
        load=os.getloadavg()[0], date=whole.started, versions=dict(whole.versions),
    ))  # fmt: skip


def _reconstructed(scan: Path, output: Path, options: dict[str, Any]) -> Result:
    for _ in reconstruct(scan, output, **options):
        pass
    return read_result(output)


def _halves(scan: Path, folder: Path) -> tuple[Path, Path]:
    """Write the even and the odd positions of a scan as scans of their own."""
    paths = folder / "star-even.cxi", folder / "star-odd.cxi"
    with open_dataset(scan) as dataset:
        for first, path in enumerate(paths):
            _write_part(path, dataset, slice(first, None, 2))
    return paths


def _write_part(path: Path, dataset: Dataset, part: slice) -> None:
    assert dataset.positions_m is not None, f"{dataset.path} has no scan positions"
    values = {name: found.value for name, found in dataset.values.items()}
    translation_m = np.zeros((len(dataset.positions_m[part]), 3))
    translation_m[:, 1::-1] = dataset.positions_m[part]
    with h5py.File(path, "w") as file:
        file["cxi_version"] = 160
        file[cxi.FRAME_PLACES[0]] = dataset.frames.read(dataset.frame_rows[part])
        file[cxi.TRANSLATION_PLACES[0]] = translation_m
        file[cxi.ENERGY_PLACE] = values["experiment.energy_eV"] * ELECTRON_VOLT_J
        file[cxi.DISTANCE_PLACE] = values["experiment.distance_m"]
        for place in cxi.PIXEL_PLACES:
            file[place] = values["experiment.detector_pixel_m"]
        if dataset.probe is not None:
            file[cxi.PROBE_PLACES[0]] = dataset.probe
        if dataset.bad_pixels is not None:
            file[cxi.MASK_PLACE] = dataset.bad_pixels.astype(np.uint32)
