"""The text of the quality page, from what was measured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scripts.evidence.cases import Case
from scripts.evidence.runs import LEVEL, Measured
from scripts.evidence.star import StarMeasured

STAR_HEADING = "## A measured scan"

_INTRO = """\
# Quality

Made by `make quality`; do not edit. Every number and figure follows from a command, and what was measured is kept in
`build/quality`, so that a second call only draws. With `make quality SIEMENS_STAR=siemens-star.cxi` the last section is
made anew as well.

**Object error** is the relative root mean square difference from the true object where the illumination is above a
tenth of its largest value, after the complex factor, the phase ramp and the shift that no measurement tells are removed
(`physics.metrics.align`). **Resolved** is the spatial frequency, as a part of Nyquist, at which the Fourier ring
correlation with the truth falls below {level}. **Misfit** is the error that the program shows: 1 is limited by the
photons alone. Every engine starts from the same guess of the probe and an empty object, with its default parameters
unless the command says otherwise.
"""

_STAR_INTRO = """\
A Siemens star measured with the Velociprobe at the Advanced Photon Source: 516 patterns of 128 x 128 pixels, no truth.
**Resolution** is the half period at which the objects from the even and the odd positions, reconstructed apart,
correlate by less than the half-bit threshold, and **mean correlation** is that of all rings; half of the positions
overlap less than all. The data are test data of [tike](https://github.com/AdvancedPhotonSource/tike), copyright 2018,
UChicago Argonne, LLC.
"""


def write_page(found: Sequence[tuple[Case, Sequence[Measured]]], star: Sequence[StarMeasured], old: str) -> str:
    """Return the page.

    Args:
        found: the cases with their runs.
        star: the runs on the measured scan; empty to keep that section of the old page.
        old: the page as it was, "" if there is none.
    """
    kept = old[old.index(STAR_HEADING) :] if STAR_HEADING in old else ""
    parts = [_INTRO.format(level=LEVEL), *(_case_part(case, runs) for case, runs in found), _ring_part()]
    parts.append(_where(found[0][1][0]))
    return "\n".join([*parts, _star_part(star) if star else kept])


def _case_part(case: Case, runs: Sequence[Measured]) -> str:
    moved = case.recipe.position_error_m > 0
    rows = [
        [run.label, f"{run.errors[-1]:.3f}", f"{run.resolved:.2f}", f"{run.noise[-1]:.2f}", f"{run.seconds[-1]:.1f}",
         *([f"{run.position_px:.2f}"] if moved else [])]
        for run in runs
    ]  # fmt: skip
    heads = ["engine", "object error", "resolved", "misfit", "time in s", *(["positions off by, px"] if moved else [])]
    return "\n".join([
        f"## {case.title}", "", case.text, "", f"![Object error, {case.title.lower()}](images/quality-{case.name}.png)",
        "", f"After {runs[0].iterations[-1]} iterations:", "", _table(heads, rows), "", "```",
        *(run.command for run in runs), "```", "",
    ])  # fmt: skip


def _ring_part() -> str:
    return "\n".join([
        "## Ring correlation with the truth", "", "Of the last objects of all cases:", "",
        "![Fourier ring correlation with the truth](images/quality-rings.png)", "",
    ])  # fmt: skip


def _star_part(runs: Sequence[StarMeasured]) -> str:
    rows = [
        [run.label, f"{run.noise[-1]:.2f}", f"{run.resolution_m * 1e9:.0f}", f"{np.mean(run.correlation):.3f}",
         f"{run.seconds:.1f}"]
        for run in runs
    ]  # fmt: skip
    return "\n".join([
        STAR_HEADING, "", _STAR_INTRO,
        "![Phase of the Siemens star by each engine](images/quality-star.png)", "",
        "![Misfit, and correlation of half scans](images/quality-star-curves.png)", "",
        f"After {len(runs[0].noise)} iterations:", "",
        _table(["engine", "misfit", "resolution in nm", "mean correlation", "time in s"], rows), "", "```",
        *(run.command for run in runs), "```", "", _where(runs[0]),
    ])  # fmt: skip


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---", *("---:" for _ in heads[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _where(run: Measured | StarMeasured) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in run.versions.items())
    return f"Measured on {run.date[:10]} on {run.device}, load {run.load:.1f}, with {versions}.\n"
