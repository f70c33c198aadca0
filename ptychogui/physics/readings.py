"""Readings of a detector, examined: which are no counts, whether those below zero are noise, how many make a count.

See docs/decisions/0014-readings-that-are-no-counts.md for the rules and their reasons.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from ptychogui.params.preprocessing import Preprocessing
from ptychogui.physics.cleaning import PLAIN_COUNTS, ReadingRules, saturation
from ptychogui.physics.outlier_limits import surprise_limit, surprise_of_alike

_APART, _FAR_APART, _SATURATED_APART, _STILL_APART = 10.0, 1000.0, 2.0, 2.0
"""How many times as large as all counts a reading must be to be a mark: one of the known marks; any other number; one
that may be saturation as well, as the largest of a type or a mark that comes again and again; and one that stays at its
pixels, so that no others are lost."""

_NEARLY_ALL = 0.9
"""Part of the frames in which a pixel that stays at a mark reads it, at least."""

_MARKS = (
    *(2**bits - less for bits in (15, 16, 31, 32, 63, 64) for less in (2, 1)),
    *(2**bits for bits in (31, 32, 63, 64)),
    float(np.finfo(np.float16).max), float(np.finfo(np.float32).max), float(np.finfo(np.float64).max),
)  # fmt: skip
"""Readings that stand for no count where they are far from all others: the largest of a type or next to it, which tells
gaps and dead pixels; and what becomes of these as floating point numbers."""

_SURE = 2**31 - 2
"""The lowest mark that a single reading tells, also in frames that were not looked at: no pixel counts so far."""

_FIXED_MARKS = (254, 255, *_MARKS)
"""Readings that stand for no count where they stay at a pixel."""

_FEWEST_MARKS, _FEWEST_ALIKE = 3, 8
"""How often a known mark below 2^31 must come, and how often another number, or how many pixels must read the same."""

_WRAPPED = 0.9
"""Part of an unsigned type's largest number from which on a reading may be one below zero that has wrapped around."""

_NOISE_SHARE, _NOISE_SPREADS, _NOISE_TIMES = 0.01, 8.0, 3.0
"""Where readings below zero are noise: the part of all readings that they are at least, the standard deviations that
noise reaches, and how many times as far from zero as the usual reading above it they may usually be."""

_MOST_COUNTS, _LEAST_COUNT, _USUAL_COUNTS = 1e10, 1.0, 1e6
"""Counts of a pattern above which, and largest reading up to which, readings that are no whole multiples can't be
photons; and the counts that a pattern then gets."""

_SAME = 1e-5
"""How near to 1 a step is 1."""

_MOST_STEPS, _WHOLE, _FEWEST_WHOLE = 3e4, 1e-6, 5
"""To tell that readings are whole multiples of a step: the largest multiple for which it can be told, how near to it a
reading must be (relative), and how many different readings it takes."""

_FEWEST_VALUES, _MOST_VALUES = 64, 100_000
"""How many readings tell the unit, and how many are looked at."""


@dataclass(frozen=True)
class ReadingsReport:
    """What was found in some readings.

    Attributes:
        rules: by which readings become counts.
        marked: bool (rows, columns), pixels that show a mark which `rules` does not tell; or None.
        notes: a sentence each.
    """

    rules: ReadingRules = PLAIN_COUNTS
    marked: np.ndarray | None = None
    notes: tuple[str, ...] = ()


