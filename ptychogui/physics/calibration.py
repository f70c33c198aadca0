"""Calibration before a scan is read: some of its frames tell the center, bad pixels, and what readings mean."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy

from ptychogui.params.preprocessing import Preprocessing
from ptychogui.physics.bad_pixels import SuspectPixels, lowest_around, suspicious_pixels
from ptychogui.physics.centering import beam_center
from ptychogui.physics.cleaning import PLAIN_COUNTS, ReadingRules, are_counts
from ptychogui.physics.crop import plan_crop
from ptychogui.physics.dead_areas import dead_areas
from ptychogui.physics.frames import FrameSource, check_scan
from ptychogui.physics.outlier_limits import surprise_limit, surprise_of_alike
from ptychogui.physics.pixel_text import areas_text, pixels_text
from ptychogui.physics.readings import examine_readings

_MOST_FRAMES, _MOST_BYTES, _FEWEST_FRAMES = 200, 128_000_000, 3
"""Most frames, and most bytes of them in memory, that are looked at; and the fewest frames in any case."""

_FRAMES_TO_COUNT, _BYTES_TO_COUNT = 24, 64_000_000
"""The same where only the meaning of readings is asked for, as in every run."""

_FRAMES_TO_TELL = 3
"""With fewer frames no pixel is called bad."""

_MOST_BAD = 0.01
"""Part of all pixels that may be found bad one by one; where more look bad, the rule is wrong and not the pixels."""

_NEAR_PX = 2.0
"""Distance up to which a center is as good as the one that is found."""

BY_THE_BEAM_PX = 3.0
"""Distance from the center within which a bright pixel may be the direct beam itself."""


@dataclass(frozen=True)
class Calibration:
    """Settings and mask completed by what was found, notes about it, and the rules of readings where they are known."""

    preprocessing: Preprocessing
    bad_pixels: np.ndarray | None
    notes: tuple[str, ...] = ()
    rules: ReadingRules | None = None


def calibrate(
    frames: FrameSource, rows: np.ndarray, bad_pixels: np.ndarray | None, preprocessing: Preprocessing
) -> Calibration:
    """Find what `find_center` and `find_bad_pixels` ask for in a bounded number of frames; read none if neither is set.

    Args:
        frames: (frames, rows, columns) of the detector.
        rows: int, the frames that belong to the scan, at least one.
        bad_pixels: bool (rows, columns) of the detector, those that are known to be bad; or None.
        preprocessing: the settings.

    Returns:
        the settings with the center that was found as `center_px`, and the mask with the pixels that were found.

    Raises:
        DataError: a frame can't be read, or frames, rows and mask don't fit each other.
        ParameterError: the pattern center is not on the detector.
    """
    calibration = Calibration(preprocessing, bad_pixels)
    if not (preprocessing.find_center or preprocessing.find_bad_pixels):
        return calibration
    calibration = calibrate_readings(frames, rows, calibration)
    bad_pixels, notes = calibration.bad_pixels, calibration.notes
    seen = _Seen(frames, rows, calibration)
    area_notes: tuple[str, ...] = ()
    if preprocessing.find_bad_pixels:
        bad_pixels, area_notes = _with_areas(seen, bad_pixels)
    if preprocessing.find_center:
        preprocessing, found = _with_center(seen, preprocessing)
        notes += found
    if preprocessing.find_bad_pixels:
        bad_pixels, found = _with_suspects(seen, bad_pixels, preprocessing, bool(area_notes))
        notes += area_notes + found
    return replace(calibration, preprocessing=preprocessing, bad_pixels=bad_pixels, notes=notes)


def calibrate_readings(frames: FrameSource, rows: np.ndarray, calibration: Calibration) -> Calibration:
    """Find out from a few frames what readings mean, unless that is known: every scan needs it before it is used.

    Args:
        frames: (frames, rows, columns) of the detector.
        rows: int, the frames that belong to the scan, at least one.
        calibration: what is known.

    Raises:
        DataError: a frame can't be read, or frames, rows and mask don't fit each other.
    """
    if calibration.rules is not None:
        return calibration
    check_scan(frames, rows, calibration.bad_pixels)
    some = frames.read(_spread(np.unique(rows), frames, _FRAMES_TO_COUNT, _BYTES_TO_COUNT))
    report = examine_readings(some, calibration.bad_pixels, calibration.preprocessing)
    bad_pixels = calibration.bad_pixels
    if report.marked is not None:
        bad_pixels = report.marked if bad_pixels is None else report.marked | bad_pixels
    return replace(calibration, bad_pixels=bad_pixels, rules=report.rules, notes=(*calibration.notes, *report.notes))


class _Seen:
    """Some frames of a scan, with the direct beam inside, not at the corners.

    Attributes:
        readings: (frames, rows, columns); squared where they were roots. What is no measurement is the mean of the
            pixel's other readings if most of these are measurements, else 0.
        seen: int (rows, columns), in how many of the frames each pixel has a reading; 0 where it is bad.
        text: what was looked at.
    """

    def __init__(self, frames: FrameSource, rows: np.ndarray, calibration: Calibration) -> None:
        preprocessing, bad_pixels = calibration.preprocessing, calibration.bad_pixels
        rules = calibration.rules or PLAIN_COUNTS
        chosen = _spread(np.unique(rows), frames, _MOST_FRAMES, _MOST_BYTES)
        readings = np.array(frames.read(chosen))
        usable = are_counts(readings, preprocessing, rules)
        readings[~usable] = 0
        self.seen = _filled(readings, usable) * (1 if bad_pixels is None else ~bad_pixels)
        self.readings = np.square(readings, dtype=np.float64) if preprocessing.data_are == "amplitudes" else readings
        if rules.unit != 1:
            self.readings = self.readings / rules.unit
        self.text = f"{len(chosen)} of {frames.shape[0]} frames"
        self._at_corner = preprocessing.direct_beam == "corner"
        if self._at_corner:
            self.readings, self.seen = (scipy.fft.fftshift(image, (-2, -1)) for image in (self.readings, self.seen))

    def on_detector(self, pixels: np.ndarray) -> np.ndarray:
        """Return pixels, bool (rows, columns), as they lie in the file."""
        return np.asarray(scipy.fft.ifftshift(pixels)) if self._at_corner else pixels

    def joined(self, found: np.ndarray, bad_pixels: np.ndarray | None) -> np.ndarray:
        """Take no more notice of pixels that were found; return them with those of a mask as it lies in the file."""
        self.seen = np.where(found, 0, self.seen)
        there = self.on_detector(found)
        return there if bad_pixels is None else there | bad_pixels

    @property
    def known(self) -> np.ndarray:
        """Which pixels have a reading in every one of the frames: bool (rows, columns)."""
        return np.asarray(self.seen == len(self.readings))

    def mean(self) -> np.ndarray:
        """Return the mean counts of each pixel, float64 (rows, columns)."""
        return np.asarray(self.readings.sum(axis=0, dtype=np.float64) / np.maximum(self.seen, 1))


def _filled(readings: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """Fill gaps of pixels that measure in most frames by their mean; return how many readings each pixel has."""
    seen = usable.sum(axis=0)
    some = (seen < len(readings)) & (seen > len(readings) // 2)
    mean = readings[:, some].sum(axis=0, dtype=np.float64) / seen[some]
    readings[:, some] = np.where(usable[:, some], readings[:, some], mean.astype(readings.dtype))
    seen[some] = len(readings)
    return np.asarray(seen)


def _spread(rows: np.ndarray, frames: FrameSource, most_frames: int, most_bytes: int) -> np.ndarray:
    frame_bytes = max(1, frames.shape[1] * frames.shape[2] * frames.dtype.itemsize)
    count = min(most_frames, max(_FEWEST_FRAMES, most_bytes // frame_bytes), len(rows))
    return np.asarray(rows[np.linspace(0, len(rows) - 1, count).astype(int)])


def _with_center(seen: _Seen, preprocessing: Preprocessing) -> tuple[Preprocessing, tuple[str, ...]]:
    if preprocessing.direct_beam == "corner":
        return preprocessing, ("the center is not looked for: the frames hold the direct beam at element [0, 0]",)
    found = beam_center(seen.mean(), seen.seen > 0)
    if found is None:
        return preprocessing, (f"the center is not found: nothing is seen in {seen.text}",)
    shape = seen.seen.shape
    given = preprocessing.center_px
    before = given or (shape[0] // 2, shape[1] // 2)
    off_px = float(np.hypot(found[0] - before[0], found[1] - before[1]))
    place = "the detector's center" if given is None else f"the pattern center ({given[0]:g}, {given[1]:g})"
    note = f"the beam is found at ({found[0]:g}, {found[1]:g}) in {seen.text}, {off_px:.1f} pixels from {place}"
    if off_px <= _NEAR_PX:
        return preprocessing, (f"{note}, which is kept",)
    return preprocessing.model_copy(update={"center_px": found}), (note,)


def _with_areas(seen: _Seen, bad_pixels: np.ndarray | None) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Add whole areas that never count to the mask."""
    if len(seen.readings) < _FRAMES_TO_TELL:
        return bad_pixels, ()
    areas = dead_areas(seen.readings, seen.known)
    notes = tuple(
        f"{np.count_nonzero(pixels)} pixels in {areas_text(seen.on_detector(pixels))} {what} in {seen.text} and are "
        "left free"
        for pixels, what in areas.kinds
    )
    return (seen.joined(areas.all, bad_pixels), notes) if notes else (bad_pixels, ())


