"""Benchmark of an engine against the bare FFTs that its work needs, both measured in one run."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, cast

import numpy as np

from ptychogui.backends.base import Array, Backend, FFTPair, Replays
from ptychogui.engines import ENGINES, Extent, Problem, create_engine, memory_needed
from ptychogui.params.reconstruction import Reconstruction
from ptychogui.physics.pattern_storage import compact
from ptychogui.physics.simulation import Recipe, simulate

SUB_PIXEL = ("nearest", "fourier")

_WARM_UP = 6
"""Iterations before the clock runs: FFTs are planned, and ePIE's groups follow the probe in the first ones."""

_TRAFFIC = {
    "epie": {"nearest": (12, 2, 1), "fourier": (25, 2, 1)},
    "lsqml": {"nearest": (12, 2, 1), "fourier": (25, 2, 1)},
    "dm": {"nearest": (17, 0, 2), "fourier": (31, 0, 2)},
    "raar": {"nearest": (17, 0, 2), "fourier": (31, 0, 2)},
}
"""Waves of each mode, waves besides, and patterns that kernels read and write for a position: docs/performance.md."""

_COPIED_BYTES, _COPIES = 1 << 28, 16


@dataclass(frozen=True)
class BenchRow:
    """One measurement. Times are medians of rounds in which engine and bare FFTs take turns.

    `ffts_per_position` counts the N x N transforms of all modes that the engine really did for each position;
    `memory_bytes` is what it announces, the patterns (`frame_bytes`) included; `traffic_bytes` is what its kernels
    read and write for a position, without what a group takes besides, and `copy_bytes_per_s` what a copy in a GPU's
    memory does, None on the CPU.
    """

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
    traffic_bytes: int
    copy_bytes_per_s: float | None

    @property
    def ratio(self) -> float:
        """Time of the engine over the time of the FFTs alone."""
        return self.fft_positions_per_s / self.positions_per_s

    @property
    def memory_per_position_bytes(self) -> float:
        """Memory over the number of positions."""
        return self.memory_bytes / self.positions

    @property
    def part_of_copy(self) -> float | None:
        """Bytes that the kernels move in a second over those of a copy; above 1 the cache holds some of them."""
        return self.copy_bytes_per_s and self.positions_per_s * self.traffic_bytes / self.copy_bytes_per_s

    def as_dict(self) -> dict[str, Any]:
        """Return all figures, those that follow from others included, for JSON."""
        following = ("ratio", "memory_per_position_bytes", "part_of_copy")
        return asdict(self) | {name: getattr(self, name) for name in following}


def run_bench(
    backend: Backend, sizes: Sequence[int] = (128, 256, 512), modes: Sequence[int] = (1, 4), rounds: int = 5
) -> Iterator[BenchRow]:
    """Measure every engine at every size, number of modes and treatment of sub-pixel positions.

    Args:
        backend: an open device.
        sizes: rows and columns of the patterns.
        modes: numbers of probe modes.
        rounds: turns of engine and FFTs; the medians count.

    Raises:
        DeviceError: the device failed, or has too little memory.
    """
    with backend.in_words():
        copy_bytes_per_s = copy_speed(backend, rounds, _COPIED_BYTES) if backend.ahead else None
        for n in sizes:
            for count in modes:
                problem = bench_problem(n, count)
                for engine in ENGINES:
                    for sub_pixel in SUB_PIXEL:
                        yield measure_engine(engine, backend, problem, sub_pixel, rounds, copy_bytes_per_s, {})


def traffic_bytes(engine: str, sub_pixel: str, n: int, modes: int, pattern_bytes: int) -> int:
    """Return the bytes that an engine's kernels read and write for a position.

    Args:
        engine: by its name.
        sub_pixel: "nearest" or "fourier".
        n: rows and columns of a pattern.
        modes: probe modes.
        pattern_bytes: of a pattern as it is held.
    """
    of_modes, waves, patterns = _TRAFFIC[engine][sub_pixel]
    return (of_modes * modes + waves) * 8 * n * n + patterns * pattern_bytes


