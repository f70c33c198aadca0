"""Dead areas of a detector: strips, modules, corners and stops that never count, told from places that are just dark.

Where no photon comes, nothing can be told. An area is dead if light ends at it as light does not end by itself: at a
straight edge, with light on the other side of the area as well, or with light that fades out on its far side; or if
light is all around it. An area that reads one number above the dark level is dead wherever it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy

from ptychogui.physics.bad_pixels import exposed
from ptychogui.physics.outlier_limits import surprise_limit

_MARGIN = 1.5
"""How many times the light that chance asks for an area must have missed: how much to expect is not known well."""
_LEAST_PX = 5
"""Fewest pixels of an area in the midst of light, of one that reads a number, and of an edge with light on one side."""
_CORNER_PX, _CORNER_LIVE, _CORNER_FAINT = 3, 0.7, 0.6
"""Rows from an edge on in which the pixels beside a rectangle are looked at, and the part of them that must count: in
bright light, and in faint light, where one may be dark by chance."""
_FAINT = 2.5
"""Counts of a pixel, over all frames, below which its neighbors may well have none."""
_LIT = 12.0
"""Counts of a lit pixel, over all frames: chance leaves its neighbor without any once in 1e5."""
_LIT_AROUND = 0.9
"""Part of what surrounds a round area that must be lit."""
_FADED, _FADED_PX = 0.3, 8
"""Part of an edge's brightest pixel below which one is faded, and how many faded ones show that light is cut off."""
_ALIKE, _NARROW_PX = 0.2, 2
"""Part of an edge's light from which on another row is about as bright, and rows in which a narrow beam fades."""
_SCATTERED = 1e-3
"""Part of an edge's light that any sample scatters to the pixels beside it, at least."""
_SHAPES = 2.2
"""Logarithm of the ways to add another pixel to an area, each of which chance may take."""
_CHANGES = 0.002
"""Relative variance of lit pixels above which a sample scatters light to where there is none without it."""
_CALM, _SURE = 90, 5.0
"""Percentile of the pixels below which none flickers, and standard deviations that chance does not reach."""


@dataclass(frozen=True)
class DeadAreas:
    """Pixels in areas that do not count, bool (rows, columns) each.

    `silent` read what the detector reads in the dark, `constant` another number, the same in all frames.
    """

    silent: np.ndarray
    constant: np.ndarray

    @property
    def all(self) -> np.ndarray:
        """Both, bool (rows, columns)."""
        return np.asarray(self.silent | self.constant)

    @property
    def kinds(self) -> tuple[tuple[np.ndarray, str], ...]:
        """The pixels of each kind that there are, with what they do: "never count"."""
        kinds = ((self.silent, "never count"), (self.constant, "always read the same"))
        return tuple((pixels, what) for pixels, what in kinds if pixels.any())


def dead_areas(frames: np.ndarray, known: np.ndarray) -> DeadAreas:
    """Find dead areas of any size and shape in a few frames.

    Args:
        frames: (frames, rows, columns) of any real type, counts with the direct beam inside.
        known: bool (rows, columns), False on pixels that are known to be bad: they are not looked at.
    """
    frames = exposed(frames)
    low, high = frames.min(axis=0), frames.max(axis=0)
    same = known & (low == high)
    live = known & ~same
    nothing = np.zeros(known.shape, bool)
    if not same.any() or not live.any():
        return DeadAreas(nothing, nothing)
    limit = _MARGIN * surprise_limit(known.size)
    dark = low[live].min()
    constant = _of_one_number(np.where(same & (low > dark), low, 0), len(frames), limit)
    total = np.where(live, frames.sum(axis=0, dtype=np.float64) - len(frames) * float(dark), 0)
    light = _Light(total, same & (low <= dark), limit, _changes(frames, total))
    silent = light.behind_edges()
    if light.scatters:
        silent |= light.enclosed(silent)
    return DeadAreas(_large(silent), constant)


def _large(areas: np.ndarray, least: float = _LEAST_PX) -> np.ndarray:
    """Return areas without those of a few pixels, about which their neighbors tell more: bool of their shape."""
    labels, _ = scipy.ndimage.label(areas, np.ones((3, 3)))
    large = np.bincount(labels.flat) >= max(least, _LEAST_PX)
    large[0] = False
    return np.asarray(large[labels])


