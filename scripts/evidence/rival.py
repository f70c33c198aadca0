"""pty-chi on a problem of ours, through its documented interface: what must agree before figures can be compared.

pty-chi wants intensities; a probe (OPR modes, modes, N, N) whose unnormalized FFT has the measured amplitudes, so ours
divided by N; an object (layers, rows, columns); and positions as pixels, rows and columns apart. Its windows begin at
round(position) + origin - (N - 1) / 2, so the corners of our windows with the origin (N - 1) / 2 are its windows, and
what its positions have beyond whole pixels shifts its probe as ours does.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ptychogui.engines import Problem
from ptychogui.physics.pattern_storage import amplitudes_of

INSTALL = (
    "pty-chi is not installed here; make an environment for both programs:\n"
    "  python -m venv build/rival-venv\n"
    "  build/rival-venv/bin/pip install -e . ptychi torch torchvision "
    "--extra-index-url https://download.pytorch.org/whl/cpu\n"
    "  build/rival-venv/bin/python -m scripts.against_ptychi"
)


@dataclass(frozen=True)
class Setting:
    """One way to run pty-chi: its engine and what differs from its defaults, by the option's path."""

    label: str
    engine: str
    options: Mapping[str, Any] = field(default_factory=dict)


SETTINGS = (
    *(
        Setting(f"random batches of {size}", "lsqml", {"reconstructor_options.batch_size": size})
        for size in (25, 50, 100, 200)
    ),
    *(
        Setting(
            f"compact batches of {size}, momentum", "lsqml",
            {"reconstructor_options.batch_size": size, "reconstructor_options.batching_mode": "compact",
             "reconstructor_options.momentum_acceleration_gain": 0.5},
        )
        for size in (25, 50, 100)
    ),
    Setting("all defaults but chunks of 50", "dm", {"reconstructor_options.chunk_length": 50}),
    Setting("chunks of 50, relaxation 0.5", "dm",
            {"reconstructor_options.chunk_length": 50, "reconstructor_options.exit_wave_update_relaxation": 0.5}),
    Setting("batches of 100, its defaults", "epie"),
    Setting("batches of 50", "epie", {"reconstructor_options.batch_size": 50}),
    Setting("batches of 25, alpha 1", "epie",
            {"reconstructor_options.batch_size": 25, "object_options.alpha": 1.0, "probe_options.alpha": 1.0}),
)  # fmt: skip
"""Batch sizes about the best one; for LSQML also compact batches with the momentum that pty-chi advises for them."""


class Rival:
    """pty-chi under way on a problem."""

    def __init__(self, problem: Problem, setting: Setting, iterations: int, nearest: bool, threads: int) -> None:
        import torch
        from ptychi import api
        from ptychi.api.task import PtychographyTask

        logging.getLogger("ptychi").setLevel(logging.ERROR)
        torch.set_num_threads(threads)
        makers = {"lsqml": api.LSQMLOptions, "dm": api.DMOptions, "epie": api.EPIEOptions}
        options = makers[setting.engine]()
        _describe(options, problem, nearest)
        options.reconstructor_options.num_epochs = iterations
        options.reconstructor_options.default_device = "cpu"
        options.reconstructor_options.random_seed = 0
        for path, value in setting.options.items():
            group, name = path.split(".")
            setattr(getattr(options, group), name, value)
        self._task = PtychographyTask(options)

    def step(self) -> float:
        """Do one iteration; returns its seconds."""
        start = time.perf_counter()
        self._task.run(1)
        return time.perf_counter() - start

    @property
    def object(self) -> np.ndarray:
        """The present object: complex64 (rows, columns)."""
        return np.asarray(self._task.get_data_to_cpu("object", as_numpy=True)[0])


def _describe(options: Any, problem: Problem, nearest: bool) -> None:
    """Hand the problem over; positions on whole pixels need no Fourier shift, so pty-chi takes its cheaper way."""
    geometry = problem.geometry
    n = geometry.window_px
    amplitudes = amplitudes_of(problem.patterns)
    options.data_options.data = np.maximum(amplitudes, 0) ** 2
    options.data_options.valid_pixel_mask = (amplitudes >= 0).all(axis=0)
    options.data_options.fft_shift = False
    options.object_options.initial_guess = problem.object[None]
    options.object_options.pixel_size_m = 1e-8
    options.object_options.determine_position_origin_coords_by = "specified"
    options.object_options.position_origin_coords = [(n - 1) / 2, (n - 1) / 2]
    options.object_options.patch_interpolation_method = "bilinear" if nearest else "fourier"
    options.probe_options.initial_guess = (problem.probe / n)[None].astype(np.complex64)
    positions_px = geometry.corners + (0 if nearest else geometry.fractions)
    options.probe_position_options.position_y_px = positions_px[:, 0].astype(np.float32)
    options.probe_position_options.position_x_px = positions_px[:, 1].astype(np.float32)
