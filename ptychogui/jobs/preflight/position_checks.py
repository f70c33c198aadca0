"""Checks of positions: their frames, the overlap of neighbors, and the size of the object that they span."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any

import numpy as np

from ptychogui.errors import AmbiguousPairingError, DataError, PtychoError
from ptychogui.io.notes import NO_POSITIONS, notes_besides
from ptychogui.jobs.preflight.findings import Finding, Level, count_text, quantity, share_text
from ptychogui.jobs.preflight.sampled_scan import SampledScan
from ptychogui.jobs.preflight.value_checks import implausible_values
from ptychogui.jobs.prepare.positions import ambiguity_of
from ptychogui.physics.scan_lattice import find_lattice
from ptychogui.texts import counted

_ENOUGH_OVERLAP, _HALF = 0.6, 0.5
_SAME_PLACE = 1e-3
"""Positions nearer to each other than this part of a step are taken to be the same."""
_DIM, _BRIGHT = 0.25, 4.0
"""Counts of a frame, against the median, beyond which it is an outlier."""
_LIT_PX = 30
"""Photons never make a frame twice in which so many pixels count."""
_FINEST_STEP_PX = 0.5
_UNITS = (1e-3, 1e3, 1e-6, 1e6)


def check_pairing(scan: SampledScan) -> Iterator[Finding]:
    """Compare positions with frames, and frames with each other."""
    frames = scan.dataset.frames.shape[0]
    for note in notes_besides(scan.dataset.notes, NO_POSITIONS):
        yield Finding("pairing", Level.LOOK, "The reader noticed something", note, is_noted=True)
    if scan.sample.damage:
        reason = f"{len(scan.sample.damage)} of those that were looked at: {scan.sample.damage[0]}"
        yield Finding("pairing", Level.LOOK, "Some frames can't be read", reason, None,
                      "copy the raw files again; a run leaves such frames free if they are few")  # fmt: skip
    yield from _odd_frames(scan)
    yield from _repeated_frames(scan)
    try:
        rows = scan.rows
    except PtychoError as problem:
        error = _ambiguity(scan) or problem
        fix = _matching_dims(scan, frames)
        if isinstance(error, AmbiguousPairingError) and not fix:
            yield _ambiguous(error)
            return
        text = f"a scan of {_dims_text(fix)} has as many positions as there are frames" if fix else ""
        _ = scan.parameters  # without them nothing can be said
        yield Finding("pairing", Level.STOP, "Positions and frames can't be paired", str(error), fix, text, error)
        return
    for note in scan.pairing_notes:
        yield Finding("pairing", Level.LOOK, "Pairing positions and frames", note, is_noted=True)
    paired = len(np.unique(rows))
    if paired < frames:
        reason = f"{frames - paired} of {frames} frames have no position and are not used"
        yield Finding("pairing", Level.LOOK, "Frames without a position", reason)
    if paired < len(rows):
        reason = f"{len(rows)} positions share {paired} frames"
        yield Finding("pairing", Level.LOOK, "Positions share frames", reason, None, "check the position list")
    reason = f"{len(rows)} positions, each with its own of {frames} frames; brightness is even in {scan.sampled}"
    yield Finding("pairing", Level.GOOD, "Positions and frames go together", reason)


def _ambiguity(scan: SampledScan) -> AmbiguousPairingError | None:
    """Return the ways in which positions and frames can meet; no value that may still be missing is needed for that."""
    with contextlib.suppress(PtychoError):
        return ambiguity_of(scan.dataset, scan.job.parameters)
    return None


def _ambiguous(error: AmbiguousPairingError) -> Finding:
    """Stop, with the ways in which positions and frames can meet."""
    ways = "; ".join(f"{one.options} ({one.text})" for one in error.alternatives)
    title = "Positions and frames can meet in several ways"
    return Finding("pairing", Level.STOP, title, str(error), None, f"say which is meant: {ways}", error)


def _odd_frames(scan: SampledScan) -> Iterator[Finding]:
    if scan.nothing_counted is not None:
        return  # said by the check of photons
    counts, rows = scan.patterns.counts, scan.sample.rows[scan.prepared_rows]
    usual = float(np.median(counts))
    for odd, what, why in (
        (counts <= 0, "empty", "they are left free"),
        ((counts > 0) & (counts < _DIM * usual), "dim", "the beam was off, or the shutter closed"),
        (counts > _BRIGHT * usual, "bright", "several exposures may have been summed"),
    ):
        places = rows[odd]
        if len(places):
            listed = ", ".join(map(str, places[:5])) + (", ..." if len(places) > 5 else "")
            reason = (f"{len(places)} of {scan.sampled} are {what} next to the median of {count_text(usual)} counts: "
                      f"frame {listed}; {why}")  # fmt: skip
            yield Finding("pairing", Level.LOOK, f"Some frames are {what}", reason, None,
                          "check the shutter and the ring current; LSQML fits intensities with Intensity correction"
                          if what != "empty" else "check how the frames were triggered")  # fmt: skip


def _repeated_frames(scan: SampledScan) -> Iterator[Finding]:
    """Find frames that are pixel by pixel like another one, as photons make no two."""
    lit = [index for index, frame in enumerate(scan.readings) if np.count_nonzero(frame) >= _LIT_PX]
    first: dict[bytes, int] = {}
    like = {index: first.setdefault(sha256(scan.readings[index].tobytes()).digest(), index) for index in lit}
    repeated = [index for index, other in like.items() if index != other]
    if repeated:
        frame, other = scan.sample.rows[[repeated[0], like[repeated[0]]]]
        reason = (f"{len(repeated)} of {scan.sampled} are the same in every pixel as one before, such as frame "
                  f"{frame} as frame {other}: the detector or its writer repeated them")  # fmt: skip
        yield Finding("pairing", Level.LOOK, "Frames are repeated", reason, None, "leave these positions out")


def _matching_dims(scan: SampledScan, frames: int) -> Mapping[str, Any] | None:
    """Return scan dimensions, one of them as given, that have as many positions as there are frames."""
    experiment = scan.job.parameters.experiment
    dims = experiment.scan_dims
    if dims is None or experiment.scan_pattern == "listed" or dims[0] * dims[1] == frames:
        return None
    for kept, other in ((1, 0), (0, 1)):
        if frames % dims[kept] == 0:
            found = [0, 0]
            found[kept], found[other] = dims[kept], frames // dims[kept]
            return {"experiment.scan_dims": (found[0], found[1])}
    return None


def _dims_text(fix: Mapping[str, Any]) -> str:
    rows, columns = fix["experiment.scan_dims"]
    return f"{rows} x {columns}"


def check_overlap(scan: SampledScan) -> Iterator[Finding]:
    """Compare the steps with the beam."""
    at_one = _at_one_place(scan)
    if at_one is not None:
        yield at_one
        return
    yield from _duplicates(scan)
    yield from _strays(scan)
    beam, step_m = scan.beam, scan.step_m
    overlap = 1 - step_m / beam.diameter_m
    sizes = f"steps of {quantity(step_m, 'm')} in a beam of {quantity(beam.diameter_m, 'm')} ({beam.place})"
    if beam.assumed:
        reason = f"the beam's size is not known: {sizes} would overlap by {share_text(overlap)}"
        yield Finding("overlap", Level.UNKNOWN, "Can't check the overlap", reason, None, "give the probe's size")
        return
    far = int(np.count_nonzero(scan.nearest_m > (1 - _HALF) * beam.diameter_m))
    reason = (f"{sizes} overlap by {share_text(max(overlap, 0))}; {far} of {len(scan.nearest_m)} positions overlap by "
              f"less than half with their nearest{_grid_text(scan)}")  # fmt: skip
    if overlap <= 0:
        title, text = "Positions do not overlap", "check the probe's size, and the unit of the positions"
        yield Finding("overlap", Level.STOP, title, reason, None, text, _refusal(title, reason, text))
    elif overlap < _ENOUGH_OVERLAP or far > 0.1 * len(scan.nearest_m):
        text = f"{share_text(_ENOUGH_OVERLAP)} or more is usual; scan with smaller steps, or in a larger beam"
        yield Finding("overlap", Level.LOOK, "Little overlap", reason, None, text)
    yield Finding("overlap", Level.GOOD, "Neighbors overlap well", reason)


def _at_one_place(scan: SampledScan) -> Finding | None:
    """Tell of a scan that does not move: then nothing tells the probe from the object."""
    positions_m = scan.positions_m
    reach_px = float(np.ptp(positions_m, axis=0).max() / scan.pixel_m) if len(positions_m) else 0.0
    if len(positions_m) > 1 and reach_px >= _FINEST_STEP_PX:
        return None
    title = "All positions are at one place" if len(positions_m) > 1 else "There is only one position"
    reason = (
        f"{counted(len(positions_m), 'position')} within {reach_px:.2g} object pixels of {quantity(scan.pixel_m, 'm')}"
    )
    fix, text = _unit_fix(scan, scan.step_px) if reach_px else (None, "a scan takes positions that differ: check them")
    return Finding("overlap", Level.STOP, title, reason, fix, text, _refusal(title, reason, text))


def _refusal(title: str, reason: str, text: str) -> DataError:
    """Say that nothing can come of a scan."""
    return DataError(f"nothing can come of this scan: {title[:1].lower()}{title[1:]}: {reason}; {text}")


def _duplicates(scan: SampledScan) -> Iterator[Finding]:
    cells = np.rint(scan.positions_m / (_SAME_PLACE * scan.step_m))
    same = len(cells) - len(np.unique(cells, axis=0))
    if same:
        reason = f"{same} of {len(cells)} positions are where another one is"
        yield Finding("overlap", Level.LOOK, "Positions come twice", reason, None, "check the position list")


def _strays(scan: SampledScan) -> Iterator[Finding]:
    lonely = np.flatnonzero(scan.strays)
    if len(lonely):
        where = f"{counted(len(lonely), 'position')} many steps away from all others"
        reason = f"{where}, the first is position {lonely[0]}: nothing ties them to the rest"
        yield Finding("overlap", Level.LOOK, "Isolated positions", reason, None, "leave them out of the position list")


def _grid_text(scan: SampledScan) -> str:
    """Note a regular grid, of whose period patterns can't tell whether it is the sample's or the beam's."""
    if not len(find_lattice(scan.positions_m / scan.pixel_m)):
        return ""
    return (
        "; on a regular grid like this, patterns can't tell what repeats with it in the sample from what does in the "
        "beam: a spiral, or a jitter of a fifth of a step, would be better next time"
    )


