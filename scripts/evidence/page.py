"""The text of the quality page, from what was measured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scripts.evidence.cases import Case
from scripts.evidence.contest import WITHIN, Decided, Followed
from scripts.evidence.rasters import Periodic
from scripts.evidence.runs import LEVEL, Measured
from scripts.evidence.star import StarMeasured

RASTER_HEADING, CONTEST_HEADING, STAR_HEADING = "## Rasters", "## Nothing set", "## A measured scan"
_KEPT = RASTER_HEADING, CONTEST_HEADING, STAR_HEADING
"""Sections that stay as they are when they are not measured, in their order at the end of the page."""

_INTRO = """\
# Quality

Made by `make quality`; do not edit. Every number and figure follows from a command, and what was measured is kept in
`build/quality`, so that a second call only draws. With `make quality RASTERS=1` the section on rasters is made anew as
well, with `CONTESTS=1` that on sixteen scans, with `SIEMENS_STAR=siemens-star.cxi` the last.

**Object error** is the relative root mean square difference from the true object where the illumination is above a
tenth of its largest value, after the complex factor, the phase ramp and the shift that no measurement tells are removed
(`physics.metrics.align`). **Resolved** is the spatial frequency, as a part of Nyquist, at which the Fourier ring
correlation with the truth falls below {level}. **Misfit** is the error that the program shows: 1 is limited by the
photons alone. Every engine starts from the same guess of the probe and an empty object, with its default parameters
unless the command says otherwise.
"""

_RASTER_INTRO = """\
The reference scan as an exact raster, and the same with two pixels of jitter. An exact period leaves open what of it is
the object's and what the probe's; engines choose it (docs/conventions.md). **Left open** is the same program without
that choice, which iterations then walk along. **Peak** is how far the spectrum of the error stands out at the raster's
frequencies, the worst of them, from what is beside it: up to 2 is what noise alone does.
"""

_CONTEST_INTRO = """\
{count} small scans with truth, of 64 x 64 pixels. **Auto** is all defaults: nothing is told but what the file has, and
in two cases a size of the probe that is 30 % too large. **By hand** is the best, by its error against the truth, of a
grid that is told the true number of modes: noise model, growing groups or not, 100 or 300 iterations; and of what comes
of that by another change: more or fewer modes, positions kept or refined later, a variable probe, fitted intensities,
other groups. **pty-chi** is the better of two batch sizes after 100 epochs of LSQML, with refined positions where they
are off.
"""

_STAR_INTRO = """\
A Siemens star measured with the Velociprobe at the Advanced Photon Source: 516 patterns of 128 x 128 pixels, no truth.
**Resolution** is the half period at which the objects from the even and the odd positions, reconstructed apart,
correlate by less than the half-bit threshold, and **mean correlation** is that of all rings; half of the positions
overlap less than all. The data are test data of [tike](https://github.com/AdvancedPhotonSource/tike), copyright 2018,
UChicago Argonne, LLC.
"""


def write_page(
    found: Sequence[tuple[Case, Sequence[Measured]]],
    rasters: Sequence[Periodic],
    decided: Sequence[Decided],
    star: Sequence[StarMeasured],
    old: str,
) -> str:
    """Return the page.

    Args:
        found: the cases with their runs.
        rasters: the runs on rasters; empty to keep that section of the old page.
        decided: the contests on sixteen scans; empty to keep that section of the old page.
        star: the runs on the measured scan; empty to keep that section of the old page.
        old: the page as it was, "" if there is none.
    """
    parts = [_INTRO.format(level=LEVEL), *(_case_part(case, runs) for case, runs in found), _ring_part()]
    parts.append(_where(found[0][1][0]))
    parts.append(_raster_part(rasters) if rasters else _section(old, RASTER_HEADING))
    parts.append(_contest_part(decided) if decided else _section(old, CONTEST_HEADING))
    parts.append(_star_part(star) if star else _section(old, STAR_HEADING))
    return "\n".join(part for part in parts if part)


def _section(page: str, heading: str) -> str:
    """Return a section of the old page with its heading, up to the next one that is kept; "" if there is none."""
    if heading not in page:
        return ""
    start = page.index(heading)
    ends = (page.index(other, start + 1) for other in _KEPT if other in page[start + 1 :])
    return page[start : min(ends, default=len(page))].rstrip("\n") + "\n"


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


def _raster_part(runs: Sequence[Periodic]) -> str:
    def row(run: Periodic, at: int) -> list[str]:
        alike = (one for one in runs if one.engine == run.engine and one.jittered)
        reference = next(alike).errors[at]
        scan = "jitter" if run.jittered else "exact" if run.chosen else "exact, left open"
        return [run.engine, scan, f"{run.iterations[at]}", f"{run.errors[at]:.3f}", f"{run.errors[at] / reference:.2f}",
                f"{run.peaks[at]:.1f}"]  # fmt: skip

    heads = ["engine", "raster", "iterations", "object error", "over jitter's", "peak"]
    rows = [row(run, at) for run in runs for at in range(len(run.iterations))]
    return "\n".join([
        RASTER_HEADING, "", _RASTER_INTRO,
        "![Difference from the truth on rasters](images/quality-rasters.png)", "", _table(heads, rows), "",
        "```", *(run.command for run in runs if run.chosen), "```", "", _where(runs[0]),
    ])  # fmt: skip


def _contest_part(decided: Sequence[Decided]) -> str:
    rows = [
        [one.contest.name, f"{one.contest.recipe.photons:.0e}".replace("e+0", "e"), f"{one.contest.recipe.overlap:.0%}",
         one.contest.pattern, f"{one.auto.error:.3f}", f"{one.best.error:.3f}", one.best.label,
         "" if one.rival is None else f"{one.rival.error:.3f}", f"{one.ratio:.2f}"]
        for one in decided
    ]  # fmt: skip
    heads = ["scan", "photons", "overlap", "pattern", "auto", "by hand", "with", "pty-chi", "auto / by hand"]
    within = sum(one.ratio <= WITHIN for one in decided)
    return "\n".join([
        CONTEST_HEADING, "", _CONTEST_INTRO.format(count=len(decided)),
        "![Object error against seconds on sixteen scans](images/quality-contests.png)", "",
        f"Auto is within {WITHIN - 1:.0%} of the best by hand on {within} of {len(decided)} scans. "
        "Object error after the last iteration:", "",
        _table(heads, rows), "", "```", *(run.command for one in decided for run in (one.auto, one.best)), "```", "",
        _where(decided[0].auto),
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


def _where(run: Measured | StarMeasured | Followed | Periodic) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in run.versions.items())
    return f"Measured on {run.date[:10]} on {run.device}, load {run.load:.1f}, with {versions}.\n"