def examine_readings(
    readings: np.ndarray, bad_pixels: np.ndarray | None, preprocessing: Preprocessing
) -> ReadingsReport:
    """Find marks, noise below zero and the unit.

    Args:
        readings: (frames, rows, columns) of any real type, as they are in the file; they stay as they are.
        bad_pixels: bool (rows, columns), True on pixels that are not looked at; or None.
        preprocessing: the settings.
    """
    known = np.ones(readings.shape[1:], bool) if bad_pixels is None else ~bad_pixels
    roots = preprocessing.data_are == "amplitudes"
    seen = _Seen(_exposed(readings, known), saturation(preprocessing, None if roots else readings.dtype))
    if not seen.values.size:
        return ReadingsReport()
    seen.find_marks()
    noise_from = 0.0 if roots else seen.noise_from()
    unit, notes = seen.unit(roots)
    marked = np.zeros(readings.shape[1:], bool)
    marked[known] = seen.fixed
    can_be = unit == 1 and not roots and len(_of_type((_SURE,), readings.dtype))
    sure = _SURE if can_be and float(seen.values.max()) * _APART <= _SURE else None
    rules = ReadingRules(seen.no_counts_from or sure, noise_from, unit)
    return ReadingsReport(rules, marked if seen.fixed.any() else None, (*seen.notes(len(readings), noise_from), *notes))


def step_of(values: np.ndarray) -> float | None:
    """Return the number of which all values are whole multiples, such as the gain of a detector; None if there is none.

    Args:
        values: float of any shape, at least 0; only smaller ones can tell.
    """
    some = np.unique(values[values > 0].astype(np.float64))
    some = some[some < _MOST_STEPS * some[0]] if len(some) else some
    for least in range(1, 5):
        steps = some * (least / some[0]) if len(some) else some
        steps = steps[steps < _MOST_STEPS]
        if len(steps) >= _FEWEST_WHOLE and np.all(np.abs(steps - np.rint(steps)) <= _WHOLE * steps):
            return float(some[0] / least)
    return None


