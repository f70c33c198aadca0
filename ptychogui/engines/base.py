"""The Engine protocol: what an engine is given, and what each of its steps gives. The runner owns its life."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ptychogui.engines.state import EngineState
from ptychogui.params.reconstruction import Reconstruction
from ptychogui.params.schedule import Schedule
from ptychogui.physics.held_out import HeldOut
from ptychogui.physics.probe_variation import ProbeVariation
from ptychogui.physics.scan import ScanGeometry


@dataclass(frozen=True)
class Problem:
    """A reconstruction ready to start; all arrays on the host.

    Attributes:
        patterns: (positions, N, N) with the direct beam at [0, 0]: uint8 or uint16 counts, of which the largest number
            marks a pixel that is not known (masked, dead or saturated) and stays free; or float32 square roots of
            counts, -1 where free. See physics.pattern_storage.
        geometry: windows of the scan positions in the object array.
        probe: complex64 (modes, N, N), centred at [N // 2, N // 2]; sum |probe|^2 = counts of a pattern.
        object: complex64 (rows, columns), dimensionless transmission.
        iteration: iterations that earlier stages of the job have done; schedules count on from there.
        object_pixel_m: pixel of object and probe in m; 1 reads lengths in the settings as pixels.
        variation: how each position's probe differs, as far as it is known; an engine that does not ask for it starts
            with one probe for all.
        held_out: pixels that are marked as not known in `patterns`, though they are, to judge the model by; None if
            there are none.
    """

    patterns: np.ndarray
    geometry: ScanGeometry
    probe: np.ndarray
    object: np.ndarray
    iteration: int = 0
    object_pixel_m: float = 1.0
    variation: ProbeVariation | None = None
    held_out: HeldOut | None = None


@dataclass(frozen=True)
class Step:
    """What one iteration gives.

    Attributes:
        iteration: the iteration that was done.
        errors: of iterations, in their order, that became known since the step before, in photon-noise units: 1 is
            limited by the photons alone. A device that works ahead of the host gives them an iteration late.
        free_errors: of the same iterations, over the pixels that are held out; none where there are none.
        notes: what was noticed, a sentence each.
    """

    iteration: int
    errors: tuple[float, ...]
    free_errors: tuple[float, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Estimate:
    """Object (rows, columns) and probe (modes, N, N), complex64, on the host; and how the probe varies, if it does."""

    object: np.ndarray
    probe: np.ndarray
    variation: ProbeVariation | None = None


def learned_modes(iteration: int, settings: Reconstruction, modes: int) -> int:
    """Return how many of the probe's modes an iteration updates."""
    if not Schedule.parse(settings.update_probe).due(iteration):
        return 0
    return modes if Schedule.parse(settings.update_modes).due(iteration) else 1


def probe_varies(settings: Reconstruction) -> bool:
    """Whether the settings give every position a probe of its own."""
    return settings.components > 0 or settings.fits_intensities


class Engine(Protocol):
    """One reconstruction algorithm on one device.

    An engine is made for one stage of a job: in its settings, `engine` names one engine and `iterations` is the number
    of steps that it will be asked for.
    """

    iteration: int
    """Iterations done so far."""

    def step(self) -> Step:
        """Do one pass over all positions."""

    def wind_up(self) -> int:
        """Get ready for an early end; return how many more iterations the picture would gain by, 0 where by none."""

    def steady_since(self) -> int | None:
        """Return the iteration since which each has done the same; None where what they do still changes."""

    def finish(self) -> Step:
        """Wait for what is under way and return what no step has given yet of the last one."""

    def estimate(self) -> Estimate:
        """Copy the present object and probe to the host."""

    def positions_px(self) -> np.ndarray:
        """float64 (positions, 2): row and column of each window's first pixel, as now refined."""

    def errors_of_positions(self) -> np.ndarray:
        """float32 (positions,): the error of each by itself, as the last iteration found it; NaN before the first."""

    def state(self) -> EngineState:
        """Return all that the next iterations depend on; the arrays are its own, as they are until the next step."""

    def restore(self, state: EngineState) -> None:
        """Stand where an engine of the same problem and settings stood when it gave its state, to the bit.

        Raises:
            DataError: the state is of another problem or of other settings.
        """
