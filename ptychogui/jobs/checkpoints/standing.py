"""Standing of a reconstruction: where it is between two iterations, all on the host; what an engine can start on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ptychogui.engines.base import Estimate
from ptychogui.engines.state import EngineState, joined, part_of
from ptychogui.errors import DataError
from ptychogui.physics.probe_variation import ProbeVariation
from ptychogui.physics.scan import ScanGeometry


@dataclass(frozen=True)
class Standing:
    """Where a reconstruction stands.

    `crop` is that of the stage which the estimate belongs to; the geometry is that of whole patterns, with positions
    as refined. How the probe varies is part of the estimate: it goes on with the probe, and back, and ends with a stage
    whose engine has one probe for all.
    """

    iteration: int
    crop: int
    estimate: Estimate
    geometry: ScanGeometry

    def state(self) -> EngineState:
        """Return it as a state; of the geometry only what refinement changes."""
        estimate, variation = self.estimate, self.estimate.variation
        varying = {} if variation is None else {k: v for k, v in vars(variation).items() if v is not None}
        return {
            "iteration": self.iteration, "crop": self.crop, "object": estimate.object, "probe": estimate.probe,
            "corners": self.geometry.corners, "fractions": self.geometry.fractions, "varies": variation is not None,
            **joined(variation=varying),
        }  # fmt: skip

    @classmethod
    def of(cls, state: Mapping[str, Any], geometry: ScanGeometry) -> Standing:
        """Return the standing that gave a state.

        Args:
            state: its own; the arrays are copied.
            geometry: of the same scan, unrefined or refined.

        Raises:
            DataError: it is not of the same scan.
        """
        rows, columns = (side // state["crop"] for side in geometry.object_shape)
        if (state["corners"].shape, state["object"].shape) != (geometry.corners.shape, (rows, columns)):
            raise DataError("the state is of another scan")
        varying = {name: np.array(values) for name, values in part_of(state, "variation").items()}
        variation = ProbeVariation(**varying) if state["varies"] else None
        estimate = Estimate(np.array(state["object"]), np.array(state["probe"]), variation)
        placed = replace(geometry, corners=np.array(state["corners"]), fractions=np.array(state["fractions"]))
        return cls(state["iteration"], state["crop"], estimate, placed)


def named_state(**standings: Standing) -> EngineState:
    """Return standings as one state; one that has several names is in it once, and has them again afterwards."""
    first = {id(standing): name for name, standing in reversed(standings.items())}
    parts = {name: standings[name].state() for name in first.values()}
    return {**{name: first[id(standing)] for name, standing in standings.items()}, **joined(**parts)}


def named_standings(state: Mapping[str, Any], geometry: ScanGeometry, *names: str) -> tuple[Standing, ...]:
    """Return the standings that gave a state, by their names; see `named_state`."""
    made = {name: Standing.of(part_of(state, name), geometry) for name in {state[name] for name in names}}
    return tuple(made[state[name]] for name in names)
