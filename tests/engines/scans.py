"""Small simulated scans and the problems that engines are tested on; and the way of a state through a file."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from ptychogui.backends import Backend
from ptychogui.engines import Engine, Problem
from ptychogui.engines.state import EngineState
from ptychogui.params.reconstruction import Reconstruction
from ptychogui.physics.pattern_storage import compact
from ptychogui.physics.scan import place_windows
from ptychogui.physics.simulation import Recipe, SimulatedScan

TINY = Recipe(n=32, scan_dims=(5, 5), probe_diameter_m=200e-9, overlap=0.6, detector_pixel_m=150e-6, distance_m=1.0)

SMALL = Recipe(n=64, scan_dims=(10, 10), probe_diameter_m=700e-9, overlap=0.75, detector_pixel_m=150e-6)


def problem_of(scan: SimulatedScan, probe: np.ndarray | None = None) -> Problem:
    """Return the reconstruction of a simulated scan from a speckled object and the given, or the true, probe.

    An empty object would leave far-field pixels that are zero but for rounding, and their phases to chance.
    """
    geometry = place_windows(scan.positions_m / scan.object_pixel_m, scan.recipe.n)
    counts = np.fft.ifftshift(scan.counts, axes=(1, 2)).astype(np.float64)
    amplitudes = np.where(np.fft.ifftshift(scan.bad_pixels), -1, np.sqrt(counts)).astype(np.float32)
    speckle = np.random.default_rng(0).standard_normal(geometry.object_shape)
    start = np.exp(0.3j * speckle).astype(np.complex64)
    return Problem(compact(amplitudes), geometry, scan.probe if probe is None else probe, start)


def true_object(problem: Problem, scan: SimulatedScan) -> np.ndarray:
    """Return the sample on the array of the problem's object."""
    (rows, columns), spare = problem.object.shape, 32
    off = np.subtract(problem.geometry.origin_px, scan.geometry.origin_px).astype(int) + spare
    padded = np.pad(scan.object, spare, constant_values=1)
    return np.asarray(padded[off[0] : off[0] + rows, off[1] : off[1] + columns])


def settings(**values: Any) -> Reconstruction:
    """Return settings that update everything from the first iteration; of ePIE if no engine is named."""
    first = {"engine": "epie", "noise_model": "gaussian", "update_probe": 1, "update_modes": 1}
    return Reconstruction(**{**first, **values})


def errors_of(engine: Engine, iterations: int) -> list[float]:
    """Do iterations and return their errors."""
    errors = [error for _ in range(iterations) for error in engine.step().errors]
    return [*errors, *engine.finish().errors]


def through_a_file(state: EngineState, backend: Backend) -> EngineState:
    """Return a state as it comes from a file: what is no array through JSON, arrays from the device to the host."""
    arrays = {name: value for name, value in state.items() if hasattr(value, "shape")}
    rest = {name: value for name, value in state.items() if name not in arrays}
    read: EngineState = json.loads(json.dumps(rest))
    return read | {name: _on_host(value, backend) for name, value in arrays.items()}


def _on_host(value: Any, backend: Backend) -> np.ndarray:
    return value.copy() if isinstance(value, np.ndarray) else backend.to_numpy(value)
