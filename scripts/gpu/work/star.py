"""The Siemens star, reconstructed on a GPU by each engine."""

from __future__ import annotations

import math
import os
import tempfile
from pathlib import Path

from ptychogui.api import read_result, reconstruct
from scripts.gpu.figures import Figures, FoundWrongError, SkippedError
from scripts.gpu.pretended import smaller
from scripts.gpu.steps import STAR
from scripts.gpu.work.here import DEVICE

_ENGINES = ("lsqml", "dm", "epie", "raar")
_ITERATIONS, _MODES = smaller(100, 2), smaller(3, 1)


def reconstruct_star(figures: Figures) -> None:
    """Tell the time and the last error of each engine."""
    scan = os.environ.get(STAR)
    if not scan:
        raise SkippedError(f"{STAR} does not name the scan's file")
    bad = []
    with tempfile.TemporaryDirectory() as folder:
        for engine in _ENGINES:
            output = Path(folder) / f"{engine}.cxi"
            for _ in reconstruct(
                scan, output, engine=engine, device=DEVICE, iterations=_ITERATIONS, probe_modes=_MODES
            ):
                pass
            result = read_result(output)
            error = float(result.errors[-1])
            positions_per_s = len(result.positions_m) * _ITERATIONS / result.timing_s["iterate"]
            figures.tell(engine, {
                "error": error, "iterations": _ITERATIONS, "modes": _MODES, "positions": len(result.positions_m),
                "positions_per_s": positions_per_s, "seconds": dict(result.timing_s), "notes": list(result.notes),
            })  # fmt: skip
            bad += [engine] * (not math.isfinite(error))
    if bad:
        raise FoundWrongError(f"the error is not finite: {', '.join(bad)}")
