"""Memory of a GPU before and after two engines, with Python's collector off: what is let go must be free at once."""

from __future__ import annotations

import gc
from typing import Any

from ptychogui.backends import open_backend
from ptychogui.backends.base import Backend
from ptychogui.engines import Extent, Problem, create_engine, memory_needed
from scripts.gpu.figures import Figures, FoundWrongError
from scripts.gpu.pretended import smaller
from scripts.gpu.work.compared import settings
from scripts.gpu.work.here import DEVICE
from scripts.gpu.work.scans import problem

OPTIONS: dict[str, dict[str, Any]] = {
    "ePIE": {"engine": "epie"},
    "ePIE with graphs": {"engine": "epie", "cuda_graphs": "on"},
    "LSQML": {"engine": "lsqml"},
    "LSQML with all": {"engine": "lsqml", "cuda_graphs": "on", "opr_modes": 2, "momentum": 0.5,
                       "position_correction": "1", "noise_model": "poisson"},
    "DM": {"engine": "dm"},
}  # fmt: skip

_ITERATIONS = 3
_SPARED = 2 << 20
"""Bytes that CUDA itself may keep, of which it takes pages of 2 MB."""


def look(figures: Figures) -> None:
    """Tell, for each engine, what a first and a second one of its kind leave taken."""
    scan, kept = problem(*smaller((128, 24), (16, 3)), 2), []
    gc.collect()
    gc.disable()
    for name, values in OPTIONS.items():
        with open_backend(DEVICE) as backend:
            figure = _twice(scan, backend, values)
        figures.tell(name, figure)
        kept += [name] * (figure["taken_after_second_bytes"] - figure["taken_after_first_bytes"] > _SPARED)
    if kept:
        raise FoundWrongError(f"memory is not free after {', '.join(kept)}")


def _twice(scan: Problem, backend: Backend, values: dict[str, Any]) -> dict[str, int]:
    """Measure against what is free before; the first engine may have CUDA take something for good, the second not."""
    asked = settings(_ITERATIONS, values)
    before = backend.memory_free_bytes()
    during = _run(scan, backend, values)
    first = backend.memory_free_bytes()
    _run(scan, backend, values)
    return {
        "announced_bytes": memory_needed(asked.engine, Extent.of(scan, asked), asked, backend),
        "taken_during_bytes": before - during,
        "taken_after_first_bytes": before - first,
        "taken_after_second_bytes": before - backend.memory_free_bytes(),
    }


def _run(scan: Problem, backend: Backend, values: dict[str, Any]) -> int:
    """Let an engine work and drop it; return what was free while it was there."""
    engine = create_engine(scan, settings(_ITERATIONS, values), backend)
    for _ in range(_ITERATIONS):
        engine.step()
    engine.finish()
    return backend.memory_free_bytes()
