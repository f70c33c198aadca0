"""One raw file as a stack of frames, whatever its format: HDF5, NPY, NPZ, TIFF, CSV or headerless numbers."""

from __future__ import annotations

import math
import os
import threading
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import tifffile

from ptychogui.errors import DataError, ParameterError
from ptychogui.io.csv_numbers import read_real_csv
from ptychogui.io.dataset import Frames
from ptychogui.io.fingerprint import looked_at
from ptychogui.io.hdf5.files import is_hdf5, open_h5, packing_of, reading
from ptychogui.io.raw.find_frames import find_frames
from ptychogui.io.raw.hdf5_frames import Hdf5Frames, can_be_stack, looks_like_frames
from ptychogui.io.raw.virtual_datasets import LostParts, lost_parts
from ptychogui.io.read_options import ReadOptions

HDF5_ENDS = (".h5", ".hdf5", ".hdf", ".nxs", ".cxi")
"""Names of files that are meant to be HDF5, whole or not."""
RAW_ENDS = (".bin", ".raw")
"""Names of headerless files, which no content tells."""

_COLORS = (3, 4)
"""Numbers that each pixel of a colored picture has."""
_RAW_DTYPE = np.dtype("<f4")
_NPY, _ZIP = b"\x93NUMPY", b"PK\x03\x04"
_TIFF = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")


def _nothing() -> None:
    """Close what holds nothing open."""


