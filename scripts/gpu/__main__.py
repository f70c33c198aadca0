"""A trial of the program on one NVIDIA GPU, in less than eight minutes: `make gpu`, or python -m scripts.gpu.

Each step has a process and a time limit of its own; what it finds is in FOLDER/gpu.json at once, as tables in gpu.md.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

from scripts.gpu.pretended import PRETENDED
from scripts.gpu.runner import Trial
from scripts.gpu.steps import STAR, STEPS, TOTAL_S
from scripts.gpu.wheels import BASE, lacking, packages, unpack

_ROOT = Path(__file__).resolve().parents[2]
_TOOLKIT = Path("/usr/local/cuda")
_NAMES = [step.name for step in STEPS]


def main(words: list[str] | None = None) -> int:
    """Do the steps; return 1 where one failed."""
    given = _arguments(words)
    if given.wheels:
        unpack(given.wheels)
    sys.path.append(str(packages()))
    print("" if given.pretend else lacking(), end="")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    patience = 10 if given.pretend else 1  # a CPU that pretends to be a GPU may have other work
    steps = [replace(step, limit_s=patience * step.limit_s) for step in STEPS if step.name in given.only]
    trial = Trial(given.folder, _environment(given.star, given.pretend), patience * 60 * given.minutes)
    return 0 if trial.run(steps) else 1


def _arguments(words: list[str] | None) -> argparse.Namespace:
    star = os.environ.get(STAR)
    parser = argparse.ArgumentParser(prog="python -m scripts.gpu", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=_ROOT / "build" / "gpu", help="where the results go")
    parser.add_argument("--wheels", type=Path, help="packages that this Python lacks; they are laid out in build/")
    parser.add_argument("--star", type=Path, default=Path(star) if star else None,
                        help=f"the Siemens star's scan [{STAR}]")  # fmt: skip
    parser.add_argument("--only", nargs="+", choices=_NAMES, default=_NAMES, metavar="STEP",
                        help=f"some steps, of {' '.join(_NAMES)}")  # fmt: skip
    parser.add_argument("--minutes", type=float, default=TOTAL_S / 60, help="what all steps together may take")
    parser.add_argument("--pretend", action="store_true", help="a dry run, on a GPU that only pretends to be one")
    return parser.parse_args(words)


def _environment(star: Path | None, is_pretended: bool) -> dict[str, str]:
    """Return what steps find set: this tree and the unpacked wheels, before what else there is.

    A toolkit in the usual place is named as well, for cuda-pathfinder, by which CuPy finds CUDA's libraries, looks only
    where the system's loader, CUDA_PATH or CUDA_HOME lead it.
    """
    path = os.pathsep.join(filter(None, (str(_ROOT), str(packages()), os.environ.get("PYTHONPATH"))))
    ours = {"PYTHONPATH": path, "PYTHONUSERBASE": str(BASE), STAR: str(star.resolve()) if star else ""}
    toolkit = {"CUDA_PATH": str(_TOOLKIT)} if _TOOLKIT.exists() and "CUDA_HOME" not in os.environ else {}
    return {**toolkit, **os.environ, **ours} | ({PRETENDED: "1"} if is_pretended else {})


if __name__ == "__main__":
    sys.exit(main())
