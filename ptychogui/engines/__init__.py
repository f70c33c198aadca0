"""Reconstruction engines: one step of each algorithm."""

from __future__ import annotations

from collections.abc import Callable

from ptychogui.backends.base import Backend
from ptychogui.engines.base import Engine, Estimate, Problem, Step
from ptychogui.engines.dm import DifferenceMap
from ptychogui.engines.epie import EPIE
from ptychogui.engines.lsqml import LSQML
from ptychogui.engines.memory import Extent, memory_needed
from ptychogui.errors import ParameterError
from ptychogui.params.reconstruction import Reconstruction

__all__ = ["ENGINES", "Engine", "Estimate", "Extent", "Problem", "Step", "create_engine", "memory_needed"]

ENGINES: dict[str, Callable[[Problem, Reconstruction, Backend], Engine]] = {
    "epie": EPIE, "dm": DifferenceMap, "raar": DifferenceMap, "lsqml": LSQML,
}  # fmt: skip


def create_engine(problem: Problem, settings: Reconstruction, backend: Backend) -> Engine:
    """Make the engine that the settings name, on a backend.

    Raises:
        ParameterError: this version has no such engine.
    """
    if settings.engine not in ENGINES:
        raise ParameterError(
            f"reconstruction.engine = '{settings.engine}' is not part of this version; choose {' or '.join(ENGINES)}"
        )
    return ENGINES[settings.engine](problem, settings, backend)
