"""What a GPU and the host in front of it take: for a plan, a launch, a kernel, and an iteration with Poisson steps."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

from ptychogui.backends import open_backend
from ptychogui.backends.base import Backend
from ptychogui.backends.signatures import SIGNATURES
from ptychogui.engines import create_engine
from scripts.gpu.figures import Figures
from scripts.gpu.pretended import smaller
from scripts.gpu.work.clock import GpuClock, host_us, wait
from scripts.gpu.work.compared import settings
from scripts.gpu.work.here import DEVICE
from scripts.gpu.work.scans import problem
from tests.kernels.cases import Size, random_launch

_N = smaller((128, 256), (16,))
_BATCH = {16: 4, 128: 200, 256: 50}
_MANY = smaller(10_000, 20)
_MEASURED = (
    "modulus",
    "poisson",
    "exit_wave",
    "pie_summed_update",
    "lsq_summed_gradients",
    "gather_gradient",
    "cross",
    "dm_update",
    "fetch_patterns",
)
"""Kernels, by the beginnings of their names, most wanted first. Random arguments of all would take too long to draw."""


@dataclass(frozen=True)
class _Large(Size):
    """Dimensions of a batch, as large as a run's."""

    @property
    def symbols(self) -> dict[str, int]:
        slots = self.count
        return super().symbols | {
            "B": slots,
            "P": 1,
            "L": 8,
            "G": slots + 2,
            "n": slots + 3,
            "F": slots + 3,
            "K": slots,
        }


def measure(figures: Figures) -> None:
    """Tell times in microseconds, the most wanted first."""
    with open_backend(DEVICE) as backend:
        clock = GpuClock(backend)
        figures.tell("launch_host_us", _launch(backend, lambda work: host_us(backend, work, smaller(2000, 5))))
        figures.tell("launch_gpu_us", _launch(backend, clock.us))
        figures.tell("fft", {str(n): _ffts(backend, clock, n) for n in _N})
        _tell_kernel(figures, backend, clock, "solve_steps", _Large(_N[0], 1, _MANY, False))
        for beginning in _MEASURED[: smaller(len(_MEASURED), 3)]:
            for name in (name for name in SIGNATURES if name.startswith(beginning)):
                for n in _N:
                    _tell_kernel(figures, backend, clock, name, _Large(n, 1, _BATCH[n], False))
        for name, values in {"gaussian": {}, "poisson": {"noise_model": "poisson"}}.items():
            figures.tell(f"LSQML {name}, us a position", {str(n): _iteration(backend, n, values) for n in _N})


def _tell_kernel(figures: Figures, backend: Backend, clock: GpuClock, name: str, size: Size) -> None:
    def one_launch_us() -> float:
        launch = random_launch(SIGNATURES[name], size)
        bound = backend.bind(name, **{key: backend.asarray(array) for key, array in launch.arrays.items()})
        return clock.us(lambda: bound(*launch.scalars))

    figures.tell_or_why(f"{name}, N = {size.n}, {size.count} positions", one_launch_us)


def _launch(backend: Backend, timed: Callable[[Callable[[], None]], float]) -> float:
    """Measure the smallest launch there is."""
    launch = random_launch(SIGNATURES["row_max"], Size(16, 1, 4, False))
    bound = backend.bind("row_max", **{name: backend.asarray(array) for name, array in launch.arrays.items()})
    return timed(lambda: bound(*launch.scalars))


def _ffts(backend: Backend, clock: GpuClock, n: int) -> dict[str, float]:
    """Measure the pair of FFTs of a batch, and what making a plan takes the host: the median and the most of some."""
    slots = _BATCH[n]
    pair = backend.fft_pair(backend.asarray(np.zeros((slots, 1, n, n), np.complex64)))
    first = [_first_use(backend, pair.forward, count) for count in range(slots, max(0, slots - 20), -1)]
    return {
        "plan_median_us": median(first), "plan_most_us": max(first),
        "forward_us": clock.us(lambda: pair.forward(slots)), "inverse_us": clock.us(lambda: pair.inverse(slots)),
    }  # fmt: skip


def _first_use(backend: Backend, forward: Callable[[int], None], count: int) -> float:
    """Return by how much the first FFTs of some slots took longer than the second."""
    spent = []
    for _ in range(2):
        wait(backend)
        began = time.perf_counter()
        forward(count)
        wait(backend)
        spent.append(1e6 * (time.perf_counter() - began))
    return spent[0] - spent[1]


def _iteration(backend: Backend, n: int, values: dict[str, Any]) -> float:
    scan = problem(n, smaller(24, 3), 1)
    engine = create_engine(scan, settings(1_000_000, {"engine": "lsqml", "sub_pixel": "nearest", **values}), backend)
    for _ in range(smaller(6, 1)):
        engine.step()
    rounds, spent = smaller(5, 1), []
    for _ in range(rounds):
        wait(backend)
        began = time.perf_counter()
        engine.step()
        wait(backend)
        spent.append(1e6 * (time.perf_counter() - began))
    return median(spent) / len(scan.patterns)
