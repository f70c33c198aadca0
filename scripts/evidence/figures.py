"""The figures of the quality page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from ptychogui.api import read_result
from ptychogui.pictures.figures import length_label, nice_length
from ptychogui.pictures.levels import robust_levels
from scripts.evidence.cases import Case
from scripts.evidence.contest import Decided
from scripts.evidence.defaults import Outcome
from scripts.evidence.rasters import Periodic, error_image
from scripts.evidence.runs import LEVEL, Measured
from scripts.evidence.score import Reference
from scripts.evidence.star import MODES, StarMeasured

_COLORS = {"epie": "#0072b2", "dm": "#d55e00", "raar": "#cc79a7", "lsqml": "#009e73"}
"""One color an engine (Okabe & Ito), the same in every figure."""

_MANY = tuple(
    {"color": color, "linestyle": style}
    for style in ("-", "--")
    for color in ("#009e73", "#0072b2", "#d55e00", "#cc79a7", "#56b4e9")
)
"""Lines of runs that share one engine."""

_FAR_OFF = 0.15
"""Difference from the truth, as a part of its mean, that is black or white."""

_STYLE = {
    "font.size": 9.0, "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.color": "#e6e6e6",
    "grid.linewidth": 0.6, "axes.axisbelow": True, "lines.linewidth": 1.6, "legend.frameon": False,
    "figure.dpi": 150.0, "figure.constrained_layout.use": True, "figure.facecolor": "white",
}  # fmt: skip


def use_style() -> None:
    """Set matplotlib up for pages: no display, dark on white."""
    matplotlib.use("agg")
    matplotlib.rcParams.update(_STYLE)


def draw_case(runs: Sequence[Measured], path: Path) -> None:
    """Draw the object error against iterations and against seconds."""
    figure, axes = plt.subplots(1, 2, figsize=(7.2, 2.9), sharey=True)
    alone = len({run.engine for run in runs}) == 1
    for i, run in enumerate(runs):
        line = _MANY[i % len(_MANY)] if alone else _line(run.engine, run.label)
        for axis, along in zip(axes, (run.iterations, run.seconds), strict=True):
            axis.loglog(along, run.errors, label=run.label, **line)
    axes[0].set(xlabel="iteration", ylabel="object error")
    axes[1].set(xlabel="time in s")
    for axis in axes:
        _plain_ticks(axis)
    _legend(figure)
    _save(figure, path)


def draw_rings(found: Sequence[tuple[Case, Sequence[Measured]]], path: Path) -> None:
    """Draw the ring correlation with the truth, a panel a case."""
    figure, axes = plt.subplots(2, 2, figsize=(7.2, 5.0), sharex=True, sharey=True)
    for axis, (case, runs) in zip(axes.flat, found, strict=True):
        for run in runs:
            axis.plot(np.array(run.frequency) * 2, run.correlation, label=run.label, **_line(run.engine, run.label))
        axis.axhline(LEVEL, color="#666666", linewidth=0.8, linestyle=":")
        axis.set(title=case.title, ylim=(0, 1.03), xlim=(0, 1))
    _legend(figure)
    figure.supxlabel("spatial frequency / Nyquist", fontsize=9)
    figure.supylabel("ring correlation with the truth", fontsize=9)
    _save(figure, path)


def draw_star(runs: Sequence[StarMeasured], path: Path) -> None:
    """Draw error against iterations, and the ring correlation of half scans, a row a number of modes."""
    figure, axes = plt.subplots(len(MODES), 2, figsize=(7.2, 2.6 * len(MODES)), sharex="col")
    for row, modes in zip(axes, MODES, strict=True):
        chosen = [run for run in runs if run.modes == modes]
        for run in chosen:
            line = {"label": run.engine, **_line(run.engine, run.label)}
            row[0].plot(np.arange(len(run.noise)) + 1, run.noise, **line)
            row[1].plot(np.array(run.frequency) * 2, run.correlation, **line)
        row[1].plot(np.array(chosen[0].frequency) * 2, chosen[0].threshold, color="#666666", linewidth=0.8,
                    linestyle=":", label="half a bit")  # fmt: skip
        row[0].set(xscale="log", yscale="log", ylabel=f"misfit in photon noise, {modes} mode{'s' * (modes > 1)}")
        row[1].set(ylim=(0, 1.03), xlim=(0, 1), ylabel="correlation of half scans")
        _plain_ticks(row[0])
    axes[-1][0].set_xlabel("iteration")
    axes[-1][1].set_xlabel("spatial frequency / Nyquist")
    _legend(figure)
    _save(figure, path)


def draw_pictures(runs: Sequence[StarMeasured], folder: Path, path: Path) -> None:
    """Draw the phase by each engine with the most modes, on one gray scale, cut to the scanned square."""
    chosen = [run for run in runs if run.modes == MODES[-1]]
    figure, axes = plt.subplots(1, len(chosen), figsize=(7.2, 7.2 / len(chosen) + 0.3), squeeze=False)
    limits = None
    for axis, run in zip(axes[0], chosen, strict=True):
        result = read_result(folder / run.result)
        square = Reference(result).square
        phase = _leveled(result.object[square])
        limits = limits or robust_levels(phase)
        axis.imshow(phase, cmap="gray", vmin=limits[0], vmax=limits[1], interpolation="nearest")
        axis.set_title(run.label)
        axis.set_axis_off()
        _scale_bar(axis, phase.shape[0], result.object_pixel_m)
    _save(figure, path)


def draw_rasters(runs: Sequence[Periodic], folder: Path, path: Path) -> None:
    """Draw how far LSQML's objects are from the truth in phase, on one gray scale, a panel a run."""
    chosen = [run for run in runs if run.engine == "lsqml"]
    figure, axes = plt.subplots(1, len(chosen), figsize=(7.2, 7.2 / len(chosen) + 0.5))
    for axis, run in zip(axes, chosen, strict=True):
        difference, pixel_m = error_image(run, folder)
        picture = axis.imshow(difference.imag, cmap="gray", vmin=-_FAR_OFF, vmax=_FAR_OFF, interpolation="nearest")
        name = "jitter" if run.jittered else "exact" if run.chosen else "exact, left open"
        axis.set_title(f"{name}\n{run.errors[-1]:.3f} after {run.iterations[-1]}")
        axis.set_axis_off()
        _scale_bar(axis, len(difference), pixel_m)
    figure.colorbar(picture, ax=axes, label="difference, imaginary part", shrink=0.7)
    _save(figure, path)


