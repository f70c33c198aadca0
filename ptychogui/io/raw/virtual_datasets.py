"""Virtual datasets of HDF5 and their missing parts, for which HDF5 silently gives fill values."""

from __future__ import annotations

import functools
import itertools
import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ptychogui.errors import DataError
from ptychogui.io.hdf5.external_files import VIRTUAL, locate
from ptychogui.io.hdf5.files import H5_ERRORS, open_h5

_log = logging.getLogger(__name__)

_DEEPEST = 8
"""Virtual datasets of virtual datasets; more go in a circle."""

_SHOWN = 3


@dataclass(frozen=True)
class LostParts:
    """Frames and pixels of a stack that no file has.

    Attributes:
        frames: bool (frames,), True where a frame, or a part of it, is in no file that is there.
        pixels: bool (rows, columns), True where none of the other frames has any.
        notes: what is missing, in words.
    """

    frames: np.ndarray
    pixels: np.ndarray
    notes: tuple[str, ...]


def lost_parts(path: Path, data: h5py.Dataset) -> LostParts | None:
    """Look for the parts of a virtual stack; None where nothing is missing, or the dataset is not virtual.

    Args:
        path: the file, for messages.
        data: frames (..., rows, columns); axes before the last two count as one.

    Raises:
        DataError: every frame is missing.
    """
    if not data.is_virtual or data.ndim < 3:
        return None
    coverage = _coverage(data)
    if coverage.lost.all():
        first = next(iter(coverage.problems))
        raise DataError(
            f"{path}: {data.name} is spread over {len(coverage.names)} files of which {len(coverage.absent)} are "
            f"missing, so that no frame is there: {first}; put them beside it"
        )
    pixels = ~coverage.mapped
    if not (coverage.lost.any() or pixels.any()):
        return None
    return LostParts(coverage.lost, pixels, tuple(_notes(data, coverage, pixels)))


