"""Measure how fast a catalog of many results opens, is searched and looked through.

Usage: python -m scripts.catalog_speed [FOLDER] [--results N]

Makes a few results in FOLDER, and N files from them by command (each a small file with its own title, parameters and
thumbnail of noise, the worst to pack), looks through them once, and then times opening, searches, and a scan that finds
nothing new. Each figure is the least of several; next to it is the processor time.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import psutil

from ptychogui.catalog.catalog import find, look_through
from ptychogui.catalog.folders import name_folders
from ptychogui.catalog.index import Index, index_path
from ptychogui.catalog.marks import Marks, write_marks
from ptychogui.io.result import Result, result_image
from ptychogui.io.result_header import SourceFile
from ptychogui.params.origins import Layers, Source
from ptychogui.params.storage import to_json

_FOLDER = Path(__file__).resolve().parent.parent / "build" / "catalog_speed"
_REPEATS = 9
_KINDS = 50
_SEARCHES = (
    "", "scan:12-40", "engine:lsqml modes>2", "scan:100-5000 engine:dm stars>=3", "fly_0123",
    "probe_modes:3 date:2026-11", "nothing has this",
)  # fmt: skip
_ENGINES = ("epie", "dm", "raar", "lsqml", "dm:50,lsqml:100")


def _result(number: int) -> Result:
    """Return a result with a thumbnail of noise, the worst to pack, and values of its own."""
    rng = np.random.default_rng(number)
    values = {"reconstruction.engine": _ENGINES[number % 5], "experiment.probe_modes": 1 + number % 4}
    given = {path: (value, "--option") for path, value in values.items()}
    parameters, origins = Layers().with_layer(Source.USER, given).resolve()
    return Result(
        object=np.ones((16, 16), np.complex64), probe=np.ones((1 + number % 4, 8, 8), np.complex64),
        object_pixel_m=1e-8, positions_m=np.zeros((4, 2)), energy_eV=8800.0, distance_m=1.5,
        parameters=to_json(parameters, origins), errors=1 + np.exp(-np.arange(200) / 20.0),
        sources=(SourceFile(f"/data/2026-11/fly_{number:05}.h5", 1, "2026-11-01T10:00:00+00:00"),) * 4,
        command=f"ptychogui reconstruct /data/2026-11/fly_{number:05}.h5", device="cpu: some processor, 8 threads",
        finished=f"2026-11-{1 + number % 28:02}T{number % 24:02}:00:00+00:00", title=f"fly_{number:05}",
        notes=("3 frames have no position", "noise model: poisson"),
        thumbnail=np.repeat(rng.integers(0, 255, (256, 256, 1), np.uint8), 3, axis=-1),
    )  # fmt: skip


def make(folder: Path, count: int) -> None:
    """Write results that are not there yet, copies of a few with another name in them, and marks of every tenth."""
    images = [result_image(_result(number)) for number in range(_KINDS)]
    for number in range(count):
        path = folder / f"{number // 1000:03}" / f"fly_{number:05}.cxi"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            before, name = f"fly_{number % _KINDS:05}".encode(), path.stem.encode()
            path.write_bytes(images[number % _KINDS].replace(before, name))
            if number % 10 == 0:
                write_marks(path, Marks(1 + number // 10 % 5, ("good",)))


def _least(what: Callable[[], object], repeats: int = _REPEATS) -> str:
    clock, processor = [], []
    for _ in range(repeats):
        begin, begin_cpu = time.perf_counter(), time.process_time()
        what()
        clock.append(time.perf_counter() - begin)
        processor.append(time.process_time() - begin_cpu)
    return f"{1e3 * min(clock):8.1f} ms, processor {1e3 * min(processor):8.1f} ms"


def _open(catalog: Path) -> int:
    with Index(catalog) as index:
        return index.count()


def main() -> None:
    """Make the results, and print what the catalog takes for them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=_FOLDER)
    parser.add_argument("--results", type=int, default=10_000, help="how many; 0.3 MB each")
    given = parser.parse_args()
    results, catalog = given.folder / "results", given.folder / "catalog"
    make(results, given.results)
    catalog.mkdir(exist_ok=True)
    name_folders([results], catalog)
    begin, begin_cpu = time.perf_counter(), time.process_time()
    report = look_through(folder=catalog)
    took = f"{time.perf_counter() - begin:.1f} s, processor {time.process_time() - begin_cpu:.1f} s"
    print(f"looked through: {len(report.new)} new, {report.same} same, in {took}")
    print(f"index: {index_path(catalog).stat().st_size / 1e6:.1f} MB")
    print(f"open               {_least(lambda: _open(catalog))}")
    before = psutil.Process().memory_info().rss
    for text in _SEARCHES:
        found = find(text, folder=catalog)
        print(f"{text!r:36} {len(found):6} {_least(partial(find, text, folder=catalog))}")
    print(f"memory for all entries: {(psutil.Process().memory_info().rss - before) / 1e6:.1f} MB")
    print(f"scan, nothing new  {_least(lambda: look_through(folder=catalog), 3)}")


if __name__ == "__main__":
    main()
