"""What an engine is given and what it gives: one step at a time. The runner owns its life."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ptychogui.physics.scan import ScanGeometry


@dataclass(frozen=True)
class Problem:
    """A reconstruction ready to start; all arrays on the host.

    Attributes:
        amplitudes: float32 (positions, N, N), square roots of counts with the direct beam at [0, 0]; -1 marks a
            pixel that is not known (masked, dead or saturated) and stays free.
        geometry: windows of the scan positions in the object array.
        probe: complex64 (modes, N, N), centred at [N // 2, N // 2]; sum |probe|^2 = counts of a pattern.
        object: complex64 (rows, columns), dimensionless transmission.
    """

    amplitudes: np.ndarray
    geometry: ScanGeometry
    probe: np.ndarray
    object: np.ndarray


@dataclass(frozen=True)
class Step:
    """What one iteration gives. `error` is in photon-noise units: 1 is limited by the photons alone."""

    iteration: int
    error: float


@dataclass(frozen=True)
class Estimate:
    """Object (rows, columns) and probe (modes, N, N), complex64, on the host."""

    object: np.ndarray
    probe: np.ndarray


class Engine(Protocol):
    """One reconstruction algorithm on one device."""

    iteration: int
    """Iterations done so far."""

    def step(self) -> Step:
        """Do one pass over all positions."""

    def estimate(self) -> Estimate:
        """Copy the present object and probe to the host."""

    def positions_px(self) -> np.ndarray:
        """float64 (positions, 2): row and column of each window's first pixel, as now refined."""
