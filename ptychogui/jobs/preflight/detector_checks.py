"""Checks of the beam on the detector: its center, its size in the crop, saturation, bad pixels and photons."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import scipy

from ptychogui.jobs.preflight.area_checks import dead_area_findings, near_field_findings, to_leave_free
from ptychogui.jobs.preflight.findings import Finding, Level, count_text, quantity, share_text
from ptychogui.jobs.preflight.sampled_scan import SampledScan
from ptychogui.params.chain import engines_of
from ptychogui.params.model import by_path
from ptychogui.physics.bad_pixels import suspicious_pixels
from ptychogui.physics.calibration import BY_THE_BEAM_PX
from ptychogui.physics.centering import bright_level
from ptychogui.physics.cleaning import FrameCleaner, saturation
from ptychogui.physics.pixel_text import pixels_text
from ptychogui.physics.readings import step_of
from ptychogui.texts import counted

_OFF_PX, _OFF_SHARE = 2.0, 1 / 64
"""Distance of the beam from the center that matters: in pixels, and as a part of the pattern."""
_DEAD = 0.02
"""Part of the crop that may be dead without hiding where the beam is."""
_CUT = 0.1
"""Mean counts at the border of the crop, as a part of the bright pixels', above which a part of the beam is cut off."""
_WIDE, _TOO_WIDE = 0.6, 0.95
"""Parts of its window that a beam may fill."""
_NARROW_PX = 4.0
_LARGER = (1.25, 1.5, 2, 3, 4, 6, 8)
"""Crops to try, as factors of the present one."""
_FEW_PHOTONS = 300.0
"""Counts of a pattern below which LSQML's gaussian likelihood leads nowhere."""
_SPOILT, _MUCH_SPOILT = 0.01, 0.2
"""Parts of all readings that may be saturated."""
_WIDER_WINDOW = "the window is wavelength x distance / detector pixel: a smaller beam or a longer distance helps"
_ENOUGH_FRAMES = 8
"""With fewer, photons alone make pixels look bad."""
_LEAST_BITS, _PLATEAU = 4, 3
_STEADY_PERCENT, _STEADY = 10, 0.3
"""Percentile of the pixels' variances, as parts of their means, below which readings are no photons."""
_DARK_PERCENT, _LEAST_FLOOR = 1, 4.0
"""Part of the pixels that are the darkest, and what they read at least where it is an offset."""
_LEAST_WHOLE, _LOOKED_AT = 10, 100_000
"""So many different whole readings are counts, not roots; and the readings among which they are looked for."""
_FAR_BEYOND = 2.0
"""No reading of a saturated detector is so many times as large as its saturation."""


def check_center(scan: SampledScan) -> Iterator[Finding]:
    """Compare where the beam is with where the crop takes it to be."""
    found, (row, column) = scan.found_center, scan.center
    if found is None:
        yield Finding("center", Level.UNKNOWN, "Can't check the center", f"nothing is seen in {scan.sampled}")
        return
    yield from _corners_are_brighter(scan)
    off = float(np.hypot(found[0] - row, found[1] - column))
    reason = (f"the mean of {scan.sampled} is centered at ({found[0]:g}, {found[1]:g}), patterns at ({row}, {column}): "
              f"{off:.1f} pixels away")  # fmt: skip
    if off <= max(_OFF_PX, _OFF_SHARE * scan.n):
        yield Finding("center", Level.GOOD, "The beam is centered", reason)
        return
    if scan.dead.all.mean() > _DEAD:
        reason += "; a part of the detector does not count, so that the beam may only seem to be there"
        text = "look at the mean pattern (survey all patterns), and say where the beam is with --center ROW,COLUMN"
        yield Finding("center", Level.LOOK, "The beam may be off center", reason, None, text)
        return
    nearest = (float(np.floor(found[0] + 0.5)), float(np.floor(found[1] + 0.5)))
    fix = None if scan.preprocessing.direct_beam == "corner" else {"preprocessing.center_px": nearest}
    text = (f"crop about ({nearest[0]:g}, {nearest[1]:g})" if fix
            else "the frames do not hold the beam at element [0, 0]: check Direct beam at")  # fmt: skip
    yield Finding("center", Level.LOOK, "The beam is off center", reason, fix, text)