def check_object(scan: SampledScan) -> Iterator[Finding]:
    """Compare the object's size with its pixels, windows and patterns."""
    step_px = scan.step_px
    extent_m = np.ptp(scan.positions_m, axis=0)
    reach = f"positions reach over {quantity(float(extent_m[0]), 'm')} x {quantity(float(extent_m[1]), 'm')}"
    steps = f"a step is {step_px:.3g} object pixels of {quantity(scan.pixel_m, 'm')}"
    if step_px > scan.n:
        reason = f"{reach}; {steps}, more than the {scan.n} of a whole window: no two windows meet"
        title, (fix, text) = "Positions are too far apart", _unit_fix(scan, step_px)
        yield Finding("object", Level.STOP, title, reason, fix, text, _refusal(title, reason, text))
        return
    if step_px < _FINEST_STEP_PX:
        reason = f"{reach}; {steps}: the beam hardly moves"
        yield Finding("object", Level.LOOK, "Positions are very close", reason, *_unit_fix(scan, step_px))
    rows, columns = scan.geometry.object_shape
    reason = f"{reach}; {steps}; the object has {rows} x {columns} pixels"
    if rows * columns > len(scan.positions_m) * scan.n**2:
        text = "look for positions that are far from all others"
        yield Finding("object", Level.LOOK, "The object is large for so few patterns", reason, None, text)
    yield Finding("object", Level.GOOD, "The object has a plausible size", reason)


def _unit_fix(scan: SampledScan, step_px: float) -> tuple[Mapping[str, Any] | None, str]:
    """Return a step of another unit that gives a usual number of pixels, and what to do in words."""
    doubtful = implausible_values(scan.job.parameters)
    if doubtful:
        return None, f"correct the {' and the '.join(doubtful)} first"
    factor = next((f for f in _UNITS if 2 <= step_px * f <= scan.n / 2), None)
    experiment = scan.job.parameters.experiment
    if factor is None:
        return None, "check the unit of the positions, the energy, the distance and the detector pixel"
    times = f"{factor:g} times as large"
    if experiment.scan_pattern != "listed" and experiment.step_m is not None:
        rows, columns = (float(f"{step * factor:.12g}") for step in experiment.step_m)
        return {"experiment.step_m": (rows, columns)}, f"make the scan step {times}"
    return None, f"the unit of the positions looks wrong: they should be {times} (positions are in meters)"
