"""How fast an engine is against the bare FFTs that its work needs, both measured in one run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ptychogui.backends.base import Backend
from ptychogui.engines import ENGINES, Problem, create_engine, memory_needed
from ptychogui.params.model import Reconstruction
from ptychogui.physics.simulation import Recipe, simulate

_FFTS_PER_MODE = {"nearest": 2, "fourier": 4}
"""To the detector and back; with sub-pixel positions also the probe's shift there and its direction's back."""


@dataclass(frozen=True)
class BenchRow:
    """One measurement. Times are medians of rounds in which engine and bare FFTs take turns."""

    engine: str
    device: str
    workers: int
    n: int
    modes: int
    sub_pixel: str
    positions: int
    positions_per_s: float
    fft_positions_per_s: float
    ffts_per_position: int
    memory_bytes: int
    frame_bytes: int

    @property
    def ratio(self) -> float:
        """Time of the engine over the time of the FFTs alone."""
        return self.fft_positions_per_s / self.positions_per_s

    def as_dict(self) -> dict[str, Any]:
        """Return all figures, the ratio included, for JSON."""
        return {**asdict(self), "ratio": self.ratio}


def run_bench(
    backend: Backend, sizes: Sequence[int] = (128, 256, 512), modes: Sequence[int] = (1, 4), rounds: int = 5
) -> Iterator[BenchRow]:
    """Measure every engine at every size, number of modes and treatment of sub-pixel positions.

    Args:
        backend: an open device.
        sizes: rows and columns of the patterns.
        modes: numbers of probe modes.
        rounds: turns of engine and FFTs; the medians count.
    """
    for engine in ENGINES:
        for n in sizes:
            for count in modes:
                for sub_pixel in _FFTS_PER_MODE:
                    yield _measure(engine, backend, n, count, sub_pixel, rounds)


def _measure(name: str, backend: Backend, n: int, modes: int, sub_pixel: str, rounds: int) -> BenchRow:
    problem = _problem(n, modes)
    settings = Reconstruction.model_validate(
        {"engine": name, "sub_pixel": sub_pixel, "update_probe": 1, "update_modes": 1, "orthogonalize_every": 10_000}
    )
    engine = create_engine(problem, settings, backend)
    ffts = _FFTS_PER_MODE[sub_pixel] * modes
    bare = _bare_ffts(backend, len(problem.amplitudes), n, modes, ffts // modes)
    for _ in range(6):  # the support follows the probe in the first iterations; FFT plans are made
        engine.step()
    bare()
    times = [(_timed(backend, engine.step), _timed(backend, bare)) for _ in range(rounds)]
    step_s, fft_s = (float(np.median([pair[i] for pair in times])) for i in (0, 1))
    positions = len(problem.amplitudes)
    return BenchRow(
        engine=name, device=backend.name, workers=backend.workers, n=n, modes=modes, sub_pixel=sub_pixel,
        positions=positions, positions_per_s=positions / step_s, fft_positions_per_s=positions / fft_s,
        ffts_per_position=ffts,
        memory_bytes=memory_needed(positions, n, modes, problem.object.shape, sub_pixel == "fourier", backend),
        frame_bytes=problem.amplitudes.nbytes,
    )  # fmt: skip


def _problem(n: int, modes: int) -> Problem:
    """Return a simulated scan with its true probe and an empty object."""
    side = {128: 32, 256: 24}.get(n, 12)
    pixel_m = Recipe(n=n).object_pixel_m
    scan = simulate(
        Recipe(
            n=n, scan_dims=(side, side), scan="fly", probe="gaussian", probe_diameter_m=n / 8 * pixel_m, overlap=0.6,
            mode_fractions=(1.0, *[0.1] * (modes - 1)),
        )
    )  # fmt: skip
    amplitudes = np.sqrt(np.fft.ifftshift(scan.counts, axes=(1, 2)), dtype=np.float32)
    return Problem(amplitudes, scan.geometry, scan.probe, np.ones_like(scan.object))


def _bare_ffts(backend: Backend, positions: int, n: int, modes: int, ffts: int) -> Callable[[], None]:
    """Return the same number of FFTs on the same kind of batches, with nothing in between."""
    slots = backend.batch_size(modes * n * n * 8)
    arrays = [backend.asarray(np.zeros((slots, modes, n, n), np.complex64)) for _ in range(backend.workers)]
    pairs = [backend.fft_pair(array) for array in arrays]
    batches = [(first, min(first + slots, positions)) for first in range(0, positions, slots)]

    def work(worker: int, _lane: int, first: int, last: int) -> None:
        for _ in range(ffts // 2):
            pairs[worker].forward(last - first)
            pairs[worker].inverse(last - first)

    return lambda: backend.run(batches, work)


def _timed(backend: Backend, work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    backend.to_numpy(backend.empty((1,), np.float32))  # waits for a GPU
    return time.perf_counter() - start
