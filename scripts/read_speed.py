"""Measure how fast raw files are read: this program's reader against bare h5py on as many threads, and its memory.

Usage: python -m scripts.read_speed [FOLDER] [--frames N] [--size N] [--lines N] [--packing NAME] [--turns N]

Makes a scan of row files in FOLDER (once), with counts as of a far field, and reads it in turns, each time in a new
process: bare h5py + hdf5plugin, threads sharing the files out; the same into one array that holds the scan; the reader,
in chunks as large as preprocessing asks for; and all of preprocessing. Each with the largest memory it took beyond what
it made. The files are in the page cache, so that a disk's speed does not show. Ratios are medians over turns: to bare
h5py, and to bare h5py that keeps what it reads, as loading a scan does.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

import h5py
import hdf5plugin
import numpy as np

from ptychogui.backends.compiled_pattern_maker import compiled_maker
from ptychogui.backends.compiler import load_kernels
from ptychogui.io.readers import open_dataset
from ptychogui.params.preprocessing import Preprocessing
from ptychogui.physics.frames import prepare_frames

_FOLDER = Path(__file__).resolve().parent.parent / "build" / "read_speed"
_PATTERN, _PLACE = "scan_#04d.h5", "entry/data/data"
_CHUNK_BYTES = 1 << 24
"""What preprocessing reads at once, as 32-bit numbers."""

_DISTINCT = 200
"""Different patterns in a scan; packing knows nothing of its neighbors, so repeating them changes nothing."""

_PACKINGS: Mapping[str, Mapping[str, Any]] = {
    "bitshuffle-lz4": dict(hdf5plugin.Bitshuffle(cname="lz4")),
    "lz4": dict(hdf5plugin.LZ4()),
    "zstd": dict(hdf5plugin.Zstd()),
    "blosc": dict(hdf5plugin.Blosc()),
    "zlib": {"compression": "gzip", "compression_opts": 1, "shuffle": True},
    "none": {},
}

_WARM_BYTES = 1 << 31

_LINE = "{:40}  {:>9}  {:>6}  {:>7}  {:>12}"


def main() -> None:
    """Measure and print the table, or (--part) do one measurement and print it as JSON."""
    given = _arguments(sys.argv[1:])
    if given.part:
        print(json.dumps(_PARTS[given.part](given.folder)))
        return
    _make(given)
    packed = sum(path.stat().st_size for path in given.folder.glob("*.h5")) / 1e6
    print(
        f"{given.frames} frames of {given.size} x {given.size} uint16 in {given.lines} files, {packed:.0f} MB packed "
        f"by {given.packing}; {os.cpu_count()} threads, {given.turns} turns"
    )
    turns = [{part: _measured(given.folder, part) for part in _PARTS} for _ in range(given.turns)]
    print(_LINE.format("", "MB/s", "ratio", "to kept", "beyond/MB"))
    for part in _PARTS:
        speeds = [turn[part]["mb_per_s"] for turn in turns]
        ratios = [
            median(turn[part]["mb_per_s"] / turn[bare]["mb_per_s"] for turn in turns) for bare in ("bare", "kept")
        ]
        beyond = max(turn[part]["beyond_mb"] for turn in turns)
        print(
            _LINE.format(_TITLES[part], f"{median(speeds):.0f}", *(f"{ratio:.2f}" for ratio in ratios), f"{beyond:.0f}")
        )


def _arguments(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=_FOLDER)
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--lines", type=int, default=100)
    parser.add_argument("--packing", choices=_PACKINGS, default="bitshuffle-lz4")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--part", choices=_PARTS, help=argparse.SUPPRESS)
    return parser.parse_args(words)


def _make(given: argparse.Namespace) -> None:
    """Write the row files, unless they are there."""
    asked = json.dumps([given.frames, given.size, given.lines, given.packing])
    made = given.folder / "made.json"
    if made.exists() and made.read_text() == asked:
        return
    given.folder.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(given.folder).free < 2 * given.frames * given.size**2 * 2:
        sys.exit(f"{given.folder} has too little free space")
    for old in given.folder.glob("scan_*.h5"):
        old.unlink()
    stock = _far_field(given.size)
    numbers = np.array_split(np.arange(given.frames), given.lines)
    for line, some in enumerate(numbers):
        with h5py.File(given.folder / f"scan_{line:04d}.h5", "w") as file:
            file.create_dataset(_PLACE, data=stock[some % _DISTINCT], chunks=(1, given.size, given.size),
                                **_PACKINGS[given.packing])  # fmt: skip
    made.write_text(asked)


def _far_field(size: int) -> np.ndarray:
    """Return Poisson counts (uint16) of a bright disk on a halo that falls as 1 / q^3: 2.5e5 photons a pattern."""
    q = np.hypot(*(np.indices((size, size)) - size // 2))
    mean = 2e5 * _normalized(q < size / 20) + 5e4 * _normalized(1 / (1 + q / 4) ** 3)
    return np.random.default_rng(0).poisson(mean, (_DISTINCT, size, size)).astype(np.uint16)


def _normalized(weights: np.ndarray) -> np.ndarray:
    return np.asarray(weights / weights.sum())


def _measured(folder: Path, part: str) -> dict[str, float]:
    """Measure in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "scripts.read_speed", str(folder), "--part", part],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _rows_at_once(frame_px: int) -> int:
    return max(1, _CHUNK_BYTES // (4 * frame_px))


def _bare(folder: Path) -> dict[str, float]:
    def read(path: Path) -> int:
        with h5py.File(path, "r") as file:
            data = file[_PLACE]
            step = _rows_at_once(data.shape[1] * data.shape[2])
            return sum(data[start : start + step].nbytes for start in range(0, len(data), step))

    return _timed(lambda: sum(_on_threads(read, sorted(folder.glob("scan_*.h5")))))


def _kept(folder: Path) -> dict[str, float]:
    paths = sorted(folder.glob("scan_*.h5"))
    shapes = [_shape(path) for path in paths]
    firsts = np.cumsum([0, *(shape[0] for shape in shapes)])
    held: list[np.ndarray] = []

    def read(path: Path, first: int) -> None:
        with h5py.File(path, "r") as file:
            data = file[_PLACE]
            step = _rows_at_once(data.shape[1] * data.shape[2])
            for start in range(0, len(data), step):
                stop = min(start + step, len(data))
                data.read_direct(held[0], np.s_[start:stop], np.s_[first + start : first + stop])

    def read_all() -> int:
        held.append(np.empty((firsts[-1], *shapes[0][1:]), np.uint16))
        _on_threads(read, paths, firsts.tolist())
        return held[0].nbytes

    return _beyond(_timed(read_all), held[0])


def _shape(path: Path) -> tuple[int, ...]:
    with h5py.File(path, "r") as file:
        return tuple(file[_PLACE].shape)


def _on_threads(work: Callable[..., Any], *arguments: Sequence[Any]) -> list[Any]:
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(work, *arguments))


