"""Engines over their bare FFTs on a GPU: by its own batches, then by others, with and without graphs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from ptychogui.backends import open_backend
from ptychogui.backends.base import Backend
from ptychogui.engines import ENGINES, Problem
from ptychogui.jobs.bench import SUB_PIXEL, BenchRow, bench_problem, copy_speed, measure_engine
from scripts.gpu.figures import Figures
from scripts.gpu.pretended import is_pretended, smaller
from scripts.gpu.work.here import DEVICE
from scripts.gpu.work.scans import problem

PARTS_OF_L2 = (0.25, 0.5, 1.0, 2.0, 4.0)
"""What a batch's waves and probes take of the L2 cache."""

_SIZES, _MORE_MODES = smaller((128, 256), (16,)), 4
_COPIED_BYTES = smaller(1 << 28, 1000)
_ROUNDS = smaller(3, 1)


class Batched:
    """A backend with batches of so many bytes."""

    def __init__(self, backend: Backend, batch_bytes: float) -> None:
        self._backend, self._batch_bytes = backend, batch_bytes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def batch_size(self, bytes_per_position: int) -> int:
        """Positions that the bytes are enough for; at least 1."""
        return max(1, int(self._batch_bytes / bytes_per_position))


def measure(figures: Figures) -> None:
    """Tell rows as `ptychogui bench` has them, with `part_of_l2` (None: the backend's own batch) and `graphs`."""
    with open_backend(DEVICE) as backend:
        copy = copy_speed(backend, _ROUNDS, _COPIED_BYTES)
        figures.tell("copy_bytes_per_s", copy)
        rows: list[dict[str, Any]] = []
        for row in _rows(backend, copy):
            rows.append(row)
            figures.tell("rows", rows)


def _rows(backend: Backend, copy: float) -> Iterator[dict[str, Any]]:
    l2_bytes = int(backend.xp.cuda.runtime.getDeviceProperties(0)["l2CacheSize"])
    for n in _SIZES:
        scan = _scan(n, 1)
        yield from _by_engine(backend, scan, copy)
        for part in PARTS_OF_L2:
            batched = cast("Backend", Batched(backend, part * l2_bytes))
            for name, graphs in (("epie", "off"), ("epie", "on"), ("lsqml", "off"), ("lsqml", "on"), ("dm", "off")):
                row = measure_engine(name, batched, scan, "nearest", _ROUNDS, copy, {"cuda_graphs": graphs})
                yield _row(row, part, graphs)
    for n in _SIZES:
        yield from _by_engine(backend, _scan(n, _MORE_MODES), copy)


def _by_engine(backend: Backend, scan: Problem, copy: float) -> Iterator[dict[str, Any]]:
    for name in ENGINES:
        for sub_pixel in SUB_PIXEL:
            yield _row(measure_engine(name, backend, scan, sub_pixel, _ROUNDS, copy, {}), None, "default")


def _row(row: BenchRow, part_of_l2: float | None, graphs: str) -> dict[str, Any]:
    return row.as_dict() | {"part_of_l2": part_of_l2, "graphs": graphs}


def _scan(n: int, modes: int) -> Problem:
    return problem(n, 3, modes) if is_pretended() else bench_problem(n, modes)
