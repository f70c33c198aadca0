"""Scans as bad as they come, reconstructed by a user who sets nothing: where the defaults work and where they don't."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ptychogui.api import read_result, reconstruct
from ptychogui.io.result import Result
from ptychogui.io.simulated import read_truth
from ptychogui.physics.simulation import Recipe
from scripts.evidence.runs import LEVEL, scan_file
from scripts.evidence.score import Reference, position_errors_px

PLAIN = Recipe(n=64, detector_pixel_m=150e-6, probe_diameter_m=700e-9, scan_dims=(14, 14))
"""196 positions of a small beam with 70 % overlap, 64 x 64 pixels, 1e6 photons a pattern."""

_NEAR = 1.5
"""Times the error of an informed run that a good picture may have."""

_FITTED = 1.1
"""Misfit, in photon noise, of a good picture: where even an informed run goes astray, its error is no measure."""


@dataclass(frozen=True)
class Trouble:
    """A scan with something wrong with it, and what its user can't help saying."""

    name: str
    recipe: Recipe
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What one engine made of a scan with its default parameters.

    Attributes:
        error: of the object against the truth.
        attainable: the same of LSQML from the true probe, object still empty, at the true positions.
        resolved: where the ring correlation with the truth falls below runs.LEVEL, as a part of Nyquist.
        misfit: in photon-noise units.
        position_px: median distance of the positions from the true ones.
        phase: of the lit square, aligned to the truth.
    """

    trouble: str
    engine: str
    error: float
    attainable: float
    resolved: float
    misfit: float
    position_px: float
    seconds: float
    notes: tuple[str, ...]
    phase: np.ndarray = field(repr=False)

    @property
    def good(self) -> bool:
        """Whether the picture is near what the data allow, and the patterns are explained."""
        return self.error <= _NEAR * self.attainable and self.misfit <= _FITTED


def troubles() -> tuple[Trouble, ...]:
    """Return the matrix: each trouble alone, the corners of dose and overlap, and several at once."""
    pixel_m, size_m = PLAIN.object_pixel_m, PLAIN.probe_diameter_m
    two, three = (0.8, 0.2), (0.7, 0.2, 0.1)
    lost = 2 * pixel_m / np.sqrt(2)
    gaussian = replace(PLAIN, probe="gaussian", probe_diameter_m=500e-9)
    bad_day = replace(PLAIN, photons=1e5, overlap=0.65, mode_fractions=two, position_error_m=lost)
    return (
        Trouble("plain", PLAIN),
        *(
            Trouble(f"{photons:.0e} photons, {overlap:.0%} overlap", replace(PLAIN, photons=photons, overlap=overlap))
            for photons in (1e4, 1e5, 1e7)
            for overlap in (0.6, 0.8)
        ),
        Trouble("2 modes", replace(PLAIN, mode_fractions=two), {"probe_modes": 2}),
        Trouble("3 modes", replace(PLAIN, mode_fractions=three), {"probe_modes": 3}),
        Trouble("3 modes, 1 modelled", replace(PLAIN, mode_fractions=three)),
        Trouble("1 mode, 3 modelled", PLAIN, {"probe_modes": 3}),
        Trouble("guess 30 % small", PLAIN, {"probe_diameter_m": 0.7 * size_m}),
        Trouble("guess 30 % large", PLAIN, {"probe_diameter_m": 1.3 * size_m}),
        Trouble("positions off by 2 px", replace(PLAIN, position_error_m=lost)),
        Trouble("raster", replace(PLAIN, scan="raster")),
        Trouble("Gaussian beam", gaussian),
        Trouble("Gaussian beam, raster", replace(gaussian, scan="raster")),
        Trouble("fly scan", replace(PLAIN, scan="fly")),
        Trouble("cells", replace(PLAIN, phantom="cells")),
        Trouble("dead pixels, background", replace(PLAIN, dead_pixels=60, background_counts=0.5)),
        Trouble("10 bits", replace(PLAIN, bit_depth=10)),
        Trouble("a bad day", bad_day, {"probe_modes": 2, "probe_diameter_m": 1.3 * size_m}),
    )  # fmt: skip


def try_out(trouble: Trouble, engines: tuple[str, ...], folder: Path, iterations: int | None) -> list[Outcome]:
    """Reconstruct a scan by each engine with nothing set but what its user says.

    Args:
        trouble: the scan.
        engines: names.
        folder: for files.
        iterations: of all runs; None for the default.
    """
    stem = trouble.name.replace(",", "").replace("%", "pc").replace(" ", "-")
    scan = scan_file(folder, stem, trouble.recipe)
    truth = read_truth(scan)
    reference = Reference(truth)
    given: dict[str, Any] = {} if iterations is None else {"iterations": iterations}
    best, _ = _done(_informed(trouble, truth, stem, folder), folder / f"{stem}-informed.cxi",
                    {"engine": "lsqml", **given, **_known(trouble, folder / f"{stem}-probe.npy")})  # fmt: skip
    attainable = reference.compare(best.object, _origin(best)).error
    outcomes = []
    for engine in engines:
        found, notes = _done(scan, folder / f"{stem}-{engine}.cxi", {"engine": engine, **given, **trouble.options})
        likeness = reference.compare(found.object, _origin(found))
        outcomes.append(Outcome(
            trouble=trouble.name, engine=engine, error=likeness.error, attainable=attainable,
            resolved=likeness.ring.falls_below(LEVEL), misfit=float(found.errors[-1]),
            position_px=float(np.median(position_errors_px(found, truth))), seconds=found.timing_s["iterate"],
            notes=notes, phase=np.angle(likeness.estimate[reference.square]),
        ))  # fmt: skip
    return outcomes


def _informed(trouble: Trouble, truth: Result, stem: str, folder: Path) -> Path:
    """Write the same patterns with their true positions, and the true probe."""
    np.save(folder / f"{stem}-probe.npy", truth.probe)
    return scan_file(folder, f"{stem}-exact", replace(trouble.recipe, position_error_m=0.0))


def _known(trouble: Trouble, probe: Path) -> dict[str, Any]:
    """Return what only the simulation knows."""
    return {"probe_guess": probe, "probe_modes": len(trouble.recipe.mode_fractions), "position_correction": "never"}


def _done(scan: Path, output: Path, options: Mapping[str, Any]) -> tuple[Result, tuple[str, ...]]:
    notes: tuple[str, ...] = ()
    for progress in reconstruct(scan, output, device="cpu", **options):
        notes += progress.notes
    return read_result(output), notes


def _origin(result: Result) -> tuple[float, float]:
    assert result.object_origin_m is not None, "this program's results say where their object lies"
    return result.object_origin_m
