"""Errors of engines on a GPU against those of the numpy twins, which need no compiler: four modes, and every option."""

from __future__ import annotations

from typing import Any

import numpy as np

from ptychogui.backends import open_backend
from ptychogui.backends.base import Backend
from ptychogui.engines import Problem, create_engine
from ptychogui.params.reconstruction import Reconstruction
from scripts.gpu.figures import Figures, FoundWrongError
from scripts.gpu.pretended import smaller
from scripts.gpu.work.here import DEVICE
from scripts.gpu.work.scans import problem

_CONSTRAINTS = {"center_probe": "1", "orthogonalize_every": 2, "probe_threshold": 0.02}

VARIANTS: dict[str, dict[str, Any]] = {
    "LSQML": {"engine": "lsqml"},
    "DM": {"engine": "dm"},
    "LSQML, momentum": {"engine": "lsqml", "momentum": 0.5},
    "LSQML, positions": {"engine": "lsqml", "position_correction": "2"},
    "LSQML, centering, orthogonal modes, threshold": {"engine": "lsqml", **_CONSTRAINTS},
    "DM, centering, orthogonal modes, threshold": {"engine": "dm", **_CONSTRAINTS},
    "ePIE": {"engine": "epie"},
    "RAAR, half precision": {"engine": "raar", "half_precision": True, "overlap_sweeps": 3},
    "LSQML, Poisson": {"engine": "lsqml", "noise_model": "poisson"},
    "LSQML, coupled positions": {"engine": "lsqml", "position_correction": "2", "position_coupled": True,
                                 "batch_size": 1000, "grouping": "compact"},
    "LSQML, nearest pixels": {"engine": "lsqml", "sub_pixel": "nearest"},
    "DM, nearest pixels": {"engine": "dm", "sub_pixel": "nearest"},
    "LSQML, OPR and intensities": {"engine": "lsqml", "opr_modes": 2, "intensity_correction": True, "update_opr": "2"},
}  # fmt: skip

_ITERATIONS, _MODES = smaller(8, 2), 4
_MOST = 1e-3
"""Largest relative difference of an error. CPU and numpy, which round as differently, differ by a thousandth of it."""


def compare(figures: Figures) -> None:
    """Tell each variant's errors on both, and the largest difference."""
    scan, wrong = problem(*smaller((48, 8), (16, 3)), _MODES), []
    for name, values in VARIANTS.items():
        try:
            wanted, got = (_errors(scan, device, values) for device in ("numpy", DEVICE))
            difference = float(np.max(np.abs(got / wanted - 1)))
            figure: dict[str, Any] = {"cpu": wanted.tolist(), "gpu": got.tolist(), "largest_difference": difference}
            is_wrong = not difference <= _MOST
        except Exception as error:  # the next variant may do: what is broken is told together
            figure, is_wrong = {"error": f"{type(error).__name__}: {error}"[:500]}, True
        figures.tell(name, figure)
        wrong += [name] * is_wrong
    if wrong:
        raise FoundWrongError(f"{len(wrong)} of {len(VARIANTS)} differ: {'; '.join(wrong)}")


def settings(iterations: int, values: dict[str, Any]) -> Reconstruction:
    """Return settings by which all modes are learned from the start; positions stay unless the values say otherwise."""
    first = {"update_probe": "1", "update_modes": "1", "position_correction": "never", "noise_model": "gaussian"}
    return Reconstruction.model_validate({**first, "iterations": iterations, **values})


def _errors(scan: Problem, device: str, values: dict[str, Any]) -> np.ndarray:
    backend: Backend = open_backend(device)
    with backend:
        engine = create_engine(scan, settings(_ITERATIONS, values), backend)
        errors = [error for _ in range(_ITERATIONS) for error in engine.step().errors]
        return np.array([*errors, *engine.finish().errors])
