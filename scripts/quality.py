"""Measure reconstructions against the truth, and write docs/quality.md with its figures.

Usage: python -m scripts.quality [--rasters] [--contests] [--siemens-star SCAN.cxi] [--iterations N] [--threads N]
           [--fresh]

What was measured is kept in build/quality; only what is missing there is measured. Rasters take a quarter of an hour at
first, the contests most of one. pty-chi's part of them is taken from where `python -m scripts.against_ptychi contests`
keeps it.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from scripts.evidence.cases import cases
from scripts.evidence.contest import decide
from scripts.evidence.contests import contests
from scripts.evidence.figures import (
    draw_case,
    draw_contests,
    draw_pictures,
    draw_rasters,
    draw_rings,
    draw_star,
    use_style,
)  # fmt: skip
from scripts.evidence.page import write_page
from scripts.evidence.rasters import measure_rasters
from scripts.evidence.runs import measure_case
from scripts.evidence.star import measure_star

_ROOT = Path(__file__).resolve().parent.parent
_FOLDER = _ROOT / "build" / "quality"
_RIVALS = _ROOT / "build" / "rival" / "contests"
_PAGE = _ROOT / "docs" / "quality.md"
_IMAGES = _ROOT / "docs" / "images"


def main() -> None:
    """Measure, draw and write."""
    given = _arguments()
    if given.fresh:
        shutil.rmtree(_FOLDER, ignore_errors=True)
    use_style()
    found = [(case, measure_case(case, _FOLDER, given.iterations, given.threads)) for case in cases()]
    for case, runs in found:
        draw_case(runs, _IMAGES / f"quality-{case.name}.png")
    compared = [(case, runs) for case, runs in found if len({run.engine for run in runs}) > 1]
    draw_rings(compared, _IMAGES / "quality-rings.png")
    rasters = measure_rasters(_FOLDER, given.threads) if given.rasters else []
    if rasters:
        draw_rasters(rasters, _FOLDER, _IMAGES / "quality-rasters.png")
    decided = [
        decide(contest, _FOLDER / "contests", _RIVALS, given.threads) for contest in contests() if given.contests
    ]
    if decided:
        draw_contests(decided, _IMAGES / "quality-contests.png")
    star = measure_star(given.siemens_star, _FOLDER, given.iterations, given.threads) if given.siemens_star else []
    if star:
        draw_star(star, _IMAGES / "quality-star-curves.png")
        draw_pictures(star, _FOLDER, _IMAGES / "quality-star.png")
    old = _PAGE.read_text() if _PAGE.exists() else ""
    _PAGE.write_text(write_page(found, rasters, decided, star, old))
    print(_PAGE)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rasters", action="store_true", help="exact and not; their section stays when not given")
    parser.add_argument("--contests", action="store_true", help="sixteen scans; their section stays when not given")
    parser.add_argument("--siemens-star", type=Path, help="a measured scan; its section stays when not given")
    parser.add_argument("--iterations", type=int, default=100)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--fresh", action="store_true", help="measure everything anew")
    return parser.parse_args()


if __name__ == "__main__":
    main()
