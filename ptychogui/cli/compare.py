"""`ptychogui compare`: how alike two results are, how sharp that makes them, and in what they differ."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from ptychogui.catalog.compared import ComparedResults, compare_results
from ptychogui.cli.shared_options import PATH, json_option
from ptychogui.cli.terminal import stdout_width, table, tell, wrapped
from ptychogui.params.click_words import Command
from ptychogui.params.units import format_quantity


@click.command("compare", cls=Command)
@click.argument("first", type=PATH, metavar="A")
@click.argument("second", type=PATH, metavar="B")
@json_option
def compare_command(first: Path, second: Path, as_json: bool) -> None:
    """Compare the objects of two results, and the parameters that they were made with.

    B is aligned to A to a part of a pixel; complex scale and phase ramp, which no measurement tells, are taken off. The
    resolution is the half period at which the Fourier ring correlation of the two falls below the half-bit threshold.
    """
    found = compare_results(first, second)
    if as_json:
        tell(json.dumps({"first": str(first), "second": str(second), **_told(found)}, indent=1))
        return
    width = stdout_width()
    tell(table(_lines(found), width))
    if found.differences:
        rows = [(one.path, one.first, one.second, one.first_origin, one.second_origin) for one in found.differences]
        tell(table([("parameter", "A", "B", "origin in A", "origin in B"), *rows], width))
    for note in found.notes:
        tell(wrapped(f"note: {note}", width))


def _told(found: ComparedResults) -> dict[str, Any]:
    objects, rings = found.objects, found.objects.rings
    return {
        "aligned_error": objects.error, "resolution_m": found.resolution_m,
        "one_bit_resolution_m": None if found.is_against_truth else objects.one_bit_resolution_m,
        "object_pixel_m": objects.pixel_m or None, "shift_px": objects.shift_px, "ramp_rad": objects.ramp_rad,
        "compared_shape": objects.first.shape, "differences": [asdict(one) for one in found.differences],
        "frc": {
            "frequency_per_px": rings.frequency.tolist(), "correlation": rings.correlation.tolist(),
            "half_bit": rings.threshold.tolist(), "one_bit": rings.one_bit_threshold.tolist(),
        },
        "notes": found.notes,
    }  # fmt: skip


def _lines(found: ComparedResults) -> list[tuple[str, str]]:
    objects = found.objects
    lines = [
        ("aligned error", f"{objects.error:.4g}"), ("resolution", _length(found.resolution_m, objects.pixel_m)),
        ("resolution, one bit", _length(objects.one_bit_resolution_m, objects.pixel_m)),
        ("shift", "{:.3f}, {:.3f} px".format(*objects.shift_px)),
        ("phase ramp", "{:.3g}, {:.3g} rad/px".format(*objects.ramp_rad)),
    ]  # fmt: skip
    return [line for line in lines if not (found.is_against_truth and line[0].endswith("bit"))]


def _length(length_m: float | None, pixel_m: float) -> str:
    """Write a half period; one of a pixel is all that the pixels can show."""
    if length_m is None:
        return "not known: the size of a pixel is not"
    end = ", the size of a pixel: it may be better" if length_m <= pixel_m else ""
    return format_quantity(float(f"{length_m:.3g}"), "m") + end
