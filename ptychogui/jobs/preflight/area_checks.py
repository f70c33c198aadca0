"""Checks of whole areas of the detector: those that do not count, and frames that are no far field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ptychogui.jobs.preflight.findings import Finding, Level, share_text
from ptychogui.jobs.preflight.sampled_scan import SampledScan
from ptychogui.physics.near_field import fringes, is_even, looks_near
from ptychogui.physics.pixel_text import areas_text

_FRAMES = 8
"""That are looked at for fringes."""


def dead_area_findings(scan: SampledScan) -> Iterator[Finding]:
    """Name areas that never count, or always read the same."""
    for pixels, what in scan.dead.kinds:
        reason = f"{np.count_nonzero(pixels)} pixels in {areas_text(pixels, scan.origin)} {what} in {scan.sampled}"
        yield Finding("pixels", Level.LOOK, f"Areas that {what}", reason, *to_leave_free(scan))


def to_leave_free(scan: SampledScan) -> tuple[Mapping[str, Any] | None, str]:
    """Return the fix that leaves bad pixels free, None where it was tried, and what to do in words."""
    if scan.job.parameters.preprocessing.find_bad_pixels:
        return None, "mark them in a Mask file, so that they are left free"
    return {"preprocessing.find_bad_pixels": True}, "have them found, so that they are left free"


def near_field_findings(scan: SampledScan) -> Iterator[Finding]:
    """Tell frames that look like images near the sample, not like a beam in the far field."""
    mean, known = scan.detector
    if not is_even(mean, known):
        return
    frames = scan.counts(np.linspace(0, len(scan.sample.frames) - 1, _FRAMES).astype(int))
    contrast = fringes(frames, known)
    if looks_near(contrast):
        reason = (f"{scan.sampled} are lit evenly up to their borders, with fringes of {share_text(contrast)}: "
                  "such are images in the near field, but the model here is the far field, with a beam that ends on "
                  "the detector")  # fmt: skip
        yield Finding("sampling", Level.LOOK, "This may be near-field data", reason, None,
                      "use a near-field program, or take more of each pattern if the detector has it")  # fmt: skip