def _with_suspects(
    seen: _Seen, bad_pixels: np.ndarray | None, preprocessing: Preprocessing, areas: bool
) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Add single bad pixels to the mask; `areas` says whether whole areas were found already."""
    if len(seen.readings) < _FRAMES_TO_TELL:
        return bad_pixels, (f"bad pixels are not looked for: {seen.text} are too few to tell",)
    suspects = _beyond_chance(suspicious_pixels(seen.readings, seen.known), seen)
    suspects = _but_the_beam(suspects, seen, preprocessing)
    if not suspects.all.any():
        return bad_pixels, (f"no {'other ' if areas else ''}bad pixel is found in {seen.text}",)
    found = suspects.all
    if np.count_nonzero(found) > _MOST_BAD * found.size:
        return bad_pixels, (f"{suspects.text} seem bad in {seen.text}; so many are none, and stay",)
    listed = pixels_text(seen.on_detector(found))
    note = f"{suspects.text} are found in {seen.text} and are left free: {listed}"
    return seen.joined(found, bad_pixels), (note,)


def _beyond_chance(suspects: SuspectPixels, seen: _Seen) -> SuspectPixels:
    """Return suspects without those that photons alone can give on so many pixels.

    Photons of mean m are missing with probability exp(-m).
    """
    limit = surprise_limit(seen.known.size)
    surprise = surprise_of_alike(seen.readings[0], len(seen.readings))
    dead, places = np.zeros_like(suspects.dead), np.argwhere(suspects.dead)
    lowest = lowest_around(seen.readings.sum(axis=0, dtype=np.float64), seen.known, places)
    dead[tuple(places[lowest > limit].T)] = True
    return replace(suspects, dead=dead, stuck=suspects.stuck & (surprise > limit))


def _but_the_beam(suspects: SuspectPixels, seen: _Seen, preprocessing: Preprocessing) -> SuspectPixels:
    """Return suspects without bright pixels that may be a narrow direct beam."""
    center = plan_crop(seen.seen.shape, preprocessing).center
    rows, columns = (np.arange(size) - middle for size, middle in zip(seen.seen.shape, center, strict=True))
    away = np.hypot(rows[:, None], columns) >= BY_THE_BEAM_PX
    return replace(suspects, hot=suspects.hot & away, flickering=suspects.flickering & away)
