"""First guesses, position lists and masks that the user names: CSV, NPY, TIFF, HDF5, told apart by content."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import tifffile

from ptychogui.errors import DataError
from ptychogui.io.atomic import replacing
from ptychogui.io.csv_numbers import read_complex_csv, read_real_csv
from ptychogui.io.cxi import MASK_PLACE, PROBE_PLACES, read_translation
from ptychogui.io.hdf5.files import as_complex, datasets, first_dataset, is_hdf5, open_h5, read_complex, reading
from ptychogui.io.mask_files import Mask, mask_of
from ptychogui.io.result_header import OBJECT_PLACE, OWN, PROBE_PLACE
from ptychogui.physics.lost_positions import all_lost_text, lost_positions
from ptychogui.physics.probe_variation import ProbeVariation

_NPY_SIGNATURE = b"\x93NUMPY"
_TIFF_SIGNATURES = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")


def read_probe(path: Path | str) -> np.ndarray:
    """Read a first probe: complex64 (modes, N, N).

    Args:
        path: CSV with the modes stacked row after row (as ptychopy and ptychodus write), NPY (N, N) or (modes, N, N),
            a result file, or a CXI scan with an illumination.

    Raises:
        DataError: the file can't be read or holds no probe; the message says what it holds.
    """
    path = Path(path)
    kind = _kind(path)
    if kind == "hdf5":
        probe = _from_hdf5(path, (PROBE_PLACE, *PROBE_PLACES), "probe")
        probe = probe[0] if probe.ndim == 4 else probe
    else:
        probe = _numbers(path, kind)
        if kind == "csv" and probe.shape[0] % probe.shape[1] == 0:
            probe = probe.reshape(-1, probe.shape[1], probe.shape[1])
    return as_probe(probe, path)


def as_probe(array: np.ndarray, place: Path | str) -> np.ndarray:
    """Return an array (N, N) or (modes, N, N) as a first probe: complex64 (modes, N, N).

    Args:
        array: of numbers.
        place: where it is from, for messages.

    Raises:
        DataError: it is of another shape, has values that are not finite, or is zero everywhere.
    """
    if array.ndim not in (2, 3) or array.shape[-1] != array.shape[-2]:
        raise DataError(f"{place}: a probe is square, with modes stacked, but this array is {_sizes(array)}")
    return _checked(place, array.reshape(-1, *array.shape[-2:]), "probe")


def read_object(path: Path | str) -> np.ndarray:
    """Read a first object: complex64 (rows, columns).

    Args:
        path: CSV, NPY (rows, columns) or a result file.

    Raises:
        DataError: the file can't be read or holds no object.
    """
    path = Path(path)
    kind = _kind(path)
    array = _from_hdf5(path, (OBJECT_PLACE,), "object") if kind == "hdf5" else _numbers(path, kind)
    return as_object(array, path)


def as_object(array: np.ndarray, place: Path | str) -> np.ndarray:
    """Return an array (rows, columns) as a first object: complex64. See `as_probe`."""
    array = array[0] if array.ndim == 3 and len(array) == 1 else array
    if array.ndim != 2:
        raise DataError(f"{place}: an object has rows and columns, but this array is {_sizes(array)}")
    return _checked(place, array, "object")


def read_positions(path: Path | str) -> np.ndarray:
    """Read a position list: float64 (positions, 2), row and column in m; NaN where a position is lost.

    Args:
        path: CSV with "row, column" on each line, where a line of titles and lines that start with # are left out, and
            "nan", "-" or nothing stands for a number that was lost; or a result file, or a CXI scan.

    Raises:
        DataError: the file can't be read, a line has not two numbers, or every position is lost.
    """
    path = Path(path)
    kind = _kind(path)
    if kind == "hdf5":
        return _translation(path)
    if kind != "csv":
        raise DataError(
            f"{path} is not a position list: give a result file, or a CSV file with 'row, column' in meters on each "
            "line"
        )
    positions_m = read_real_csv(path, with_gaps=True)
    if positions_m.shape[1] != 2:
        raise DataError(
            f"{path}: a position list has two numbers on a line (row, column), this one has {positions_m.shape[1]}"
        )
    lost = lost_positions(positions_m)
    if lost.all():
        raise DataError(f"{path}: {all_lost_text(positions_m)}; repair the list")
    return np.where(lost[:, None], np.nan, positions_m)


def write_mask(path: Path, bad: np.ndarray) -> None:
    """Write a mask, bool (rows, columns), as TIFF where the name says so, or else as NPY; 1 on bad pixels.

    Raises:
        OutputError: it can't be written.
    """
    with replacing(path) as file:
        if path.suffix.lower() in (".tif", ".tiff"):
            tifffile.imwrite(file, bad.astype(np.uint8), photometric="minisblack", metadata=None)
        else:
            np.save(file, bad)


def holds_result(path: Path | str) -> bool:
    """Whether a file is a reconstruction; its positions are those of the object's axes then, and maybe refined.

    Raises:
        DataError: the file can't be read.
    """
    path = Path(path)
    if _kind(path) != "hdf5":
        return False
    with open_h5(path) as file:
        return OBJECT_PLACE in file


def object_place_m(path: Path | str) -> tuple[float, tuple[float, float]] | None:
    """Return where a result's object lies: its pixel, and row and column of its element [0, 0] on the scan's axes.

    Returns:
        both in m; None where the file does not say it.

    Raises:
        DataError: the file can't be read.
    """
    path = Path(path)
    if _kind(path) != "hdf5":
        return None
    with open_h5(path) as file, reading(path, "the place of the object"):
        pixel, origin = (first_dataset(file, [f"{OWN}/{name}"]) for name in ("object_pixel_m", "object_origin_m"))
        if pixel is None or origin is None or not pixel[()] > 0:
            return None
        row_m, column_m = origin[()]
        return float(pixel[()]), (float(row_m), float(column_m))


def read_variation(path: Path | str, frame_rows: np.ndarray, n: int) -> ProbeVariation | None:
    """Read how the probe of a result varies over the positions of a scan.

    Args:
        path: any first probe.
        frame_rows: int (positions,), the frame of each position.
        n: rows and columns of a pattern.

    Returns:
        None where it is no result, of other frames or pixels, or its probe does not vary.

    Raises:
        DataError: the file can't be read.
    """
    path = Path(path)
    if _kind(path) != "hdf5":
        return None
    with open_h5(path) as file, reading(path, "how the probe varies"):
        names = ("frame_indices", "components", "coefficients", "intensities")
        found = [first_dataset(file, [f"{OWN}/{name}"]) for name in names]
        arrays = [None if dataset is None else np.asarray(dataset[()]) for dataset in found]
    frames, components, coefficients, intensities = arrays
    same = frames is not None and np.array_equal(frames, frame_rows)
    fits = components is None or components.shape[-1] == n
    varies = components is not None or intensities is not None
    return ProbeVariation(components, coefficients, intensities) if same and fits and varies else None


def read_mask(path: Path | str) -> Mask:
    """Read a detector mask.

    Args:
        path: NPY, TIFF or HDF5 image (a CXI mask, or the only image in the file).

    Raises:
        DataError: the file can't be read or holds no single image.
    """
    image = _image(Path(path), "mask", (MASK_PLACE,))
    return mask_of([image.real if np.iscomplexobj(image) else image])


def read_background(path: Path | str) -> np.ndarray:
    """Read what a detector counts without beam: float64 (rows, columns).

    Args:
        path: NPY, TIFF or HDF5 image (the only one in the file).

    Raises:
        DataError: the file can't be read or holds no single image of real, finite numbers.
    """
    path = Path(path)
    image = _image(path, "background")
    if image.dtype.kind not in "biuf":
        raise DataError(f"{path}: a background is of real numbers, but this array is {image.dtype}")
    broken = int(np.count_nonzero(~np.isfinite(image)))
    if broken:
        raise DataError(f"{path}: {broken} of {image.size} values of the background are not finite; repair the file")
    return image.astype(np.float64)


def _image(path: Path, what: str, places: tuple[str, ...] = ()) -> np.ndarray:
    """Read the image at one of some places in an HDF5 file, or the only one in any file."""
    kind = _kind(path)
    if kind == "hdf5":
        with open_h5(path) as file, reading(path, f"the {what}"):
            images = datasets(file, 2)
            found = first_dataset(file, places) or (images[0] if len(images) == 1 else None)
            if found is None:
                where = "".join(f"at {place} or " for place in places)
                raise DataError(
                    f"{path}: the {what} should be {where}the only image in the file; there are {len(images)}"
                )
            image = np.asarray(found[()])
    else:
        image = _tiff(path) if kind == "tiff" else _numbers(path, kind)
    if image.ndim != 2:
        raise DataError(f"{path}: a {what} has rows and columns, but this array is {_sizes(image)}")
    return image


def _kind(path: Path) -> str:
    """Tell HDF5, NPY and TIFF by their first bytes; everything else is read as text."""
    try:
        with path.open("rb") as file:
            head = file.read(8)
    except OSError as error:
        raise DataError(f"can't open {path}: {(error.strerror or str(error)).lower()}") from error
    if is_hdf5(path):
        return "hdf5"
    if head.startswith(_NPY_SIGNATURE):
        return "npy"
    return "tiff" if head.startswith(_TIFF_SIGNATURES) else "csv"


def _numbers(path: Path, kind: str) -> np.ndarray:
    if kind == "tiff":
        raise DataError(f"{path} is a TIFF image, which can't hold complex numbers; give CSV, NPY or a result file")
    if kind == "csv":
        return read_complex_csv(path)
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path}: the NPY file is cut off, damaged or holds no plain numbers; save it again") from error
    if array.dtype.names is not None:
        try:
            return as_complex(array, str(path))
        except TypeError as error:
            raise DataError(str(error)) from error
    if array.dtype.kind not in "biufc":
        raise DataError(f"{path} holds {array.dtype}, not numbers")
    return np.asarray(array)


def _tiff(path: Path) -> np.ndarray:
    try:
        return np.asarray(tifffile.imread(path))
    except Exception as error:  # noqa: BLE001 - tifffile raises whatever it stumbles over
        raise DataError(f"{path}: the TIFF file is cut off or damaged; save it again") from error


def _from_hdf5(path: Path, places: Iterable[str], what: str) -> np.ndarray:
    places = tuple(places)
    with open_h5(path) as file, reading(path, f"the {what}"):
        found = first_dataset(file, places)
        if found is None:
            raise DataError(f"{path} holds no {what}: there is none at {' or '.join(places)}")
        try:
            return read_complex(found)
        except TypeError as error:
            raise DataError(f"{path}: {error}") from error


def _translation(path: Path) -> np.ndarray:
    with open_h5(path) as file, reading(path, "the positions"):
        positions_m = read_translation(path, file)
    if positions_m is None or not len(positions_m):
        raise DataError(
            f"{path} holds no scan positions; give a result file, or a CSV file with 'row, column' in meters"
        )
    return positions_m


def _checked(path: Path | str, array: np.ndarray, what: str) -> np.ndarray:
    broken = np.argwhere(~np.isfinite(array))
    if len(broken):
        place, value = ", ".join(map(str, broken[0])), array[tuple(broken[0])]
        raise DataError(
            f"{path}: {len(broken)} of {array.size} values of the {what} are not finite, the first is {value} at "
            f"[{place}]; repair the file"
        )
    if not array.any():
        raise DataError(f"{path}: the {what} is zero everywhere; give one with some light in it")
    return np.ascontiguousarray(array, dtype=np.complex64)


def _sizes(array: np.ndarray) -> str:
    return " x ".join(map(str, array.shape)) or "a single number"