def frames_there(lost: LostParts | None, frames: int) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the rows of the frames that are there, of so many that should be, and notes on the others."""
    return (np.arange(frames), ()) if lost is None else (np.flatnonzero(~lost.frames), lost.notes)


def with_lost_pixels(lost: LostParts | None, bad_pixels: np.ndarray | None) -> np.ndarray | None:
    """Return bad pixels, bool (rows, columns) or None, with those that are in no file that is there."""
    if lost is None or not lost.pixels.any():
        return bad_pixels
    return lost.pixels if bad_pixels is None else bad_pixels | lost.pixels


@dataclass
class _Coverage:
    """What the sources of a virtual dataset were found to be.

    Attributes:
        lost: bool (frames,).
        mapped: bool (rows, columns), pixels that a file gives in some frame.
        names: of all files.
        absent: those that are not there.
        problems: what is wrong -> how many frames it costs.
    """

    lost: np.ndarray
    mapped: np.ndarray
    names: set[str] = field(default_factory=set)
    absent: set[str] = field(default_factory=set)
    problems: dict[str, int] = field(default_factory=dict)

    def lose(self, rows: np.ndarray, why: str) -> None:
        """Note that frames are missing."""
        if len(rows):
            self.lost[rows] = True
            self.problems[why] = self.problems.get(why, 0) + len(rows)


@dataclass(frozen=True)
class _Tile:
    """A part of the stack: its frames in order, where in them, and which frames of which dataset these are.

    Attributes:
        rows: int (frames,).
        area: indices of rows and of columns.
        file, dataset: names of the source.
        source_rows: int, as many, or None for all in order.
    """

    rows: np.ndarray
    area: tuple[np.ndarray, np.ndarray]
    file: str
    dataset: str
    source_rows: np.ndarray | None


def _coverage(data: h5py.Dataset, depth: int = 0) -> _Coverage:
    """Look at each source of a virtual dataset."""
    frames, size = math.prod(data.shape[:-2]), data.shape[-2:]
    found = _Coverage(np.zeros(frames, np.bool_), np.zeros(size, np.bool_))
    sources: dict[tuple[str, str], _Source] = {}
    areas = _Areas(found.mapped)
    seen, whole = np.zeros(frames, np.bool_), np.zeros(frames, np.bool_)
    missing: list[tuple[_Tile, np.ndarray, str]] = []
    for tile in list(_tiles(data)):  # none of HDF5's selections is left, with many of which it closes files slowly
        key = tile.file, tile.dataset
        if key not in sources:
            sources[key] = _source(data, *key, found, depth)
        absent, why = _absent(tile, sources[key])
        seen[tile.rows] = True
        there = tile.rows[~absent]
        whole[there] = True
        if len(there):
            areas.mark(tile.area)
        if absent.any():
            missing.append((tile, tile.rows[absent], why))
    for tile, rows, why in missing:
        everywhere = areas.is_empty(tile.area)
        found.lose(rows[~whole[rows]] if everywhere else rows, why)
        if everywhere:
            found.problems.setdefault(why, 0)
    found.lose(np.flatnonzero(~seen), "no file is named for them")
    return found


class _Areas:
    """Areas of an image that are marked in it, or asked about: each once, since thousands of tiles share a few."""

    def __init__(self, image: np.ndarray) -> None:
        self._image = image
        self._marked: set[tuple[bytes, ...]] = set()
        self._empty: dict[tuple[bytes, ...], bool] = {}

    def mark(self, area: tuple[np.ndarray, ...]) -> None:
        """Set an area to True."""
        key = tuple(axis.tobytes() for axis in area)
        if key not in self._marked:
            self._marked.add(key)
            self._image[np.ix_(*area)] = True

    def is_empty(self, area: tuple[np.ndarray, ...]) -> bool:
        """Whether nothing in an area is True, once all are marked."""
        key = tuple(axis.tobytes() for axis in area)
        if key not in self._empty:
            self._empty[key] = not self._image[np.ix_(*area)].any()
        return self._empty[key]


def _tiles(data: h5py.Dataset) -> Iterator[_Tile]:
    """Give the parts of a virtual dataset; of a numbered series of files one for each file."""
    for source in data.virtual_sources():
        axes = _axes(source.vspace, data.shape)
        rows = _flat(axes[:-2], data.shape[:-2])
        area = axes[-2], axes[-1]
        if "%b" in source.file_name + source.dset_name:
            for block, here in enumerate(_blocks(source.vspace, data.shape)):
                yield _Tile(here, area, _numbered(source.file_name, block), _numbered(source.dset_name, block), None)
            continue
        names = source.file_name.replace("%%", "%"), source.dset_name.replace("%%", "%")
        space = source.src_space
        is_all = space.get_select_type() == h5py.h5s.SEL_ALL or space.get_simple_extent_ndims() != data.ndim
        of_source = None if is_all else _chosen(space, len(rows))
        yield _Tile(rows, area, *names, of_source if of_source is not None and len(of_source) == len(rows) else None)


def _chosen(space: Any, most: int) -> np.ndarray:
    """Return which frames of a source are selected, maybe beyond its end; of an endless selection the first ones.

    Args:
        space: the selection.
        most: frames that are wanted.
    """
    if is_endless(space):
        start, stride, _, block = (numbers[0] for numbers in space.get_regular_hyperslab())
        return _stretch(start, stride, most, block, start + most * stride + block)[:most]
    _, last = space.get_select_bounds()
    shape = tuple(max(size, end + 1) for size, end in zip(space.shape, last, strict=True))
    return _flat(_axes(space, shape)[:-2], shape[:-2])


def is_endless(space: Any) -> bool:
    """Whether a selection goes on as long as there is something."""
    is_even = space.get_select_type() == h5py.h5s.SEL_HYPERSLABS and space.is_regular_hyperslab()
    return bool(is_even and h5py.h5s.UNLIMITED in space.get_regular_hyperslab()[2])


def _numbered(name: str, block: int) -> str:
    return name.replace("%b", str(block)).replace("%%", "%")


def _axes(space: Any, shape: Sequence[int]) -> list[np.ndarray]:
    """Return what a selection has of each axis: int arrays, increasing."""
    if space.get_select_type() == h5py.h5s.SEL_ALL:
        return [_stretch(0, 1, size, 1, size) for size in shape]
    if space.is_regular_hyperslab():
        return [_stretch(*numbers) for numbers in zip(*space.get_regular_hyperslab(), shape, strict=True)]
    if space.get_select_type() != h5py.h5s.SEL_HYPERSLABS:
        first, last = space.get_select_bounds()
        return [np.arange(low, high + 1) for low, high in zip(first, last, strict=True)]
    blocks = space.get_select_hyper_blocklist()
    spans = ([np.arange(low, high + 1) for low, high in blocks[:, :, axis]] for axis in range(len(shape)))
    return [np.unique(np.concatenate(parts)) for parts in spans]


@functools.lru_cache(maxsize=1024)
def _stretch(start: int, stride: int, count: int, block: int, size: int) -> np.ndarray:
    """Return what a regular selection has of an axis, as far as the axis goes; many tiles have the same."""
    count = min(count, -(-(size - start) // max(stride, 1)))
    found = (start + stride * np.arange(count))[:, None] + np.arange(min(block, size))
    return np.asarray(found[found < size]).reshape(-1)


def _blocks(space: Any, shape: Sequence[int]) -> Iterator[np.ndarray]:
    """Give the frames of each file of a numbered series."""
    start, stride, _, block = (numbers[0] for numbers in space.get_regular_hyperslab())
    for first in range(start, shape[0], max(stride, 1)):
        here = np.arange(first, min(first + block, shape[0]))
        yield _flat([here, *(np.arange(size) for size in shape[1:-2])], shape[:-2])


def _flat(axes: Sequence[np.ndarray], shape: Sequence[int]) -> np.ndarray:
    """Return the number, in C order, of each combination of indices."""
    return np.asarray(np.ravel_multi_index(np.ix_(*axes), tuple(shape))).reshape(-1)


@dataclass(frozen=True)
class _Source:
    """Which frames a source lacks of those that it should have, bool (frames,), or None for all; and why."""

    lost: np.ndarray | None
    why: str = ""


def _source(data: h5py.Dataset, name: str, dataset: str, found: _Coverage, depth: int) -> _Source:
    """Look at a source of a virtual dataset."""
    found.names.add(name)
    path = Path(data.file.filename)
    there = path if name == "." else locate(path, name, VIRTUAL)
    if there is None:
        found.absent.add(name)
        return _Source(None, f"there is no file {name}")
    try:
        if name == ".":
            return _inside(data.file, name, dataset, depth)
        with open_h5(there) as file:
            return _inside(file, name, dataset, depth)
    except (DataError, *H5_ERRORS) as error:
        _log.debug("a source of the virtual dataset can't be read: %s: %s", name, error)
        return _Source(None, f"{name} can't be read ({error})")


def _inside(file: h5py.File, name: str, dataset: str, depth: int) -> _Source:
    data = file.get(dataset)
    if not isinstance(data, h5py.Dataset):
        return _Source(None, f"{name} has no dataset {dataset}")
    if data.is_virtual and data.ndim > 2 and depth < _DEEPEST:
        inner = _coverage(data, depth + 1)
        return _Source(inner.lost, next(iter(inner.problems), ""))
    return _Source(np.zeros(math.prod(data.shape[:-2]), np.bool_))


def _absent(tile: _Tile, source: _Source) -> tuple[np.ndarray, str]:
    """Return which frames of a tile have no numbers, bool (frames,), and why."""
    count = len(tile.rows)
    if source.lost is None:
        return np.ones(count, np.bool_), source.why
    rows = np.arange(count) if tile.source_rows is None else tile.source_rows
    beyond = rows >= len(source.lost)
    absent = beyond.copy()
    absent[~beyond] = source.lost[rows[~beyond]]
    return absent, f"{tile.file} has only {len(source.lost)} frames" if beyond.any() else source.why


def _notes(data: h5py.Dataset, coverage: _Coverage, pixels: np.ndarray) -> Iterator[str]:
    """Say what is missing, the first by name."""
    lost = np.flatnonzero(coverage.lost)
    why = "; ".join(itertools.islice(coverage.problems, _SHOWN))
    more = len(coverage.problems) - _SHOWN
    why = f"{why}; and {more} more" if more > 0 else why
    if len(lost):
        is_run = 1 < len(lost) == lost[-1] - lost[0] + 1
        span = f"frames {lost[0]} to {lost[-1]}" if is_run else f"the first is frame {lost[0]}"
        yield f"{len(lost)} of {len(coverage.lost)} frames of {data.name} are not there and left out, {span}: {why}"
    if pixels.any():
        reason = f": {why}" if coverage.problems and not len(lost) else ""
        yield f"{np.count_nonzero(pixels)} pixels of {data.name} are in no file that is there and are left free{reason}"
