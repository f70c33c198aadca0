"""A scan as preflight sees it: a bounded sample of its frames, and what follows from it and the parameters."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import scipy

from ptychogui.errors import DataError
from ptychogui.io.array_files import read_probe
from ptychogui.io.dataset import Dataset
from ptychogui.jobs.job import Job
from ptychogui.jobs.prepare.prepared_scan import PreparedScan
from ptychogui.params.model import Parameters
from ptychogui.params.preprocessing import Preprocessing
from ptychogui.physics.centering import beam_center
from ptychogui.physics.cleaning import PLAIN_COUNTS, ReadingRules, are_counts
from ptychogui.physics.dead_areas import DeadAreas, dead_areas
from ptychogui.physics.frames import ArrayFrames, Patterns, pattern_center
from ptychogui.physics.probe import STEPS_ACROSS, power_radius_px
from ptychogui.physics.scan import nearest_m, typical_step_m

_log = logging.getLogger(__name__)

MOST_FRAMES, MOST_BYTES, FEWEST_FRAMES = 64, 256_000_000, 3
"""Bounds of a sample: so many frames, or bytes as they lie in memory, but a few in any case."""

_MOST_PIXELS = 1 << 25
"""Of all patterns that a sample becomes; a few in any case."""

_FARTHEST_M = 1e3
_FAR_STEPS = 10.0
"""A stray position is so many times the usual distance away from its nearest."""


@dataclass(frozen=True)
class FrameSample:
    """Some frames, spread evenly over the scan.

    Attributes:
        rows: int (frames,), their rows in the stack.
        frames: (frames, rows, columns) in the file's type.
        seconds: that it took to read them.
        damage: why others can't be read, a sentence each.
    """

    rows: np.ndarray
    frames: np.ndarray
    seconds: float
    damage: tuple[str, ...] = ()


@dataclass(frozen=True)
class Beam:
    """The size of the beam on the sample, and where it is known from, in words.

    `is_given` where it is the user's value, `assumed` where nothing says it.
    """

    diameter_m: float
    place: str
    is_given: bool = False
    assumed: bool = False


def read_sample(dataset: Dataset, part: int = 1) -> FrameSample:
    """Read frames all over a scan, as many as the bounds allow.

    Args:
        dataset: an open scan.
        part: so many times fewer, where many scans are looked at.

    Raises:
        DataError: none of them can be read, or the scan has no frame with a position.
    """
    known = np.unique(dataset.frame_rows)
    if not len(known):
        raise DataError(f"{dataset.path} has no frame with a position")
    _, rows, columns = dataset.frames.shape
    fitting = max(FEWEST_FRAMES, MOST_BYTES // part // max(1, rows * columns * dataset.frames.dtype.itemsize))
    count = min(MOST_FRAMES // part, fitting, len(known))
    chosen = known[np.linspace(0, len(known) - 1, count).astype(int)]
    start = time.perf_counter()
    try:
        return FrameSample(chosen, dataset.frames.read(chosen), time.perf_counter() - start)
    except DataError as error:
        _log.info("the sample is read frame by frame: %s", error)
        return _sound_sample(dataset, chosen, start)


def _sound_sample(dataset: Dataset, rows: np.ndarray, start: float) -> FrameSample:
    """Read frame by frame, and leave out those that can't be read."""
    read, damage = {}, []
    for row in rows.tolist():
        try:
            read[row] = dataset.frames.read([row])
        except DataError as error:
            _log.info("frame %d is left out of the sample: %s", row, error)
            damage.append(str(error))
    if not read:
        raise DataError(damage[0])
    return FrameSample(
        np.array(list(read)), np.concatenate(list(read.values())), time.perf_counter() - start, tuple(damage)
    )


