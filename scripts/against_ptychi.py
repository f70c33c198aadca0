"""Compare this program with pty-chi: time and quality of the same engines on the same simulated scan.

Usage: python -m scripts.against_ptychi [--iterations N] [--threads N] [--fresh]

Both get the same patterns, positions, first probe (this program's guess) and empty object, and take turns. What was
measured is kept in build/rival; only what is missing there is measured.
"""

from __future__ import annotations

import argparse
import importlib.util
import shutil
import sys
from pathlib import Path
from statistics import median

from scripts.evidence.duel import Duel, fight
from scripts.evidence.rival import INSTALL

_FOLDER = Path(__file__).resolve().parent.parent / "build" / "rival"

_LINE = "{:6}  {:8}  {:33}  {:>7}  {:>7}  {:>6}  {:>7}  {:>7}  {:>5}  {:>5}  {:>5}"
_HEADS = (
    "engine", "sub-px", "pty-chi with", "ours ms", "its ms", "ratio", "our err", "its err", "ours", "its", "load",
)  # fmt: skip


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--iterations", type=int, default=100)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--fresh", action="store_true", help="measure everything anew")
    given = parser.parse_args()
    if importlib.util.find_spec("ptychi") is None:
        sys.exit(INSTALL)
    if given.fresh:
        shutil.rmtree(_FOLDER, ignore_errors=True)
    duels = fight(_FOLDER, given.iterations, given.threads)
    print(f"ms an iteration, object error and resolved part of Nyquist after {given.iterations} iterations")
    print(_LINE.format(*_HEADS))
    for duel in duels:
        print(_line(duel))


def _line(duel: Duel) -> str:
    return _LINE.format(
        duel.engine, duel.sub_pixel, duel.setting, f"{median(duel.our_ms):.1f}", f"{median(duel.their_ms):.1f}",
        f"{duel.ratio:.1f}", f"{duel.our_error:.4f}", f"{duel.their_error:.4f}", f"{duel.our_resolved:.2f}",
        f"{duel.their_resolved:.2f}", f"{median(duel.loads):.1f}",
    )  # fmt: skip


if __name__ == "__main__":
    main()