def _of_one_number(readings: np.ndarray, frames: int, limit: float) -> np.ndarray:
    """Return pixels that lie together and all read one number, too often for photons: bool of the readings' shape.

    Photons of the mean v that is the likeliest for it give the number v with probability v^v exp(-v) / v!.
    """
    found = np.zeros(readings.shape, bool)
    numbers, counts = np.unique(readings, return_counts=True)
    for number in numbers[(counts >= _LEAST_PX) & (numbers > 0)]:
        mean = max(float(number), 1.0)
        surprise = frames * (mean - mean * np.log(mean) + float(scipy.special.gammaln(mean + 1)))
        least = limit / (surprise - _SHAPES) if surprise > _SHAPES else np.inf
        found |= _large(readings == number, least)
    return found


def _changes(frames: np.ndarray, total: np.ndarray) -> bool:
    """Whether lit pixels change against each other by more than photons do: there is a sample that scatters."""
    lit = np.flatnonzero(total >= _LIT)
    if not len(lit):
        return False
    counts = frames.reshape(len(frames), -1)[:, lit[:: max(1, len(lit) // 4096)]].astype(np.float64)
    expected = counts.sum(axis=1)[:, None] * (counts.sum(axis=0) / max(counts.sum(), 1e-12))
    mean = np.maximum(expected.mean(axis=0), 1e-12)
    excess = ((counts - expected) ** 2).mean(axis=0) / mean - 1
    usual = excess <= np.percentile(excess, _CALM)
    chance = _SURE * np.sqrt((2 + 1 / mean[usual].mean()) / counts[:, usual].size)
    found = excess[usual].mean()
    return bool(found > chance and found > _CHANGES * mean[usual].mean())


@dataclass(frozen=True)
class _Light:
    """What was counted, which pixels counted nothing, and how many counts must be missing for a dead area.

    Attributes:
        total: float64 (rows, columns), counts over all frames; 0 where nothing is known.
        silent: bool (rows, columns), known pixels without any.
        limit: counts.
        scatters: whether a sample scatters the light.
    """

    total: np.ndarray
    silent: np.ndarray
    limit: float
    scatters: bool

    def behind_edges(self) -> np.ndarray:
        """Return the silent pixels in rectangles that light ends at: bool (rows, columns)."""
        found = np.zeros(self.silent.shape, bool)
        for light, image in ((self, found), (_Light(self.total.T, self.silent.T, self.limit, self.scatters), found.T)):
            for rows, columns in light.rectangles():
                image[rows, columns] |= light.silent[rows, columns]
        return found

    def enclosed(self, dead: np.ndarray) -> np.ndarray:
        """Return the silent pixels in areas with light all around, such as a beamstop's shadow."""
        labels, count = scipy.ndimage.label(self.silent & ~dead)
        lit, looked_at = np.zeros((2, count + 1))
        wide = np.pad(labels, 1)
        level = np.pad(np.where(dead | self._unknown, np.nan, self.total), 1, constant_values=0)
        for shift, axis in ((1, 0), (-1, 0), (1, 1), (-1, 1)):
            beside, other = np.roll(level, shift, axis), np.roll(wide, shift, axis)
            at_edge = (wide > 0) & (other != wide) & ~np.isnan(beside)
            looked_at += np.bincount(wide[at_edge], minlength=count + 1)
            lit += np.bincount(wide[at_edge & (beside >= _LIT)], minlength=count + 1)
        large = (np.bincount(labels.flat, minlength=count + 1) >= _LEAST_PX) & (lit >= _LEAST_PX)
        large[np.unique(labels[scipy.ndimage.binary_dilation(dead)])] = True
        large[0] = False
        in_shadow: np.ndarray = large & (lit > 0) & (lit >= _LIT_AROUND * looked_at)
        return np.asarray(in_shadow[labels])

    @property
    def _unknown(self) -> np.ndarray:
        return np.asarray((self.total == 0) & ~self.silent)

    def rectangles(self) -> Iterator[tuple[slice, slice]]:
        """Find areas with straight edges along the rows: their rows and columns."""
        closed = _closed(self.total)
        opened = np.pad(np.cumsum(~closed, axis=0), ((1, 0), (0, 0)))
        for top, bottom in self._spans(closed):
            labels, _ = scipy.ndimage.label(_solid(opened[bottom] - opened[top + 1], bottom - top - 1))
            ends = (~closed[row] for row in (top, bottom) if 0 <= row < len(closed))
            edges = np.flatnonzero(np.logical_and.reduce([*ends, labels > 0]))
            for label in np.unique(labels[edges]):
                hull = np.flatnonzero(labels == label)
                edge = edges[labels[edges] == label]
                area = _Area(self, closed, top, bottom, int(hull[0]), int(hull[-1]), edge)
                if area.is_dead():
                    yield slice(top + 1, bottom), slice(area.left, area.right + 1)

    def _spans(self, closed: np.ndarray) -> list[tuple[int, int]]:
        """Return the rows with light above and below dark spans that lie side by side and miss enough light together.

        Above the first row is -1, below the last one their number.
        """
        columns, rows = np.nonzero((closed & np.pad(~closed, ((1, 0), (0, 0)), constant_values=True)[:-1]).T)
        above, under = rows - 1, _next_open(closed)[rows, columns]
        order = np.lexsort((columns, under, above))
        above, under, columns = above[order], under[order], columns[order]
        onward = _next_open(closed.T).T[above + 1, columns]
        new = np.ones(len(columns), bool)
        new[1:] = (np.diff(above) != 0) | (np.diff(under) != 0) | (columns[1:] > onward[:-1])
        first = np.flatnonzero(new)
        padded = np.pad(self.total, ((0, 2), (0, 0)))
        light = np.stack([padded[edge, columns] for edge in (above, under)])
        missed = np.add.reduceat(light, first, axis=1) if len(first) else np.zeros((2, 0))
        two_sided = (above[first] >= 0) & (under[first] < len(closed))
        enough = np.where(two_sided, missed.min(axis=0), missed.max(axis=0)) >= self.limit
        return sorted(set(zip(above[first[enough]].tolist(), under[first[enough]].tolist(), strict=True)))


def _closed(total: np.ndarray) -> np.ndarray:
    """Return where nothing was counted, also through single pixels that only shine: bool (rows, columns)."""
    dark = total == 0
    around = scipy.ndimage.uniform_filter(dark.astype(np.float32), 3, mode="nearest")
    return np.asarray(dark | ((total >= _LIT) & (around > 7.5 / 9)))


def _solid(counting: np.ndarray, rows: int) -> np.ndarray:
    """Return which columns belong to a dark area: bool (columns,).

    Args:
        counting: int (columns,), pixels of each column that count; a single one between dark columns was but hit.
        rows: of the area.
    """
    dark = counting == 0
    hit = (counting == 1) & (rows >= _CORNER_PX)
    return np.asarray(dark | (hit & scipy.ndimage.binary_closing(dark, np.ones(3, bool))))


def _next_open(closed: np.ndarray) -> np.ndarray:
    """Return the row of the next pixel down that is not closed, or their number: int (rows, columns)."""
    rows = np.where(closed, len(closed), np.arange(len(closed))[:, None])
    return np.asarray(np.minimum.accumulate(rows[::-1], axis=0)[::-1])


@dataclass(frozen=True)
class _Area:
    """A rectangle without light, from row `top` + 1 to `bottom` - 1 and from column `left` to `right`.

    `edge` are the columns, int, whose own dark span it is: there is light right above or below it, or both.
    """

    light: _Light
    closed: np.ndarray
    top: int
    bottom: int
    left: int
    right: int
    edge: np.ndarray

    def is_dead(self) -> bool:
        """Whether light ends at this area as it does not by itself."""
        rows, total = slice(self.top + 1, self.bottom), self.light.total
        wide_enough = len(self.edge) >= min(_CORNER_PX, self.right + 1 - self.left)
        if not (wide_enough and self.light.silent[rows, self.left : self.right + 1].any()):
            return False
        if not (self._has_corners() and all(self._is_straight(row, step) for row, step in self._edges())):
            return False
        if self.top >= 0 and self.bottom < len(total):
            return bool(total[[self.top, self.bottom]][:, self.edge].sum(axis=1).min() >= self.light.limit)
        if len(self.edge) < _LEAST_PX:
            return False
        return self._misses_scatter() or self._misses_its_other_side() or self._cuts_through_light()

    def _misses_scatter(self) -> bool:
        """Whether a sample scatters light, of which the area should have had some."""
        return self.light.scatters and bool(_SCATTERED * self._away()[0][0] >= self.light.limit)

    def _edges(self) -> Iterator[tuple[int, int]]:
        """Return the rows with light beside the area, and the step from each into the area."""
        return ((row, step) for row, step in ((self.top, 1), (self.bottom, -1)) if 0 <= row < len(self.closed))

    def _has_corners(self) -> bool:
        """Whether the pixels beside the area's corners count where light comes near them."""
        return all(
            self._has_corner(row, step, column, towards)
            for row, step in self._edges()
            for column, towards in ((self.left - 1, 1), (self.right + 1, -1))
            if 0 <= column < self.closed.shape[1]
        )

    def _has_corner(self, row: int, step: int, column: int, towards: int) -> bool:
        reach = sorted((column + towards, column + 3 * towards))
        along = self.light.total[row, max(self.left, reach[0]) : min(self.right, reach[1]) + 1]
        if along.mean() < _FAINT:
            return True
        depth = min(_CORNER_PX, self.bottom - self.top - 1)
        beside = self.closed[[row + step * k for k in range(1, depth + 1)], column]
        return float(np.mean(~beside)) >= (_CORNER_LIVE if along.mean() >= _LIT else _CORNER_FAINT)

    def _is_straight(self, row: int, step: int) -> bool:
        """Whether the light at an edge fades along it, or ends where a whole column does, as no round outline does."""
        total = self.light.total[row]
        lit = scipy.ndimage.binary_closing(np.pad(~self.closed[row], 2), np.ones(_LEAST_PX, bool))[2:-2]
        lit[: self.left] = lit[self.right + 1 :] = False
        labels, _ = scipy.ndimage.label(lit)
        run = np.flatnonzero(labels == labels[self.edge[np.argmax(total[self.edge])]])
        inward = [row - step * k for k in range(_CORNER_PX) if 0 <= row - step * k < len(self.closed)]
        for end, beyond in ((run[:_CORNER_PX], run[0] - 1), (run[-_CORNER_PX:], run[-1] + 1)):
            faded = total[end].mean() <= min(_LIT, max(_FADED * total[run].max(), 1))
            ends_early = self.left <= beyond <= self.right and not faded
            if ends_early and not self.closed[inward, beyond].all():
                return False
        return True

    def _misses_its_other_side(self) -> bool:
        """Whether the light fades out on its other side by more than may be missing on this one.

        What falls from a row away from the area is compared with the area, from the farthest row that is about as
        bright as the edge; without the rows next to it, in which a narrow beam fades.
        """
        profile, silent = self._away()
        as_bright = int(np.flatnonzero(profile >= _ALIKE * profile[0])[-1])
        faded = profile[as_bright + 1 :][: len(silent)]
        return float(np.sum((faded * silent[: len(faded)])[_NARROW_PX:])) >= self.light.limit

    def _away(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the light row by row away from the area, and the silent part of the area's rows, from the edge on."""
        silent = self.light.silent[self.top + 1 : self.bottom, self.edge].mean(axis=1)
        rows = self.light.total[:, self.edge].sum(axis=1)
        return (rows[self.top :: -1], silent) if self.top >= 0 else (rows[self.bottom :], silent[::-1])

    def _cuts_through_light(self) -> bool:
        """Whether the light goes on up to the edge, is bright at one place of it and fades along it.

        No beam's own outline is bright and faint. It goes on if the next row, as the last three fade, would be lit.
        """
        row = self.top if self.top >= 0 else self.bottom
        along = scipy.ndimage.uniform_filter1d(self.light.total[row, self.left : self.right + 1], 3, mode="nearest")
        wings = along[(along < _FADED * along.max()) & (along >= _FAINT)]
        profile = np.maximum(self._away()[0][:3], 1.0)
        if len(profile) < 3 or len(wings) < _FADED_PX:
            return False
        falls, fell = profile[0] / profile[1], profile[1] / profile[2]
        next_row = profile[0] * min(1.0, falls) * min(1.0, falls / fell)
        return bool(along.max() >= _LIT and min(wings.sum(), next_row) >= self.light.limit)