class SampledScan(PreparedScan):
    """A scan prepared by a sample of its frames, and what checks ask of these beyond that."""

    def __init__(self, job: Job, dataset: Dataset, sample: FrameSample) -> None:
        super().__init__(job, dataset, ArrayFrames(sample.frames), np.arange(len(sample.frames)))
        self.sample = sample

    @property
    def preprocessing(self) -> Preprocessing:
        """The settings, with the center that the sample shows where that is asked for."""
        return self.calibration.preprocessing

    @property
    def bin_px(self) -> int:
        """Rows and columns of detector pixels that become one of a pattern."""
        return self.job.parameters.preprocessing.bin_px

    @property
    def sampled(self) -> str:
        """Say what was looked at."""
        return f"{len(self.sample.rows)} of {self.dataset.frames.shape[0]} frames"

    @cached_property
    def window_m(self) -> float:
        """Side of the probe's window: wavelength * distance / detector pixel, whatever the crop."""
        return self.n * self.pixel_m

    def _place(self) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
        """Refuse positions that can't be."""
        positions_m, rows, notes = super()._place()
        if not np.isfinite(positions_m).all():
            raise DataError("some scan positions are not numbers; repair the positions or give a position list")
        if np.abs(positions_m).max(initial=0) > _FARTHEST_M:
            raise DataError("scan positions reach beyond a kilometer; check their unit, drift and jitter")
        return positions_m, rows, notes

    @property
    def pairing_notes(self) -> tuple[str, ...]:
        """What was noticed when positions met their frames."""
        return self.placed[2]

    @cached_property
    def nearest_m(self) -> np.ndarray:
        """float64 (positions,), distance from each position to the nearest that is another."""
        return nearest_m(self.positions_m)

    @cached_property
    def step_m(self) -> float:
        """The scan's usual step; strays do not count."""
        return typical_step_m(self.positions_m[~self.strays])

    @property
    def step_px(self) -> float:
        """The scan's usual step, in object pixels."""
        return self.step_m / self.pixel_m

    @cached_property
    def strays(self) -> np.ndarray:
        """Which positions are far from all others, bool (positions,)."""
        return np.asarray(self.nearest_m > _FAR_STEPS * np.median(self.nearest_m))

    @cached_property
    def beam(self) -> Beam:
        """The beam as the first probe will have it."""
        diameter_m, guess = self.parameters.experiment.probe_diameter_m, self.settings.probe_guess
        if guess is not None:
            return Beam(self._width_m(read_probe(guess)), f"in {guess.name}")
        if diameter_m is not None:
            return Beam(diameter_m, "as given", is_given=True)
        if self.dataset.probe is not None:
            return Beam(self.bin_px * self._width_m(self.dataset.probe), "in the file's illumination")
        return Beam(STEPS_ACROSS * self.step_m, f"assumed to be {STEPS_ACROSS:g} scan steps", assumed=True)

    def _width_m(self, probe: np.ndarray) -> float:
        """Diameter of the disc that has a probe's half-power radius; its window is that of the patterns."""
        return float(np.sqrt(8) * power_radius_px(probe) * self.window_m / probe.shape[-1])

    @property
    def reading_rules(self) -> ReadingRules:
        """What is known about readings."""
        return self.readings_calibration.rules or PLAIN_COUNTS

    @cached_property
    def bad(self) -> np.ndarray:
        """Pixels that are known to be bad, or found to be where that is asked for: bool (rows, columns)."""
        found = self.readings_calibration.bad_pixels
        shape = self.dataset.frames.shape[1:]
        if found is not None and found.shape != shape:
            raise DataError(f"the mask of bad pixels has shape {found.shape}, but frames have {shape}")
        return np.zeros(shape, bool) if found is None else found

    @cached_property
    def prepared_rows(self) -> np.ndarray:
        """Which frames of the sample become patterns, int: all but where patterns are very large."""
        count = len(self.sample.frames)
        kept = min(count, max(FEWEST_FRAMES, _MOST_PIXELS // self.n**2))
        return np.linspace(0, count - 1, kept).astype(int)

    @cached_property
    def patterns(self) -> Patterns:
        """The sample as an engine would get it."""
        return self.patterns_at(self.prepared_rows)

    @cached_property
    def nothing_counted(self) -> DataError | None:
        """Why the sample becomes no patterns at all: it is empty, or all of it is free. None where it does."""
        try:
            _ = self.patterns
        except DataError as error:
            return error
        return None

    @property
    def is_whole(self) -> bool:
        """Whether the sample is the whole scan."""
        return len(self.prepared_rows) == len(np.unique(self.dataset.frame_rows))

    def beam_inside(self, *images: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return images or frames (..., rows, columns) with the beam in the middle, or from there as in the file."""
        if self.preprocessing.direct_beam == "center":
            return images
        return tuple(scipy.fft.fftshift(image, (-2, -1)) for image in images)

    @cached_property
    def _read(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean counts float64 (rows, columns) of all pixels as they lie in the file, and bool, where there are any."""
        total = np.zeros(self.sample.frames.shape[1:])
        seen = np.zeros(total.shape, int)
        for frame in self.sample.frames:
            good = self.readable(frame)
            total += np.where(good, frame, 0).astype(np.float64) ** (2 if self._roots else 1)
            seen += good
        return total / np.maximum(seen, 1), seen > 0

    @property
    def all_mean(self) -> np.ndarray:
        """Mean counts float64 (rows, columns) of the whole detector as it lies in the file, of masked pixels too."""
        return self._read[0]

    @cached_property
    def detector(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean counts float64 (rows, columns) of the whole detector, beam inside, and bool, where they are known."""
        mean, known = self.beam_inside(self._read[0], self._read[1] & ~self.bad)
        return mean, known

    def counts(self, chosen: np.ndarray) -> np.ndarray:
        """Return some frames of the sample, float64 (frames, rows, columns), beam inside; 0 where there are none."""
        frames = self.sample.frames[chosen]
        good = np.array([self.readable(frame) for frame in frames])
        counts = np.where(good, frames, 0).astype(np.float64) ** (2 if self._roots else 1)
        return self.beam_inside(counts)[0]

    def readable(self, frame: np.ndarray) -> np.ndarray:
        """Return where readings are counts, or saturated below the type's largest: bool of a frame's shape."""
        unlimited = {"bit_depth": None, "saturation_counts": None}
        return are_counts(frame, self.preprocessing.model_copy(update=unlimited), self.reading_rules)

    @property
    def _roots(self) -> bool:
        return self.preprocessing.data_are == "amplitudes"

    @cached_property
    def center(self) -> tuple[int, int]:
        """Row and column of the detector pixel that patterns are cropped about."""
        return pattern_center(self.dataset.frames.shape, self.preprocessing)

    @cached_property
    def found_center(self) -> tuple[float, float] | None:
        """Where the beam is on the detector by the mean of the sample."""
        return beam_center(*self.detector)

    @cached_property
    def crop(self) -> tuple[slice, slice]:
        """The part of a frame, as it lies in the file, that patterns are cut from."""
        if self.preprocessing.direct_beam == "corner":
            return slice(None), slice(None)
        half = self.bin_px * self.n // 2
        spans = zip(self.center, self.sample.frames.shape[1:], strict=True)
        return tuple(slice(max(middle - half, 0), min(middle + half, size)) for middle, size in spans)  # type: ignore[return-value]

    @property
    def origin(self) -> tuple[int, int]:
        """Row and column of the crop's first pixel in a frame."""
        return self.crop[0].start or 0, self.crop[1].start or 0

    @cached_property
    def readings(self) -> np.ndarray:
        """(frames, rows, columns) of the crop, as they are in the file."""
        return self.sample.frames[:, self.crop[0], self.crop[1]]

    @cached_property
    def good(self) -> np.ndarray:
        """Which of the `readings` are counts, bool."""
        return np.asarray([self.readable(frame) & ~self.bad[self.crop] for frame in self.readings])

    @cached_property
    def measuring(self) -> np.ndarray:
        """Which pixels of the crop have a count in one frame at least, not always saturation: bool (rows, columns)."""
        counts = are_counts(self.readings, self.preprocessing, self.reading_rules)
        return np.asarray((self.good & counts).any(axis=0))

    def crop_counts(self) -> np.ndarray:
        """Return the `readings` in counts, 0 where they are none: (frames, rows, columns) of any real type."""
        counts = np.where(self.good, self.readings, 0)
        counts = np.square(counts, dtype=np.float64) if self._roots else counts
        return counts if self.reading_rules.unit == 1 else counts / self.reading_rules.unit

    @cached_property
    def dead(self) -> DeadAreas:
        """Areas of the crop that do not count, among the pixels that measure."""
        areas = dead_areas(*self.beam_inside(self.crop_counts(), self.measuring))
        return DeadAreas(*self.beam_inside(areas.silent, areas.constant))

    def with_parameters(self, parameters: Parameters) -> SampledScan:
        """Return the same sample with other parameters."""
        return SampledScan(replace(self.job, parameters=parameters), self.dataset, self.sample)
