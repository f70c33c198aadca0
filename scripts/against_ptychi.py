"""Compare this program with pty-chi: quality and time of the same engines on the same simulated scan.

Usage: python -m scripts.against_ptychi [quality|times|contests] [--to-quality] [--iterations N] [--turns N]
    [--threads N] [--fresh]

Both get the same patterns, positions, first probe (this program's guess) and empty object. What pty-chi gave is kept in
build/rival, and only what is missing there is run; this program, which changes, is run anew. Errors do not depend on
the machine's load: `quality` may run beside other work. `times` wants a quiet machine: both do an iteration in turns,
pty-chi with the setting of its smallest error among those kept, with sub-pixel positions and with rounded ones.
With --to-quality they are those to the picture that pty-chi ends with, for each setting of its LSQML, and this program
has nothing set. `contests` runs pty-chi on the sixteen scans of `python -m scripts.quality --contests`, which takes
hours.
"""

from __future__ import annotations

import argparse
import importlib.util
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from scripts.evidence.contest import their_runs
from scripts.evidence.contests import contests
from scripts.evidence.duel import Quality, best_settings, compare_times, kept_settings, our_quality, their_quality
from scripts.evidence.rival import INSTALL, SETTINGS
from scripts.evidence.to_quality import ours, table, theirs

_FOLDER = Path(__file__).resolve().parent.parent / "build" / "rival"

_QUALITY = "{:6}  {:10}  {:34}  {:>7}  {:>8}  {}"
_CONTEST = "{:28}  {:34}  {:>7}  {:>6} s"
_TO_QUALITY = "{:36}  {:>7}  {:>7}  {:>14}  {:>6}  {:>6}"
_TIMES = "{:6}  {:8}  {:34}  {:>7}  {:>10}  {:>5}  {:>5}"


def main() -> None:
    """Measure and print the tables."""
    given = arguments(sys.argv[1:])
    if importlib.util.find_spec("ptychi") is None:
        sys.exit(INSTALL)
    if given.fresh:
        shutil.rmtree(_FOLDER, ignore_errors=True)
    if "contests" in given.parts:
        _print_contests(given.iterations, given.threads)
    if not {"quality", "times"}.intersection(given.parts):
        return
    if given.to_quality:
        _print_to_quality(given.iterations, given.threads)
        return
    settings = SETTINGS if "quality" in given.parts else kept_settings(_FOLDER)
    theirs = their_quality(_FOLDER, settings, given.iterations, given.threads)
    if "quality" in given.parts:
        _print_quality([*theirs, *our_quality(_FOLDER, given.iterations, given.threads)])
    if "times" in given.parts:
        _print_times(theirs, given.turns, given.threads)


def arguments(given: Sequence[str]) -> argparse.Namespace:
    """Read the command line; `parts` holds what to do."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "parts", nargs="*", choices=("quality", "times", "contests", []), help="quality and times when not given"
    )
    parser.add_argument("--iterations", type=int, default=100, help="of the runs whose quality is compared")
    parser.add_argument("--turns", type=int, default=10, help="iterations that are timed")
    parser.add_argument("--to-quality", action="store_true", help="times to the picture that pty-chi ends with")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--fresh", action="store_true", help="run pty-chi anew as well")
    found = parser.parse_args(given)
    found.parts = found.parts or ["quality", "times"]
    return found


def _print_contests(iterations: int, threads: int) -> None:
    for contest in contests():
        for run in their_runs(contest, _FOLDER / "contests", iterations, threads):
            print(_CONTEST.format(contest.name, run.label, f"{run.error:.4f}", f"{run.seconds[-1]:.0f}"), flush=True)


def _print_quality(found: Sequence[Quality]) -> None:
    print(_QUALITY.format("engine", "program", "with", "error", "resolved", "error after iterations"))
    for quality in sorted(found, key=lambda q: (q.engine, q.error)):
        on_the_way = ", ".join(
            f"{mark}: {error:.3f}" for mark, error in zip(quality.iterations, quality.errors, strict=True)
        )
        print(_QUALITY.format(
            quality.engine, quality.program, quality.setting or "defaults", f"{quality.error:.4f}",
            f"{quality.resolved:.2f}", on_the_way,
        ))  # fmt: skip


def _print_to_quality(iterations: int, threads: int) -> None:
    print(_TO_QUALITY.format("pty-chi with", "error", "in s", "our iterations", "in s", "ratio"))
    our_run = ours(_FOLDER, threads)
    for row in table([*theirs(_FOLDER, iterations, threads)], our_run):
        print(_TO_QUALITY.format(*row))
    print(f"ours in the end: {our_run.errors[-1]:.4f} in {our_run.seconds[-1]:.2f} s; load {our_run.load:.1f}")


def _print_times(theirs: Sequence[Quality], turns: int, threads: int) -> None:
    print(_TIMES.format("engine", "sub-px", "pty-chi with", "our ms", "pty-chi ms", "ratio", "load"))
    for setting in best_settings(theirs):
        for sub_pixel in ("fourier", "nearest"):
            times = compare_times(_FOLDER, setting, sub_pixel, turns, threads)
            print(_TIMES.format(
                times.engine, times.sub_pixel, times.setting, f"{median(times.our_ms):.1f}",
                f"{median(times.their_ms):.1f}", f"{times.ratio:.1f}", f"{median(times.loads):.1f}",
            ), flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
