"""Measure how fast the headers of results are read, which a list of past results is made from.

Usage: python -m scripts.header_speed [FOLDER] [--files N]

Makes N results in FOLDER (once), each with an object of 2000 x 2000 pixels and 4 probe modes, and reads the header of
each: once with the file taken out of the page cache before, and once with it there. On a machine that does other work
as well, the processor time says more than the time on the clock.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from statistics import median

import numpy as np

from ptychogui.io.result import Result, write_result
from ptychogui.io.result_header import SourceFile, read_header
from ptychogui.params.origins import Layers, Source
from ptychogui.params.storage import to_json

_FOLDER = Path(__file__).resolve().parent.parent / "build" / "header_speed"
_POSITIONS = 3000


def _result() -> Result:
    rng = np.random.default_rng(0)
    parameters, origins = Layers().with_layer(Source.USER, {"experiment.energy_eV": (8800.0, "script")}).resolve()
    return Result(
        object=np.exp(1j * rng.random((2000, 2000))).astype(np.complex64),
        probe=np.ones((4, 256, 256), np.complex64),
        object_pixel_m=1e-8,
        positions_m=rng.uniform(0, 2e-5, (_POSITIONS, 2)),
        energy_eV=8800.0,
        distance_m=1.5,
        object_origin_m=(0.0, 0.0),
        frame_indices=np.arange(_POSITIONS),
        parameters=to_json(parameters, origins),
        errors=np.ones(200),
        sources=(SourceFile("/data/scan.h5", 1, "2024-05-01T10:00:00+00:00"),) * 8,
        timing_s={"prepare": 1.0, "iterate": 2.0},
        command="ptychogui reconstruct scan.h5",
        notes=("a frame has no position",) * 5,
        stxm=np.ones(_POSITIONS, np.float32),
        dpc_px=np.ones((_POSITIONS, 2), np.float32),
        mean_pattern=np.ones((256, 256), np.float32),
        thumbnail=np.zeros((250, 250, 3), np.uint8),
    )


def make_files(folder: Path, count: int) -> list[Path]:
    """Return this many results in a folder, made if they are not there."""
    paths = [folder / f"result_{number:04d}.cxi" for number in range(count)]
    missing = [path for path in paths if not path.exists()]
    result = _result() if missing else None
    for path in missing:
        assert result is not None
        write_result(path, result)
    return paths


def measure(paths: list[Path], is_cold: bool) -> str:
    """Read the headers of results; return the times as a line."""
    clock_ms, processor_ms = [], []
    for path in paths:
        if is_cold:
            _forget(path)
        clock, processor = time.perf_counter(), time.thread_time()
        read_header(path)
        clock_ms.append(1e3 * (time.perf_counter() - clock))
        processor_ms.append(1e3 * (time.thread_time() - processor))
    times = {"clock": clock_ms, "processor": processor_ms}
    texts = (f"{name}: median {median(ms):5.2f} ms, worst {max(ms):5.2f} ms" for name, ms in times.items())
    return f"{'cold' if is_cold else 'warm'}, {len(paths)} files   " + "   ".join(texts)


def _forget(path: Path) -> None:
    """Have the system drop a file from the page cache."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def main() -> None:
    """Make the files, and print what reading them takes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=_FOLDER)
    parser.add_argument("--files", type=int, default=300, help="how many; 34 MB each")
    given = parser.parse_args()
    paths = make_files(given.folder, given.files)
    for is_cold in (True, False):
        print(measure(paths, is_cold))


if __name__ == "__main__":
    main()