def measure_engine(
    name: str,
    backend: Backend,
    problem: Problem,
    sub_pixel: str,
    rounds: int,
    copy_bytes_per_s: float | None,
    values: Mapping[str, Any],
) -> BenchRow:
    """Measure one engine on one scan.

    Args:
        name: the engine's.
        backend: an open device.
        problem: the scan, see bench_problem.
        sub_pixel: "nearest" or "fourier".
        rounds: turns of engine and FFTs; the medians count.
        copy_bytes_per_s: what a copy does, see copy_speed; None on the CPU.
        values: further settings of the reconstruction.
    """
    positions, n, _ = problem.patterns.shape
    modes = len(problem.probe)
    settings = _settings(name, sub_pixel, values)
    counting = CountingFFTs(backend)
    engine = create_engine(problem, settings, cast("Backend", counting))
    for _ in range(_WARM_UP):
        engine.step()
    transforms = counting.count(engine.step)
    ffts = modes * (transforms // (positions * modes))  # without the few that groups need besides
    bare = _bare_ffts(backend, positions, n, modes, ffts // modes)
    bare()
    times = [(_timed(backend, engine.step), _timed(backend, bare)) for _ in range(rounds)]
    step_s, fft_s = (float(np.median([pair[i] for pair in times])) for i in (0, 1))
    return BenchRow(
        engine=name, device=backend.name, workers=backend.workers, n=n, modes=modes, sub_pixel=sub_pixel,
        positions=positions, positions_per_s=positions / step_s, fft_positions_per_s=positions / fft_s,
        ffts_per_position=ffts,
        memory_bytes=memory_needed(name, Extent.of(problem, settings), settings, backend),
        frame_bytes=problem.patterns.nbytes,
        traffic_bytes=traffic_bytes(name, sub_pixel, n, modes, problem.patterns.nbytes // positions),
        copy_bytes_per_s=copy_bytes_per_s,
    )  # fmt: skip


def _settings(engine: str, sub_pixel: str, values: Mapping[str, Any]) -> Reconstruction:
    """Return the defaults, with all modes learned from the start and so many iterations that LSQML's groups stay small.

    Positions stay where they are: to refine them is an option with a price of its own, see docs/performance.md.
    """
    first = {
        "engine": engine, "sub_pixel": sub_pixel, "update_probe": "1", "update_modes": "1", "iterations": 1_000_000,
        "orthogonalize_every": 1_000_000, "position_correction": "never", "noise_model": "gaussian",
    }  # fmt: skip
    return Reconstruction.model_validate({**first, **values})


class CountingFFTs:
    """A backend that counts N x N transforms on request."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._transforms: int | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def count(self, work: Callable[[], object]) -> int:
        """Return how many transforms some work does; nothing is replayed meanwhile, for that can't be looked into."""
        self._transforms = 0
        work()
        transforms, self._transforms = self._transforms, None
        return transforms

    def done(self, transforms: int) -> None:
        """Take note of some, if they are being counted."""
        if self._transforms is not None:
            self._transforms += transforms

    def fft_pair(self, array: Array) -> FFTPair:
        """Plan the FFTs of an array, to be counted."""
        return _CountedPair(self._backend.fft_pair(array), int(np.prod(array.shape[1:-2])), self.done)

    def replays(self, *asked: Any) -> Replays | None:
        """Return replays that step aside while transforms are counted."""
        replays = self._backend.replays(*asked)
        return replays and _CountedReplays(replays, lambda: self._transforms is not None)


class _CountedPair:
    """See CountingFFTs; `each` is the number of transforms of one slot."""

    def __init__(self, pair: FFTPair, each: int, done: Callable[[int], None]) -> None:
        self._pair, self._each, self._done = pair, each, done

    def forward(self, count: int) -> None:
        self._done(count * self._each)
        self._pair.forward(count)

    def inverse(self, count: int) -> None:
        self._done(count * self._each)
        self._pair.inverse(count)


class _CountedReplays:
    """See CountingFFTs."""

    def __init__(self, replays: Replays, counting: Callable[[], bool]) -> None:
        self._replays, self._counting = replays, counting

    def run(self, work: Callable[..., None], *given: Hashable) -> None:
        if self._counting():
            work(*given)
        else:
            self._replays.run(work, *given)


def bench_problem(n: int, modes: int) -> Problem:
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
    return Problem(compact(amplitudes), scan.geometry, scan.probe, np.ones_like(scan.object))


def _bare_ffts(backend: Backend, positions: int, n: int, modes: int, ffts: int) -> Callable[[], None]:
    """Return as many FFTs of each mode, in both directions, on the same kind of batches, with nothing in between."""
    slots = backend.batch_size(modes * n * n * 8)
    arrays = [backend.asarray(np.zeros((slots, modes, n, n), np.complex64)) for _ in range(backend.workers)]
    pairs = [backend.fft_pair(array) for array in arrays]
    batches = [(first, min(first + slots, positions)) for first in range(0, positions, slots)]

    def work(worker: int, _lane: int, first: int, last: int) -> None:
        directions = (pairs[worker].forward, pairs[worker].inverse)
        for number in range(ffts):
            directions[number % 2](last - first)

    return lambda: backend.run(batches, work)


def copy_speed(backend: Backend, rounds: int, nbytes: int) -> float:
    """Return the bytes a second that copies of `nbytes` within the device's memory read and write."""
    here, there = (backend.empty((nbytes,), np.uint8) for _ in range(2))

    def copy() -> None:
        for _ in range(_COPIES):
            there[...] = here

    copy()
    return 2 * _COPIES * nbytes / float(np.median([_timed(backend, copy) for _ in range(rounds)]))


def _timed(backend: Backend, work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    backend.to_numpy(backend.empty((1,), np.float32))  # waits for a GPU
    return time.perf_counter() - start