def _corners_are_brighter(scan: SampledScan) -> Iterator[Finding]:
    """Tell frames that hold the beam at their corners from those that hold it in the middle."""
    mean, known = scan.detector
    middle, corners = (float(image[kept].mean()) if (kept := part & known).any() else 0.0
                       for image, part in ((mean, _middle(mean.shape)),
                                           (mean, scipy.fft.fftshift(_middle(mean.shape)))))  # fmt: skip
    if corners > 2 * middle:
        other = "center" if scan.preprocessing.direct_beam == "corner" else "corner"
        reason = f"in {scan.sampled} corners have {count_text(corners)} counts a pixel, the middle {count_text(middle)}"
        yield Finding("center", Level.STOP, "The beam is at the corners", reason,
                      {"preprocessing.direct_beam": other}, f"take the direct beam at the {other}")  # fmt: skip


def _middle(shape: tuple[int, ...]) -> np.ndarray:
    """Return the middle half of each axis: bool of `shape`, which shifted by half its size is the corners."""
    rows, columns = (np.abs(np.arange(size) - size // 2) < size / 4 for size in shape)
    return np.asarray(rows[:, None] & columns)


def check_sampling(scan: SampledScan) -> Iterator[Finding]:
    """Compare the pattern with its crop, and the beam with its window."""
    yield from near_field_findings(scan)
    yield from _cut_off(scan)
    beam = scan.beam
    share, across_px = beam.diameter_m / scan.window_m, beam.diameter_m / scan.pixel_m
    reason = (f"the beam of {quantity(beam.diameter_m, 'm')} ({beam.place}) fills {share_text(share)} of its window of "
              f"{quantity(scan.window_m, 'm')}, {across_px:.3g} object pixels")  # fmt: skip
    if share > _WIDE:
        level = Level.STOP if share > _TOO_WIDE and not beam.assumed else Level.LOOK
        given = scan.job.parameters.experiment.probe_diameter_m is not None and beam.is_given
        text = "let the size follow from the scan" if given else _WIDER_WINDOW
        yield Finding("sampling", level, "The beam is wide for its window", reason,
                      {"experiment.probe_diameter_m": None} if given else None, text)  # fmt: skip
    if across_px < _NARROW_PX:
        size = _larger_size(scan, lambda n: beam.diameter_m / (scan.window_m / n) >= _NARROW_PX)
        text = "take more of each pattern, for finer pixels" if size else "check the probe's size and its unit"
        yield Finding("sampling", Level.LOOK, "The beam is only a few pixels wide", reason, size, text)
    yield Finding("sampling", Level.GOOD, "Beam and pattern fit in", reason)


def _cut_off(scan: SampledScan) -> Iterator[Finding]:
    level = bright_level(np.where(*_known(scan), 0.0))
    border = _border(scan, scan.n)
    if level == 0 or border is None or border <= _CUT * level:
        return
    part = share_text(border / level)
    reason = (f"the border of the {scan.n} x {scan.n} crop has {count_text(border)} counts a pixel, {part} "
              "of the bright pixels': a part of the beam is cut off, or the background is high")  # fmt: skip
    size = _larger_size(scan, lambda n: (_border(scan, n) or 0.0) <= _CUT * level)
    text = "take more of each pattern" if size else "the detector does not see more; a Threshold takes background away"
    yield Finding("sampling", Level.LOOK, "The pattern reaches the border", reason, size, text)


def _known(scan: SampledScan) -> tuple[np.ndarray, np.ndarray]:
    mean, known = scan.detector
    return known, mean


def _border(scan: SampledScan, n: int) -> float | None:
    """Return the mean counts of the known pixels in the outermost two rows and columns of a crop; None without any."""
    mean, known = scan.detector
    rows, columns = (np.arange(size) - middle for size, middle in zip(mean.shape, scan.center, strict=True))
    reach = np.maximum(np.abs(rows + 0.5)[:, None], np.abs(columns + 0.5))
    half = scan.bin_px * n / 2
    ring = known & (reach < half) & (reach > half - 2)
    return float(mean[ring].mean()) if ring.any() else None


def _larger_size(scan: SampledScan, will_do: Callable[[int], bool]) -> Mapping[str, Any] | None:
    """Return the smallest larger crop on the detector that will do."""
    shape = scan.sample.frames.shape[1:]
    half = min(min(pixel, size - pixel) for pixel, size in zip(scan.center, shape, strict=True)) // scan.bin_px
    halves = {int(scan.n * times / 2) for times in _LARGER} | {half}
    sizes = sorted({2 * int(scipy.fft.prev_fast_len(least)) for least in halves if least > 0})
    size = next((size for size in sizes if scan.n < size <= 2 * half and will_do(size)), None)
    return None if size is None else {"preprocessing.size_px": size}


def check_saturation(scan: SampledScan) -> Iterator[Finding]:
    """Count saturated readings, and look for a detector that stops counting below what its file could hold."""
    share = _saturated(scan) / max(1, scan.readings.size)
    limit = _limit_text(scan)
    reason = f"{share_text(share)} of the readings in {scan.sampled} are at {limit} or above and are left free"
    if not share:
        reason = f"no reading in {scan.sampled} is at {limit}"
    yield from _doubted(scan)
    if share > _SPOILT:
        level = Level.STOP if share > _MUCH_SPOILT else Level.LOOK
        yield Finding("saturation", level, "Many readings are saturated", reason, None,
                      "measure with an attenuator or shorter exposures, or check saturation and bit depth")  # fmt: skip
    yield from _plateau(scan)
    largest = scan.patterns.max_counts
    yield Finding(
        "saturation", Level.GOOD, "The detector counts freely", f"{reason}; the largest count is {count_text(largest)}"
    )


def _saturated(scan: SampledScan) -> int:
    """Count the readings that are saturated; marks of gaps and dead pixels are not."""
    limit = FrameCleaner(scan.preprocessing, scan.readings.dtype).limit
    if limit is None:
        return 0
    mark = scan.reading_rules.no_counts_from
    at = (scan.readings >= limit) & ~scan.bad[scan.crop] & np.isfinite(scan.readings)
    return int(np.count_nonzero(at if mark is None else at & (scan.readings < mark)))


def _limit_text(scan: SampledScan) -> str:
    """Say where readings are saturated."""
    bits, said = scan.preprocessing.bit_depth, scan.preprocessing.saturation_counts
    limit = saturation(scan.preprocessing, scan.readings.dtype)
    if said is not None and limit == said:
        return f"the saturation of {said:.12g}"
    if bits is not None and limit == 2**bits - 1:
        return f"2^{bits} - 1"
    beyond = "" if said is None else f" (the saturation of {said:.12g} is beyond it)"
    return f"the type's largest number{beyond}"


def _doubted(scan: SampledScan) -> Iterator[Finding]:
    """Doubt a saturation that readings go far beyond: a detector that stops counting shows none of these."""
    path = "preprocessing.saturation_counts"
    if scan.preprocessing.saturation_counts is None:
        path = "preprocessing.bit_depth"
    limit = saturation(scan.preprocessing, None)
    if limit is None or scan.preprocessing.data_are == "amplitudes":
        return
    readings = scan.readings[scan.good]
    beyond = readings[readings > _FAR_BEYOND * limit]
    light = float(beyond.sum(dtype=np.float64) / max(readings.sum(dtype=np.float64), 1))
    if light <= _SPOILT:
        return
    reason = (f"in {scan.sampled} {share_text(light)} of the light is in readings of {_FAR_BEYOND * limit:.6g} to "
              f"{float(beyond.max()):.6g}, but at {_limit_text(scan)} the detector would stop counting: all readings "
              "from there on are left free")  # fmt: skip
    level = Level.STOP if light > _MUCH_SPOILT else Level.LOOK
    title = f"The {by_path()[path].title.lower()} contradicts the counts"
    yield Finding("saturation", level, title, reason, {path: None}, "let the frames' type say what is saturated")


def _plateau(scan: SampledScan) -> Iterator[Finding]:
    """Find a number that far more readings have than each number just below it."""
    if scan.preprocessing.data_are == "amplitudes":
        return
    readings = scan.readings[scan.good]
    limit = saturation(scan.preprocessing, None)
    if limit is not None:
        readings = readings[readings < limit]
    if not readings.size:
        return
    top = float(readings.max())
    at_top = int(np.count_nonzero(readings == top))
    below = int(np.count_nonzero((readings >= 0.9 * top) & (readings < top)))
    usual = below / max(2.0, 0.1 * top)
    if top < 2**_LEAST_BITS - 1 or at_top <= 4 * usual + _PLATEAU:
        return
    bits = int(np.log2(top + 1))
    fits = 2**bits - 1 == top and bits <= 32
    reason = (f"{at_top} readings in {scan.sampled} are exactly {top:.12g}, only {below} are within a tenth below, of "
              "different numbers: the detector stops counting there")  # fmt: skip
    fix = {"preprocessing.bit_depth": bits} if fits else {"preprocessing.saturation_counts": top}
    text = f"{top:.12g} is 2^{bits} - 1: say so, and these" if fits else "say so, and these"
    yield Finding("saturation", Level.LOOK, "A plateau in the counts", reason, fix, f"{text} readings are left free")


def check_pixels(scan: SampledScan) -> Iterator[Finding]:
    """Look for pixels that do not count, shine, never change, or flicker."""
    yield from dead_area_findings(scan)
    if len(scan.sample.frames) < _ENOUGH_FRAMES:
        yield Finding("pixels", Level.UNKNOWN, "Can't check pixels", f"{scan.sampled} are too few to tell")
        return
    known = scan.measuring
    suspects = suspicious_pixels(scan.crop_counts(), known & ~scan.dead.all)
    beam = np.array(scan.found_center or scan.center)
    near = np.hypot(*(np.indices(known.shape) + (scan.origin - beam)[:, None, None]))
    away = near >= BY_THE_BEAM_PX
    found = {
        "count nothing": suspects.dead,
        "shine": suspects.hot & away,
        "do not change": suspects.stuck,
        "flicker": suspects.flickering & away,
    }
    for what, pixels in found.items():
        if pixels.any():
            number = counted(int(np.count_nonzero(pixels)), "pixel")
            listed = pixels_text(pixels, scan.origin)
            reason = f"{number} among good neighbors {what} in {scan.sampled}: {listed}"
            yield Finding("pixels", Level.LOOK, f"Pixels that {what}", reason, *to_leave_free(scan))
    masked = int(np.count_nonzero(scan.bad[scan.crop]))
    reason = f"{masked} of {known.size} pixels are marked as bad; no other stands out in {scan.sampled}"
    yield Finding("pixels", Level.GOOD, "Pixels look sound", reason)


def check_photons(scan: SampledScan) -> Iterator[Finding]:
    """Compare the counts of a pattern with what the engine's likelihood needs, and readings with what counts are."""
    if scan.nothing_counted is not None:
        error = scan.nothing_counted if scan.is_whole else None
        reason = f"in {scan.sampled} {scan.nothing_counted}"
        yield Finding("photons", Level.STOP, "The frames show nothing", reason, None,
                      "check how the frames were recorded", error)  # fmt: skip
        return
    yield from _roots_or_counts(scan)
    counts = scan.patterns.counts
    usual, largest = float(np.median(counts[counts > 0])), scan.patterns.max_counts
    per_pixel = usual / scan.n**2
    reason = f"a pattern has {count_text(usual)} counts (median of {scan.sampled}), {count_text(per_pixel)} a pixel"
    if largest < 1 and scan.readings.dtype.kind == "f":
        yield Finding("photons", Level.LOOK, "Frames may not be counts",
                      f"the largest reading is {largest:.3g}: errors in units of photon noise mean nothing then", None,
                      "scale the frames to photons")  # fmt: skip
        return
    unit = scan.reading_rules.unit
    if unit != 1:
        yield Finding("photons", Level.LOOK, "Frames are in other units",
                      f"readings are divided by {unit:.6g}; then {reason}: errors in units of photon noise are only "
                      "right where these are photons", None, "scale the frames to photons")  # fmt: skip
    yield from _too_steady(scan)
    yield from _floor(scan)
    settings = scan.settings
    engines = engines_of(settings.engine)
    if usual < _FEW_PHOTONS and not ("lsqml" in engines and settings.noise_model != "gaussian"):
        fix = {"reconstruction.noise_model": "poisson"}
        if "lsqml" not in engines:
            fix["reconstruction.engine"] = "lsqml"
        level = Level.STOP if "lsqml" in engines else Level.LOOK
        yield Finding("photons", level, "Very few photons",
                      f"{reason}; below {_FEW_PHOTONS:g} amplitudes say too little", fix,
                      "fit photons, not amplitudes: LSQML with the poisson noise model")  # fmt: skip
    if settings.noise_model == "auto" and "lsqml" in engines:
        reason = f"{reason}; {scan.suitable_noise_model(scan.patterns).note}"
    yield Finding("photons", Level.GOOD, "There are photons enough", reason)


def _too_steady(scan: SampledScan) -> Iterator[Finding]:
    """Find readings that vary less than photons do, whose variance is no less than their mean: they are scaled."""
    always = scan.good.all(axis=0)
    if scan.readings.dtype.kind != "f" or scan.reading_rules.unit != 1 or len(scan.readings) < _ENOUGH_FRAMES:
        return
    readings = scan.readings[:, always].astype(np.float64)
    mean, variance = readings.mean(axis=0), readings.var(axis=0, ddof=1)
    lit = mean > 0
    if scan.preprocessing.data_are == "amplitudes" or not lit.any():
        return
    share = float(np.percentile(variance[lit] / mean[lit], _STEADY_PERCENT))
    if share < _STEADY:
        reason = (f"a tenth of the pixels has a variance of {share:.2g} of the mean or less in {scan.sampled}; of "
                  "photons it is the mean at least: engines that go by photon noise trust these too much")  # fmt: skip
        yield Finding("photons", Level.LOOK, "Readings vary less than photons", reason, None,
                      f"scale the frames to photons, about {1 / max(share, 1e-300):.2g} times")  # fmt: skip


def _floor(scan: SampledScan) -> Iterator[Finding]:
    """Find an offset of the electronics under all readings: in the dark they are large, and vary less than photons."""
    always = scan.good.all(axis=0)
    given = scan.preprocessing
    is_taken_away = given.background_file is not None or given.subtract_threshold or given.data_are == "amplitudes"
    if is_taken_away or scan.readings.dtype.kind == "f" or len(scan.readings) < _ENOUGH_FRAMES or not always.any():
        return
    readings = scan.readings[:, always]
    mean = readings.mean(axis=0, dtype=np.float64)
    dark = mean <= np.percentile(mean, _DARK_PERCENT)
    floor = float(np.rint(np.median(mean[dark])))
    share = float(np.median(readings[:, dark].var(axis=0, ddof=1, dtype=np.float64))) / max(floor, 1.0)
    if floor >= _LEAST_FLOOR and share < _STEADY and readings.min() > floor / 2:
        reason = (f"the darkest pixels read {floor:g} in {scan.sampled}, with a variance of {share:.2g} of it; of "
                  "photons it is the mean at least: this is an offset under all readings, not light")  # fmt: skip
        fix = {"preprocessing.threshold_counts": floor, "preprocessing.subtract_threshold": True}
        yield Finding(
            "photons", Level.LOOK, "Readings have an offset", reason, fix, "take it off, or give a background"
        )


def _roots_or_counts(scan: SampledScan) -> Iterator[Finding]:
    """Tell by whole numbers that amplitudes are taken for counts, or counts for amplitudes."""
    readings = scan.readings[scan.good & (scan.readings > 0)]
    some = readings[:: -(-len(readings) // _LOOKED_AT) or 1].astype(np.float64)
    whole = len(np.unique(some)) >= _LEAST_WHOLE and bool(np.all(some == np.rint(some)))
    if scan.preprocessing.data_are == "amplitudes":
        if whole:
            reason = f"all readings in {scan.sampled} are whole numbers, as counts are and their roots are not"
            yield Finding("photons", Level.LOOK, "Amplitudes may be counts", reason,
                          {"preprocessing.data_are": "counts"}, "take the frames for counts")  # fmt: skip
    elif not whole and step_of(some) is None and step_of(np.square(some)) is not None:
        reason = f"readings in {scan.sampled} are no whole numbers but their squares are, as those of roots of counts"
        yield Finding("photons", Level.STOP, "Counts are amplitudes", reason,
                      {"preprocessing.data_are": "amplitudes"}, "take the frames for amplitudes")  # fmt: skip
