"""Checks of masks: one that hides the light may be the other way round."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ptychogui.jobs.preflight.findings import Finding, Level, share_text
from ptychogui.jobs.preflight.sampled_scan import SampledScan
from ptychogui.jobs.prepare.job_masks import ReadMask, masks_of
from ptychogui.physics.mask_polarity import Hidden, hidden_by, light_of

_LARGE = 0.5
"""Part of the detector that no mask of bad pixels hides, if it hides the light too."""


def check_mask(scan: SampledScan) -> Iterator[Finding]:
    """Compare both readings of each mask with the light."""
    masks = masks_of(scan.dataset, scan.job.parameters)
    if masks and scan.bad[scan.crop].all():
        yield _everything_masked(scan, masks)
        return
    yield from _nothing_to_invert(scan, masks)
    if not masks:
        yield Finding("mask", Level.GOOD, "There is no mask", "all pixels of the detector are used")
        return
    light = _light(scan)
    if not light.any():
        yield Finding("mask", Level.UNKNOWN, "Can't check the mask", f"nothing is seen in {scan.sampled}")
        return
    for mask in masks:
        hidden = hidden_by(mask.bad, light)
        if hidden.is_too_much:
            yield _hides_light(scan, mask, hidden, hidden_by(mask.other, light))
    joined = np.logical_or.reduce([mask.bad for mask in masks])
    yield Finding("mask", Level.GOOD, "The mask leaves the light",
                  f"{_named(masks)}: {_what(joined, hidden_by(joined, light))}")  # fmt: skip


def _light(scan: SampledScan) -> np.ndarray:
    frames = scan.sample.frames
    changing = frames.min(axis=0) != frames.max(axis=0) if len(frames) > 1 else np.ones(frames.shape[1:], bool)
    return light_of(scan.all_mean, changing)


def _hides_light(scan: SampledScan, mask: ReadMask, hidden: Hidden, other: Hidden) -> Finding:
    reason = f"{mask.name}: {_what(mask.bad, hidden)} in {scan.sampled}"
    level = Level.STOP if hidden.pixels >= _LARGE else Level.LOOK
    if other.is_too_much or other.bright >= hidden.bright:
        return Finding("mask", level, "The mask hides the light", reason, None, "check the mask: it leaves too little")
    reason += f"; the other way round it hides {share_text(other.bright)} of the bright ones"
    return Finding("mask", level, "The mask may be the other way round", reason, *_turned(mask))


def _turned(mask: ReadMask) -> tuple[Mapping[str, Any], str]:
    """Return the fix that reads a mask the other way round, and its text."""
    good = "0" if mask.inverted else "1 (True)"
    return {mask.parameter: not mask.inverted}, f"take {mask.name} to be {good} on good pixels"


def _everything_masked(scan: SampledScan, masks: tuple[ReadMask, ...]) -> Finding:
    numbers = "; ".join(f"{mask.name} marks {np.count_nonzero(mask.bad)} of {mask.bad.size} pixels" for mask in masks)
    reason = f"all {scan.bad[scan.crop].size} pixels of a pattern are marked as bad: {numbers}"
    culprits = [mask for mask in masks if mask.bad.all() and not mask.other.all()]
    fix, text = _turned(culprits[0]) if culprits else (None, "check the mask, or leave it out")
    return Finding("mask", Level.STOP, "Everything is masked", reason, fix, text)


def _nothing_to_invert(scan: SampledScan, masks: tuple[ReadMask, ...]) -> Iterator[Finding]:
    """Tell of a setting that turns round a mask which is not there."""
    there = {mask.parameter for mask in masks}
    for path, name in (
        ("preprocessing.invert_mask", "mask of its own"),
        ("preprocessing.invert_mask_file", "Mask file"),
    ):
        if scan.job.parameters.get(path) and path not in there:
            other = next((mask for mask in masks if not mask.inverted), None)
            fix = {path: False, **({other.parameter: True} if other else {})}
            text = f"turn {other.name} round instead" if other else "leave it out"
            yield Finding(
                "mask", Level.LOOK, "There is no such mask to turn round", f"the scan has no {name}", fix, text
            )


def _named(masks: tuple[ReadMask, ...]) -> str:
    return " and ".join(mask.name for mask in masks)


def _what(bad: np.ndarray, hidden: Hidden) -> str:
    count = int(np.count_nonzero(bad))
    return (
        f"{count} of {bad.size} pixels ({share_text(hidden.pixels)}) are marked as bad, and so are "
        f"{share_text(hidden.bright)} of the bright ones"
    )