def _exposed(readings: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return the readings of known pixels, (frames, pixels), 0 for what is no number, of frames that show something."""
    values = readings.reshape(len(readings), -1)
    if not known.all():
        values = np.compress(known.ravel(), values, axis=1)
    if not values.size:
        return values
    if values.dtype.kind == "f" and values.dtype.itemsize < 4:
        values = values.astype(np.float32)
    most, least = values.max(axis=1), values.min(axis=1)
    if not (np.isfinite(most).all() and np.isfinite(least).all()):
        values = np.where(np.isfinite(values), values, 0)
        most, least = values.max(axis=1), values.min(axis=1)
    shows = most != least
    return values if shows.all() else values[shows]


@dataclass
class _Seen:
    """Readings (frames, pixels) of some frames, from which marks are taken out as they are found.

    Attributes:
        values: the readings; 0 where they were marks.
        limit: the reading that is saturated in any case.
        no_counts_from: see ReadingRules.
        fixed: bool (pixels,), which show a mark that no_counts_from does not tell.
        marks: readings that were found to be none.
        marked: bool (pixels,), which have one in some frame.
    """

    values: np.ndarray
    limit: float | None
    no_counts_from: float | None = None
    marks: set[float] = field(default_factory=set)
    fixed: np.ndarray = field(init=False)
    marked: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.fixed, self.marked = np.zeros((2, *self.values.shape[1:]), bool)

    def find_marks(self) -> None:
        """Find marks from the largest reading down: one may hide another."""
        ways = self._find_repeated, self._find_constant, self._find_alike, self._find_wrapped
        for _ in range(3):
            top = self.values.max(axis=0)
            if not any(find(top) for find in ways):
                return

    def _find_repeated(self, top: np.ndarray) -> bool:
        """Find marks that are far from all counts, wherever they are: known ones, or the same again and again."""
        known = _of_type(_MARKS, self.values.dtype)
        largest = top.max()
        is_known = largest in known
        marks = known if is_known else np.array([largest])
        high = top >= marks.min()
        readings = self.values[:, high]
        are_marks = np.isin(readings, marks)
        found, counts = np.unique(readings[are_marks], return_counts=True)
        rest = float(max(top[~high].max(initial=0), readings[~are_marks].max(initial=0)))
        certain = is_known and found[0] >= _SURE
        if rest <= 0 or counts.sum() < (1 if certain else _FEWEST_MARKS if is_known else _FEWEST_ALIKE):
            return False
        apart = _APART if is_known else _FAR_APART
        if (is_known and counts.sum() >= _FEWEST_ALIKE) or (self.limit is not None and found[0] >= self.limit):
            apart = _SATURATED_APART
        if float(found[0]) < apart * rest:
            return False
        self._take_out_from(found[0])
        return True

    def _find_constant(self, top: np.ndarray) -> bool:
        """Find pixels that read the same in nearly all frames: marks that are known, or far from all counts."""
        constant = self._constant(top)
        if not constant.any():
            return False
        others = self.values[:, constant]
        rest = max(
            float(top[~constant].max(initial=0)), float(np.where(others == top[constant], 0, others).max(initial=0))
        )
        if rest <= 0:
            return False
        limit = np.inf if self.limit is None else self.limit
        apart = constant & (top >= _STILL_APART * rest)
        known = (top >= limit) | np.isin(top, _of_type(_MARKS, top.dtype))
        certain = constant & ((top >= _FAR_APART * rest) | (known & (top >= _APART * rest)))
        fixed = constant & (top < limit) & (apart | np.isin(top, _of_type(_FIXED_MARKS, top.dtype))) & ~certain
        if certain.any():
            self._take_out_from(top[certain].min())
        self._take_out_pixels(fixed, top)
        return bool(certain.any() or fixed.any())

    def _constant(self, top: np.ndarray) -> np.ndarray:
        """Return which pixels have their largest reading in nearly all frames, and not by chance: bool (pixels,)."""
        frames = len(self.values)
        other = math.floor((1 - _NEARLY_ALL) * frames)
        pairs = range(min(other + 1, frames // 2))  # at least one is whole
        constant = np.zeros(top.shape, bool)
        for at in pairs:
            constant |= (self.values[2 * at] == top) & (self.values[2 * at + 1] == top)
        constant &= top > 0
        constant[constant] = (self.values[:, constant] == top[constant]).sum(axis=0) >= frames - other
        constant[constant] = _beyond_chance(top[constant], frames, top.size)
        return constant

    def _find_alike(self, top: np.ndarray) -> bool:
        """Find the same pixels that in each frame read the same, far above all others: marks that were scaled."""
        of_frames = self.values.max(axis=1)
        alike = self.values[0] == of_frames[0]
        if len(of_frames) < _FEWEST_MARKS or alike.sum() < _FEWEST_ALIKE:
            return False
        alike[alike] = (self.values[:, alike] == of_frames[:, None]).all(axis=0)
        if not _FEWEST_ALIKE <= alike.sum() < alike.size:
            return False
        rest = float(top[~alike].max())
        if rest <= 0 or float(of_frames.min()) < _APART * rest:
            return False
        self._take_out_pixels(alike, top)
        return True

    def _find_wrapped(self, top: np.ndarray) -> bool:
        """Find readings just below an unsigned type's largest, at pixels that else count little: they were below 0."""
        if self.values.dtype.kind != "u":
            return False
        lowest = self.values.dtype.type(_WRAPPED * np.iinfo(self.values.dtype).max)
        high = top >= lowest
        readings = self.values[:, high]
        are_high = readings >= lowest
        rest = float(max(top[~high].max(initial=0), readings[~are_high].max(initial=0)))
        flips = np.count_nonzero(~are_high.all(axis=0)) > _NEARLY_ALL * np.count_nonzero(high)
        if not flips or are_high.sum() < _NOISE_SHARE * self.values.size or not 0 < rest * _SATURATED_APART <= lowest:
            return False
        self._take_out_from(lowest)
        return True

    def _take_out_from(self, lowest: np.generic) -> None:
        """Take all readings from one on for marks."""
        pixels = np.flatnonzero((self.values >= lowest).any(axis=0))
        readings = self.values[:, pixels]
        self.marks.update(np.unique(readings[readings >= lowest]).tolist())
        self.marked[pixels] = True
        readings[readings >= lowest] = 0
        self.values = self.values.copy()
        self.values[:, pixels] = readings
        self.no_counts_from = lowest.item()

    def _take_out_pixels(self, fixed: np.ndarray, top: np.ndarray) -> None:
        """Take whole pixels for such that show a mark."""
        if fixed.any():
            self.marks.update(np.unique(top[fixed]).tolist())
            self.marked, self.fixed = self.marked | fixed, self.fixed | fixed
            self.values = self.values.copy()
            self.values[:, fixed] = 0

    def noise_from(self) -> float:
        """Return down to which reading those below zero are noise, as a dark image that was subtracted leaves it."""
        if self.values.dtype.kind == "u" or self.values.min() >= 0:
            return 0.0
        low, top = self.values.min(axis=0), self.values.max(axis=0)
        stuck = (low == top) & (top < 0)
        below = -self.values[:, ~stuck][self.values[:, ~stuck] < 0].astype(np.float64)
        above = self.values[self.values > 0]
        if below.size < _NOISE_SHARE * self.values[:, ~stuck].size or not above.size:
            return 0.0
        usual = float(np.median(below))
        bright = np.median(self.values, axis=0) > _APART * (1 + usual)
        marks = self.values[:, bright] < 0
        if usual > _NOISE_TIMES * float(np.median(above)) or marks.sum() > _NOISE_SHARE * marks.size:
            return 0.0
        self._take_out_pixels(stuck, top)
        return -_NOISE_SPREADS * usual / 0.6745

    def unit(self, roots: bool) -> tuple[float, tuple[str, ...]]:
        """Return how many readings a count is, where they are no photons, and what is to be said about it."""
        power = 2 if roots else 1
        positive = self.values[:, :: -(-self.values.size // _MOST_VALUES)]
        some = positive[positive > 0].astype(np.float64) ** power
        step = step_of(some) if len(some) >= _FEWEST_VALUES else None
        if step is not None:
            near = abs(step - 1) < _SAME
            return (
                (1.0, ()) if near else (step, (f"readings are whole multiples of {step:.6g}, and are divided by it",))
            )
        with np.errstate(over="ignore"):
            usual = float(np.median((np.maximum(self.values, 0).astype(np.float64) ** power).sum(axis=1)))
            largest = float(self.values.max()) ** power
        if len(some) < _FEWEST_VALUES or (usual <= _MOST_COUNTS and largest > _LEAST_COUNT):
            return 1.0, ()
        unit = 2.0 ** round(math.log2(min(usual, 1e300) / _USUAL_COUNTS))
        return unit, (
            f"frames are not given in photons: a pattern has {usual:.3g} and the largest reading is {largest:.3g}; "
            f"they are divided by {unit:.6g}, and errors in units of photon noise mean little",
        )

    def notes(self, frames: int, noise_from: float) -> Iterator[str]:
        """Say which marks were found, and what is noise."""
        if noise_from:
            yield f"readings below zero, down to {noise_from:.3g}, are noise of a dark image and count nothing"
        if not self.marks:
            return
        named = [f"{mark:.12g}" for mark in sorted(self.marks, reverse=True)[:3]]
        listed = " and ".join(named) + (f" and {len(self.marks) - 3} more" if len(self.marks) > 3 else "")
        yield (
            f"readings of {listed} are no counts and are left free: {np.count_nonzero(self.marked)} pixels have them "
            f"in {frames} frames from all over the scan"
        )


def _of_type(marks: tuple[float, ...], dtype: np.dtype) -> np.ndarray:
    """Return those of some numbers that a type can hold, as it holds them."""
    largest = np.iinfo(dtype).max if dtype.kind in "ui" else float(np.finfo(dtype).max)
    return np.array([mark for mark in marks if mark <= largest], dtype)


def _beyond_chance(readings: np.ndarray, frames: int, pixels: int) -> np.ndarray:
    """Return which readings, of pixels that read the same in all frames, photons do not give: bool of their shape.

    Photons do not make several pixels alike either.
    """
    _, place, alike = np.unique(readings, return_inverse=True, return_counts=True)
    are_alike = (alike[place] >= _FEWEST_ALIKE) & (frames > 1)
    return np.asarray((surprise_of_alike(readings, frames) > surprise_limit(pixels)) | are_alike)