class FileFrames(Frames, Protocol):
    """Frames of one file, which can go where they are wanted."""

    def read(self, rows: Sequence[int] | np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Return the frames at these (increasing) rows; in `out`, if it is given."""


@dataclass(frozen=True, eq=False)
class Stack:
    """The frames of one open raw file, facts worth showing, and what closes the file.

    `grid` is () or the rows and columns of frames on a grid, `lost` what parts of a virtual dataset are missing, and
    `notes` what was noticed.
    """

    frames: FileFrames
    facts: Mapping[str, str] = field(default_factory=dict)
    close: Callable[[], None] = _nothing
    grid: tuple[int, ...] = ()
    lost: LostParts | None = None
    notes: tuple[str, ...] = ()


class PickedFrames:
    """Frames that a function picks, such as from an array that stays on disk."""

    def __init__(self, shape: Sequence[int], dtype: np.dtype, pick: Callable[[np.ndarray], np.ndarray]) -> None:
        self.shape = (int(shape[0]), int(shape[1]), int(shape[2]))
        self.dtype = dtype
        self._pick = pick

    def read(self, rows: Sequence[int] | np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Return the frames at these rows; in `out`, if it is given."""
        frames = np.asarray(self._pick(np.asarray(rows, dtype=np.int64)), dtype=self.dtype)
        if out is None:
            return frames
        out[:] = frames
        return out


def kind_of(path: Path) -> str:
    """Tell a raw file's format by its content, or where there is none to tell it by its name; "" if it is none.

    Raises:
        OSError: it can't be read.
        DataError: it is no ordinary file, such as a pipe, which might never be read to an end.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        raise DataError(f"can't open {path}: it is no ordinary file")
    with path.open("rb") as file:
        head = file.read(8)
    if is_hdf5(path):
        return "HDF5"
    if head.startswith(_NPY):
        return "NPY"
    if head.startswith(_ZIP):
        return "NPZ"
    if head.startswith(_TIFF):
        return "TIFF"
    if path.suffix.lower() in RAW_ENDS:
        return "headerless"
    return "CSV" if path.suffix.lower() == ".csv" else ""


def open_stack(path: Path, options: ReadOptions) -> Stack:
    """Open one raw file.

    Args:
        path: the file.
        options: where its frames are.

    Raises:
        DataError: it can't be read, or holds no stack of frames; the message names it.
        ParameterError: the frames of a headerless file have no known size.
    """
    looked_at(path)
    try:
        kind = kind_of(path) or ("HDF5" if path.suffix.lower() in HDF5_ENDS else "")
        empty = path.stat().st_size == 0
    except OSError as error:
        raise DataError(f"can't open {path}: {(error.strerror or str(error)).lower()}") from error
    if empty:
        raise DataError(f"can't open {path}: the file is empty")
    if not kind:
        raise DataError(f"{path} is no raw file that ptychogui knows: HDF5, NPY, NPZ, TIFF, CSV, or {RAW_ENDS[0]}")
    return _OPENERS[kind](path, options)


def _open_hdf5(path: Path, options: ReadOptions) -> Stack:
    file = open_h5(path)
    try:
        with reading(path, "its content"):
            data = find_frames(path, file, options.dataset_path)
            facts = {"data in file": str(data.name), "compression": packing_of(data)}
            frames = Hdf5Frames(Path(data.file.filename), data)
            return Stack(frames, facts, file.close, frames.grid, lost_parts(path, data), frames.notes)
    except BaseException:
        file.close()
        raise


def _open_npy(path: Path, _options: ReadOptions) -> Stack:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path}: the NPY file is cut off, damaged or holds no plain numbers; save it again") from error
    return _stacked(path, array)


def _open_npz(path: Path, options: ReadOptions) -> Stack:
    """Open an archive of arrays: the one named by the dataset path, or the only one that can be frames."""
    name = options.dataset_path.strip("/")
    try:
        shapes = _shapes_in(path)
        test = can_be_stack if name else looks_like_frames
        stacks = [key for key, (shape, dtype) in shapes.items() if test(shape, dtype)]
        chosen = [key for key in stacks if key == name] if name else _deepest(stacks, shapes)
        if len(chosen) == 1:
            with np.load(path, allow_pickle=False) as archive:
                return _stacked(path, archive[chosen[0]], {"data in file": chosen[0]})
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: the NPZ file is cut off, damaged or holds no plain numbers; save it again") from error
    offer = ", ".join(f"{key} {shape}" for key, (shape, _) in shapes.items()) or "nothing"
    raise DataError(f"{path}: which array holds the frames? It has {offer}; name one with --dataset-path")


def _shapes_in(path: Path) -> dict[str, tuple[tuple[int, ...], np.dtype]]:
    """Read the shape and dtype of each array in an archive, not the arrays."""
    shapes: dict[str, tuple[tuple[int, ...], np.dtype]] = {}
    with zipfile.ZipFile(path) as archive:
        for name in (name for name in archive.namelist() if name.endswith(".npy")):
            with archive.open(name) as member:
                version = np.lib.format.read_magic(member)
                read = np.lib.format.read_array_header_1_0 if version[0] == 1 else np.lib.format.read_array_header_2_0
                shape, _, dtype = read(member)
            shapes[name.removesuffix(".npy")] = shape, dtype
    return shapes


def _deepest(names: list[str], shapes: Mapping[str, tuple[tuple[int, ...], np.dtype]]) -> list[str]:
    """Prefer stacks to single images."""
    return [name for name in names if len(shapes[name][0]) > 2] or names


def _open_tiff(path: Path, _options: ReadOptions) -> Stack:
    with _readable_tiff(path):
        file = tifffile.TiffFile(path)
        try:
            series = file.series[0]
            grid = series.shape[:-2]
            shape = math.prod(grid), *series.shape[-2:]
            paged = len(series.pages) == shape[0]
            if len(grid) > 2 or len(shape) != 3 or "S" in series.axes or series.dtype.kind not in "uif":
                raise DataError(f"{path}: the TIFF file holds {series.shape} of {series.dtype}, no gray images")
            facts = {"compression": tifffile.COMPRESSION(series.keyframe.compression).name.lower()}
            frames = PickedFrames(shape, series.dtype, _tiff_picker(path, series, paged))
            return Stack(frames, facts, file.close, grid if len(grid) == 2 else ())
        except BaseException:
            file.close()
            raise


def _tiff_picker(path: Path, series: Any, paged: bool) -> Callable[[np.ndarray], np.ndarray]:
    """Read page by page; images that lie behind a single page's header are read as one."""
    turn = threading.Lock()

    def pick(rows: np.ndarray) -> np.ndarray:
        with turn, _readable_tiff(path):
            if paged:
                return np.stack([series.pages[int(row)].asarray() for row in rows])
            return np.asarray(series.asarray().reshape(-1, *series.shape[-2:])[rows])

    return pick


class _readable_tiff:
    """Turns what tifffile raises into a DataError that names the file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        """Nothing to do before."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> None:
        if error is None or isinstance(error, DataError) or not isinstance(error, Exception):
            return
        if "imagecodecs" in str(error):
            raise DataError(f"{self._path}: {error}; install it with: pip install imagecodecs") from error
        raise DataError(f"{self._path}: the TIFF file is cut off or damaged; record or copy it again") from error


def _open_csv(path: Path, options: ReadOptions) -> Stack:
    table = read_real_csv(path)
    shape = options.raw_shape_px
    if shape is not None and table.size % (shape[0] * shape[1]) == 0:
        return _stacked(path, table.reshape(-1, *shape))
    if shape is not None:
        raise DataError(f"{path} holds {table.size} numbers, no frames of {shape[0]} x {shape[1]}; correct --raw-shape")
    return _stacked(path, table)


def _open_headerless(path: Path, options: ReadOptions) -> Stack:
    """Map a file of 32-bit floats, frame after frame."""
    if options.raw_shape_px is None:
        raise ParameterError(f"{path} has no header that tells the size of its frames; give --raw-shape")
    rows, columns = options.raw_shape_px
    frames, rest = divmod(path.stat().st_size, rows * columns * _RAW_DTYPE.itemsize)
    if rest or not frames:
        raise DataError(
            f"{path} holds {path.stat().st_size} bytes, no whole number of frames of {rows} x {columns} 32-bit floats; "
            "correct --raw-shape, or copy the file again"
        )
    return _stacked(path, np.memmap(path, _RAW_DTYPE, "r", shape=(frames, rows, columns)))


def _stacked(path: Path, array: np.ndarray, facts: Mapping[str, str] | None = None) -> Stack:
    """Make a stack of an array that may stay on disk: frames, a single frame, or frames on a grid."""
    stack = array[None] if array.ndim == 2 else array
    is_colored = array.ndim == 3 and array.dtype == np.uint8 and array.shape[-1] in _COLORS and array.shape[0] > 1
    if stack.ndim not in (3, 4) or stack.dtype.kind not in "uif" or 0 in stack.shape[-2:] or is_colored:
        raise DataError(
            f"{path} is no stack of diffraction patterns (frames, rows, columns) but has shape {array.shape} and type "
            f"{array.dtype}{', as a colored picture has' if is_colored else ''}"
        )
    grid = stack.shape[:-2] if stack.ndim == 4 else ()
    shape = math.prod(stack.shape[:-2]), *stack.shape[-2:]

    def pick(rows: np.ndarray) -> np.ndarray:
        return np.asarray(stack[np.unravel_index(rows, grid)] if grid else stack[rows])

    return Stack(PickedFrames(shape, stack.dtype, pick), facts or {}, grid=grid)


_OPENERS: dict[str, Callable[[Path, ReadOptions], Stack]] = {
    "HDF5": _open_hdf5,
    "NPY": _open_npy,
    "NPZ": _open_npz,
    "TIFF": _open_tiff,
    "CSV": _open_csv,
    "headerless": _open_headerless,
}