def draw_contests(decided: Sequence[Decided], path: Path) -> None:
    """Draw the object error against seconds, a panel a scan: nothing set, the best by hand, and pty-chi's best."""
    across = 4
    down = -(-len(decided) // across)
    figure, axes = plt.subplots(down, across, figsize=(7.2, 1.75 * down), squeeze=False)
    for axis, one in zip(axes.flat, decided, strict=True):
        runs = {"auto": one.auto, "best by hand": one.best, "pty-chi": one.rival}
        for (label, run), line in zip(runs.items(), _MANY, strict=False):
            if run is not None:
                axis.loglog(run.seconds, run.errors, label=label, **line)
        axis.set_title(one.contest.name, fontsize=7)
        axis.tick_params(labelsize=6)
        _plain_ticks(axis)
    _legend(figure)
    figure.supxlabel("time in s", fontsize=9)
    figure.supylabel("object error", fontsize=9)
    _save(figure, path)


def draw_outcomes(outcomes: Sequence[Outcome], path: Path) -> None:
    """Draw the phase of every run of the defaults' matrix, six in a row."""
    across = 6
    down = -(-len(outcomes) // across)
    figure, axes = plt.subplots(down, across, figsize=(1.7 * across, 2.0 * down), squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, outcome in zip(axes.flat, outcomes, strict=False):
        limits = robust_levels(outcome.phase)
        axis.imshow(outcome.phase, cmap="gray", vmin=limits[0], vmax=limits[1], interpolation="nearest")
        axis.set_title(f"{outcome.trouble}\n{outcome.engine}: {outcome.error:.3f}", fontsize=6)
    _save(figure, path)


def _line(engine: str, label: str) -> dict[str, str]:
    return {"color": _COLORS.get(engine, "#000000"), "linestyle": "--" if "kept" in label else "-"}


def _legend(figure: Figure) -> None:
    """Name every kind of line once, above all panels, where nothing is hidden."""
    named: dict[str, Any] = {}
    for axis in figure.axes:
        handles, labels = axis.get_legend_handles_labels()
        named |= dict(zip(labels, handles, strict=True))
    figure.legend(named.values(), named.keys(), loc="outside upper center", ncols=min(len(named), 4))


def _leveled(image: np.ndarray) -> np.ndarray:
    """Return the phase without its mean and its mean slope."""
    turns = [np.angle(np.sum(image[1:] * image[:-1].conj())), np.angle(np.sum(image[:, 1:] * image[:, :-1].conj()))]
    rows, columns = np.indices(image.shape)
    flat = image * np.exp(-1j * (turns[0] * rows + turns[1] * columns))
    return np.asarray(np.angle(flat * np.conj(flat.mean())))


def _scale_bar(axis: Axes, side_px: int, pixel_m: float) -> None:
    length_m = nice_length(side_px * pixel_m / 4)
    left, bottom = 0.05 * side_px, 0.95 * side_px
    rim = [withStroke(linewidth=2.5, foreground="black")]
    axis.plot([left, left + length_m / pixel_m], [bottom, bottom], color="black", linewidth=4.0)
    axis.plot([left, left + length_m / pixel_m], [bottom, bottom], color="white", linewidth=2.0)
    axis.text(left, bottom - 0.03 * side_px, length_label(length_m), color="white", fontsize=8, path_effects=rim)


def _plain_ticks(axis: Axes) -> None:
    """Label logarithmic axes with plain numbers: 1, 10, 100 along, and 1, 2, 5, 10 up, which spans less."""
    for one, parts in ((axis.xaxis, (1.0,)), (axis.yaxis, (1.0, 2.0, 5.0))):
        one.set_major_locator(LogLocator(subs=parts))
        one.set_major_formatter(StrMethodFormatter("{x:g}"))
        one.set_minor_formatter(NullFormatter())


def _save(figure: Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    plt.close(figure)