def _ours(folder: Path) -> dict[str, float]:
    def read() -> int:
        with open_dataset(folder / _PATTERN) as dataset:
            frames, rows, columns = dataset.frames.shape
            step = _rows_at_once(rows * columns)
            starts = range(0, frames, step)
            return sum(dataset.frames.read(range(start, min(start + step, frames))).nbytes for start in starts)

    return _timed(read)


def _prepared(folder: Path) -> dict[str, float]:
    load_kernels()
    kept: list[np.ndarray] = []

    def read() -> int:
        with open_dataset(folder / _PATTERN) as dataset:
            found = prepare_frames(dataset.frames, dataset.frame_rows, None, Preprocessing(), maker=compiled_maker)
            kept.append(found.patterns)
            return int(np.prod(dataset.frames.shape)) * dataset.frames.dtype.itemsize

    return _beyond(_timed(read), kept[0])


def _beyond(found: dict[str, float], made: np.ndarray) -> dict[str, float]:
    return {**found, "beyond_mb": found["beyond_mb"] - made.nbytes / 1e6}


def _timed(read: Callable[[], int]) -> dict[str, float]:
    """Return MB/s, and by how much the largest memory of this process rose.

    Memory that is new to a virtual machine is slow the first time; so some is used and given back before.
    """
    np.empty(_WARM_BYTES, np.uint8).fill(1)
    _forget_largest()
    before, start = _largest_mb(), time.perf_counter()
    bytes_ = read()
    return {"mb_per_s": bytes_ / (time.perf_counter() - start) / 1e6, "beyond_mb": _largest_mb() - before}


def _forget_largest() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def _largest_mb() -> float:
    """Return the largest resident memory of this process alone (getrusage knows its parent's as well)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024 / 1e6


_PARTS = {"bare": _bare, "kept": _kept, "ours": _ours, "prepared": _prepared}
_TITLES = {
    "bare": "bare h5py, shared out to threads",
    "kept": "the same, into one array that stays",
    "ours": "reader of raw files",
    "prepared": "preprocessing, reading included",
}

if __name__ == "__main__":
    main()
