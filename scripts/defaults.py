"""Reconstruct a matrix of troubled scans with the default parameters, and say which pictures are good.

Usage: python -m scripts.defaults [--engines ENGINE ...] [--iterations N] [--only TEXT]

Prints a table, and draws all pictures into build/defaults/pictures.png.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from ptychogui.engines import ENGINES
from scripts.evidence.defaults import Outcome, troubles, try_out

_FOLDER = Path(__file__).resolve().parent.parent / "build" / "defaults"

_LINE = "{:28}  {:6}  {:>7}  {:>10}  {:>8}  {:>6}  {:>9}  {:>6}  {}"


def main() -> None:
    """Run the matrix."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=["epie", "lsqml"])
    parser.add_argument("--iterations", type=int, help="of every run; the default when not given")
    parser.add_argument("--only", default="", help="cases whose name has this text")
    given = parser.parse_args()
    print(_LINE.format(
        "scan", "engine", "error", "attainable", "resolved", "misfit", "positions", "time/s", ""
    ))  # fmt: skip
    outcomes = []
    for trouble in troubles():
        if given.only in trouble.name:
            found = try_out(trouble, tuple(given.engines), _FOLDER, given.iterations)
            print(*map(_line, found), sep="\n", flush=True)
            outcomes += found
    _draw(outcomes, _FOLDER / "pictures.png")


def _line(outcome: Outcome) -> str:
    return _LINE.format(
        outcome.trouble, outcome.engine, f"{outcome.error:.4f}", f"{outcome.attainable:.4f}",
        f"{outcome.resolved:.2f}", f"{outcome.misfit:.2f}", f"{outcome.position_px:.2f}", f"{outcome.seconds:.1f}",
        " ".join(["good" if outcome.good else "BAD", *(f"({note})" for note in outcome.notes)]),
    )  # fmt: skip


def _draw(outcomes: list[Outcome], path: Path) -> None:
    from scripts.evidence.figures import draw_outcomes, use_style

    use_style()
    draw_outcomes(outcomes, path)
    print(path)


if __name__ == "__main__":
    main()
