"""Measure how smoothly the page of past results scrolls with many of them, and what memory it takes.

Usage: python -m scripts.browser_speed [FOLDER] [--results N]

Puts N results into an index of its own in FOLDER, by rows and thumbnails without files, and shows them in the page as
the window does. Then it scrolls through grid and table in steps of the wheel and says how long painting took.
"""

from __future__ import annotations

import argparse
import io
import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
from PIL import Image
from PyQt5.QtCore import QSettings
from PyQt5.QtWidgets import QAbstractScrollArea, QApplication

from ptychogui.app import Workstation
from ptychogui.catalog.entry import FileContent
from ptychogui.catalog.index import FileState, Index
from ptychogui.catalog.marks import Marks

_FOLDER = Path("build/browser-speed")
_KINDS = 20
_STEP_PX = 150
_STEPS = 400


def _jpeg(number: int) -> bytes:
    rng = np.random.default_rng(number)
    buffer = io.BytesIO()
    Image.fromarray(rng.integers(0, 255, (256, 256), np.uint8)).save(buffer, format="JPEG", quality=85)
    return buffer.getvalue()


def fill(catalog: Path, count: int) -> None:
    """Put results into an index that lacks them."""
    pictures = [_jpeg(number) for number in range(_KINDS)]
    with Index(catalog) as index:
        for number in range(index.count(), count):
            title = f"fly_{number:05}"
            values = {
                "title": title, "program": "ptychogui", "state": "done", "scan": number, "engine": "lsqml",
                "modes": 1 + number % 4, "iterations": 100, "error": 1 + number % 7 / 10, "free_error": None,
                "made_s": 1.7e9 + 60 * number, "energy_eV": 8800.0, "distance_m": 1.5, "pixel_m": 1e-8, "rows": 512,
                "columns": 512, "layers": 1, "positions": 400, "device": "cpu", "took_s": 12.0, "source": "",
                "said": title,
            }  # fmt: skip
            content = FileContent(values, {"engine": "lsqml"}, pictures[number % _KINDS])
            marks = replace(Marks(), stars=number % 6)
            index.put(Path(f"/data/2026-11/{title}.cxi"), FileState(number, 1, 1), content, marks, "")
        index.set_complete()


def _settle() -> None:
    end = time.monotonic() + 0.4
    while time.monotonic() < end:
        QApplication.processEvents()


def _scroll(view: QAbstractScrollArea) -> str:
    """Return how long a step of scrolling takes, its paint included, in ms."""
    bar = view.verticalScrollBar()
    assert bar is not None
    took = []
    for step in range(_STEPS):
        begin, begin_cpu = time.perf_counter(), time.thread_time()
        bar.setValue(bar.minimum() + step * (_STEP_PX if step % 10 else 40 * _STEP_PX))
        view.viewport().repaint()  # type: ignore[union-attr]
        QApplication.processEvents()
        took.append((time.perf_counter() - begin, time.thread_time() - begin_cpu))
    clock, cpu = (1e3 * np.percentile(times, (50, 99)) for times in zip(*took, strict=True))
    return f"median {clock[0]:.1f}, p99 {clock[1]:.1f} ms; processor {cpu[0]:.1f}, {cpu[1]:.1f} ms"


def main() -> None:
    """Fill the index, and print what the page takes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=_FOLDER)
    parser.add_argument("--results", type=int, default=10_000)
    given = parser.parse_args()
    folder = given.folder.absolute()
    os.environ["PTYCHOGUI_HOME"] = str(folder)
    fill(folder / "catalog", given.results)
    app = QApplication([])
    workstation = Workstation(QSettings(str(folder / "settings.ini"), QSettings.Format.IniFormat))
    workstation.window.show()
    _settle()
    before, page = psutil.Process().memory_info().rss, workstation.past.page
    begin = time.perf_counter()
    workstation.window.pages.turn_to("results")
    while not page.model.entries:
        app.processEvents()
    print(f"opened with {len(page.model.entries)} results in {1e3 * (time.perf_counter() - begin):.0f} ms")
    _settle()
    print(f"grid:  {_scroll(page.grid)}")
    page.views.setCurrentWidget(page.table)
    _settle()
    print(f"table: {_scroll(page.table)}")
    print(f"memory above the empty window: {(psutil.Process().memory_info().rss - before) / 1e6:.0f} MB")
    workstation.window.go()


if __name__ == "__main__":
    main()
